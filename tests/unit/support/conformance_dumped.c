#include "support/conformance_dumped.h"

#include "proctrack/repository_item.h"
#include "support/test.h"

/* Tombstones and keys end by real time in some stores, which say when from what is left of it. */
#define UNTIL_TOLERANCE_MS 2000

/* --- dumps ------------------------------------------------------------------------------------ */

struct sync_dump {
    struct repo_dump call;
    struct dumped *dumped;
    bool done;
};

char *dumped_text(const struct repo_item *item)
{
    struct text_buffer text;
    struct repo_item timeless = *item;
    timeless.until = TIME_MAX;
    text_buffer_init(&text, SIZE_MAX);
    text_append_char(&text, '{');
    repo_item_append(&text, &timeless);
    text_append_char(&text, '}');
    char *taken = text_buffer_take(&text);
    assert_non_null(taken);
    return taken;
}

static void keep_items(struct process_op *op)
{
    struct sync_dump *sync = container_of(op, struct sync_dump, call.op);
    struct dumped *dumped = sync->dumped;
    for (size_t i = 0; op->result == ERR_OK && i < sync->call.count; i++) {
        const struct repo_item *item = &sync->call.items[i];
        assert_true(dumped->count < DUMPED_MAX);
        dumped->items[dumped->count].kind = item->kind;
        dumped->items[dumped->count].id = item->kind == ITEM_PROCESS ? item->process.id : item->id;
        dumped->items[dumped->count].until = item->until;
        dumped->items[dumped->count++].text = dumped_text(item);
    }
    sync->done = true;
}

/* Adds a page; false when it was the last one. */
bool dumped_page(const struct conformance *c, struct repo_dump_position *position, int64_t now,
                 struct dumped *dumped)
{
    struct sync_dump sync = {.call = {.now = now, .position = *position}, .dumped = dumped};
    process_op_init(&sync.call.op, keep_items);
    repository_dump(c->sync.repository, &sync.call);
    sync_wait(c->sync.loop, &sync.done);
    assert_int_equal(sync.call.op.result, ERR_OK);
    assert_int_equal(sync.call.damaged, 0);
    assert_true(sync.call.count <= REPO_DUMP_MAX);
    assert_true(++dumped->pages < 1000);
    if (sync.call.count > dumped->largest)
        dumped->largest = sync.call.count;
    *position = sync.call.position;
    return sync.call.more;
}

struct dumped *dumped_at(const struct conformance *c, int64_t now)
{
    struct dumped *dumped = calloc(1, sizeof(*dumped));
    struct repo_dump_position position = {0};
    assert_non_null(dumped);
    while (dumped_page(c, &position, now, dumped))
        ;
    return dumped;
}

struct dumped *dumped_all(const struct conformance *c)
{
    return dumped_at(c, c->now);
}

void dumped_free(struct dumped *dumped)
{
    for (size_t i = 0; i < dumped->count; i++)
        free(dumped->items[i].text);
    free(dumped);
}

size_t dumped_count(const struct dumped *dumped, enum repo_item_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < dumped->count; i++)
        count += dumped->items[i].kind == kind;
    return count;
}

/* How often that text is there. */
size_t dumped_times(const struct dumped *dumped, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < dumped->count; i++)
        count += strcmp(dumped->items[i].text, text) == 0;
    return count;
}

void assert_same_dump(const struct dumped *a, const struct dumped *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        size_t at = 0;
        while (at < b->count && strcmp(a->items[i].text, b->items[at].text) != 0)
            at++;
        if (at == b->count)
            fail_msg("missing: %s", a->items[i].text);
        assert_int_equal(dumped_times(a, a->items[i].text), 1);
        assert_true(llabs(a->items[i].until - b->items[at].until) <= UNTIL_TOLERANCE_MS);
        if (a->items[i].kind == ITEM_PROCESS)
            assert_int_equal(at, i); /* in the same order */
    }
}

/* --- restores --------------------------------------------------------------------------------- */

struct sync_restore {
    struct repo_restore call;
    bool done;
};

static void restored(struct process_op *op)
{
    container_of(op, struct sync_restore, call.op)->done = true;
}

size_t restore_items(const struct conformance *c, const struct repo_item *items, size_t count)
{
    struct sync_restore sync = {.call = {.items = items, .count = count, .now = c->now}};
    process_op_init(&sync.call.op, restored);
    repository_restore(c->sync.repository, &sync.call);
    sync_wait(c->sync.loop, &sync.done);
    assert_int_equal(sync.call.op.result, ERR_OK);
    return sync.call.stored;
}

/* As an import does it: from the texts, in parts. How many were stored. */
size_t restore_dumped(const struct conformance *c, const struct dumped *dumped)
{
    enum { PART = 7 };
    static struct repo_item_storage storages[PART];
    struct repo_item items[PART];
    size_t stored = 0;
    for (size_t first = 0; first < dumped->count; first += PART) {
        size_t count = 0;
        for (; count < PART && first + count < dumped->count; count++) {
            const char *why;
            const struct span text = span_of(dumped->items[first + count].text);
            if (!repo_item_parse(text, &storages[count], &items[count], &why))
                fail_msg("%s: " SPAN_FMT, why, SPAN_ARG(text));
            if (items[count].until != TIME_NONE)
                items[count].until = dumped->items[first + count].until;
        }
        stored += restore_items(c, items, count);
    }
    for (size_t i = 0; i < PART; i++)
        repo_item_storage_finish(&storages[i]);
    return stored;
}

size_t restore_process(const struct conformance *c, const struct process *process)
{
    const struct repo_item item = {.kind = ITEM_PROCESS, .process = *process};
    return restore_items(c, &item, 1);
}

/* --- something of everything ------------------------------------------------------------------ */

static struct process full_draft(const struct conformance *c)
{
    struct process draft = conformance_draft(c);
    draft.input = SPAN("{\n\t\"big\" : 18446744073709551616,\r\n \"x\":[1e999,\"\\u00e9\"]}");
    draft.metadata = SPAN("{\"tenth\":0.10,\"text\":\"gr\xc3\xbc\xc3\x9f\"}");
    draft.group = SPAN("batch:7");
    draft.traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    draft.type = SPAN("later");
    draft.priority = -100;
    draft.max_attempts = 7;
    draft.timeout_ms = 1234;
    draft.retention_ms = 0;
    draft.run_at = c->now + 5000;
    draft.queue_timeout_ms = 7000;
    draft.queue_deadline = c->now + 12000;
    draft.deadline = c->now + 3600000;
    draft.backoff = BACKOFF_EXPONENTIAL;
    draft.retry_base_ms = 250;
    draft.retry_cap_ms = PROCESS_RETRY_MAX_MS;
    return draft;
}

static void add_keys(const struct conformance *c, struct everything *all)
{
    bool replayed;
    struct process draft = conformance_draft(c), drafts[3];
    draft.type = SPAN("keyed");
    assert_int_equal(sync_create_with_key(&c->sync, &draft, "a \"key\"", 7, &replayed, NULL),
                     ERR_OK);
    struct repo_create_batch batch = conformance_batch(c, drafts, 3);
    for (size_t i = 0; i < 3; i++)
        drafts[i].type = SPAN("keyed");
    batch.idempotency_key = SPAN("batch");
    batch.fingerprint = UINT64_MAX;
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    all->batch = batch.base;
}

void add_everything(const struct conformance *c, struct everything *all)
{
    struct kept kept;
    for (int i = PROCESS_STATUS_COUNT - 1; i >= 0; i--) /* pending last, or it would be claimed */
        conformance_put_into(c, (enum process_status)i, &all->of_status[i]);
    struct process draft = full_draft(c);
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    all->scheduled = draft.id;
    draft = conformance_draft(c);
    draft.type = SPAN("mortal");
    draft.group = SPAN("batch:7");
    draft.deadline = c->now + 4000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    all->mortal = draft.id;
    all->removed = conformance_add_to(c, "gone", 0, c->now);
    assert_int_equal(sync_claim(&c->sync, "gone", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now + 1);
    assert_int_equal(sync_remove(&c->sync, &all->removed, c->now, 0, NULL), ERR_OK);
    add_keys(c, all);
    sync_pause(&c->sync, SPAN("idle"), true);
    sync_pause(&c->sync, SPAN("mortal"), true);
}
