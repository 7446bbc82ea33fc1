/* The bodies of what workers send. */
#include "support/test.h"

#include "http/report_body.h"

#include <stdlib.h>

#define TOKEN "\"lease_token\":\"0123456789abcdef0123456789abcdef\""
#define CLAIM "\"types\":[\"a\"],\"worker\":\"w\""

static struct claim_draft claim;
static struct report_draft report;
static struct json_fault fault;
static struct http_faults faults;

static enum body_verdict read_claim(const char *text)
{
    claim_draft_finish(&claim);
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    return claim_body_read(span_of(text), &claim, &fault, &faults);
}

static enum body_verdict read_report(enum process_event event, const char *text)
{
    report_draft_finish(&report);
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    return report_body_read(span_of(text), event, &report, &fault, &faults);
}

struct bad {
    const char *body, *pointer;
};

static void require_fault(const struct bad *bad, enum body_verdict verdict)
{
    if (verdict != BODY_INVALID || faults.count != 1)
        fail_msg("%s: %u faults", bad->body, faults.count);
    if (strcmp(faults.first, bad->pointer) != 0)
        fail_msg("%s: %s, not %s", bad->body, faults.first, bad->pointer);
}

/* --- claim ------------------------------------------------------------------------------------ */

static void a_claim_has_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_claim("{" CLAIM "}"), BODY_OK);
    assert_int_equal(claim.type_count, 1);
    assert_span(claim.types[0], SPAN("a"));
    assert_span(claim.worker, SPAN("w"));
    assert_int_equal(claim.max, 1);
    assert_int_equal(claim.lease_ms, 60000);
    assert_int_equal(claim.wait_ms, 0);
    assert_int_equal(
        read_claim("{" CLAIM ",\"max\":null,\"lease_seconds\":null,\"wait_seconds\":null}"),
        BODY_OK);
    assert_int_equal(claim.lease_ms, 60000);
}

static void a_claim_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_claim("{\"types\":[\"bb\",\"a\",\"bb\",\"\\u0061\",\"c.d\"],"
                                "\"worker\":\"gpu 3 \\u007e\",\"max\":64,"
                                "\"lease_seconds\":86400,\"wait_seconds\":300}"),
                     BODY_OK);
    assert_int_equal(claim.type_count, 3);
    assert_span(claim.types[0], SPAN("a"));
    assert_span(claim.types[1], SPAN("bb"));
    assert_span(claim.types[2], SPAN("c.d"));
    assert_span(claim.worker, SPAN("gpu 3 ~"));
    assert_int_equal(claim.max, 64);
    assert_int_equal(claim.lease_ms, 86400000);
    assert_int_equal(claim.wait_ms, 300000);
}

static void bad_claims_are_refused(void **state)
{
    static const struct bad table[] = {
        {"{\"worker\":\"w\"}", "/types"},
        {"{\"types\":[\"a\"]}", "/worker"},
        {"{\"types\":null,\"worker\":\"w\"}", "/types"},
        {"{\"types\":\"a\",\"worker\":\"w\"}", "/types"},
        {"{\"types\":[],\"worker\":\"w\"}", "/types"},
        {"{\"types\":[\"a\",\"b c\"],\"worker\":\"w\"}", "/types/1"},
        {"{\"types\":[7],\"worker\":\"w\"}", "/types/0"},
        {"{\"types\":[\"\"],\"worker\":\"w\"}", "/types/0"},
        {"{\"types\":[[\"a\"]],\"worker\":\"w\"}", "/types/0"},
        {"{\"types\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"],"
         "\"worker\":\"w\"}",
         "/types/0"},
        {"{\"types\":[\"a\"],\"worker\":\"\"}", "/worker"},
        {"{\"types\":[\"a\"],\"worker\":\"\xc3\xa4\"}", "/worker"},
        {"{\"types\":[\"a\"],\"worker\":\"a\\nb\"}", "/worker"},
        {"{\"types\":[\"a\"],\"worker\":5}", "/worker"},
        {"{" CLAIM ",\"max\":0}", "/max"},
        {"{" CLAIM ",\"max\":65}", "/max"},
        {"{" CLAIM ",\"lease_seconds\":4}", "/lease_seconds"},
        {"{" CLAIM ",\"lease_seconds\":86401}", "/lease_seconds"},
        {"{" CLAIM ",\"lease_seconds\":59.5}", "/lease_seconds"},
        {"{" CLAIM ",\"wait_seconds\":-1}", "/wait_seconds"},
        {"{" CLAIM ",\"wait_seconds\":301}", "/wait_seconds"},
        {"{" CLAIM ",\"lease\":5}", "/lease"},
        {"[]", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        require_fault(&table[i], read_claim(table[i].body));
    assert_int_equal(read_claim("{" CLAIM), BODY_NOT_JSON);
    assert_int_equal(read_claim(""), BODY_NOT_JSON);
}

/* A body with so many types of 64 characters. */
static char *many_types(int count)
{
    struct text_buffer body;
    text_buffer_init(&body, 1 << 20);
    text_append_literal(&body, "{\"worker\":\"w\",\"types\":[");
    for (int i = 0; i < count; i++)
        text_append_format(&body, "%s\"%064d\"", i > 0 ? ", " : "", count - i);
    text_append_literal(&body, "]}");
    text_append_char(&body, '\0');
    return text_buffer_take(&body);
}

static void a_thousand_types_are_enough(void **state)
{
    (void)state;
    char *body = many_types(1000);
    assert_int_equal(read_claim(body), BODY_OK);
    assert_int_equal(claim.type_count, 1000);
    assert_int_equal(claim.types[999].len, 64);
    assert_memory_equal(claim.types[999].data + 60, "1000", 4);
    free(body);
    body = many_types(1001);
    assert_int_equal(read_claim(body), BODY_INVALID);
    assert_string_equal(faults.first, "/types");
    free(body);
}

/* --- reports ---------------------------------------------------------------------------------- */

static void every_report_needs_the_token(void **state)
{
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_COMPLETE, EVENT_FAIL,
                                                EVENT_RELEASE};
    static const struct bad table[] = {
        {"{}", "/lease_token"},
        {"{\"lease_token\":null}", "/lease_token"},
        {"{\"lease_token\":\"\"}", "/lease_token"},
        {"{\"lease_token\":7}", "/lease_token"},
        {"{\"lease_token\":\"0123456789abcdef0123456789abcde\"}", "/lease_token"},
        {"{\"lease_token\":\"0123456789abcdef0123456789abcdef0\"}", "/lease_token"},
        {"{\"lease_token\":\"0123456789ABCDEF0123456789ABCDEF\"}", "/lease_token"},
        {"{\"lease_token\":\"0123456789abcdef0123456789abcdeg\"}", "/lease_token"},
        {"{" TOKEN ",\"attempt\":0}", "/attempt"},
        {"{" TOKEN ",\"attempt\":-1}", "/attempt"},
        {"{" TOKEN ",\"attempt\":2147483648}", "/attempt"},
        {"{" TOKEN ",\"attempt\":9223372036854775808}", "/attempt"},
        {"{" TOKEN ",\"attempt\":\"1\"}", "/attempt"},
        {"{" TOKEN ",\"percent\":1}", "/percent"}, /* only of progress */
    };
    (void)state;
    for (size_t e = 0; e < sizeof(events) / sizeof(*events); e++) {
        for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
            require_fault(&table[i], read_report(events[e], table[i].body));
        assert_int_equal(read_report(events[e], "{" TOKEN ",\"attempt\":2147483647}"), BODY_OK);
        assert_span(report.token, SPAN("0123456789abcdef0123456789abcdef"));
        assert_int_equal(report.attempt, 2147483647);
        assert_int_equal(read_report(events[e], "{" TOKEN ",\"attempt\":null}"), BODY_OK);
        assert_int_equal(report.attempt, 0);
    }
}

static void heartbeats_extend_and_wait(void **state)
{
    static const struct bad table[] = {
        {"{" TOKEN ",\"lease_seconds\":4}", "/lease_seconds"},
        {"{" TOKEN ",\"lease_seconds\":86401}", "/lease_seconds"},
        {"{" TOKEN ",\"wait_seconds\":301}", "/wait_seconds"},
        {"{" TOKEN ",\"result\":1}", "/result"},
    };
    (void)state;
    assert_int_equal(read_report(EVENT_HEARTBEAT, "{" TOKEN "}"), BODY_OK);
    assert_int_equal(report.lease_ms, 0);
    assert_int_equal(report.wait_ms, 0);
    assert_int_equal(
        read_report(EVENT_HEARTBEAT, "{" TOKEN ",\"lease_seconds\":5,\"wait_seconds\":300}"),
        BODY_OK);
    assert_int_equal(report.lease_ms, 5000);
    assert_int_equal(report.wait_ms, 300000);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        require_fault(&table[i], read_report(EVENT_HEARTBEAT, table[i].body));
}

static void require_progress(const char *members, const char *canonical)
{
    struct text_buffer body, text;
    text_buffer_init(&body, 10000);
    text_buffer_init(&text, 100000);
    text_append_format(&body, "{" TOKEN ",%s}", members);
    text_append_char(&body, '\0');
    assert_int_equal(read_report(EVENT_PROGRESS, body.data), BODY_OK);
    process_progress_append(&text, &report.progress);
    assert_span(text_buffer_span(&text), span_of(canonical));
    text_buffer_finish(&body);
    text_buffer_finish(&text);
}

static void progress_becomes_canonical(void **state)
{
    (void)state;
    require_progress("\"steps\":9223372036854775807,\"step\":0,\"percent\":33.333,"
                     "\"message\":\"a\\u00e9\\n\\u0041\"",
                     "{\"percent\":33.33,\"message\":\"a\xc3\xa9\\nA\",\"step\":0,"
                     "\"steps\":9223372036854775807}");
    require_progress("\"percent\":100", "{\"percent\":100,\"message\":null,\"step\":null,"
                                        "\"steps\":null}");
    require_progress("\"percent\":1e1,\"message\":null", "{\"percent\":10,\"message\":null,"
                                                         "\"step\":null,\"steps\":null}");
    require_progress("\"percent\":null",
                     "{\"percent\":null,\"message\":null,\"step\":null,\"steps\":null}");
    require_progress("\"message\":\"\"",
                     "{\"percent\":null,\"message\":\"\",\"step\":null,\"steps\":null}");
}

static void bad_progress_is_refused(void **state)
{
    static const struct bad table[] = {
        {"{" TOKEN "}", ""},
        {"{" TOKEN ",\"lease_seconds\":60}", ""},
        {"{" TOKEN ",\"percent\":-0.01}", "/percent"},
        {"{" TOKEN ",\"percent\":100.01}", "/percent"},
        {"{" TOKEN ",\"percent\":1e999}", "/percent"},
        {"{" TOKEN ",\"percent\":\"50\"}", "/percent"},
        {"{" TOKEN ",\"message\":5}", "/message"},
        {"{" TOKEN ",\"step\":-1}", "/step"},
        {"{" TOKEN ",\"step\":1.5}", "/step"},
        {"{" TOKEN ",\"steps\":9223372036854775808}", "/steps"},
        {"{" TOKEN ",\"percent\":1,\"lease_seconds\":1}", "/lease_seconds"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        require_fault(&table[i], read_report(EVENT_PROGRESS, table[i].body));
}

/* {..., "<member>": "<count times the piece>"} */
static enum body_verdict read_long(enum process_event event, const char *member, const char *piece,
                                   int count)
{
    struct text_buffer body;
    text_buffer_init(&body, 1 << 20);
    text_append_format(&body, "{" TOKEN ",\"%s\":\"", member);
    for (int i = 0; i < count; i++)
        text_append_str(&body, piece);
    text_append_literal(&body, "\"}");
    text_append_char(&body, '\0');
    enum body_verdict verdict = read_report(event, body.data);
    text_buffer_finish(&body);
    return verdict;
}

static void texts_are_measured_without_escapes(void **state)
{
    static const struct {
        enum process_event event;
        const char *member;
        int max;
    } table[] = {
        {EVENT_PROGRESS, "message", 4096},
        {EVENT_FAIL, "message", 4096},
        {EVENT_FAIL, "log", 65536},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        for (int escaped = 0; escaped < 2; escaped++) {
            const char *piece = escaped != 0 ? "\\u0041" : "A";
            assert_int_equal(read_long(table[i].event, table[i].member, piece, table[i].max),
                             BODY_OK);
            assert_false(report.no_memory);
            assert_int_equal(report.message.len + report.log.len, table[i].max);
            assert_int_equal(read_long(table[i].event, table[i].member, piece, table[i].max + 1),
                             BODY_INVALID);
            assert_memory_equal(faults.first + 1, table[i].member, strlen(table[i].member) + 1);
        }
    }
}

static void results_are_kept_as_they_came(void **state)
{
    (void)state;
    assert_int_equal(read_report(EVENT_COMPLETE, "{" TOKEN ",\"result\": {\"x\" : 0.10 } }"),
                     BODY_OK);
    assert_span(report.result, SPAN("{\"x\" : 0.10 }"));
    assert_false(report.claims_next);
    assert_int_equal(read_report(EVENT_COMPLETE, "{" TOKEN "}"), BODY_OK);
    assert_span(report.result, SPAN("null"));
    assert_int_equal(read_report(EVENT_COMPLETE, "{" TOKEN ",\"result\":null,\"claim_next\":null}"),
                     BODY_OK);
    assert_span(report.result, SPAN("null"));
    assert_false(report.claims_next);
    assert_int_equal(read_report(EVENT_COMPLETE, "{" TOKEN ",\"result\":{]}"), BODY_NOT_JSON);
}

static void a_completion_may_claim(void **state)
{
    static const struct bad table[] = {
        {"{" TOKEN ",\"claim_next\":{\"worker\":\"w\"}}", "/claim_next/types"},
        {"{" TOKEN ",\"claim_next\":{" CLAIM ",\"wait_seconds\":1}}", "/claim_next/wait_seconds"},
        {"{" TOKEN ",\"claim_next\":{\"types\":[\"a\",\"\"],\"worker\":\"w\"}}",
         "/claim_next/types/1"},
        {"{" TOKEN ",\"claim_next\":[]}", "/claim_next"},
        {"{" TOKEN ",\"claim_next\":true}", "/claim_next"},
    };
    (void)state;
    assert_int_equal(read_report(EVENT_COMPLETE, "{" TOKEN ",\"claim_next\":{" CLAIM
                                                 ",\"max\":3,\"lease_seconds\":7}}"),
                     BODY_OK);
    assert_true(report.claims_next);
    assert_int_equal(report.next.type_count, 1);
    assert_int_equal(report.next.max, 3);
    assert_int_equal(report.next.lease_ms, 7000);
    assert_int_equal(report.next.wait_ms, 0);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        require_fault(&table[i], read_report(EVENT_COMPLETE, table[i].body));
}

static void failures_say_why(void **state)
{
    static const struct bad table[] = {
        {"{" TOKEN ",\"code\":\"\"}", "/code"},
        {"{" TOKEN ",\"code\":\"a b\"}", "/code"},
        {"{" TOKEN ",\"message\":{}}", "/message"},
        {"{" TOKEN ",\"log\":[\"a\"]}", "/log"},
        {"{" TOKEN ",\"retryable\":\"yes\"}", "/retryable"},
        {"{" TOKEN ",\"retry_after_seconds\":-1}", "/retry_after_seconds"},
        {"{" TOKEN ",\"retry_after_seconds\":2592001}", "/retry_after_seconds"},
    };
    (void)state;
    assert_int_equal(read_report(EVENT_FAIL, "{" TOKEN "}"), BODY_OK);
    assert_span(report.code, SPAN("worker_error"));
    assert_null(text_buffer_span(&report.message).data);
    assert_null(text_buffer_span(&report.log).data);
    assert_true(report.retryable);
    assert_int_equal(report.retry_after_ms, -1);
    assert_int_equal(read_report(EVENT_FAIL, "{" TOKEN ",\"code\":\"no_disk.1\",\"message\":\"a\","
                                             "\"log\":\"l\\n\",\"retryable\":false,"
                                             "\"retry_after_seconds\":2592000}"),
                     BODY_OK);
    assert_span(report.code, SPAN("no_disk.1"));
    assert_span(text_buffer_span(&report.message), SPAN("a"));
    assert_span(text_buffer_span(&report.log), SPAN("l\n"));
    assert_false(report.retryable);
    assert_int_equal(report.retry_after_ms, INT64_C(2592000000));
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        require_fault(&table[i], read_report(EVENT_FAIL, table[i].body));
}

static int finish(void **state)
{
    (void)state;
    http_faults_finish(&faults);
    claim_draft_finish(&claim);
    report_draft_finish(&report);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_has_defaults),
        cmocka_unit_test(a_claim_is_read),
        cmocka_unit_test(bad_claims_are_refused),
        cmocka_unit_test(a_thousand_types_are_enough),
        cmocka_unit_test(every_report_needs_the_token),
        cmocka_unit_test(heartbeats_extend_and_wait),
        cmocka_unit_test(progress_becomes_canonical),
        cmocka_unit_test(bad_progress_is_refused),
        cmocka_unit_test(texts_are_measured_without_escapes),
        cmocka_unit_test(results_are_kept_as_they_came),
        cmocka_unit_test(a_completion_may_claim),
        cmocka_unit_test(failures_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
