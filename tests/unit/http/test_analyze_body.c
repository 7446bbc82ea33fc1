/* The body of POST /analyze. */
#include "support/test.h"

#include "http/analyze_body.h"

#include <stdio.h>

static struct analyze_draft draft;
static struct json_fault fault;
static struct http_faults faults;

static enum body_verdict read_text(const char *text)
{
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    return analyze_body_read(span_of(text), &draft, &fault, &faults);
}

static void reads_everything(void **state)
{
    (void)state;
    assert_int_equal(read_text(" {\"type\":\"a\\u0062.c\",\"input\": {\"x\" : 0.10} ,"
                               "\"metadata\":{\"k\":1},\"group\":\"g:1\",\"priority\":-100,"
                               "\"run_at\":\"2025-11-08T10:00:00+01:00\",\"timeout_seconds\":60,"
                               "\"max_attempts\":3,\"retention_seconds\":0,"
                               "\"queue_timeout_seconds\":2592000,"
                               "\"deadline\":\"2999-01-01T00:00:00Z\"} "),
                     BODY_OK);
    assert_span(draft.type, SPAN("ab.c"));
    assert_span(draft.input, SPAN("{\"x\" : 0.10}"));
    assert_span(draft.metadata, SPAN("{\"k\":1}"));
    assert_span(draft.group, SPAN("g:1"));
    assert_int_equal(draft.priority, -100);
    assert_true(draft.run_at == INT64_C(1762592400000));
    assert_int_equal(draft.timeout_ms, 60000);
    assert_int_equal(draft.max_attempts, 3);
    assert_int_equal(draft.retention_ms, 0);
    assert_true(draft.queue_timeout_ms == INT64_C(2592000000));
    assert_true(draft.deadline == INT64_C(32472144000000));
    struct process process = analyze_draft_process(&draft);
    assert_span(process.type, SPAN("ab.c"));
    assert_true(process.deadline == draft.deadline);
    assert_true(process.queue_timeout_ms == draft.queue_timeout_ms);
}

static void require_retry(const char *retry, enum process_backoff backoff, int64_t base_ms,
                          int64_t cap_ms)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"input\":1,\"retry\":%s}", retry);
    if (read_text(body) != BODY_OK)
        fail_msg("%s: %u faults", body, faults.count);
    struct process process = analyze_draft_process(&draft);
    assert_int_equal(process.backoff, backoff);
    assert_int_equal(process.retry_base_ms, base_ms);
    assert_int_equal(process.retry_cap_ms, cap_ms);
}

static void retries_have_a_backoff(void **state)
{
    (void)state;
    require_retry("null", BACKOFF_POLICY, 0, 0);
    require_retry("{\"backoff\":\"exponential\"}", BACKOFF_EXPONENTIAL, 2000, 600000);
    require_retry("{\"backoff\":\"fixed\"}", BACKOFF_FIXED, 2000, 0);
    require_retry("{\"backoff\":\"fixed\",\"delay_seconds\":0}", BACKOFF_FIXED, 0, 0);
    require_retry("{\"backoff\":\"exponential\",\"delay_seconds\":700}", BACKOFF_EXPONENTIAL,
                  700000, 700000);
    require_retry("{\"delay_seconds\":5,\"max_delay_seconds\":5,\"backoff\":\"exponential\"}",
                  BACKOFF_EXPONENTIAL, 5000, 5000);
}

static void objects_within_a_body_are_read(void **state)
{
    (void)state;
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    analyze_object_read(SPAN("{\"input\":7,\"type\":\"t\"}"), "", &draft, &faults);
    assert_int_equal(faults.count, 0);
    assert_span(draft.input, SPAN("7"));
    assert_int_equal(draft.retention_ms, -1);
    analyze_object_read(SPAN("{\"input\":7,\"retry\":{}}"), "/processes/3", &draft, &faults);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.first, "/processes/3/retry/backoff");
}

static void null_is_absent(void **state)
{
    (void)state;
    assert_int_equal(read_text("{\"input\":null,\"type\":null,\"metadata\":null,\"group\":null,"
                               "\"priority\":null,\"run_at\":null,\"timeout_seconds\":null,"
                               "\"max_attempts\":null,\"retention_seconds\":null,\"retry\":null,"
                               "\"queue_timeout_seconds\":null,\"deadline\":null}"),
                     BODY_OK);
    assert_span(draft.input, SPAN("null"));
    assert_null(draft.type.data);
    assert_null(draft.metadata.data);
    assert_null(draft.group.data);
    assert_int_equal(draft.priority, 0);
    assert_int_equal(draft.run_at, 0);
    assert_int_equal(draft.timeout_ms, 0);
    assert_int_equal(draft.max_attempts, 0);
    assert_int_equal(draft.retention_ms, -1);
    assert_int_equal(draft.queue_timeout_ms, 0);
    assert_int_equal(draft.deadline, TIME_NONE);
    assert_int_equal(draft.backoff, BACKOFF_POLICY);
}

static void tells_where_json_ends(void **state)
{
    (void)state;
    assert_int_equal(read_text(""), BODY_NOT_JSON);
    assert_int_equal(read_text("{\"input\":1"), BODY_NOT_JSON);
    assert_int_equal(read_text("{\"input\":1,\"input\":2}"), BODY_NOT_JSON);
    assert_int_equal(read_text("{\"input\":\"\xff\"}"), BODY_NOT_JSON);
    assert_int_equal(fault.offset, 10);
    assert_non_null(fault.reason);
    assert_int_equal(read_text("{\"input\":\"\\u0000\"}"), BODY_NOT_JSON);
}

static void names_each_fault(void **state)
{
    static const struct {
        const char *body, *pointer;
    } table[] = {
        {"[]", ""},
        {"7", ""},
        {"{}", "/input"},
        {"{\"input\":1,\"inptu\":2}", "/inptu"},
        {"{\"input\":1,\"a/b~c\":2}", "/a~1b~0c"},
        {"{\"input\":1,\"a\\/\\u007e\":2}", "/a~1~0"},
        {"{\"input\":1,\"\":2}", "/"},
        {"{\"input\":1,\"type\":7}", "/type"},
        {"{\"input\":1,\"type\":\"\"}", "/type"},
        {"{\"input\":1,\"type\":\"a b\"}", "/type"},
        {"{\"input\":1,\"type\":"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
         "/type"},
        {"{\"input\":1,\"group\":\"a b\"}", "/group"},
        {"{\"input\":1,\"metadata\":[]}", "/metadata"},
        {"{\"input\":1,\"priority\":101}", "/priority"},
        {"{\"input\":1,\"priority\":-101}", "/priority"},
        {"{\"input\":1,\"priority\":1.5}", "/priority"},
        {"{\"input\":1,\"priority\":\"1\"}", "/priority"},
        {"{\"input\":1,\"priority\":true}", "/priority"},
        {"{\"input\":1,\"priority\":99999999999999999999}", "/priority"},
        {"{\"input\":1,\"run_at\":\"tomorrow\"}", "/run_at"},
        {"{\"input\":1,\"run_at\":\"2025-02-30T00:00:00Z\"}", "/run_at"},
        {"{\"input\":1,\"run_at\":5}", "/run_at"},
        {"{\"input\":1,\"timeout_seconds\":0}", "/timeout_seconds"},
        {"{\"input\":1,\"timeout_seconds\":2592001}", "/timeout_seconds"},
        {"{\"input\":1,\"max_attempts\":0}", "/max_attempts"},
        {"{\"input\":1,\"max_attempts\":1001}", "/max_attempts"},
        {"{\"input\":1,\"retention_seconds\":-1}", "/retention_seconds"},
        {"{\"input\":1,\"retention_seconds\":316224001}", "/retention_seconds"},
        {"{\"input\":1,\"queue_timeout_seconds\":0}", "/queue_timeout_seconds"},
        {"{\"input\":1,\"queue_timeout_seconds\":2592001}", "/queue_timeout_seconds"},
        {"{\"input\":1,\"deadline\":\"soon\"}", "/deadline"},
        {"{\"input\":1,\"deadline\":60}", "/deadline"},
        {"{\"input\":1,\"retry\":5}", "/retry"},
        {"{\"input\":1,\"retry\":{}}", "/retry/backoff"},
        {"{\"input\":1,\"retry\":{\"backoff\":null}}", "/retry/backoff"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"linear\"}}", "/retry/backoff"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"fixed\",\"delay\":1}}", "/retry/delay"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"fixed\",\"delay_seconds\":-1}}",
         "/retry/delay_seconds"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"fixed\",\"delay_seconds\":2592001}}",
         "/retry/delay_seconds"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"fixed\",\"max_delay_seconds\":9}}",
         "/retry/max_delay_seconds"},
        {"{\"input\":1,\"retry\":{\"backoff\":\"exponential\",\"max_delay_seconds\":1}}",
         "/retry/max_delay_seconds"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (read_text(table[i].body) != BODY_INVALID || faults.count != 1)
            fail_msg("%s: %u faults", table[i].body, faults.count);
        assert_string_equal(faults.first, table[i].pointer);
    }
}

/* A request that is repeated after its deadline is the same request. */
static void deadlines_may_have_passed(void **state)
{
    (void)state;
    assert_int_equal(read_text("{\"input\":1,\"deadline\":\"2025-11-08T10:00:00Z\"}"), BODY_OK);
    assert_true(draft.deadline == INT64_C(1762596000000));
    assert_int_equal(read_text("{\"input\":1,\"deadline\":\"1970-01-01T00:00:00Z\"}"), BODY_OK);
    assert_int_not_equal(draft.deadline, TIME_NONE);
}

static void names_all_faults(void **state)
{
    (void)state;
    assert_int_equal(read_text("{\"priority\":1000,\"x\":1,\"max_attempts\":0}"), BODY_INVALID);
    assert_int_equal(faults.count, 4); /* input, too */
    assert_string_equal(faults.first, "/priority");
}

static void long_names_do_not_hurt(void **state)
{
    static char body[70000];
    (void)state;
    snprintf(body, sizeof(body), "{\"input\":1,\"%0*d\":1}", 60000, 0);
    assert_int_equal(read_text(body), BODY_INVALID);
    assert_int_equal(faults.count, 1);
    snprintf(body, sizeof(body), "{\"input\":1,\"metadata\":{\"a\":\"%0*d\"}}",
             PROCESS_METADATA_MAX - 8, 0);
    assert_int_equal(read_text(body), BODY_OK);
    snprintf(body, sizeof(body), "{\"input\":1,\"metadata\":{\"a\":\"%0*d\"}}",
             PROCESS_METADATA_MAX - 7, 0);
    assert_int_equal(read_text(body), BODY_INVALID);
    assert_string_equal(faults.first, "/metadata");
}

static int finish(void **state)
{
    (void)state;
    http_faults_finish(&faults);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_everything),
        cmocka_unit_test(null_is_absent),
        cmocka_unit_test(tells_where_json_ends),
        cmocka_unit_test(names_each_fault),
        cmocka_unit_test(deadlines_may_have_passed),
        cmocka_unit_test(names_all_faults),
        cmocka_unit_test(long_names_do_not_hurt),
        cmocka_unit_test(retries_have_a_backoff),
        cmocka_unit_test(objects_within_a_body_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
