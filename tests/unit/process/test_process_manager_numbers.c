/* What a manager counts: each event once, where it is known to have happened. */
#include "process/manager_fixture.h"

#include <stdio.h>

/* --- looking ------------------------------------------------------------------------------------
 */

/* All zeros where it has none. */
static struct process_type_numbers numbers_of(struct manager_fixture *f, const char *type)
{
    const struct process_numbers *numbers = process_manager_numbers(f->manager);
    for (size_t i = 0; i < numbers->count; i++)
        if (strcmp(numbers->types[i].type, type) == 0)
            return numbers->types[i];
    return (struct process_type_numbers){.type = ""};
}

/* In one line, so that nothing else can have been counted. */
static void expect(struct manager_fixture *f, const char *type, const char *expected)
{
    char text[200];
    struct process_type_numbers n = numbers_of(f, type);
    snprintf(text, sizeof(text),
             "created %d claims %d completed %d failed %d canceled %d lost %d retries %d run %d "
             "wait %d",
             (int)n.created, (int)n.claims, (int)n.finished[PROCESS_COMPLETED],
             (int)n.finished[PROCESS_FAILED], (int)n.finished[PROCESS_CANCELED], (int)n.leases_lost,
             (int)n.retries, (int)metric_observed(&n.run), (int)metric_observed(&n.wait));
    assert_string_equal(text, expected);
}

#define NUMBERS(created, claims, completed, failed, canceled, lost, retries, run, wait) \
    "created " #created " claims " #claims " completed " #completed " failed " #failed  \
    " canceled " #canceled " lost " #lost " retries " #retries " run " #run " wait " #wait

/* --- what passes through ------------------------------------------------------------------------
 */

static void ignore(struct process_op *op)
{
    (void)op;
}

static enum err submit_with_key(struct manager_fixture *f, const char *key, uint64_t fingerprint)
{
    struct process_submit call = {
        .create = {.process = {.type = SPAN("t"), .input = SPAN("1"), .retention_ms = -1},
                   .idempotency_key = span_of(key),
                   .fingerprint = fingerprint}};
    process_op_init(&call.op, ignore);
    process_manager_submit(f->manager, &call);
    assert_null(call.op.done);
    return call.op.result;
}

static void a_creation_is_counted_a_replay_is_not(void **state)
{
    struct manager_fixture *f = *state;
    submit_type(f, "t");
    assert_int_equal(submit_with_key(f, "k", 1), ERR_OK);
    expect(f, "t", NUMBERS(2, 0, 0, 0, 0, 0, 0, 0, 0));
    assert_int_equal(submit_with_key(f, "k", 1), ERR_OK);
    assert_int_equal(submit_with_key(f, "k", 2), ERR_KEY_REUSED);
    f->watched->spoil[WATCHED_create] = 1;
    f->watched->spoil_with = ERR_TIMEOUT;
    assert_int_equal(submit_with_key(f, "l", 1), ERR_TIMEOUT);
    expect(f, "t", NUMBERS(2, 0, 0, 0, 0, 0, 0, 0, 0));
}

static enum err submit_batch(struct manager_fixture *f, const char *const *types, size_t count)
{
    struct process_batch_item items[8] = {0};
    struct process_submit_batch call = {
        .items = items, .count = count, .idempotency_key = SPAN("b"), .fingerprint = 1};
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        items[i].draft =
            (struct process){.type = span_of(types[i]), .input = SPAN("1"), .retention_ms = -1};
    process_op_init(&call.op, ignore);
    process_manager_submit_batch(f->manager, &call);
    assert_null(call.op.done);
    return call.op.result;
}

static void a_batch_counts_each_by_its_type(void **state)
{
    struct manager_fixture *f = *state;
    static const char *const types[] = {"a", "a", "b", "c", "c", "c", "a"};
    assert_int_equal(submit_batch(f, types, 7), ERR_OK);
    assert_int_equal(submit_batch(f, types, 7), ERR_OK); /* the same again: it is replayed */
    assert_int_equal(numbers_of(f, "a").created, 3);
    assert_int_equal(numbers_of(f, "b").created, 1);
    assert_int_equal(numbers_of(f, "c").created, 3);
}

static struct process_change change_of(enum process_event event, const struct claimer *claimer)
{
    return (struct process_change){.event = event,
                                   .token = claimer != NULL ? span_of(claimer->token) : SPAN_NONE,
                                   .result = event == EVENT_COMPLETE ? SPAN("1") : SPAN_NONE,
                                   .error = event == EVENT_FAIL ? SPAN("{}") : SPAN_NONE,
                                   .retryable = event == EVENT_FAIL};
}

static enum err change(struct manager_fixture *f, struct claimer *claimer, enum process_event event)
{
    struct process_change what = change_of(event, claimer);
    return change_now(f, &claimer->id, &what);
}

static void claim(struct manager_fixture *f, struct claimer *claimer)
{
    claimer->next_order = NULL;
    claim_start(f, claimer, "t", 1, 0);
    assert_int_equal(claimer->count, 1);
}

static void a_run_to_its_end_is_counted_once(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer;
    submit_type(f, "t");
    claim(f, &claimer);
    expect(f, "t", NUMBERS(1, 1, 0, 0, 0, 0, 0, 0, 1));
    assert_int_equal(change(f, &claimer, EVENT_HEARTBEAT), ERR_OK);
    assert_int_equal(change(f, &claimer, EVENT_PROGRESS), ERR_OK);
    expect(f, "t", NUMBERS(1, 1, 0, 0, 0, 0, 0, 0, 1));
    f->watched->spoil[WATCHED_transition] = 1;
    f->watched->spoil_with = ERR_UNAVAILABLE;
    assert_int_equal(change(f, &claimer, EVENT_COMPLETE), ERR_UNAVAILABLE);
    expect(f, "t", NUMBERS(1, 1, 0, 0, 0, 0, 0, 0, 1));
    for (int i = 0; i < 2; i++) { /* the second time it had been done before */
        assert_int_equal(change(f, &claimer, EVENT_COMPLETE), ERR_OK);
        expect(f, "t", NUMBERS(1, 1, 1, 0, 0, 0, 0, 1, 1));
    }
    assert_int_equal(change(f, &claimer, EVENT_FAIL), ERR_CONFLICT);
    claim_start(f, &claimer, "t", 1, 0); /* there is none */
    expect(f, "t", NUMBERS(1, 1, 1, 0, 0, 0, 0, 1, 1));
}

static void retries_by_policy_and_by_hand_are_counted(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer;
    f->policy.retry_base_ms = 0; /* at once */
    submit_type(f, "t");         /* three attempts */
    for (int i = 0; i < 2; i++) {
        claim(f, &claimer);
        assert_int_equal(change(f, &claimer, EVENT_FAIL), ERR_OK);
    }
    expect(f, "t", NUMBERS(1, 2, 0, 0, 0, 0, 2, 0, 2));
    claim(f, &claimer);
    assert_int_equal(change(f, &claimer, EVENT_FAIL), ERR_OK);
    expect(f, "t", NUMBERS(1, 3, 0, 1, 0, 0, 2, 1, 3));
    assert_int_equal(change(f, &claimer, EVENT_RETRY), ERR_OK);
    expect(f, "t", NUMBERS(1, 3, 0, 1, 0, 0, 3, 1, 3));
    claim(f, &claimer);
    assert_int_equal(change(f, &claimer, EVENT_RELEASE), ERR_OK); /* is no retry */
    expect(f, "t", NUMBERS(1, 4, 0, 1, 0, 0, 3, 1, 4));
}

static void cancels_count_when_they_end_it(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer;
    submit_type(f, "t");
    claim(f, &claimer);
    assert_int_equal(change(f, &claimer, EVENT_CANCEL), ERR_OK); /* asks only */
    assert_int_equal(change(f, &claimer, EVENT_CANCEL), ERR_OK);
    expect(f, "t", NUMBERS(1, 1, 0, 0, 0, 0, 0, 0, 1));
    assert_int_equal(change(f, &claimer, EVENT_CANCELED), ERR_OK);
    expect(f, "t", NUMBERS(1, 1, 0, 0, 1, 0, 0, 1, 1));
    struct process_id id = submit_type(f, "t");
    struct process_change cancel = change_of(EVENT_CANCEL, NULL);
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK); /* it never ran */
    expect(f, "t", NUMBERS(2, 1, 0, 0, 2, 0, 0, 1, 1));
}

struct bulk {
    struct process_bulk call;
    bool done;
};

static void bulk_done(struct process_op *op)
{
    container_of(op, struct bulk, call.op)->done = true;
}

static void bulk_cancels_are_counted_each(void **state)
{
    struct manager_fixture *f = *state;
    static struct bulk bulk;
    for (int i = 0; i < 70; i++) /* more than one step */
        submit_type(f, "t");
    bulk = (struct bulk){.call = {.event = EVENT_CANCEL, .statuses = 1u << PROCESS_PENDING}};
    process_op_init(&bulk.call.op, bulk_done);
    process_manager_bulk(f->manager, &bulk.call);
    manager_fixture_wait(f, &bulk.done);
    expect(f, "t", NUMBERS(70, 0, 0, 0, 70, 0, 0, 0, 0));
}

/* How long it ran and waited is what the record says. */
static void times_are_those_of_the_record(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer;
    const int64_t now = clock_wall_ms();
    struct repo_create create = {.process = {.type = SPAN("t"),
                                             .input = SPAN("1"),
                                             .version = 1,
                                             .max_attempts = 1,
                                             .created_at = now - 7000,
                                             .run_at = now - 7000,
                                             .updated_at = now - 7000}};
    assert_true(process_id_new(&create.process.id));
    process_op_init(&create.op, ignore);
    repository_create(f->watched->behind, &create);
    claim(f, &claimer);
    const struct process_type_numbers n = numbers_of(f, "t");
    assert_in_range(n.wait.sum_us, 7000000, 7000000 + (clock_wall_ms() - now) * 1000);
    assert_int_equal(change(f, &claimer, EVENT_COMPLETE), ERR_OK);
    assert_in_range(numbers_of(f, "t").run.sum_us, 0, (clock_wall_ms() - now) * 1000);
}

/* --- what time brings ---------------------------------------------------------------------------
 */

#define MINUTE_MS 60000

/* The same again, with a manager that runs the schedule. */
static void start_schedule(struct manager_fixture *f)
{
    process_manager_stop(f->manager);
    process_manager_destroy(f->manager);
    f->options.sweeps = true;
    f->manager = process_manager_create(f->loop, &f->watched->base, &f->options, NULL, NULL);
    assert_non_null(f->manager);
}

static void create_past(struct manager_fixture *f, struct process process)
{
    struct repo_create create = {.process = process};
    create.process.created_at = create.process.updated_at = clock_wall_ms() - 10 * MINUTE_MS;
    create.process.input = SPAN("1");
    create.process.version = 1;
    create.process.max_attempts = 2;
    if (create.process.run_at == TIME_NONE)
        create.process.run_at = create.process.created_at;
    assert_true(process_id_new(&create.process.id));
    process_op_init(&create.op, ignore);
    repository_create(f->watched->behind, &create);
    assert_int_equal(create.op.result, ERR_OK);
}

/* Behind the manager's back: claimed long ago, by somebody who has gone. */
static void run_past(struct manager_fixture *f, struct process process)
{
    struct repo_claim call = {.types = &process.type,
                              .type_count = 1,
                              .worker = SPAN("gone"),
                              .max = 1,
                              .now = clock_wall_ms() - 5 * MINUTE_MS,
                              .lease_ms = MINUTE_MS};
    create_past(f, process);
    assert_true(lease_token_new(call.tokens[0]));
    process_op_init(&call.op, ignore);
    repository_claim(f->watched->behind, &call);
    assert_int_equal(call.op.result, ERR_OK);
    assert_int_equal(call.count, 1);
}

static void wait_for(struct manager_fixture *f, const uint64_t *number, uint64_t value)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (*number < value) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 20);
    }
    assert_int_equal(*number, value);
}

static void what_the_schedule_ends_is_counted_by_type(void **state)
{
    struct manager_fixture *f = *state;
    const int64_t now = clock_wall_ms();
    start_schedule(f);
    const struct process_sweep_numbers *swept = &process_manager_numbers(f->manager)->swept;
    run_past(f, (struct process){.type = SPAN("lost"), .retention_ms = -1});
    run_past(f, (struct process){.type = SPAN("late"), .timeout_ms = 1000, .retention_ms = -1});
    run_past(f, (struct process){.type = SPAN("over"),
                                 .deadline = now - 4 * MINUTE_MS,
                                 .retention_ms = MINUTE_MS});
    create_past(f, (struct process){
                       .type = SPAN("queued"), .queue_deadline = now - 1000, .retention_ms = -1});
    wait_for(f, &swept->lapsed, 3);
    assert_int_equal(swept->overdue, 1);
    expect(f, "lost", NUMBERS(0, 0, 0, 0, 0, 1, 0, 0, 0));
    expect(f, "late", NUMBERS(0, 0, 0, 0, 0, 0, 1, 0, 0)); /* it failed, and is to be tried again */
    expect(f, "over", NUMBERS(0, 0, 0, 1, 0, 0, 0, 1, 0));
    expect(f, "queued", NUMBERS(0, 0, 0, 1, 0, 0, 0, 0, 0));
    assert_in_range(numbers_of(f, "over").run.sum_us, INT64_C(5) * MINUTE_MS * 1000,
                    INT64_C(6) * MINUTE_MS * 1000);

    const struct process_manager_totals totals = process_manager_totals(f->manager);
    assert_int_equal(totals.lapsed, 3);
    assert_int_equal(totals.overdue, 1);
}

static void the_last_lost_lease_ends_it(void **state)
{
    struct manager_fixture *f = *state;
    f->policy.max_stalls = 0;
    start_schedule(f);
    run_past(f, (struct process){.type = SPAN("lost"), .retention_ms = -1});
    wait_for(f, &process_manager_numbers(f->manager)->swept.lapsed, 1);
    expect(f, "lost", NUMBERS(0, 0, 0, 1, 0, 1, 0, 1, 0));
}

struct cleanup {
    struct process_cleanup call;
    bool done;
};

static void cleanup_done(struct process_op *op)
{
    container_of(op, struct cleanup, call.op)->done = true;
}

static void clean_up(struct manager_fixture *f, bool dry_run)
{
    static struct cleanup cleanup;
    cleanup = (struct cleanup){.call = {.statuses = 1u << PROCESS_CANCELED, .dry_run = dry_run}};
    process_op_init(&cleanup.call.op, cleanup_done);
    process_manager_cleanup(f->manager, &cleanup.call);
    manager_fixture_wait(f, &cleanup.done);
    assert_int_equal(cleanup.call.op.result, ERR_OK);
}

static void removals_are_counted_by_cause(void **state)
{
    struct manager_fixture *f = *state;
    struct process_change cancel = change_of(EVENT_CANCEL, NULL);
    start_schedule(f);
    const struct process_sweep_numbers *swept = &process_manager_numbers(f->manager)->swept;
    for (int i = 0; i < 3; i++) {
        struct process_id id = submit_type(f, "t");
        assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    }
    clean_up(f, true);
    assert_int_equal(swept->cleaned, 0);
    clean_up(f, false);
    assert_int_equal(swept->cleaned, 3);
    f->policy.retention_ms[PROCESS_CANCELED] = 0;
    for (int i = 0; i < 2; i++) {
        struct process_id id = submit_type(f, "t");
        assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    }
    wait_for(f, &swept->expired, 2);
    assert_int_equal(swept->cleaned, 3);
    expect(f, "t", NUMBERS(5, 0, 0, 0, 5, 0, 0, 0, 0));
}

/* --- types ------------------------------------------------------------------------------------ */

static void known_types_are_there_from_the_start(void **state)
{
    struct manager_fixture *f = *state;
    static const struct span known[] = {{"one", 3}, {"two", 3}};
    f->options.known_types = known;
    f->options.known_type_count = 2;
    start_schedule(f);
    const struct process_numbers *numbers = process_manager_numbers(f->manager);
    assert_int_equal(numbers->count, 3);
    assert_string_equal(numbers->types[1].type, "one");
    assert_string_equal(numbers->types[2].type, "two");
}

static void types_are_bounded(void **state)
{
    struct manager_fixture *f = *state;
    char type[16];
    for (int i = 0; i < PROCESS_NUMBERS_TYPES + 5; i++) {
        snprintf(type, sizeof(type), "t%d", i);
        submit_type(f, type);
    }
    assert_int_equal(process_manager_numbers(f->manager)->count, 1 + PROCESS_NUMBERS_TYPES);
    assert_int_equal(numbers_of(f, PROCESS_NUMBERS_OTHER).created, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(a_creation_is_counted_a_replay_is_not),
        MANAGER_TEST(a_batch_counts_each_by_its_type),
        MANAGER_TEST(a_run_to_its_end_is_counted_once),
        MANAGER_TEST(retries_by_policy_and_by_hand_are_counted),
        MANAGER_TEST(cancels_count_when_they_end_it),
        MANAGER_TEST(bulk_cancels_are_counted_each),
        MANAGER_TEST(times_are_those_of_the_record),
        MANAGER_TEST(what_the_schedule_ends_is_counted_by_type),
        MANAGER_TEST(the_last_lost_lease_ends_it),
        MANAGER_TEST(removals_are_counted_by_cause),
        MANAGER_TEST(known_types_are_there_from_the_start),
        MANAGER_TEST(types_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
