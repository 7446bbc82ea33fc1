/* Why processes wait, and waiting for what a worker must hear. */
#include "process/manager_fixture.h"

struct explain {
    struct process_explain call;
    struct repo_standing_item items[4];
};

static void ignore(struct process_op *op)
{
    (void)op;
}

/* The reason of the first; ret_position may be NULL. */
static const char *explain(struct manager_fixture *f, const struct process_id *id, const char *type,
                           bool with_positions, int64_t *ret_position)
{
    struct explain explain = {.call = {.with_positions = with_positions}};
    explain.call.standing.items = explain.items;
    explain.call.standing.count = 1;
    explain.items[0].id = *id;
    strcpy(explain.items[0].type, type);
    process_op_init(&explain.call.op, ignore);
    process_manager_explain(f->manager, &explain.call);
    assert_null(explain.call.op.done); /* the memory repository answers at once */
    assert_int_equal(explain.call.op.result, ERR_OK);
    if (ret_position != NULL)
        *ret_position = explain.items[0].position;
    return process_explain_reason(&explain.call, 0);
}

static void pause_type(struct manager_fixture *f, const char *type, bool paused)
{
    struct repo_pause call = {.type = span_of(type), .paused = paused};
    process_op_init(&call.op, ignore);
    process_manager_pause(f->manager, &call);
    assert_int_equal(call.op.result, ERR_OK);
}

static void a_reason_says_why_it_waits(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer = {.next_order = NULL};
    int64_t position = 0;
    struct process_id id = submit_type(f, "t");
    assert_string_equal(explain(f, &id, "t", true, &position), "no_worker");
    assert_int_equal(position, 1);
    pause_type(f, "t", true);
    assert_string_equal(explain(f, &id, "t", true, NULL), "paused");
    claim_start(f, &claimer, "t", 1, 0); /* gets nothing, but was here */
    assert_int_equal(claimer.count, 0);
    pause_type(f, "t", false);
    assert_string_equal(explain(f, &id, "t", true, &position), "behind");
    assert_int_equal(position, 1);
    struct process_id second = submit_type(f, "t");
    claim_start(f, &claimer, "t", 1, 0);
    struct process_id left = process_id_compare(&claimer.id, &id) == 0 ? second : id;
    assert_string_equal(explain(f, &left, "t", true, &position), "behind");
    assert_int_equal(position, 1);
    assert_null(explain(f, &claimer.id, "t", true, NULL)); /* it runs by now */
}

static size_t asked(const struct manager_fixture *f)
{
    return f->watched->seen[WATCHED_standing];
}

static void types_are_remembered_for_a_moment(void **state)
{
    struct manager_fixture *f = *state;
    struct process_id id = submit_type(f, "t");
    for (int i = 0; i < 5; i++)
        assert_string_equal(explain(f, &id, "t", false, NULL), "no_worker");
    assert_int_equal(asked(f), 1);
    explain(f, &id, "other", false, NULL);
    assert_int_equal(asked(f), 2);
    explain(f, &id, "t", true, NULL); /* positions are never remembered */
    assert_int_equal(asked(f), 3);
    pause_type(f, "t", true); /* here, so it shows at once */
    assert_string_equal(explain(f, &id, "t", false, NULL), "paused");
    assert_int_equal(asked(f), 4);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (asked(f) == 4) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(f->loop, 50);
        explain(f, &id, "t", false, NULL);
        loop_turn(f->loop, 0);
    }
}

static void an_error_is_remembered_by_nobody(void **state)
{
    struct manager_fixture *f = *state;
    struct process_id id = submit_type(f, "t");
    struct explain explain_it = {.call = {.with_positions = false}};
    explain_it.call.standing.items = explain_it.items;
    explain_it.call.standing.count = 1;
    explain_it.items[0].id = id;
    strcpy(explain_it.items[0].type, "t");
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_standing] = 1;
    process_op_init(&explain_it.call.op, ignore);
    process_manager_explain(f->manager, &explain_it.call);
    assert_int_equal(explain_it.call.op.result, ERR_UNAVAILABLE);
    assert_string_equal(explain(f, &id, "t", false, NULL), "no_worker");
    assert_int_equal(asked(f), 2);
}

/* --- what a worker must hear ------------------------------------------------------------------ */

struct waiter {
    struct process_await call;
    bool done;
    enum process_status status;
    bool asked_to_cancel;
};

static void waiter_done(struct process_op *op)
{
    struct waiter *waiter = container_of(op, struct waiter, call.op);
    assert_int_equal(op->result, ERR_OK);
    waiter->done = true;
    waiter->status = waiter->call.process.status;
    waiter->asked_to_cancel = waiter->call.process.cancel_requested_at != TIME_NONE;
}

static void wait_for_cancel(struct manager_fixture *f, struct waiter *waiter,
                            const struct claimer *holder, int64_t wait_ms)
{
    memset(waiter, 0, sizeof(*waiter));
    waiter->call.id = holder->id;
    waiter->call.wait_ms = wait_ms;
    waiter->call.for_cancel = true;
    waiter->call.token = span_of(holder->token);
    process_op_init(&waiter->call.op, waiter_done);
    process_manager_await(f->manager, &waiter->call);
}

static void a_worker_hears_of_a_cancel(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter, late;
    struct claimer holder = {.next_order = NULL};
    submit_type(f, "t");
    claim_start(f, &holder, "t", 1, 0);
    wait_for_cancel(f, &waiter, &holder, 60000);
    struct process_change heartbeat = {
        .event = EVENT_HEARTBEAT, .token = span_of(holder.token), .lease_ms = 60000};
    assert_int_equal(change_now(f, &holder.id, &heartbeat), ERR_OK);
    loop_turn(f->loop, 0);
    assert_false(waiter.done);
    assert_int_equal(f->watched->seen[WATCHED_get], 1); /* a heartbeat is nothing to look after */
    int work = f->work;
    assert_int_equal(change_now(f, &holder.id, &(struct process_change){.event = EVENT_CANCEL}),
                     ERR_OK);
    assert_int_equal(f->work, work + 1);
    loop_turn(f->loop, 0);
    assert_true(waiter.done);
    assert_true(waiter.asked_to_cancel);
    assert_int_equal(waiter.status, PROCESS_RUNNING);
    wait_for_cancel(f, &late, &holder, 60000);
    assert_true(late.done);
}

static void a_worker_hears_that_it_lost_its_lease(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter, brief;
    struct claimer holder = {.next_order = NULL}, other = holder;
    submit_type(f, "t");
    claim_start(f, &holder, "t", 1, 0);
    wait_for_cancel(f, &brief, &holder, 30);
    manager_fixture_wait(f, &brief.done);
    assert_false(brief.asked_to_cancel);
    wait_for_cancel(f, &waiter, &holder, 60000);
    struct process_change release = {.event = EVENT_RELEASE, .token = span_of(holder.token)};
    assert_int_equal(change_now(f, &holder.id, &release), ERR_OK);
    claim_start(f, &other, "t", 1, 0); /* it runs again, but not here */
    assert_int_equal(other.count, 1);
    loop_turn(f->loop, 0);
    assert_true(waiter.done);
    assert_int_equal(waiter.status, PROCESS_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(a_reason_says_why_it_waits),
        MANAGER_TEST(types_are_remembered_for_a_moment),
        MANAGER_TEST(an_error_is_remembered_by_nobody),
        MANAGER_TEST(a_worker_hears_of_a_cancel),
        MANAGER_TEST(a_worker_hears_that_it_lost_its_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
