#include "rules_bench.h"

static void queue_is_ordered_by_priority_then_age(void **state)
{
    (void)state;
    struct process high = {.priority = 100, .created_at = TIME_MAX / 64};
    struct process old = {.priority = 0, .created_at = 1};
    struct process young = {.priority = 0, .created_at = 2};
    struct process low = {.priority = -100, .created_at = 1};
    assert_true(process_queue_score(&high) < process_queue_score(&old));
    assert_true(process_queue_score(&old) < process_queue_score(&young));
    assert_true(process_queue_score(&young) < process_queue_score(&low));
    assert_true(process_queue_score(&low) < INT64_C(1) << 53); /* exact in a double */
}

/* What may follow on what, once more by hand and not from the table itself. Everything that LAPSE
 * and EXPIRE wait for has passed. */
static void only_these_transitions_are_legal(void **state)
{
    (void)state;
    static const bool legal[PROCESS_EVENT_COUNT][PROCESS_STATUS_COUNT] = {
        /*                  pending running completed failed canceled */
        [EVENT_HEARTBEAT] = {false, true, false, false, false},
        [EVENT_PROGRESS] = {false, true, false, false, false},
        [EVENT_COMPLETE] = {false, true, false, false, false},
        [EVENT_FAIL] = {false, true, false, false, false},
        [EVENT_RELEASE] = {false, true, false, false, false},
        [EVENT_CANCEL] = {true, true, false, false, false},
        [EVENT_CANCELED] = {false, true, false, false, false},
        [EVENT_RETRY] = {false, false, false, true, true},
        [EVENT_LAPSE] = {false, true, false, false, false},
        [EVENT_EXPIRE] = {true, false, false, false, false},
    };
    for (int event = 0; event < PROCESS_EVENT_COUNT; event++) {
        for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
            struct rules_bench b = bench_pending();
            b.process.status = (enum process_status)status;
            b.process.version = 5;
            b.process.deadline = 5000;
            b.process.cancel_requested_at = event == EVENT_CANCELED ? 1 : TIME_NONE;
            b.process.lease_token = SPAN(BENCH_TOKEN);
            if (status != PROCESS_RUNNING) /* no repeated report: that is another matter */
                b.process.lease_token = SPAN("other");
            enum err err = bench_event(&b, (enum process_event)event, 10000);
            assert_int_equal(err == ERR_OK, legal[event][status]);
            assert_int_equal(b.process.version, err == ERR_OK && event != EVENT_HEARTBEAT ? 6 : 5);
        }
    }
}

static void the_end_starts_the_retention(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 1500), ERR_OK);
    assert_int_equal(b.process.completed_at, 1500);
    assert_int_equal(b.process.expires_at, 1500 + 86400000);
    b = bench_pending();
    b.process.retention_ms = 0;
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 1500), ERR_OK);
    assert_int_equal(b.process.expires_at, 1500);
}

/* --- the lease's token ------------------------------------------------------------------------ */

static void what_is_given_up_keeps_its_token_what_lapses_does_not(void **state)
{
    (void)state;
    static const enum process_event events[] = {EVENT_FAIL, EVENT_RELEASE};
    for (size_t i = 0; i < 2; i++) {
        struct rules_bench b = bench_running();
        assert_int_equal(bench_event(&b, events[i], 3000), ERR_OK);
        assert_int_equal(b.process.status, PROCESS_PENDING);
        assert_null(b.process.worker.data);
        assert_span(b.process.lease_token, SPAN(BENCH_TOKEN));
        assert_int_equal(bench_event(&b, EVENT_HEARTBEAT, 3001), ERR_CONFLICT);
        assert_int_equal(bench_event(&b, EVENT_COMPLETE, 3001), ERR_CONFLICT);
    }
    struct rules_bench b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_LAPSE, 62000), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_PENDING);
    assert_null(b.process.lease_token.data);
    assert_int_equal(bench_event(&b, EVENT_COMPLETE, 62001), ERR_LEASE_LOST);
}

/* Repeats it, and tries the same report with another token and of another attempt. */
static void assert_answered_again(struct rules_bench *b, struct process_change change)
{
    const struct process before = b->process;
    change.now += 1000;
    assert_int_equal(bench_apply(b, &change), ERR_OK);
    assert_false(b->changed);
    change.attempt = before.attempt;
    assert_int_equal(bench_apply(b, &change), ERR_OK);
    change.attempt = before.attempt + 1;
    assert_int_equal(bench_apply(b, &change), ERR_LEASE_LOST);
    change.attempt = 0;
    change.token = SPAN("00000000000000000000000000000000");
    assert_int_equal(bench_apply(b, &change), ERR_LEASE_LOST);
    assert_memory_equal(&b->process, &before, sizeof(before));
}

static void repeated_reports_are_answered_again(void **state)
{
    (void)state;
    static const struct {
        enum process_event event;
        bool retryable, cancel_asked;
        enum process_status led_to;
    } cases[] = {
        {EVENT_COMPLETE, false, false, PROCESS_COMPLETED},
        {EVENT_COMPLETE, false, true, PROCESS_COMPLETED},
        {EVENT_FAIL, false, false, PROCESS_FAILED},
        {EVENT_FAIL, true, false, PROCESS_PENDING},
        {EVENT_FAIL, true, true, PROCESS_CANCELED},
        {EVENT_RELEASE, false, false, PROCESS_PENDING},
        {EVENT_RELEASE, false, true, PROCESS_CANCELED},
        {EVENT_CANCELED, false, true, PROCESS_CANCELED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules_bench b = bench_running();
        if (cases[i].cancel_asked)
            assert_int_equal(bench_event(&b, EVENT_CANCEL, 2500), ERR_OK);
        struct process_change change = bench_change(cases[i].event, 3000);
        change.retryable = cases[i].retryable;
        assert_int_equal(bench_apply(&b, &change), ERR_OK);
        assert_true(b.changed);
        assert_int_equal(b.process.status, cases[i].led_to);
        assert_answered_again(&b, change);
    }
}

static void another_report_is_no_repeated_one(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    struct process_change change = bench_change(EVENT_FAIL, 3000);
    assert_int_equal(bench_apply(&b, &change), ERR_OK);
    change.error = SPAN("{\"code\":\"y\"}");
    assert_int_equal(bench_apply(&b, &change), ERR_CONFLICT);
    assert_span(b.process.error, SPAN("{\"code\":\"x\"}"));
    assert_int_equal(bench_event(&b, EVENT_CANCELED, 3000), ERR_CONFLICT);
    bench_claim(&b, 9000); /* the next attempt: the same text is about another one now */
    b.process.lease_token = SPAN("00000000000000000000000000000000");
    assert_int_equal(bench_event(&b, EVENT_FAIL, 9001), ERR_LEASE_LOST);
    assert_int_equal(bench_event(&b, EVENT_RELEASE, 9001), ERR_LEASE_LOST);
    b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_COMPLETE, 3000), ERR_OK);
    change = bench_change(EVENT_COMPLETE, 3001);
    change.result = SPAN("[2]");
    assert_int_equal(bench_apply(&b, &change), ERR_CONFLICT);
    assert_int_equal(bench_event(&b, EVENT_RELEASE, 3001), ERR_CONFLICT);
}

static void the_attempt_is_checked_when_given(void **state)
{
    (void)state;
    for (int event = EVENT_HEARTBEAT; event <= EVENT_RELEASE; event++) {
        for (int attempt = 0; attempt <= 3; attempt++) {
            struct rules_bench b = bench_running();
            b.process.attempt = 2;
            struct process_change change = bench_change((enum process_event)event, 3000);
            change.attempt = attempt;
            assert_int_equal(bench_apply(&b, &change),
                             attempt == 0 || attempt == 2 ? ERR_OK : ERR_LEASE_LOST);
        }
    }
}

/* --- by hand ---------------------------------------------------------------------------------- */

static void a_retry_by_hand_starts_afresh(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    b.process.stalls = 1;
    struct process_change change = bench_change(EVENT_FAIL, 3000);
    change.retryable = false;
    change.usage = SPAN("{}");
    assert_int_equal(bench_event(&b, EVENT_PROGRESS, 2900), ERR_OK);
    assert_int_equal(bench_apply(&b, &change), ERR_OK);
    assert_int_equal(b.process.failures, 1);
    assert_int_equal(bench_event(&b, EVENT_RETRY, 4000), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_PENDING);
    assert_int_equal(b.process.failures, 0);
    assert_int_equal(b.process.stalls, 0);
    assert_int_equal(b.process.attempt, 1);
    assert_int_equal(b.process.run_at, 4000);
    assert_int_equal(b.process.completed_at, TIME_NONE);
    assert_int_equal(b.process.expires_at, TIME_NONE);
    assert_null(b.process.error.data);
    assert_null(b.process.progress.data);
    assert_null(b.process.usage.data);
    assert_null(b.process.lease_token.data);
    assert_int_equal(bench_apply(&b, &change), ERR_LEASE_LOST);
}

static void a_retry_by_hand_waits_a_whole_queue_timeout_again(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.queue_timeout_ms = 500;
    b.process.queue_deadline = 1500;
    assert_int_equal(bench_event(&b, EVENT_EXPIRE, 1500), ERR_OK);
    assert_int_equal(bench_event(&b, EVENT_RETRY, 4000), ERR_OK);
    assert_int_equal(b.process.queue_deadline, 4500);
    assert_int_equal(process_pending_deadline(&b.process), 4500);
    b = bench_pending();
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 1500), ERR_OK);
    assert_int_equal(bench_event(&b, EVENT_RETRY, 4000), ERR_OK);
    assert_int_equal(b.process.queue_deadline, TIME_NONE);
}

static void a_retry_by_hand_drops_only_a_deadline_that_has_passed(void **state)
{
    (void)state;
    for (int64_t deadline = 3999; deadline <= 4001; deadline++) {
        struct rules_bench b = bench_pending();
        b.process.deadline = deadline;
        assert_int_equal(bench_event(&b, EVENT_CANCEL, 1500), ERR_OK);
        assert_int_equal(b.process.deadline, deadline);
        assert_int_equal(bench_event(&b, EVENT_RETRY, 4000), ERR_OK);
        assert_int_equal(b.process.deadline, deadline > 4000 ? deadline : TIME_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_is_ordered_by_priority_then_age),
        cmocka_unit_test(only_these_transitions_are_legal),
        cmocka_unit_test(the_end_starts_the_retention),
        cmocka_unit_test(what_is_given_up_keeps_its_token_what_lapses_does_not),
        cmocka_unit_test(repeated_reports_are_answered_again),
        cmocka_unit_test(another_report_is_no_repeated_one),
        cmocka_unit_test(the_attempt_is_checked_when_given),
        cmocka_unit_test(a_retry_by_hand_starts_afresh),
        cmocka_unit_test(a_retry_by_hand_waits_a_whole_queue_timeout_again),
        cmocka_unit_test(a_retry_by_hand_drops_only_a_deadline_that_has_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
