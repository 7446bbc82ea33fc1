#include "rules_bench.h"

/* Applies the change; what the timeline says about it goes into ret_entry ("" for nothing). */
static enum err tell_change(struct rules_bench *b, const struct process_change *change,
                            char ret_entry[1024])
{
    const struct process before = b->process;
    struct text_buffer out;
    enum err err = bench_apply(b, change);
    const char *event = process_timeline_event(&before, &b->process, change, err, b->changed);
    ret_entry[0] = '\0';
    if (event == NULL)
        return err;
    text_buffer_init(&out, 1023);
    process_timeline_append(&out, event, &before, &b->process, change);
    assert_false(out.failed);
    assert_true(text_copy(ret_entry, 1024, text_buffer_span(&out)));
    text_buffer_finish(&out);
    return err;
}

static void assert_tells(struct rules_bench *b, const struct process_change *change,
                         const char *expected)
{
    char entry[1024];
    tell_change(b, change, entry);
    assert_string_equal(entry, expected);
}

static void assert_event_tells(struct rules_bench *b, enum process_event event, int64_t now,
                               const char *expected)
{
    struct process_change change = bench_change(event, now);
    assert_tells(b, &change, expected);
}

#define ENTRY(at, event, actor, attempt, version, code, progress)                   \
    "{\"at\":\"1970-01-01T00:00:" at "Z\",\"event\":\"" event "\",\"actor\":" actor \
    ",\"attempt\":" attempt ",\"version\":" version ",\"error_code\":" code         \
    ",\"progress\":" progress "}"
#define HALF "{\"percent\":50}"

/* --- the entries, each once ------------------------------------------------------------------- */

static void created_and_claimed(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    struct text_buffer out;
    text_buffer_init(&out, 1023);
    process_timeline_append_created(&out, &b.process);
    process_timeline_append_claimed(&out, &b.process);
    text_append_char(&out, '\0');
    assert_string_equal(out.data,
                        ENTRY("01.000", "created", "\"client\"", "0", "1", "null", "null")
                            ENTRY("02.000", "claimed", "\"w\"", "1", "2", "null", "null"));
    text_buffer_finish(&out);
}

static void the_ends(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_PROGRESS, 2001), ERR_OK);
    struct rules_bench other = b;
    assert_event_tells(&b, EVENT_COMPLETE, 3000,
                       ENTRY("03.000", "completed", "\"w\"", "1", "4", "null", HALF));
    struct process_change fail = bench_change(EVENT_FAIL, 3000);
    fail.retryable = false;
    b = other;
    assert_tells(&b, &fail, ENTRY("03.000", "failed", "\"w\"", "1", "4", "\"x\"", HALF));
    b = bench_pending();
    assert_event_tells(&b, EVENT_CANCEL, 3000,
                       ENTRY("03.000", "canceled", "\"client\"", "0", "2", "null", "null"));
}

static void what_puts_it_back(void **state)
{
    (void)state;
    struct rules_bench b = bench_running(), again = b;
    assert_event_tells(&b, EVENT_RELEASE, 3000,
                       ENTRY("03.000", "released", "\"w\"", "1", "3", "null", "null"));
    b = again;
    assert_event_tells(&b, EVENT_FAIL, 3000,
                       ENTRY("03.000", "retry_scheduled", "\"w\"", "1", "3", "\"x\"", "null"));
    b = again;
    b.process.lease_until = 4000;
    assert_event_tells(&b, EVENT_LAPSE, 4000,
                       ENTRY("04.000", "stalled", "\"server\"", "1", "3", "null", "null"));
    b = again;
    b.process.attempt_deadline = 4000;
    b.process.lease_until = 4000;
    assert_event_tells(
        &b, EVENT_LAPSE, 4000,
        ENTRY("04.000", "retry_scheduled", "\"server\"", "1", "3", "\"timeout\"", "null"));
    assert_int_equal(bench_event(&b, EVENT_CANCEL, 5000), ERR_OK);
    assert_event_tells(&b, EVENT_RETRY, 6000,
                       ENTRY("06.000", "retried", "\"client\"", "1", "5", "null", "null"));
}

static void what_the_clock_ends(void **state)
{
    (void)state;
    struct rules_bench b = bench_pending();
    b.process.queue_deadline = 5000;
    assert_event_tells(
        &b, EVENT_EXPIRE, 5000,
        ENTRY("05.000", "failed", "\"server\"", "0", "2", "\"queue_timeout\"", "null"));
    b = bench_running();
    b.process.stalls = 1;
    b.process.lease_until = 4000;
    assert_event_tells(&b, EVENT_LAPSE, 4000,
                       ENTRY("04.000", "failed", "\"server\"", "1", "3", "\"lease_lost\"", "null"));
    b = bench_pending();
    b.process.deadline = 5000;
    bench_claim(&b, 2000);
    assert_event_tells(
        &b, EVENT_LAPSE, 5000,
        ENTRY("05.000", "failed", "\"server\"", "1", "3", "\"deadline_exceeded\"", "null"));
}

static void a_cancel_is_asked_for_once_and_keeps_the_progress(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_PROGRESS, 2001), ERR_OK);
    assert_event_tells(&b, EVENT_CANCEL, 3000,
                       ENTRY("03.000", "cancel_requested", "\"client\"", "1", "4", "null", "null"));
    assert_event_tells(&b, EVENT_CANCEL, 3001, "");
    struct rules_bench again = b;
    assert_event_tells(&b, EVENT_CANCELED, 3500,
                       ENTRY("03.500", "canceled", "\"w\"", "1", "5", "null", HALF));
    b = again;
    assert_event_tells(&b, EVENT_FAIL, 3500,
                       ENTRY("03.500", "canceled", "\"w\"", "1", "5", "\"x\"", HALF));
    b = again;
    assert_event_tells(&b, EVENT_LAPSE, 13000,
                       ENTRY("13.000", "canceled", "\"server\"", "1", "5", "null", HALF));
}

/* An error of an attempt before is not the reason of this cancel. */
static void a_canceled_one_tells_no_old_error(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_FAIL, 3000), ERR_OK);
    assert_event_tells(&b, EVENT_CANCEL, 4000,
                       ENTRY("04.000", "canceled", "\"client\"", "1", "4", "null", "null"));
    assert_non_null(b.process.error.data);
}

static void a_late_result_tells_when_it_came_and_not_who_sent_it(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_LAPSE, 62000), ERR_OK);
    static const enum process_event events[] = {EVENT_COMPLETE, EVENT_FAIL};
    for (size_t i = 0; i < 2; i++)
        assert_event_tells(
            &b, events[i], 5000,
            ENTRY("05.000", "late_result_refused", "null", "1", "3", "null", "null"));
    static const enum process_event silent[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_RELEASE,
                                                EVENT_CANCELED};
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        assert_event_tells(&b, silent[i], 5000, "");
    b = bench_running();
    assert_int_equal(bench_event(&b, EVENT_PROGRESS, 2500), ERR_OK);
    assert_int_equal(bench_event(&b, EVENT_COMPLETE, 3000), ERR_OK);
    struct process_change other = bench_change(EVENT_COMPLETE, 4000);
    assert_tells(&b, &other, ""); /* the same once more: nothing was refused */
    other.result = SPAN("[2]");
    assert_tells(&b, &other,
                 ENTRY("04.000", "late_result_refused", "null", "1", "4", "null", "null"));
    b = bench_pending(); /* nobody ever had a lease on it */
    assert_event_tells(&b, EVENT_COMPLETE, 2000, "");
}

/* --- what is not told ------------------------------------------------------------------------- */

static void refused_and_silent_changes_are_not_told(void **state)
{
    (void)state;
    struct rules_bench b = bench_running();
    assert_event_tells(&b, EVENT_HEARTBEAT, 3000, "");
    assert_event_tells(&b, EVENT_RETRY, 3000, "");
    assert_event_tells(&b, EVENT_CANCELED, 3000, "");
    struct process_change stale = bench_change(EVENT_COMPLETE, 3000);
    stale.if_version = 9;
    assert_tells(&b, &stale, "");
}

static void progress_is_sampled(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        bool told;
    } reports[] = {{2100, true},   {2200, false}, {9999, false},  {10000, true}, {10001, false},
                   {19999, false}, {45000, true}, {44000, false}, {45001, false}};
    struct rules_bench b = bench_running();
    char entry[1024];
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        struct process_change change = bench_change(EVENT_PROGRESS, reports[i].at);
        assert_int_equal(tell_change(&b, &change, entry), ERR_OK);
        assert_int_equal(entry[0] != '\0', reports[i].told);
    }
    assert_int_equal(bench_event(&b, EVENT_RELEASE, 45002), ERR_OK);
    bench_claim(&b, 45003);
    assert_event_tells(&b, EVENT_PROGRESS, 45004, /* the first of its attempt */
                       ENTRY("45.004", "progress", "\"w\"", "2", "14", "null", HALF));
}

/* --- texts ------------------------------------------------------------------------------------ */

static void texts_are_escaped_and_codes_found(void **state)
{
    (void)state;
    struct text_buffer error;
    struct rules_bench b = bench_running();
    b.process.worker = SPAN("a\"b\\");
    text_buffer_init(&error, 1000);
    process_error_append(&error, "worker_error", SPAN("\"code\":\"no\""), true, 1, SPAN_NONE);
    struct process_change fail = bench_change(EVENT_FAIL, 3000);
    fail.error = text_buffer_span(&error);
    assert_tells(
        &b, &fail,
        ENTRY("03.000", "retry_scheduled", "\"a\\\"b\\\\\"", "1", "3", "\"worker_error\"", "null"));
    text_buffer_finish(&error);
}

static void an_error_without_a_code_tells_none(void **state)
{
    (void)state;
    static const char *const errors[] = {"{}", "{\"code\":\"", "{\"code\":\"x", "1",
                                         "{\"message\":\"\",\"code\":\"x\"}"};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct rules_bench b = bench_running();
        struct process_change fail = bench_change(EVENT_FAIL, 3000);
        fail.error = span_of(errors[i]);
        assert_tells(&b, &fail,
                     ENTRY("03.000", "retry_scheduled", "\"w\"", "1", "3", "null", "null"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created_and_claimed),
        cmocka_unit_test(the_ends),
        cmocka_unit_test(what_puts_it_back),
        cmocka_unit_test(what_the_clock_ends),
        cmocka_unit_test(a_cancel_is_asked_for_once_and_keeps_the_progress),
        cmocka_unit_test(a_canceled_one_tells_no_old_error),
        cmocka_unit_test(a_late_result_tells_when_it_came_and_not_who_sent_it),
        cmocka_unit_test(refused_and_silent_changes_are_not_told),
        cmocka_unit_test(progress_is_sampled),
        cmocka_unit_test(texts_are_escaped_and_codes_found),
        cmocka_unit_test(an_error_without_a_code_tells_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
