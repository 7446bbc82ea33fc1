/* What the advice goes by: completions that pass, and the stored ones that are looked up. */
#include "process/manager_fixture.h"

#include <stdio.h>

static struct process_pace pace_of(struct manager_fixture *f, const struct process *process)
{
    struct process_pace pace;
    process_manager_pace(f->manager, process, &pace);
    return pace;
}

static struct process running(const char *type, int64_t age)
{
    int64_t started_at = clock_wall_ms() - age;
    return (struct process){.status = PROCESS_RUNNING,
                            .type = span_of(type),
                            .run_at = started_at,
                            .started_at = started_at};
}

static bool has_history(struct manager_fixture *f, const char *type)
{
    /* Runs that end at once are longer than nothing: scheduled ones show them. */
    struct process process = {
        .status = PROCESS_PENDING, .type = span_of(type), .run_at = clock_wall_ms() + 60000};
    return pace_of(f, &process).eta_p50 != TIME_NONE;
}

static size_t looks(const struct manager_fixture *f)
{
    return f->watched->seen[WATCHED_list];
}

static void complete_one(struct manager_fixture *f, const char *type)
{
    struct claimer claimer = {.next_order = NULL};
    submit_type(f, type);
    claim_start(f, &claimer, type, 1, 0);
    assert_int_equal(claimer.count, 1);
    struct process_change change = {
        .event = EVENT_COMPLETE, .token = span_of(claimer.token), .result = SPAN("1")};
    assert_int_equal(change_now(f, &claimer.id, &change), ERR_OK);
}

static void the_advice_is_within_its_bounds(void **state)
{
    struct manager_fixture *f = *state;
    int64_t least = PACE_MAX_MS, most = 0;
    for (int i = 0; i < 1000; i++) {
        struct process process = running("t", 8000);
        int64_t pause = pace_of(f, &process).retry_after_ms;
        assert_in_range(pause, 2000, PACE_MAX_MS);
        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_true(most > least); /* jitter */
}

static void what_is_completed_here_is_history(void **state)
{
    struct manager_fixture *f = *state;
    f->watched->hold[WATCHED_list] = true; /* what is stored is not known */
    assert_false(has_history(f, "t"));
    complete_one(f, "t");
    assert_true(has_history(f, "t"));
    assert_false(has_history(f, "other"));
}

static void what_did_not_complete_is_none(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer claimer = {.next_order = NULL};
    submit_type(f, "t");
    claim_start(f, &claimer, "t", 1, 0);
    struct process_change change = {.event = EVENT_FAIL,
                                    .token = span_of(claimer.token),
                                    .error = SPAN("{}"),
                                    .retry_after_ms = -1};
    assert_int_equal(change_now(f, &claimer.id, &change), ERR_OK);
    assert_false(has_history(f, "t"));
}

static void ignore(struct process_op *op)
{
    (void)op;
}

/* Past this manager, as another instance does. */
static void complete_elsewhere(struct manager_fixture *f, const char *type)
{
    struct claimer claimer = {.next_order = NULL};
    submit_type(f, type);
    claim_start(f, &claimer, type, 1, 0);
    struct repo_transition call = {.id = claimer.id,
                                   .change = {.event = EVENT_COMPLETE,
                                              .token = span_of(claimer.token),
                                              .result = SPAN("1"),
                                              .now = clock_wall_ms()}};
    process_op_init(&call.op, ignore);
    repository_transition(f->watched->behind, &call);
    assert_int_equal(call.op.result, ERR_OK);
}

static void what_is_stored_is_looked_up_once_in_a_while(void **state)
{
    struct manager_fixture *f = *state;
    complete_elsewhere(f, "t");
    assert_int_equal(looks(f), 0);
    for (int i = 0; i < 10; i++)
        assert_true(has_history(f, "t"));
    assert_int_equal(looks(f), 1);
    assert_false(has_history(f, "other"));
    assert_int_equal(looks(f), 2);
}

static void nobody_looks_where_it_is_of_no_use(void **state)
{
    struct manager_fixture *f = *state;
    struct process process = running("t", 1000);
    process.status = PROCESS_PENDING; /* and due */
    pace_of(f, &process);
    process.status = PROCESS_COMPLETED;
    assert_int_equal(pace_of(f, &process).retry_after_ms, -1);
    assert_int_equal(looks(f), 0);
    process.status = PROCESS_RUNNING;
    pace_of(f, &process);
    assert_int_equal(looks(f), 1);
}

static void one_look_is_out_at_a_time_and_nobody_waits(void **state)
{
    struct manager_fixture *f = *state;
    complete_elsewhere(f, "first");
    complete_elsewhere(f, "second");
    f->watched->hold[WATCHED_list] = true;
    assert_false(has_history(f, "first"));
    assert_false(has_history(f, "second"));
    assert_false(has_history(f, "first"));
    assert_int_equal(looks(f), 1);
    watched_release(f, WATCHED_list);
    assert_true(has_history(f, "first"));
    assert_false(has_history(f, "second"));
    assert_int_equal(looks(f), 2);
    watched_release(f, WATCHED_list);
    assert_true(has_history(f, "second"));
    assert_false(has_history(f, "third")); /* its look is ended with the repository */
    assert_int_equal(f->watched->held_count[WATCHED_list], 1);
}

static void a_look_that_failed_is_not_repeated_at_once(void **state)
{
    struct manager_fixture *f = *state;
    complete_elsewhere(f, "t");
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_list] = 1;
    for (int i = 0; i < 5; i++)
        assert_false(has_history(f, "t"));
    assert_int_equal(looks(f), 1);
    complete_one(f, "t");
    assert_true(has_history(f, "t"));
}

/* Types that nobody has heard of must not cost those that are in use their history. */
static void many_types_do_not_drive_one_out(void **state)
{
    struct manager_fixture *f = *state;
    complete_one(f, "t");
    for (int i = 0; i < 3000; i++) {
        char type[16];
        snprintf(type, sizeof(type), "type-%d", i);
        struct process process = running(type, 1000);
        assert_in_range(pace_of(f, &process).retry_after_ms, 250, 300);
    }
    assert_true(has_history(f, "t"));
    assert_true(looks(f) < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(the_advice_is_within_its_bounds),
        MANAGER_TEST(what_is_completed_here_is_history),
        MANAGER_TEST(what_did_not_complete_is_none),
        MANAGER_TEST(what_is_stored_is_looked_up_once_in_a_while),
        MANAGER_TEST(nobody_looks_where_it_is_of_no_use),
        MANAGER_TEST(one_look_is_out_at_a_time_and_nobody_waits),
        MANAGER_TEST(a_look_that_failed_is_not_repeated_at_once),
        MANAGER_TEST(many_types_do_not_drive_one_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
