/* Collecting and reading of header fields. */
#include "support/test.h"

#include "http/http_headers.h"

#include <limits.h>

static void collects(void **state)
{
    struct http_headers headers;
    (void)state;
    http_headers_init(&headers);
    assert_int_equal(headers.prefer_wait_s, -1);
    http_headers_add(&headers, SPAN("content-TYPE"), SPAN(" application/json "));
    http_headers_add(&headers, SPAN("Origin"), SPAN("https://a"));
    http_headers_add(&headers, SPAN("Prefer"), SPAN("respond-async"));
    http_headers_add(&headers, SPAN("Prefer"), SPAN("wait=5"));
    http_headers_add(&headers, SPAN("Prefer"), SPAN("wait=7"));
    http_headers_add(&headers, SPAN("If-None-Match"), SPAN("\"1\""));
    http_headers_add(&headers, SPAN("If-None-Match"), SPAN("\"2\""));
    http_headers_add(&headers, SPAN("X-Other"), SPAN("x"));
    assert_span(headers.content_type, SPAN("application/json"));
    assert_span(headers.origin, SPAN("https://a"));
    assert_int_equal(headers.prefer_wait_s, 5);
    assert_null(headers.repeated);
    assert_null(headers.if_match.data);
    http_headers_add(&headers, SPAN("Content-Type"), SPAN("application/json"));
    assert_string_equal(headers.repeated, "Content-Type");
}

static void what_comes_twice_for_tracing_is_as_good_as_nothing(void **state)
{
    struct http_headers headers;
    (void)state;
    http_headers_init(&headers);
    assert_null(headers.request_id.data);
    http_headers_add(&headers, SPAN("x-request-id"), SPAN(" a "));
    http_headers_add(&headers, SPAN("TRACEPARENT"), SPAN("b"));
    assert_span(headers.request_id, SPAN("a"));
    assert_span(headers.traceparent, SPAN("b"));
    for (int i = 0; i < 2; i++) {
        http_headers_add(&headers, SPAN("X-Request-Id"), SPAN("a"));
        http_headers_add(&headers, SPAN("traceparent"), SPAN("b"));
        assert_span(headers.request_id, SPAN(""));
        assert_span(headers.traceparent, SPAN(""));
    }
    assert_null(headers.repeated);
}

static void knows_json(void **state)
{
    static const char *const json[] = {
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json ; profile=x; charset=utf-8",
        "application/problem+json",
        "application/vnd.acme+JSON",
    };
    static const char *const other[] = {
        "",
        "text/plain",
        "application/jsonx",
        "application/json; charset=latin1",
        "application/+json",
        "text/x+json",
        "application/x-www-form-urlencoded",
        "json",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(json) / sizeof(*json); i++)
        assert_true(http_is_json(span_of(json[i])));
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        if (http_is_json(span_of(other[i])))
            fail_msg("taken for JSON: %s", other[i]);
    }
    assert_false(http_is_json(SPAN_NONE));
}

static void reads_preferences(void **state)
{
    static const struct {
        const char *value;
        int wait;
    } table[] = {
        {"wait=10", 10},
        {"respond-async, wait=10", 10},
        {"Wait = 3; foo=bar, x", 3},
        {"wait=\"4\"", 4},
        {"wait=0", 0},
        {"wait=99999999999999999999", INT_MAX},
        {"wait", -1},
        {"wait=", -1},
        {"wait=-1", -1},
        {"wait=1.5", -1},
        {"wait=abc, wait=5", -1},
        {"waiting=5", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (http_prefer_wait(span_of(table[i].value)) != table[i].wait)
            fail_msg("%s", table[i].value);
    }
}

static void reads_idempotency_keys(void **state)
{
    char key[IDEMPOTENCY_KEY_MAX + 1], text[300];
    (void)state;
    assert_true(http_idempotency_key(SPAN("abc 1"), key));
    assert_string_equal(key, "abc 1");
    assert_true(http_idempotency_key(SPAN("\"a\\\"b\\\\c\""), key));
    assert_string_equal(key, "a\"b\\c");
    assert_false(http_idempotency_key(SPAN(""), key));
    assert_false(http_idempotency_key(SPAN("\"\""), key));
    assert_false(http_idempotency_key(SPAN("\"a"), key));
    assert_false(http_idempotency_key(SPAN("\"a\\\""), key));
    assert_false(http_idempotency_key(SPAN("\"a\\n\""), key));
    assert_false(http_idempotency_key(SPAN("\"a\"b\""), key));
    assert_false(http_idempotency_key(SPAN("\""), key));
    assert_false(http_idempotency_key(SPAN("\xc3\xa4"), key));
    assert_false(http_idempotency_key(SPAN("a\tb"), key));
    memset(text, 'k', sizeof(text));
    assert_true(http_idempotency_key((struct span){text, IDEMPOTENCY_KEY_MAX}, key));
    assert_false(http_idempotency_key((struct span){text, IDEMPOTENCY_KEY_MAX + 1}, key));
    text[0] = text[IDEMPOTENCY_KEY_MAX + 1] = '"';
    assert_true(http_idempotency_key((struct span){text, IDEMPOTENCY_KEY_MAX + 2}, key));
    assert_int_equal(strlen(key), IDEMPOTENCY_KEY_MAX);
}

static void matches_etags(void **state)
{
    (void)state;
    assert_true(http_etag_matches(SPAN("\"7\""), 7));
    assert_true(http_etag_matches(SPAN("W/\"7\""), 7));
    assert_true(http_etag_matches(SPAN("\"x,y\", \"6\" ,W/\"7\""), 7));
    assert_true(http_etag_matches(SPAN("*"), 7));
    assert_false(http_etag_matches(SPAN("\"8\""), 7));
    assert_false(http_etag_matches(SPAN("\"07\""), 7));
    assert_false(http_etag_matches(SPAN("\"7"), 7));
    assert_false(http_etag_matches(SPAN("7"), 7));
    assert_false(http_etag_matches(SPAN("W/"), 7));
    assert_false(http_etag_matches(SPAN(""), 7));
}

static void reads_if_match(void **state)
{
    int64_t version = -1;
    (void)state;
    assert_true(http_if_match_version(SPAN("\"7\""), &version));
    assert_int_equal(version, 7);
    assert_true(http_if_match_version(SPAN(" * "), &version));
    assert_int_equal(version, 0);
    assert_true(http_if_match_version(SPAN("W/\"7\""), &version));
    assert_true(version == INT64_MAX);
    assert_true(http_if_match_version(SPAN("\"abc\""), &version));
    assert_true(version == INT64_MAX);
    assert_true(http_if_match_version(SPAN("\"0\""), &version));
    assert_true(version == INT64_MAX);
    assert_false(http_if_match_version(SPAN("\"7\", \"8\""), &version));
    assert_false(http_if_match_version(SPAN("7"), &version));
    assert_false(http_if_match_version(SPAN("\"7\" x"), &version));
    assert_false(http_if_match_version(SPAN(""), &version));
}

static void formats_etags(void **state)
{
    char text[HTTP_ETAG_SIZE];
    (void)state;
    http_etag_format(7, text);
    assert_string_equal(text, "\"7\"");
    http_etag_format(INT64_MAX, text);
    assert_string_equal(text, "\"9223372036854775807\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collects),
        cmocka_unit_test(knows_json),
        cmocka_unit_test(reads_preferences),
        cmocka_unit_test(reads_idempotency_keys),
        cmocka_unit_test(matches_etags),
        cmocka_unit_test(reads_if_match),
        cmocka_unit_test(formats_etags),
        cmocka_unit_test(what_comes_twice_for_tracing_is_as_good_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
