/* What was given out as a whole, taken over elsewhere. */
#include "support/conformance_dumped.h"

#include "support/test.h"

static void what_is_restored_is_dumped_as_it_was(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    add_everything(c, &all);
    struct dumped *before = dumped_all(c);
    conformance_reopen(c);
    assert_int_equal(restore_dumped(c, before), before->count);
    struct dumped *after = dumped_all(c);
    assert_same_dump(after, before);
    assert_int_equal(restore_dumped(c, before), 0); /* twice is once */
    struct dumped *again = dumped_all(c);
    assert_same_dump(again, before);
    dumped_free(before);
    dumped_free(after);
    dumped_free(again);
}

static void move(struct conformance *c)
{
    struct dumped *dumped = dumped_all(c);
    conformance_reopen(c);
    assert_int_equal(restore_dumped(c, dumped), dumped->count);
    dumped_free(dumped);
}

static void what_is_restored_is_counted_and_listed(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    struct process_id before[16], after[16];
    add_everything(c, &all);
    for (int i = 1; i <= 3; i++)
        conformance_add_to(c, "t", i, c->now - i);
    struct repo_list list = {.limit = 5}, pending = {.limit = 5, .by_status = true};
    struct repo_list members = {.limit = 5, .group = SPAN("batch:7")};
    const struct repo_list lists[] = {list, pending, members};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const size_t count = conformance_walk(c, lists[i], before, 16);
        struct repo_counts counts = sync_counts(&c->sync);
        move(c);
        assert_int_equal(conformance_walk(c, lists[i], after, 16), count);
        assert_memory_equal(after, before, count * sizeof(struct process_id));
        struct repo_counts now = sync_counts(&c->sync);
        assert_memory_equal(now.by_status, counts.by_status, sizeof(counts.by_status));
        assert_int_equal(now.total, counts.total);
    }
    struct repo_group group = sync_group(&c->sync, SPAN("batch:7"));
    assert_int_equal(group.by_status[PROCESS_PENDING], 2);
    struct repo_standing_item item = {.id = all.of_status[PROCESS_PENDING].process.id, .type = "t"};
    sync_standing(&c->sync, &item, 1);
    assert_int_equal(item.position, 4); /* behind three of a higher priority */
    assert_int_equal(item.state.running, 1);
}

static void what_is_restored_runs_on(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    static struct kept kept;
    struct repo_advance advanced;
    add_everything(c, &all);
    move(c);
    assert_int_equal(conformance_try(c, &all.of_status[PROCESS_RUNNING], EVENT_PROGRESS), ERR_OK);
    assert_int_equal(conformance_try(c, &all.of_status[PROCESS_COMPLETED], EVENT_COMPLETE), ERR_OK);
    assert_int_equal(conformance_try(c, &all.of_status[PROCESS_FAILED], EVENT_RETRY), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 5, c->now + 20, 60000, NULL), 2);
    assert_int_equal(sync_claim(&c->sync, "mortal", 5, c->now, 60000, NULL), 0); /* paused */
    assert_int_equal(sync_claim(&c->sync, "later", 5, c->now, 60000, NULL), 0);
    assert_int_equal(sync_advance(&c->sync, c->now + 5000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 1);
    assert_int_equal(advanced.expired, 1);
    conformance_get(c, &all.mortal, &kept);
    assert_int_equal(kept.process.status, PROCESS_FAILED);
    assert_int_equal(sync_claim(&c->sync, "later", 5, c->now + 5000, 60000, NULL), 1);
    assert_int_equal(sync_advance(&c->sync, c->now + 120000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, 4); /* one that ran before, three that were claimed here */
    struct repo_sweep sweep = {
        .before = c->now + INT64_C(86400000) + 1000, .now = c->now, .limit = 10};
    assert_int_equal(sync_sweep(&c->sync, &sweep), ERR_OK);
    assert_int_equal(sweep.matched[PROCESS_COMPLETED] + sweep.matched[PROCESS_CANCELED], 2);
}

static void tombstones_and_keys_are_remembered(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    static struct kept existing;
    bool replayed;
    struct process draft = conformance_draft(c), drafts[3];
    add_everything(c, &all);
    move(c);
    assert_int_equal(sync_get(&c->sync, &all.removed, false, NULL), ERR_GONE);
    assert_int_equal(sync_create_with_key(&c->sync, &draft, "a \"key\"", 8, &replayed, NULL),
                     ERR_KEY_REUSED);
    assert_int_equal(sync_create_with_key(&c->sync, &draft, "a \"key\"", 7, &replayed, &existing),
                     ERR_OK);
    assert_true(replayed);
    assert_span(existing.process.type, SPAN("keyed"));
    struct repo_create_batch batch = conformance_batch(c, drafts, 3);
    batch.idempotency_key = SPAN("batch");
    batch.fingerprint = UINT64_MAX;
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_true(batch.replayed);
    assert_true(same_id(&batch.base, &all.batch));
}

/* --- by version ------------------------------------------------------------------------------- */

static void only_a_higher_version_replaces(void **state)
{
    struct conformance *c = *state;
    static struct kept pending, running, completed, now;
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_get(&c->sync, &id, true, &pending), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &running), 1);
    assert_int_equal(restore_process(c, &pending.process), 0);
    assert_int_equal(restore_process(c, &running.process), 0);
    conformance_get(c, &id, &now);
    assert_same_record(&now.process, &running.process);
    completed = running;
    completed.process.version = 5;
    completed.process.status = PROCESS_COMPLETED;
    completed.process.completed_at = completed.process.updated_at = c->now + 50;
    completed.process.expires_at = c->now + INT64_C(86400000);
    completed.process.lease_until = TIME_NONE;
    completed.process.result = SPAN("7");
    assert_int_equal(restore_process(c, &completed.process), 1);
    conformance_get(c, &id, &now);
    assert_same_record(&now.process, &completed.process);
    struct repo_counts counts = sync_counts(&c->sync);
    assert_int_equal(counts.total, 1);
    assert_int_equal(counts.by_status[PROCESS_COMPLETED], 1);
    assert_int_equal(conformance_try(c, &running, EVENT_COMPLETE), ERR_CONFLICT);
    assert_int_equal(restore_process(c, &running.process), 0);
}

static void a_replaced_one_leaves_its_queue(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, now;
    static struct kept_events events;
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_get(&c->sync, &id, true, &kept), ERR_OK);
    kept.process.version = 2;
    kept.process.priority = 0;
    kept.process.run_at = c->now + 60000;
    kept.process.events = 9;
    static const struct span told[] = {{"{\"event\":\"released\"}", 20}};
    const struct repo_item item = {
        .kind = ITEM_PROCESS, .process = kept.process, .events = told, .event_count = 1};
    assert_int_equal(restore_items(c, &item, 1), 1);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, NULL), 0);
    assert_int_equal(sync_events(&c->sync, &id, &now, &events), ERR_OK);
    assert_int_equal(now.process.events, 9);
    assert_int_equal(events.count, 1);
    assert_span(events.entries[0], told[0]);
}

static void what_was_removed_stays_removed(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, now;
    conformance_running(c, &kept);
    struct process_id id = kept.process.id;
    conformance_complete(c, &kept, c->now + 10);
    assert_int_equal(sync_get(&c->sync, &id, true, &now), ERR_OK);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, NULL), ERR_OK);
    now.process.version += 10;
    assert_int_equal(restore_process(c, &now.process), 0);
    assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_GONE);
    assert_int_equal(sync_counts(&c->sync).total, 0);
}

static void what_is_there_outlives_tombstones_and_keys(void **state)
{
    struct conformance *c = *state;
    static struct kept existing;
    bool replayed;
    struct process draft = conformance_draft(c);
    assert_int_equal(sync_create_with_key(&c->sync, &draft, "k", 1, &replayed, NULL), ERR_OK);
    struct repo_item items[] = {
        {.kind = ITEM_TOMBSTONE, .id = draft.id, .until = c->now + 60000},
        {.kind = ITEM_KEY, .key = SPAN("k"), .fingerprint = 2, .until = c->now + 90000},
    };
    assert_true(process_id_new(&items[1].id));
    assert_int_equal(restore_items(c, items, 2), 0);
    assert_int_equal(sync_get(&c->sync, &draft.id, false, NULL), ERR_OK);
    assert_int_equal(sync_create_with_key(&c->sync, &draft, "k", 1, &replayed, &existing), ERR_OK);
    assert_true(same_id(&existing.process.id, &draft.id));
}

static void what_is_over_is_not_taken(void **state)
{
    struct conformance *c = *state;
    struct repo_item items[] = {
        {.kind = ITEM_TOMBSTONE, .until = c->now - 1},
        {.kind = ITEM_KEY, .key = SPAN("k"), .fingerprint = 2, .until = c->now - 1},
    };
    assert_true(process_id_new(&items[0].id));
    items[1].id = items[0].id;
    assert_int_equal(restore_items(c, items, 2), 0);
    assert_int_equal(sync_get(&c->sync, &items[0].id, false, NULL), ERR_NOT_FOUND);
    items[0].until = items[1].until = c->now + 60000;
    assert_int_equal(restore_items(c, items, 2), 2);
    assert_int_equal(sync_get(&c->sync, &items[0].id, false, NULL), ERR_GONE);
    struct dumped *dumped = dumped_at(c, c->now + 120000); /* Redis goes by its own clock */
    for (size_t i = 0; i < dumped->count; i++)
        assert_true(dumped->items[i].until > c->now + 120000);
    dumped_free(dumped);
}

/* The one with the higher version counts, whichever comes first. */
static void one_may_come_twice_at_once(void **state)
{
    struct conformance *c = *state;
    static struct kept older, newer, now;
    struct process draft = conformance_draft(c);
    draft.group = SPAN("g");
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_get(&c->sync, &draft.id, true, &older), ERR_OK);
    conformance_reopen(c);
    newer = older;
    newer.process.version = 2;
    newer.process.type = SPAN("other");
    newer.process.group = SPAN_NONE;
    newer.process.run_at = c->now + 60000;
    const struct repo_item items[] = {{.kind = ITEM_PROCESS, .process = older.process},
                                      {.kind = ITEM_PROCESS, .process = newer.process},
                                      {.kind = ITEM_PROCESS, .process = older.process}};
    assert_int_equal(restore_items(c, items, 3), 2);
    conformance_get(c, &draft.id, &now);
    assert_same_record(&now.process, &newer.process);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, NULL), 0);
    assert_int_equal(sync_counts(&c->sync).total, 1);
}

static void one_that_ended_may_have_no_end_of_its_retention(void **state)
{
    struct conformance *c = *state;
    static struct kept now;
    struct process draft = conformance_draft(c), next = conformance_draft(c);
    draft.status = PROCESS_COMPLETED;
    draft.completed_at = c->now;
    const struct repo_item items[] = {{.kind = ITEM_PROCESS, .process = draft},
                                      {.kind = ITEM_PROCESS, .process = next}};
    assert_int_equal(restore_items(c, items, 2), 2);
    conformance_get(c, &draft.id, &now);
    assert_int_equal(now.process.expires_at, TIME_NONE);
    conformance_get(c, &next.id, &now);
}

/* --- who is told ------------------------------------------------------------------------------ */

struct told {
    int work, changed;
    char type[PROCESS_TYPE_MAX + 1];
    struct process_id id;
};

static void on_work(void *arg, struct span type)
{
    struct told *told = arg;
    told->work++;
    assert_true(type.data == NULL || text_copy(told->type, sizeof(told->type), type));
}

static void on_changed(void *arg, const struct process_id *id)
{
    struct told *told = arg;
    told->changed += id != NULL && same_id(id, &told->id);
}

/* Until it is told, which a store may need a moment for before it hears. */
static void restore_until_told(const struct conformance *c, struct process *draft,
                               const struct told *told)
{
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    for (; told->changed == 0 || told->work == 0; draft->version++) {
        assert_true(clock_steady_ms() < deadline);
        assert_int_equal(restore_process(c, draft), 1);
        loop_turn(c->sync.loop, 20);
    }
}

static void who_waits_is_told(void **state)
{
    struct conformance *c = *state;
    struct told told = {0};
    const struct span types[] = {SPAN("t")};
    struct process draft = conformance_draft(c);
    const struct repo_claim claim = {.types = types,
                                     .type_count = 1,
                                     .listen = true,
                                     .worker = SPAN("w"),
                                     .max = 1,
                                     .now = c->now,
                                     .lease_ms = 5000};
    told.id = draft.id;
    c->sync.repository->on_work_arg = c->sync.repository->on_changed_arg = &told;
    c->sync.repository->on_work = on_work;
    c->sync.repository->on_changed = on_changed;
    repository_follow(c->sync.repository, true);
    assert_int_equal(sync_claim_as(&c->sync, &claim, NULL), 0);
    restore_until_told(c, &draft, &told);
    assert_true(told.type[0] == '\0' || strcmp(told.type, "t") == 0);
    assert_int_equal(sync_claim_as(&c->sync, &claim, NULL), 1);
}

int conformance_restore_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(what_is_restored_is_dumped_as_it_was),
        CONFORMANCE_TEST(what_is_restored_is_counted_and_listed),
        CONFORMANCE_TEST(what_is_restored_runs_on),
        CONFORMANCE_TEST(tombstones_and_keys_are_remembered),
        CONFORMANCE_TEST(only_a_higher_version_replaces),
        CONFORMANCE_TEST(a_replaced_one_leaves_its_queue),
        CONFORMANCE_TEST(what_was_removed_stays_removed),
        CONFORMANCE_TEST(what_is_there_outlives_tombstones_and_keys),
        CONFORMANCE_TEST(what_is_over_is_not_taken),
        CONFORMANCE_TEST(one_may_come_twice_at_once),
        CONFORMANCE_TEST(one_that_ended_may_have_no_end_of_its_retention),
        CONFORMANCE_TEST(who_waits_is_told),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
