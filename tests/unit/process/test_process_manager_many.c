/* Bulk changes and batches. */
#include "process/manager_fixture.h"

/* --- bulk ------------------------------------------------------------------------------------- */

enum { MANY = 450 }; /* more than two pages */

struct bulk {
    struct process_bulk call;
    bool done;
};

static void bulk_done(struct process_op *op)
{
    container_of(op, struct bulk, call.op)->done = true;
}

static void bulk_start(struct manager_fixture *f, struct bulk *bulk, enum process_event event,
                       unsigned statuses)
{
    bulk->done = false;
    bulk->call.event = event;
    bulk->call.statuses = statuses;
    process_op_init(&bulk->call.op, bulk_done);
    process_manager_bulk(f->manager, &bulk->call);
}

static int64_t bulk_now(struct manager_fixture *f, enum process_event event, unsigned statuses,
                        struct span type, struct span group)
{
    struct bulk bulk = {.call = {.type = type, .group = group}};
    bulk_start(f, &bulk, event, statuses);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.op.result, ERR_OK);
    assert_true(bulk.call.complete);
    return bulk.call.changed;
}

#define PENDING  (1u << PROCESS_PENDING)
#define RUNNING  (1u << PROCESS_RUNNING)
#define FAILED   (1u << PROCESS_FAILED)
#define CANCELED (1u << PROCESS_CANCELED)

static void all_that_the_filter_finds_are_changed(void **state)
{
    struct manager_fixture *f = *state;
    for (int i = 0; i < MANY; i++)
        submit_type(f, i % 10 == 0 ? "a" : "b");
    assert_int_equal(bulk_now(f, EVENT_CANCEL, PENDING, SPAN("a"), SPAN_NONE), MANY / 10);
    assert_int_equal(bulk_now(f, EVENT_CANCEL, PENDING | RUNNING, SPAN_NONE, SPAN_NONE),
                     MANY - MANY / 10);
    assert_int_equal(bulk_now(f, EVENT_RETRY, FAILED, SPAN_NONE, SPAN_NONE), 0);
    assert_int_equal(bulk_now(f, EVENT_RETRY, FAILED | CANCELED, SPAN_NONE, SPAN("g")), 0);
    assert_int_equal(bulk_now(f, EVENT_RETRY, FAILED | CANCELED, SPAN_NONE, SPAN_NONE), MANY);
    assert_int_equal(bulk_now(f, EVENT_RETRY, FAILED | CANCELED, SPAN_NONE, SPAN_NONE), 0);
}

static void a_bulk_retry_wakes_who_waits(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    submit_type(f, "t");
    bulk_now(f, EVENT_CANCEL, PENDING, SPAN_NONE, SPAN_NONE);
    claim_start(f, &claimer, "t", 1, 60000);
    assert_false(claimer.done);
    bulk_now(f, EVENT_RETRY, CANCELED, SPAN_NONE, SPAN_NONE);
    manager_fixture_wait(f, &claimer.done);
    assert_int_equal(claimer.count, 1);
}

static void running_ones_are_asked_once(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer holder = {.next_order = NULL};
    submit_type(f, "t");
    submit_type(f, "t");
    claim_start(f, &holder, "t", 1, 0);
    assert_int_equal(bulk_now(f, EVENT_CANCEL, RUNNING, SPAN_NONE, SPAN_NONE), 1);
    assert_int_equal(bulk_now(f, EVENT_CANCEL, RUNNING, SPAN_NONE, SPAN_NONE), 0);
    assert_int_equal(get_stored(f, &holder.id).status, PROCESS_RUNNING);
}

/* Turns until so many changes are under way. */
static void turn_to_changes(struct manager_fixture *f, size_t count)
{
    for (int i = 0; i < 1000 && f->watched->held_count[WATCHED_transition] < count; i++)
        loop_turn(f->loop, 1);
    assert_int_equal(f->watched->held_count[WATCHED_transition], count);
}

static void a_bulk_takes_bounded_steps(void **state)
{
    struct manager_fixture *f = *state;
    static struct bulk bulk;
    memset(&bulk, 0, sizeof(bulk));
    for (int i = 0; i < 100; i++)
        submit_type(f, "t");
    f->watched->hold[WATCHED_transition] = true;
    bulk_start(f, &bulk, EVENT_CANCEL, PENDING);
    turn_to_changes(f, 64);
    watched_answer(f, WATCHED_transition, ERR_CONFLICT); /* another was faster */
    bulk.call.deadline = 0;                              /* the budget is used up */
    while (f->watched->held_count[WATCHED_transition] > 0)
        watched_release(f, WATCHED_transition);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.op.result, ERR_OK);
    assert_int_equal(bulk.call.changed, 63);
    assert_false(bulk.call.complete);
    bulk_start(f, &bulk, EVENT_CANCEL, PENDING); /* and so it is called again */
    turn_to_changes(f, 37);
    while (f->watched->held_count[WATCHED_transition] > 0)
        watched_release(f, WATCHED_transition);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.changed, 37);
    assert_true(bulk.call.complete);
}

static void a_stop_ends_a_bulk_between_steps(void **state)
{
    struct manager_fixture *f = *state;
    static struct bulk bulk;
    memset(&bulk, 0, sizeof(bulk));
    for (int i = 0; i < 100; i++)
        submit_type(f, "t");
    f->watched->hold[WATCHED_transition] = true;
    bulk_start(f, &bulk, EVENT_CANCEL, PENDING);
    turn_to_changes(f, 64);
    process_manager_stop(f->manager);
    while (f->watched->held_count[WATCHED_transition] > 0)
        watched_release(f, WATCHED_transition);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.changed, 64);
    assert_false(bulk.call.complete);
}

static void a_lost_store_ends_a_bulk(void **state)
{
    struct manager_fixture *f = *state;
    static struct bulk bulk;
    memset(&bulk, 0, sizeof(bulk));
    for (int i = 0; i < 100; i++)
        submit_type(f, "t");
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_transition] = 1;
    bulk_start(f, &bulk, EVENT_CANCEL, PENDING);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.op.result, ERR_UNAVAILABLE);
    assert_int_equal(f->watched->seen[WATCHED_transition], 64);
    f->watched->spoil[WATCHED_list] = 1;
    bulk_start(f, &bulk, EVENT_CANCEL, PENDING);
    manager_fixture_wait(f, &bulk.done);
    assert_int_equal(bulk.call.op.result, ERR_UNAVAILABLE);
}

/* --- batch ------------------------------------------------------------------------------------ */

static void ignore(struct process_op *op)
{
    (void)op;
}

static const char *const batch_types[] = {"t", "unknown", "t", NULL};
#define BATCH (sizeof(batch_types) / sizeof(batch_types[0]))

/* The memory repository answers at once. */
static struct process_submit_batch submit_batch(struct manager_fixture *f,
                                                struct process_batch_item items[BATCH],
                                                const char *key, uint64_t fingerprint)
{
    struct process_submit_batch call = {.items = items, .count = BATCH, .fingerprint = fingerprint};
    memset(items, 0, BATCH * sizeof(items[0]));
    for (size_t i = 0; i < BATCH; i++) {
        items[i].draft.input = SPAN("1");
        items[i].draft.retention_ms = -1;
        if (batch_types[i] != NULL)
            items[i].draft.type = span_of(batch_types[i]);
    }
    if (key != NULL)
        call.idempotency_key = span_of(key);
    process_op_init(&call.op, ignore);
    process_manager_submit_batch(f->manager, &call);
    assert_null(call.op.done);
    return call;
}

static const struct span known[] = {{"t", 1}};

static void each_item_gets_its_id_or_its_error(void **state)
{
    struct manager_fixture *f = *state;
    struct process_batch_item items[BATCH];
    f->options.known_types_only = true;
    f->options.known_types = known;
    f->options.known_type_count = 1;
    assert_int_equal(submit_batch(f, items, NULL, 0).op.result, ERR_OK);
    assert_int_equal(f->work, 1);
    assert_int_equal(items[0].result, ERR_OK);
    assert_int_equal(items[1].result, ERR_UNKNOWN_TYPE);
    assert_int_equal(items[2].result, ERR_OK);
    assert_int_equal(items[3].result, ERR_INVALID);
    assert_int_equal(get_stored(f, &items[0].draft.id).status, PROCESS_PENDING);
    assert_int_equal(get_stored(f, &items[2].draft.id).status, PROCESS_PENDING);
    struct process_id id;
    process_id_nth(&items[0].draft.id, 2, &id);
    assert_int_equal(process_id_compare(&id, &items[2].draft.id), 0);
    assert_int_equal(items[2].draft.max_attempts, 3);

    f->options.known_type_count = 0;
    assert_int_equal(submit_batch(f, items, NULL, 0).op.result, ERR_OK);
    assert_int_equal(items[0].result, ERR_UNKNOWN_TYPE);
    assert_int_equal(f->watched->seen[WATCHED_create_batch], 1);
    assert_int_equal(f->work, 1);
}

static void a_repeated_batch_has_the_same_ids(void **state)
{
    struct manager_fixture *f = *state;
    struct process_batch_item first[BATCH], second[BATCH];
    assert_false(submit_batch(f, first, "k", 7).replayed);
    assert_true(submit_batch(f, second, "k", 7).replayed);
    assert_int_equal(f->work, 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(process_id_compare(&first[i].draft.id, &second[i].draft.id), 0);
    assert_int_equal(submit_batch(f, second, "k", 8).op.result, ERR_KEY_REUSED);
}

static void a_batch_wakes_who_waits(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimers[2];
    struct process_batch_item items[BATCH];
    claim_start(f, &claimers[0], "t", 1, 60000);
    claim_start(f, &claimers[1], "unknown", 1, 60000);
    submit_batch(f, items, NULL, 0);
    manager_fixture_wait(f, &claimers[0].done);
    manager_fixture_wait(f, &claimers[1].done);
    assert_int_equal(f->watched->seen[WATCHED_claim], 4);
}

static void the_stores_error_is_the_batchs(void **state)
{
    struct manager_fixture *f = *state;
    struct process_batch_item items[BATCH];
    f->watched->spoil_with = ERR_FULL;
    f->watched->spoil[WATCHED_create_batch] = 1;
    assert_int_equal(submit_batch(f, items, NULL, 0).op.result, ERR_FULL);
    assert_int_equal(f->work, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(all_that_the_filter_finds_are_changed),
        MANAGER_TEST(a_bulk_retry_wakes_who_waits),
        MANAGER_TEST(running_ones_are_asked_once),
        MANAGER_TEST(a_bulk_takes_bounded_steps),
        MANAGER_TEST(a_stop_ends_a_bulk_between_steps),
        MANAGER_TEST(a_lost_store_ends_a_bulk),
        MANAGER_TEST(each_item_gets_its_id_or_its_error),
        MANAGER_TEST(a_repeated_batch_has_the_same_ids),
        MANAGER_TEST(a_batch_wakes_who_waits),
        MANAGER_TEST(the_stores_error_is_the_batchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
