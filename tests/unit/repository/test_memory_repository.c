/* What only the memory repository can show: that what is gone leaves nothing, and that what was
 * given out stays readable. */
#include "repository/memory_fixture.h"

#include <stdio.h>

enum { COUNT = 25 };

/* --- notes ------------------------------------------------------------------------------------ */

static void add_and_remove(const struct fixture *f, struct process_id *ret_id, int64_t now,
                           const char *key)
{
    bool replayed;
    struct process draft = draft_of("t", now);
    assert_int_equal(sync_create_with_key(&f->sync, &draft, key, 1, &replayed, NULL), ERR_OK);
    cancel(f, &draft.id, now);
    assert_int_equal(sync_remove(&f->sync, &draft.id, now, 0, NULL), ERR_OK);
    *ret_id = draft.id;
}

/* Else they would pile up wherever more come per second than the schedule's steps forget. */
static void tombstones_and_keys_are_forgotten_as_fast_as_they_come(void **state)
{
    struct fixture *f = *state;
    struct process_id ids[COUNT];
    char key[16];
    f->policy.tombstone_ms = 5000;
    f->policy.idempotency_ms = 9000;
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add_and_remove(f, &ids[i], NOW, key);
    }
    advance_to_the_end(f, NOW + 4999);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sync_get(&f->sync, &ids[i], false, NULL), ERR_GONE);
    advance_to_the_end(f, NOW + 5000);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sync_get(&f->sync, &ids[i], false, NULL), ERR_NOT_FOUND);
    advance_to_the_end(f, NOW + 9000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add_and_remove(f, &ids[i], NOW, key);
    }
}

static void what_is_gone_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct memory_store *store = store_of(f);
    static struct kept kept;
    struct process draft = draft_of("t", NOW);
    draft.group = SPAN("g");
    draft.deadline = NOW + HOUR_MS;
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    assert_int_equal(store->deadlines.count, 1);
    assert_int_equal(look(f, "t", "w", NOW, &kept), 1);
    assert_int_equal(store->deadlines.count, 0);
    assert_int_equal(store->leases.count, 1);
    advance_to_the_end(f, NOW + HOUR_MS);
    assert_int_equal(sync_remove(&f->sync, &draft.id, NOW, 0, NULL), ERR_OK);
    assert_int_equal(store->leases.count + store->retention.count + store->times.count, 0);
    assert_int_equal(store->groups.size + store->records.size, 0);
    advance_to_the_end(f, NOW + DAY_MS + 1);
    assert_int_equal(store->people.types.size + store->people.workers.size, 0);
    assert_int_equal(store->people.presences.size + store->tombstones.map.size, 0);
}

/* --- timelines -------------------------------------------------------------------------------- */

struct reading {
    struct repo_events call;
    const struct fixture *f;
    struct process_id other;
    size_t count;
};

/* Everything that was given out goes away while it is read. */
static void read_and_remove(struct process_op *op)
{
    struct reading *reading = container_of(op, struct reading, call.op);
    const struct fixture *f = reading->f;
    struct repo_events *call = &reading->call;
    struct process_change retry = {.event = EVENT_RETRY, .now = NOW + 2};
    assert_int_equal(op->result, ERR_OK);
    assert_int_equal(sync_change(&f->sync, &call->id, &retry, NULL, NULL), ERR_OK);
    cancel(f, &call->id, NOW + 3);
    assert_int_equal(sync_remove(&f->sync, &call->id, NOW + 3, 0, NULL), ERR_OK);
    for (size_t i = 0; i < call->count; i++)
        assert_true(span_starts(call->events[i], "{\"at\":\""));
    assert_true(span_is(call->process.type, "t"));
    reading->count = call->count;
}

static void a_timeline_stays_readable_while_its_process_goes(void **state)
{
    struct fixture *f = *state;
    struct reading reading = {.f = f};
    f->policy.events_max = 2;
    f->policy.max_stalls = 0;
    reopen(f);
    reading.call.id = add(f, "t", NOW);
    assert_int_equal(look(f, "t", "w", NOW, NULL), 1);
    struct repo_advance advanced;
    assert_int_equal(sync_advance(&f->sync, NOW + DAY_MS, ADVANCE_LIMIT, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, 1);
    process_op_init(&reading.call.op, read_and_remove);
    repository_events(f->sync.repository, &reading.call);
    assert_int_equal(reading.count, 2);
    assert_int_equal(sync_get(&f->sync, &reading.call.id, false, NULL), ERR_GONE);
}

/* --- queues ----------------------------------------------------------------------------------- */

static int by_queue(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->created_at != y->created_at)
        return x->created_at < y->created_at ? -1 : 1;
    return process_id_compare(&x->id, &y->id);
}

static void positions_are_those_that_a_sort_gives(void **state)
{
    struct fixture *f = *state;
    static struct process drafts[REPO_STANDING_MAX];
    static struct repo_standing_item items[REPO_STANDING_MAX];
    struct repo_type type;
    bool more;
    int64_t oldest = INT64_MAX;
    srand(3);
    for (size_t i = 0; i < REPO_STANDING_MAX; i++) {
        drafts[i] = draft_of("t", NOW + rand() % 50);
        drafts[i].priority = rand() % 7 - 3;
        assert_int_equal(sync_create(&f->sync, &drafts[i]), ERR_OK);
        if (drafts[i].created_at < oldest)
            oldest = drafts[i].created_at;
    }
    qsort(drafts, REPO_STANDING_MAX, sizeof(drafts[0]), by_queue);
    for (size_t i = 0; i < REPO_STANDING_MAX; i++)
        items[i] = (struct repo_standing_item){.id = drafts[i].id, .type = "t"};
    sync_standing(&f->sync, items, REPO_STANDING_MAX);
    for (size_t i = 0; i < REPO_STANDING_MAX; i++)
        assert_int_equal(items[i].position, i + 1);
    assert_int_equal(sync_types(&f->sync, NOW, NOW, &type, 1, &more), 1);
    assert_int_equal(type.waiting, REPO_STANDING_MAX);
    assert_int_equal(type.waiting_since, oldest); /* in whichever of the priorities */
}

/* --- telling ---------------------------------------------------------------------------------- */

static struct telling {
    struct fixture *f;
    struct process_id claimed[COUNT], waiting[COUNT];
    int told[2 * COUNT], calls; /* of each: first those claimed, then those that wait */
} telling;

static void count_told(const struct process_id *ids, int *counts, const struct process_id *id)
{
    for (int i = 0; i < COUNT; i++)
        counts[i] += process_id_compare(&ids[i], id) == 0;
}

/* The first that is told of one changes all others at once. */
static void cancel_the_waiting(void *arg, const struct process_id *id)
{
    (void)arg;
    assert_non_null(id);
    count_told(telling.claimed, telling.told, id);
    count_told(telling.waiting, telling.told + COUNT, id);
    if (telling.calls++ > 0)
        return;
    for (int i = 0; i < COUNT; i++)
        cancel(telling.f, &telling.waiting[i], NOW);
}

static void on_read(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

static void watch(const struct fixture *f, const struct process_id *id)
{
    struct repo_get get = {.id = *id, .watch = true};
    process_op_init(&get.op, on_read);
    repository_get(f->sync.repository, &get);
    assert_true(get.watched);
}

static void who_is_told_may_change_others(void **state)
{
    telling = (struct telling){.f = *state};
    for (int i = 0; i < COUNT; i++) {
        telling.claimed[i] = add(telling.f, "t", NOW);
        telling.waiting[i] = add(telling.f, "u", NOW);
        watch(telling.f, &telling.claimed[i]);
        watch(telling.f, &telling.waiting[i]);
    }
    telling.f->sync.repository->on_changed = cancel_the_waiting;
    assert_int_equal(sync_claim(&telling.f->sync, "t", COUNT, NOW, PROCESS_LEASE_MS, NULL), COUNT);
    for (int i = 0; i < 2 * COUNT; i++)
        assert_int_equal(telling.told[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tombstones_and_keys_are_forgotten_as_fast_as_they_come),
        TEST(what_is_gone_leaves_nothing),
        TEST(a_timeline_stays_readable_while_its_process_goes),
        TEST(positions_are_those_that_a_sort_gives),
        TEST(who_is_told_may_change_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
