/* Waiting for a process: it looks when it is told of a change, and at the end of its time. */
#include "process/manager_fixture.h"

struct waiter {
    struct process_await call;
    bool done;
    enum err result;
    enum process_status status;
};

static void waiter_done(struct process_op *op)
{
    struct waiter *waiter = container_of(op, struct waiter, call.op);
    assert_false(waiter->done);
    waiter->done = true;
    waiter->result = op->result;
    if (op->result == ERR_OK)
        waiter->status = waiter->call.process.status;
}

static void wait_for(struct manager_fixture *f, struct waiter *waiter, const struct process_id *id,
                     int64_t wait_ms)
{
    memset(waiter, 0, sizeof(*waiter));
    waiter->call.id = *id;
    waiter->call.wait_ms = wait_ms;
    process_op_init(&waiter->call.op, waiter_done);
    process_manager_await(f->manager, &waiter->call);
}

static size_t looks(const struct manager_fixture *f)
{
    return f->watched->seen[WATCHED_get];
}

/* All that happens at once, without anything that waits for a time. */
static void settle(struct manager_fixture *f)
{
    for (int i = 0; i < 3; i++)
        loop_turn(f->loop, 0);
}

static void ignore(struct process_op *op)
{
    (void)op;
}

/* As another instance does it: past the manager. */
static void cancel_elsewhere(struct manager_fixture *f, const struct process_id *id)
{
    struct repo_transition call = {.id = *id,
                                   .change = {.event = EVENT_CANCEL, .now = clock_wall_ms()}};
    process_op_init(&call.op, ignore);
    repository_transition(f->watched->behind, &call);
    assert_int_equal(call.op.result, ERR_OK);
}

static void tell(struct manager_fixture *f, const struct process_id *id)
{
    f->watched->base.on_changed(f->watched->base.on_changed_arg, id);
}

static void it_looks_only_when_it_is_told(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter, other, brief;
    struct process_id id = submit_type(f, "t"), another = submit_type(f, "t");
    wait_for(f, &waiter, &id, 60000);
    wait_for(f, &other, &another, 60000);
    wait_for(f, &brief, &another, 700); /* longer than any pause that a poll would make */
    assert_int_equal(looks(f), 3);
    manager_fixture_wait(f, &brief.done);
    assert_int_equal(brief.status, PROCESS_PENDING);
    assert_int_equal(looks(f), 4); /* once more at its end */
    cancel_elsewhere(f, &id);
    settle(f);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
    assert_int_equal(looks(f), 5);
    assert_false(other.done);
    process_manager_await_stop(&other.call);
    settle(f);
    assert_true(other.done);
}

static void each_look_asks_to_be_told(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct claimer holder = {.next_order = NULL};
    struct process_id id = submit_type(f, "t");
    wait_for(f, &waiter, &id, 60000);
    assert_true(waiter.call.get.watched);
    claim_start(f, &holder, "t", 1, 0);
    settle(f);
    assert_true(waiter.call.get.watched);
    assert_false(waiter.done);
    struct repo_transition call = {.id = id,
                                   .change = {.event = EVENT_COMPLETE,
                                              .now = clock_wall_ms(),
                                              .token = span_of(holder.token),
                                              .result = SPAN("1")}};
    process_op_init(&call.op, ignore);
    repository_transition(f->watched->behind, &call);
    settle(f);
    assert_int_equal(waiter.status, PROCESS_COMPLETED);
}

/* The change comes after what the look reads, and before its answer. */
static void what_is_told_while_it_looks_is_not_missed(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    f->watched->hold[WATCHED_get] = true;
    wait_for(f, &waiter, &id, 60000);
    tell(f, &id);
    watched_release(f, WATCHED_get); /* pending */
    settle(f);
    assert_int_equal(f->watched->held_count[WATCHED_get], 1);
    tell(f, NULL);
    watched_release(f, WATCHED_get);
    settle(f);
    assert_int_equal(f->watched->held_count[WATCHED_get], 1);
    cancel_elsewhere(f, &id);
    watched_release(f, WATCHED_get);
    assert_true(waiter.done);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
}

static void when_any_may_have_changed_all_look(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiters[3];
    struct process_id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = submit_type(f, "t");
        wait_for(f, &waiters[i], &ids[i], 60000);
    }
    tell(f, NULL);
    tell(f, NULL); /* in the same turn: one look serves both */
    settle(f);
    assert_int_equal(looks(f), 6);
    process_manager_stop(f->manager);
    settle(f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(waiters[i].result, ERR_OK);
}

static void it_outlasts_an_outage(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    wait_for(f, &waiter, &id, 60000);
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_get] = 2;
    tell(f, NULL); /* the connection has gone */
    settle(f);
    tell(f, NULL);
    settle(f);
    assert_false(waiter.done);
    assert_int_equal(looks(f), 3);
    cancel_elsewhere(f, &id);
    tell(f, NULL); /* it is back */
    settle(f);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
}

static void an_outage_is_told_at_first_and_at_the_end(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_get] = 1;
    wait_for(f, &waiter, &id, 60000);
    assert_true(waiter.done);
    assert_int_equal(waiter.result, ERR_TIMEOUT);
    wait_for(f, &waiter, &id, 50);
    f->watched->spoil[WATCHED_get] = 1;
    manager_fixture_wait(f, &waiter.done);
    assert_int_equal(waiter.result, ERR_TIMEOUT);
}

/* The store is there, only this one look was refused: nobody tells of it again. */
static void a_look_that_fails_is_repeated(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    wait_for(f, &waiter, &id, 60000);
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_get] = 1;
    cancel_elsewhere(f, &id); /* which is told */
    settle(f);
    assert_false(waiter.done);
    manager_fixture_wait(f, &waiter.done);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
    assert_int_equal(looks(f), 3);
}

static void who_is_not_told_looks_by_itself(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    f->watched->hold[WATCHED_get] = true;
    wait_for(f, &waiter, &id, 60000);
    f->watched->hold[WATCHED_get] = false;
    waiter.call.get.watch = false; /* the store does not */
    watched_release(f, WATCHED_get);
    cancel_elsewhere(f, &id);
    settle(f);
    assert_false(waiter.done);
    manager_fixture_wait(f, &waiter.done);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
}

static void what_is_removed_ends_it(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    f->watched->hold[WATCHED_get] = true;
    wait_for(f, &waiter, &id, 60000);
    watched_release(f, WATCHED_get);
    assert_false(waiter.done);
    tell(f, &id);
    settle(f);
    watched_answer(f, WATCHED_get, ERR_GONE);
    assert_true(waiter.done);
    assert_int_equal(waiter.result, ERR_GONE);
}

static void who_may_not_be_told_waits_for_changes_made_here(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter, brief;
    struct process_id id = submit_type(f, "t");
    f->watched->behind->on_changed = NULL; /* it does not tell */
    wait_for(f, &waiter, &id, 60000);
    wait_for(f, &brief, &id, 50);
    manager_fixture_wait(f, &brief.done);
    assert_int_equal(looks(f), 3);
    struct process_change cancel = {.event = EVENT_CANCEL};
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    settle(f);
    assert_int_equal(waiter.status, PROCESS_CANCELED);
}

/* Whoever polls after the answer sees no older state. */
static void what_it_shows_voids_what_others_keep(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    struct span key = {(const char *)id.bytes, sizeof(id.bytes)};
    wait_for(f, &waiter, &id, 60000);
    struct change_stamp before = change_stamps_get(f->options.stamps, key);
    cancel_elsewhere(f, &id);
    assert_true(change_stamp_equal(before, change_stamps_get(f->options.stamps, key)));
    settle(f);
    assert_true(waiter.done);
    assert_false(change_stamp_equal(before, change_stamps_get(f->options.stamps, key)));
}

static void without_time_it_looks_once(void **state)
{
    struct manager_fixture *f = *state;
    static struct waiter waiter;
    struct process_id id = submit_type(f, "t");
    wait_for(f, &waiter, &id, 0);
    assert_true(waiter.done);
    assert_int_equal(waiter.status, PROCESS_PENDING);
    assert_int_equal(looks(f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(it_looks_only_when_it_is_told),
        MANAGER_TEST(each_look_asks_to_be_told),
        MANAGER_TEST(what_is_told_while_it_looks_is_not_missed),
        MANAGER_TEST(when_any_may_have_changed_all_look),
        MANAGER_TEST(it_outlasts_an_outage),
        MANAGER_TEST(an_outage_is_told_at_first_and_at_the_end),
        MANAGER_TEST(a_look_that_fails_is_repeated),
        MANAGER_TEST(who_is_not_told_looks_by_itself),
        MANAGER_TEST(what_is_removed_ends_it),
        MANAGER_TEST(who_may_not_be_told_waits_for_changes_made_here),
        MANAGER_TEST(what_it_shows_voids_what_others_keep),
        MANAGER_TEST(without_time_it_looks_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
