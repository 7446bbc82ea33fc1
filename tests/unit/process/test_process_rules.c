#include "support/test.h"

#include "proctrack/process.h"

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

static void retries_back_off_up_to_the_cap(void **state)
{
    (void)state;
    struct process_policy policy;
    process_policy_defaults(&policy);
    assert_int_equal(process_retry_delay(&policy, 1, UINT32_MAX), 1999);
    assert_int_equal(process_retry_delay(&policy, 2, UINT32_MAX), 3999);
    assert_int_equal(process_retry_delay(&policy, 9, UINT32_MAX), 511999);
    assert_int_equal(process_retry_delay(&policy, 10, UINT32_MAX), 599999);
    assert_int_equal(process_retry_delay(&policy, 1000, UINT32_MAX), 599999);
    assert_int_equal(process_retry_delay(&policy, 5, 0), 0);
    assert_int_equal(process_retry_delay(&policy, 2, UINT32_C(1) << 31), 2000);
}

/* What may follow on what, once more by hand and not from the table itself. */
static void only_these_transitions_are_legal(void **state)
{
    (void)state;
    static const bool legal[EVENT_RETRY + 1][PROCESS_STATUS_COUNT] = {
        /*                  pending running completed failed canceled */
        [EVENT_HEARTBEAT] = {false, true, false, false, false},
        [EVENT_PROGRESS] = {false, true, false, false, false},
        [EVENT_COMPLETE] = {false, true, false, false, false},
        [EVENT_FAIL] = {false, true, false, false, false},
        [EVENT_RELEASE] = {false, true, false, false, false},
        [EVENT_CANCEL] = {true, true, false, false, false},
        [EVENT_CANCELED] = {false, true, false, false, false},
        [EVENT_RETRY] = {false, false, false, true, true},
    };
    struct process_policy policy;
    process_policy_defaults(&policy);
    for (int event = 0; event <= EVENT_RETRY; event++) {
        for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
            char storage[PROCESS_LAPSE_ERROR_SIZE];
            bool changed;
            struct process process = {.status = (enum process_status)status,
                                      .version = 5,
                                      .max_attempts = 1,
                                      .cancel_requested_at =
                                          event == EVENT_CANCELED ? 1 : TIME_NONE,
                                      .lease_token = SPAN("mine")};
            struct process_change change = {.event = (enum process_event)event,
                                            .now = 10,
                                            .token = SPAN("mine"),
                                            .result = SPAN("1"),
                                            .error = SPAN("{}")};
            if (status != PROCESS_RUNNING) /* no repeated report: that is another matter */
                process.lease_token = SPAN("other");
            enum err err = process_apply(&process, &change, &policy, storage, &changed);
            assert_int_equal(err == ERR_OK, legal[event][status]);
            assert_int_equal(process.version, err == ERR_OK && event != EVENT_HEARTBEAT ? 6 : 5);
        }
    }
}

static void the_end_starts_the_retention(void **state)
{
    (void)state;
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    bool changed;
    struct process_policy policy;
    process_policy_defaults(&policy);
    struct process process = {.status = PROCESS_PENDING, .retention_ms = -1, .version = 1};
    struct process_change cancel = {.event = EVENT_CANCEL, .now = 1000};
    assert_int_equal(process_apply(&process, &cancel, &policy, storage, &changed), ERR_OK);
    assert_int_equal(process.completed_at, 1000);
    assert_int_equal(process.expires_at, 1000 + 86400000);
    process = (struct process){.status = PROCESS_PENDING, .retention_ms = 0, .version = 1};
    assert_int_equal(process_apply(&process, &cancel, &policy, storage, &changed), ERR_OK);
    assert_int_equal(process.expires_at, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_is_ordered_by_priority_then_age),
        cmocka_unit_test(retries_back_off_up_to_the_cap),
        cmocka_unit_test(only_these_transitions_are_legal),
        cmocka_unit_test(the_end_starts_the_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
