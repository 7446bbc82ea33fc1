/* CORS by allow-list. */
#include "support/test.h"

#include "http/http_cors.h"

static void judges_origins(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const any[] = {"*", NULL};
    static const char *const two[] = {"https://a.example", "http://localhost:3000", NULL};
    bool vary;
    (void)state;
    assert_null(http_cors_allow(NULL, SPAN("https://a.example"), &vary));
    assert_false(vary);
    assert_null(http_cors_allow(none, SPAN("https://a.example"), &vary));
    assert_false(vary);
    assert_string_equal(http_cors_allow(any, SPAN("https://x"), &vary), "*");
    assert_false(vary);
    assert_null(http_cors_allow(any, SPAN_NONE, &vary));
    assert_string_equal(http_cors_allow(two, SPAN("http://localhost:3000"), &vary), two[1]);
    assert_true(vary);
    assert_null(http_cors_allow(two, SPAN("http://localhost"), &vary));
    assert_true(vary);
    assert_null(http_cors_allow(two, SPAN("https://a.example.evil"), &vary));
    assert_null(http_cors_allow(two, SPAN("null"), &vary));
    assert_null(http_cors_allow(two, SPAN_NONE, &vary));
    assert_true(vary);
}

static struct span field(const char *value)
{
    return value != NULL ? span_of(value) : SPAN_NONE;
}

static void judges_who_may_change(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const any[] = {"*", NULL};
    static const char *const two[] = {"https://a.example", "http://localhost:3000", NULL};
    static const struct {
        const char *const *origins;
        const char *origin, *fetch_site, *host;
        bool may;
    } table[] = {
        {none, NULL, NULL, "h", true}, /* no browser */
        {NULL, NULL, NULL, NULL, true},
        {none, NULL, "none", "h", true},
        {none, "http://h", "same-origin", "h", true},
        {none, "https://inside", "same-origin", "h", true}, /* proxied */
        {none, "http://h", "same-site", "h", false},
        {none, "http://h", "cross-site", "h", false},
        {none, NULL, "cross-site", "h", false},
        {none, NULL, "", "h", false},
        {none, "http://h:80", NULL, "H:80", true},
        {none, "https://h", NULL, "h", true},
        {none, "http://h:81", NULL, "h:80", false},
        {none, "http://h.evil.example", NULL, "h", false},
        {none, "null", NULL, "null", false},
        {none, "", NULL, "", false},
        {none, "http://", NULL, "", false},
        {none, "http://h", NULL, NULL, false},
        {two, "https://a.example", "cross-site", "h", true},
        {two, "https://a.example", NULL, "h", true},
        {two, "https://b.example", "cross-site", "h", false},
        {two, "https://b.example", NULL, "h", false},
        {any, "https://b.example", "cross-site", "h", true},
        {any, "null", NULL, "h", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct http_headers headers = {
            .origin = field(table[i].origin),
            .fetch_site = field(table[i].fetch_site),
            .host = field(table[i].host),
        };
        if (http_cors_may_change(table[i].origins, &headers) != table[i].may)
            fail_msg("case %zu", i);
    }
}

static void allows_known_headers(void **state)
{
    char allowed[HTTP_CORS_HEADERS_SIZE];
    (void)state;
    http_cors_headers(SPAN("content-type, x-evil , IDEMPOTENCY-KEY"), allowed);
    assert_string_equal(allowed, "Content-Type, Idempotency-Key");
    http_cors_headers(SPAN("x-evil"), allowed);
    assert_string_equal(allowed, "");
    http_cors_headers(SPAN_NONE, allowed);
    assert_string_equal(allowed, "");
    http_cors_headers(SPAN("accept,content-type,idempotency-key,if-none-match,if-match,prefer,"
                           "prefer,Last-Event-ID,x-request-id,TraceParent,tracestate"),
                      allowed);
    assert_string_equal(allowed, "Accept, Content-Type, Idempotency-Key, If-None-Match, If-Match, "
                                 "Prefer, Last-Event-ID, X-Request-Id, traceparent, tracestate");
    assert_non_null(strstr(HTTP_CORS_EXPOSED, "X-Request-Id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_origins),
        cmocka_unit_test(judges_who_may_change),
        cmocka_unit_test(allows_known_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
