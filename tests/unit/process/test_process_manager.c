#include "support/test.h"

#include "proctrack/memory_repository.h"
#include "proctrack/process_manager.h"
#include "support/held_repository.h"
#include "support/sync_calls.h"

struct fixture {
    struct process_policy policy;
    struct process_manager_options options;
    struct span known[1];
    struct loop *loop;
    struct process_repository *repository;
    struct process_manager *manager;
    struct sync sync;
    int work;
};

static void on_work(void *arg)
{
    struct fixture *f = arg;
    f->work++;
}

static void start(struct fixture *f, struct process_repository *repository, bool sweeps)
{
    f->repository = repository;
    f->options.sweeps = sweeps;
    f->manager = process_manager_create(f->loop, f->repository, &f->options, on_work, f);
    assert_non_null(f->manager);
    f->sync = (struct sync){f->loop, f->repository};
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    process_policy_defaults(&f->policy);
    f->known[0] = SPAN("known");
    f->options = (struct process_manager_options){.policy = &f->policy,
                                                  .known_types = f->known,
                                                  .known_type_count = 1,
                                                  .stamps = change_stamps_create(),
                                                  .default_max_attempts = 4,
                                                  .default_timeout_ms = 5000};
    f->loop = loop_create();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    process_manager_stop(f->manager);
    repository_close(f->repository);
    process_manager_destroy(f->manager);
    repository_destroy(f->repository);
    change_stamps_destroy(f->options.stamps);
    loop_destroy(f->loop);
    free(f);
    return 0;
}

/* --- submit ----------------------------------------------------------------------------------- */

static void ignore(struct process_op *op)
{
    (void)op;
}

static enum err submit(struct fixture *f, struct process_submit *call)
{
    call->create.process.input = SPAN("1");
    call->create.process.retention_ms = -1;
    process_op_init(&call->op, ignore);
    process_manager_submit(f->manager, call);
    return call->op.result;
}

static void a_draft_is_completed(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {.create.process.type = SPAN("known")};
    int64_t before = clock_wall_ms();
    assert_int_equal(submit(f, &call), ERR_OK);
    const struct process *made = &call.create.process;
    assert_int_equal(made->version, 1);
    assert_int_equal(made->max_attempts, 4);
    assert_int_equal(made->timeout_ms, 5000);
    assert_in_range(made->created_at, before, clock_wall_ms());
    assert_int_equal(made->run_at, made->created_at);
    assert_int_equal(f->work, 1);
    assert_int_equal(sync_get(&f->sync, &made->id, false, NULL), ERR_OK);
}

/* The client's value goes first, then the type's, then the deployment's. */
static void a_queue_timeout_ends_before_time_does(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {
        .create.process = {.type = SPAN("t"), .run_at = TIME_MAX - 500, .queue_timeout_ms = 1000}};
    assert_int_equal(submit(f, &call), ERR_OK);
    assert_int_equal(call.create.process.queue_deadline, TIME_MAX);
}

static void types_have_their_defaults(void **state)
{
    struct fixture *f = *state;
    static const struct process_type_defaults defaults[] = {
        {.type = {"other", 5}, .retention_ms = -1},
        {.type = {"known", 5},
         .max_attempts = 7,
         .queue_timeout_ms = 60000,
         .retention_ms = 1000,
         .backoff = BACKOFF_FIXED,
         .retry_base_ms = 30},
    };
    f->options.type_defaults = defaults;
    f->options.type_default_count = 2;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {.create.process.type = SPAN("known")};
    assert_int_equal(submit(f, &call), ERR_OK);
    const struct process *made = &call.create.process;
    assert_int_equal(made->max_attempts, 7);
    assert_int_equal(made->timeout_ms, 5000);
    assert_int_equal(made->queue_deadline, made->created_at + 60000);
    assert_int_equal(made->retention_ms, 1000);
    assert_int_equal(made->backoff, BACKOFF_FIXED);
    assert_int_equal(made->retry_base_ms, 30);

    int64_t run_at = clock_wall_ms() + 3600000;
    call = (struct process_submit){.create.process = {.type = SPAN("known"),
                                                      .run_at = run_at,
                                                      .max_attempts = 1,
                                                      .timeout_ms = 9,
                                                      .queue_timeout_ms = 5000,
                                                      .backoff = BACKOFF_EXPONENTIAL,
                                                      .retry_base_ms = 10,
                                                      .retry_cap_ms = 20}};
    int work = f->work;
    assert_int_equal(submit(f, &call), ERR_OK);
    assert_int_equal(f->work, work); /* nothing to be done yet */
    assert_int_equal(made->max_attempts, 1);
    assert_int_equal(made->timeout_ms, 9);
    assert_int_equal(made->queue_deadline, run_at + 5000);
    assert_int_equal(made->backoff, BACKOFF_EXPONENTIAL);
    assert_int_equal(made->retry_base_ms, 10);
    assert_int_equal(made->retry_cap_ms, 20);

    call = (struct process_submit){.create.process.type = SPAN("plain")};
    assert_int_equal(submit(f, &call), ERR_OK);
    assert_int_equal(made->max_attempts, 4);
    assert_int_equal(made->queue_deadline, TIME_NONE);
    assert_int_equal(made->retention_ms, -1);
    assert_int_equal(made->backoff, BACKOFF_POLICY);
}

static void types_are_gated(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit untyped = {.op.result = ERR_OK},
                          other = {.create.process.type = SPAN("x")};
    assert_int_equal(submit(f, &untyped), ERR_INVALID);
    assert_int_equal(submit(f, &other), ERR_OK);
    f->options.known_types_only = true;
    assert_int_equal(submit(f, &other), ERR_UNKNOWN_TYPE);
    f->options.default_type = SPAN("known");
    untyped = (struct process_submit){.op.result = ERR_OK};
    assert_int_equal(submit(f, &untyped), ERR_OK);
    assert_span(untyped.create.process.type, SPAN("known"));
}

static void a_key_that_is_being_stored_is_in_progress(void **state)
{
    struct fixture *f = *state;
    start(f, held_repository_create(memory_repository_create(&f->policy), NULL), false);
    struct process_submit first = {.create.idempotency_key = SPAN("k")}, second = first;
    first.create.process.type = second.create.process.type = SPAN("known");
    submit(f, &first);
    assert_int_equal(held_repository_count(f->repository), 1);
    assert_int_equal(submit(f, &second), ERR_IN_PROGRESS);
    second.create.idempotency_key = SPAN("other");
    submit(f, &second);
    held_repository_release(f->repository, 1);
    held_repository_release(f->repository, 0);
    assert_int_equal(first.op.result, ERR_OK);
    assert_int_equal(second.op.result, ERR_OK);
    struct process_submit again = {.create.idempotency_key = SPAN("k")};
    again.create.process.type = SPAN("known");
    submit(f, &again);
    held_repository_release(f->repository, 0);
    assert_int_equal(again.op.result, ERR_OK);
    assert_true(again.create.replayed);
    assert_int_equal(f->work, 2); /* a replay brings no work */
}

/* --- reason ----------------------------------------------------------------------------------- */

static void a_reason_says_why_it_waits(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    struct process process = {.type = SPAN("known"), .status = PROCESS_PENDING};
    assert_null(process_manager_reason(f->manager, &process));
    assert_true(process_manager_reason_is_open(f->manager, &process));
    process.run_at = clock_wall_ms() + 60000;
    assert_false(process_manager_reason_is_open(f->manager, &process));
    assert_string_equal(process_manager_reason(f->manager, &process), "delayed");
    process.attempt = 1;
    assert_string_equal(process_manager_reason(f->manager, &process), "retry_backoff");
    process.status = PROCESS_RUNNING;
    assert_null(process_manager_reason(f->manager, &process));
    process.cancel_requested_at = 1;
    assert_string_equal(process_manager_reason(f->manager, &process), "cancel_requested");
    process.status = PROCESS_CANCELED;
    process.run_at = TIME_NONE;
    assert_null(process_manager_reason(f->manager, &process));
    assert_false(process_manager_reason_is_open(f->manager, &process));
}

/* --- change and await ------------------------------------------------------------------------- */

struct waiter {
    struct process_await call;
    bool done;
    enum process_status status;
};

static void waiter_done(struct process_op *op)
{
    struct waiter *waiter = container_of(op, struct waiter, call.op);
    waiter->done = true;
    if (op->result == ERR_OK)
        waiter->status = waiter->call.process.status;
}

static void wait_for(struct fixture *f, struct waiter *waiter, const struct process_id *id,
                     int64_t wait_ms)
{
    *waiter = (struct waiter){.call = {.id = *id, .wait_ms = wait_ms}};
    process_op_init(&waiter->call.op, waiter_done);
    process_manager_await(f->manager, &waiter->call);
}

static enum err cancel(struct fixture *f, const struct process_id *id)
{
    struct repo_transition call = {.id = *id, .change = {.event = EVENT_CANCEL}};
    process_op_init(&call.op, ignore);
    process_manager_change(f->manager, &call);
    return call.op.result;
}

static void a_change_wakes_who_waits(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {.create.process.type = SPAN("other")};
    assert_int_equal(submit(f, &call), ERR_OK);
    wait_for(f, &waiter, &call.create.process.id, 60000);
    assert_false(waiter.done);
    assert_int_equal(cancel(f, &call.create.process.id), ERR_OK);
    loop_turn(f->loop, 0); /* before its next look would be due */
    assert_true(waiter.done);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
    assert_int_equal(cancel(f, &call.create.process.id), ERR_CONFLICT);
    assert_int_equal(f->work, 1); /* nothing of it is left to be done */
}

static void a_change_made_elsewhere_is_seen(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {.create.process.type = SPAN("other")};
    assert_int_equal(submit(f, &call), ERR_OK);
    wait_for(f, &waiter, &call.create.process.id, 60000);
    struct process_change change = {.event = EVENT_CANCEL, .now = clock_wall_ms()};
    assert_int_equal(sync_change(&f->sync, &call.create.process.id, &change, NULL, NULL), ERR_OK);
    sync_wait(f->loop, &waiter.done);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
}

static void waiting_ends_in_time_or_at_stop(void **state)
{
    struct fixture *f = *state;
    struct waiter brief, stopped, unknown;
    struct process_id id;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit call = {.create.process.type = SPAN("other")};
    assert_int_equal(submit(f, &call), ERR_OK);
    wait_for(f, &brief, &call.create.process.id, 30);
    wait_for(f, &stopped, &call.create.process.id, 60000);
    sync_wait(f->loop, &brief.done);
    assert_int_equal(brief.status, PROCESS_PENDING);
    assert_false(stopped.done);
    process_manager_stop(f->manager);
    loop_turn(f->loop, 0);
    assert_true(stopped.done);
    assert_int_equal(stopped.call.op.result, ERR_OK);
    assert_true(process_id_new(&id));
    wait_for(f, &unknown, &id, 60000);
    sync_wait(f->loop, &unknown.done);
    assert_int_equal(unknown.call.op.result, ERR_NOT_FOUND);
}

/* --- cleanup ---------------------------------------------------------------------------------- */

struct cleaning {
    struct process_cleanup call;
    bool done;
};

static void cleaning_done(struct process_op *op)
{
    container_of(op, struct cleaning, call.op)->done = true;
}

static struct process_cleanup clean(struct fixture *f, int64_t older_than_ms, unsigned statuses,
                                    bool dry_run)
{
    struct cleaning cleaning = {
        .call = {.older_than_ms = older_than_ms, .statuses = statuses, .dry_run = dry_run}};
    process_op_init(&cleaning.call.op, cleaning_done);
    process_manager_cleanup(f->manager, &cleaning.call);
    sync_wait(f->loop, &cleaning.done);
    assert_int_equal(cleaning.call.op.result, ERR_OK);
    return cleaning.call;
}

enum { COUNT = 900 }; /* more than one step holds */

static void cancel_many(struct fixture *f)
{
    for (int i = 0; i < COUNT; i++) {
        struct process_submit call = {.create.process.type = SPAN("other")};
        assert_int_equal(submit(f, &call), ERR_OK);
        assert_int_equal(cancel(f, &call.create.process.id), ERR_OK);
    }
}

static void cleanup_takes_steps_to_the_end(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    struct process_submit waiting = {.create.process.type = SPAN("other")};
    assert_int_equal(submit(f, &waiting), ERR_OK);
    cancel_many(f);
    unsigned all = (1u << PROCESS_STATUS_COUNT) - 1;
    assert_int_equal(clean(f, 3600000, all, false).total_cleaned, 0);
    assert_int_equal(clean(f, 0, 1u << PROCESS_FAILED, false).total_cleaned, 0);
    struct process_cleanup dry = clean(f, 0, all, true);
    assert_int_equal(dry.cleaned[PROCESS_CANCELED], COUNT);
    assert_int_equal(dry.remaining, COUNT + 1);
    struct process_cleanup wet = clean(f, 0, all, false);
    assert_int_equal(wet.total_cleaned, COUNT);
    assert_int_equal(wet.remaining, 1);
    assert_true(wet.complete);
}

static void a_stop_ends_a_cleanup_between_steps(void **state)
{
    struct fixture *f = *state;
    start(f, memory_repository_create(&f->policy), false);
    cancel_many(f);
    struct cleaning cleaning = {.call = {.statuses = 1u << PROCESS_CANCELED}};
    process_op_init(&cleaning.call.op, cleaning_done);
    process_manager_cleanup(f->manager, &cleaning.call);
    assert_false(cleaning.done);
    process_manager_stop(f->manager);
    sync_wait(f->loop, &cleaning.done);
    assert_int_equal(cleaning.call.op.result, ERR_OK);
    assert_false(cleaning.call.complete);
    assert_in_range(cleaning.call.total_cleaned, 1, COUNT - 1);
    assert_int_equal(cleaning.call.remaining, COUNT - cleaning.call.total_cleaned);
}

/* --- schedule --------------------------------------------------------------------------------- */

static void the_schedule_needs_no_traffic(void **state)
{
    struct fixture *f = *state;
    f->policy.retention_ms[PROCESS_CANCELED] = 50;
    start(f, memory_repository_create(&f->policy), true);
    struct process_submit late = {.create.process.type = SPAN("known")};
    late.create.process.run_at = clock_wall_ms() + 100;
    struct process_submit brief = {.create.process.type = SPAN("known")};
    struct process_submit overdue = {.create.process.type = SPAN("other")};
    overdue.create.process.queue_timeout_ms = 1;
    assert_int_equal(submit(f, &overdue), ERR_OK);
    assert_int_equal(submit(f, &late), ERR_OK);
    assert_int_equal(submit(f, &brief), ERR_OK);
    assert_int_equal(cancel(f, &brief.create.process.id), ERR_OK);
    int work = f->work;
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (process_manager_totals(f->manager).expired < 1 ||
           process_manager_totals(f->manager).released < 1 ||
           process_manager_totals(f->manager).overdue < 1) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 100);
    }
    assert_int_equal(f->work, work + 1); /* what was scheduled can be claimed now */
    assert_int_equal(sync_get(&f->sync, &brief.create.process.id, false, NULL), ERR_GONE);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_draft_is_completed),
        TEST(a_queue_timeout_ends_before_time_does),
        TEST(types_have_their_defaults),
        TEST(types_are_gated),
        TEST(a_key_that_is_being_stored_is_in_progress),
        TEST(a_reason_says_why_it_waits),
        TEST(a_change_wakes_who_waits),
        TEST(a_change_made_elsewhere_is_seen),
        TEST(waiting_ends_in_time_or_at_stop),
        TEST(cleanup_takes_steps_to_the_end),
        TEST(a_stop_ends_a_cleanup_between_steps),
        TEST(the_schedule_needs_no_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
