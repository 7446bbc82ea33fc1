/* Pauses before retries, and everything that ends by the clock. */
#include "rules_bench.h"

/* --- pauses ----------------------------------------------------------------------------------- */

static int64_t delay(const struct rules_bench *b, int failures, uint32_t jitter)
{
    struct process process = b->process;
    process.failures = failures;
    return process_retry_delay(&b->policy, &process, jitter);
}

static void retries_back_off_up_to_the_cap(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    assert_int_equal(delay(&b, 1, UINT32_MAX), 1999);
    assert_int_equal(delay(&b, 2, UINT32_MAX), 3999);
    assert_int_equal(delay(&b, 9, UINT32_MAX), 511999);
    assert_int_equal(delay(&b, 10, UINT32_MAX), 599999);
    assert_int_equal(delay(&b, 1000, UINT32_MAX), 599999);
    assert_int_equal(delay(&b, 5, 0), 0);
    assert_int_equal(delay(&b, 2, UINT32_C(1) << 31), 2000);
}

static void a_process_may_bring_its_own_backoff(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.backoff = BACKOFF_EXPONENTIAL;
    b.process.retry_base_ms = 100;
    b.process.retry_cap_ms = 300;
    assert_int_equal(delay(&b, 1, UINT32_MAX), 99);
    assert_int_equal(delay(&b, 2, UINT32_MAX), 199);
    assert_int_equal(delay(&b, 3, UINT32_MAX), 299);
    assert_int_equal(delay(&b, 1000, UINT32_MAX), 299);
    assert_int_equal(delay(&b, 3, UINT32_C(1) << 31), 150);
    b.process.retry_base_ms = 0;
    assert_int_equal(delay(&b, 1000, UINT32_MAX), 0);
    b.process.retry_base_ms = b.process.retry_cap_ms = PROCESS_RETRY_MAX_MS;
    assert_int_equal(delay(&b, 1000, UINT32_MAX), PROCESS_RETRY_MAX_MS - 1);
}

static void a_fixed_backoff_is_exact(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.backoff = BACKOFF_FIXED;
    b.process.retry_base_ms = 7000;
    assert_int_equal(delay(&b, 1, 0), 7000);
    assert_int_equal(delay(&b, 1000, UINT32_MAX), 7000);
}

/* Fails it at 3000 and gives back the pause. */
static int64_t pause_after_failure(struct rules_bench b, int64_t retry_after_ms)
{
    struct process_change change = bench_change(EVENT_FAIL, 3000);
    change.retry_after_ms = retry_after_ms;
    assert_int_equal(bench_apply(&b, &change), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_PENDING);
    return b.process.run_at - 3000;
}

static void a_failure_pauses_by_the_process_or_as_the_worker_says(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    b.process.backoff = BACKOFF_FIXED;
    b.process.retry_base_ms = 7000;
    assert_int_equal(pause_after_failure(b, -1), 7000);
    assert_int_equal(pause_after_failure(b, 0), 0);
    assert_int_equal(pause_after_failure(b, 50), 50);
    b.process.backoff = BACKOFF_POLICY;
    b.process.failures = 1;
    assert_int_equal(pause_after_failure(b, -1), 3999);
}

/* --- the queue timeout ------------------------------------------------------------------------ */

static void the_earlier_of_both_ends_a_pending_one(void **state)
{
    (void)state;
    struct process process = {.status = PROCESS_PENDING};
    assert_int_equal(process_pending_deadline(&process), TIME_NONE);
    process.deadline = 100;
    assert_int_equal(process_pending_deadline(&process), 100);
    process.queue_deadline = 90;
    assert_int_equal(process_pending_deadline(&process), 90);
    process.queue_deadline = 110;
    assert_int_equal(process_pending_deadline(&process), 100);
    process.deadline = TIME_NONE;
    assert_int_equal(process_pending_deadline(&process), 110);
}

static void a_pending_one_expires_on_time_with_its_own_code(void **state)
{
    (void)state;
    static const struct {
        int64_t queue_deadline, deadline, at;
        const char *code;
    } cases[] = {
        {5000, TIME_NONE, 5000, "queue_timeout"}, {TIME_NONE, 5000, 5000, "deadline_exceeded"},
        {5000, 6000, 5000, "queue_timeout"},      {6000, 5000, 5000, "deadline_exceeded"},
        {5000, 6000, 6000, "deadline_exceeded"}, /* both have passed: a retry would not help */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rules_bench b = bench_pending();
        b.process.queue_deadline = cases[i].queue_deadline;
        b.process.deadline = cases[i].deadline;
        assert_int_equal(bench_event(&b, EVENT_EXPIRE, 4999), ERR_CONFLICT);
        assert_int_equal(bench_event(&b, EVENT_EXPIRE, cases[i].at), ERR_OK);
        assert_int_equal(b.process.status, PROCESS_FAILED);
        assert_int_equal(b.process.version, 2);
        assert_int_equal(b.process.attempt, 0);
        assert_int_equal(b.process.completed_at, cases[i].at);
        assert_int_equal(b.process.queue_deadline, TIME_NONE);
        assert_error_code(&b.process, cases[i].code);
    }
}

static void without_a_deadline_nothing_expires(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    assert_int_equal(bench_event(&b, EVENT_EXPIRE, TIME_MAX), ERR_CONFLICT);
}

static void the_queue_timeout_ends_with_the_first_claim(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.queue_timeout_ms = 500;
    b.process.queue_deadline = 5000;
    bench_claim(&b, 4000);
    assert_int_equal(b.process.queue_deadline, TIME_NONE);
    assert_int_equal(bench_event(&b, EVENT_RELEASE, 4500), ERR_OK);
    assert_int_equal(process_pending_deadline(&b.process), TIME_NONE);
    assert_int_equal(bench_event(&b, EVENT_EXPIRE, 6000), ERR_CONFLICT);
}

static void an_end_leaves_no_queue_deadline(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.queue_deadline = 5000;
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 4000), ERR_OK);
    assert_int_equal(b.process.queue_deadline, TIME_NONE);
}

/* --- while it runs ---------------------------------------------------------------------------- */

static void the_lease_ends_with_the_deadline_at_the_latest(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.deadline = 30000;
    bench_claim(&b, 2000);
    assert_int_equal(b.process.lease_until, 30000);
    assert_int_equal(bench_event(&b, EVENT_HEARTBEAT, 3000), ERR_OK);
    assert_int_equal(b.process.lease_until, 30000);
    struct process_change change = bench_change(EVENT_PROGRESS, 3000);
    change.lease_ms = 5000;
    assert_int_equal(bench_apply(&b, &change), ERR_OK);
    assert_int_equal(b.process.lease_until, 8000);
}

static void a_deadline_ends_all_attempts(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.deadline = 30000;
    bench_claim(&b, 2000);
    assert_int_equal(bench_event(&b, EVENT_LAPSE, 29999), ERR_CONFLICT);
    assert_int_equal(bench_event(&b, EVENT_LAPSE, 30000), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_FAILED);
    assert_error_code(&b.process, "deadline_exceeded");
    assert_int_equal(bench_event(&b, EVENT_COMPLETE, 30001), ERR_CONFLICT);
}

static void a_deadline_outlives_attempts(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.deadline = 30000;
    bench_claim(&b, 2000);
    assert_int_equal(bench_event(&b, EVENT_FAIL, 29500), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_PENDING);
    assert_true(b.process.run_at > 30000); /* it will not come to that */
    assert_int_equal(bench_event(&b, EVENT_EXPIRE, 30000), ERR_OK);
    assert_error_code(&b.process, "deadline_exceeded");
    assert_non_null(strstr(b.error, "\"attempt\":1,"));
}

static void what_ended_an_attempt_is_told_by_order(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.timeout_ms = 1000;
    bench_claim(&b, 2000);
    assert_int_equal(b.process.lease_until, 2000 + 1000 + b.policy.cancel_grace_ms);
    b.process.deadline = 20000; /* both have passed when the sweep comes late */
    struct rules_bench early = b;
    assert_int_equal(bench_event(&early, EVENT_LAPSE, 13000), ERR_OK);
    assert_int_equal(early.process.status, PROCESS_PENDING);
    assert_error_code(&early.process, "timeout");
    assert_int_equal(early.process.failures, 1);
    assert_int_equal(early.process.stalls, 0);
    assert_null(early.process.lease_token.data); /* what it reports now comes too late */
    struct rules_bench late = b;
    assert_int_equal(bench_event(&late, EVENT_LAPSE, 20000), ERR_OK);
    assert_error_code(&late.process, "deadline_exceeded");
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 2500), ERR_OK);
    assert_int_equal(bench_event(&b, EVENT_LAPSE, 20000), ERR_OK);
    assert_int_equal(b.process.status, PROCESS_CANCELED);
    assert_null(b.process.error.data);
}

static void stalls_are_counted_apart_from_failures(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.policy.max_stalls = 2;
    for (int i = 1; i <= 3; i++) {
        bench_claim(&b, 2000);
        assert_int_equal(bench_event(&b, EVENT_LAPSE, 62000), ERR_OK);
        assert_int_equal(b.process.failures, 0);
        assert_int_equal(b.process.stalls, i <= 2 ? i : 2);
        assert_int_equal(b.process.status, i <= 2 ? PROCESS_PENDING : PROCESS_FAILED);
    }
    assert_error_code(&b.process, "lease_lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries_back_off_up_to_the_cap),
        cmocka_unit_test(a_process_may_bring_its_own_backoff),
        cmocka_unit_test(a_fixed_backoff_is_exact),
        cmocka_unit_test(a_failure_pauses_by_the_process_or_as_the_worker_says),
        cmocka_unit_test(the_earlier_of_both_ends_a_pending_one),
        cmocka_unit_test(a_pending_one_expires_on_time_with_its_own_code),
        cmocka_unit_test(without_a_deadline_nothing_expires),
        cmocka_unit_test(the_queue_timeout_ends_with_the_first_claim),
        cmocka_unit_test(an_end_leaves_no_queue_deadline),
        cmocka_unit_test(the_lease_ends_with_the_deadline_at_the_latest),
        cmocka_unit_test(a_deadline_ends_all_attempts),
        cmocka_unit_test(a_deadline_outlives_attempts),
        cmocka_unit_test(what_ended_an_attempt_is_told_by_order),
        cmocka_unit_test(stalls_are_counted_apart_from_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
