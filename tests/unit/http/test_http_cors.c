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
                           "prefer"),
                      allowed);
    assert_string_equal(allowed,
                        "Accept, Content-Type, Idempotency-Key, If-None-Match, If-Match, Prefer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_origins),
        cmocka_unit_test(allows_known_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
