/* Names of requests: what a client may call its own, and ours. */
#include "http/http_fixture.h"

#include "http/http_request_id.h"
#include "http/http_server_private.h"

#include <stdio.h>

#define BODY        "{\"type\":\"t\",\"input\":1}"
#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void knows_what_is_harmless(void **state)
{
    char longest[HTTP_REQUEST_ID_MAX + 2];
    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(http_request_id_is_valid((struct span){longest, 1}));
    assert_true(http_request_id_is_valid((struct span){longest, HTTP_REQUEST_ID_MAX}));
    assert_false(http_request_id_is_valid((struct span){longest, HTTP_REQUEST_ID_MAX + 1}));
    assert_true(http_request_id_is_valid(SPAN("AZaz09._:/+=@-")));
    assert_false(http_request_id_is_valid(SPAN("")));
    assert_false(http_request_id_is_valid(SPAN_NONE));
    for (int c = 0; c < 256; c++) {
        const char text[] = {'a', (char)c};
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    (c != 0 && strchr("._:/+=@-", c) != NULL);
        if (http_request_id_is_valid((struct span){text, 2}) != fine)
            fail_msg("byte %d", c);
    }
}

static void ours_are_never_the_same(void **state)
{
    struct http_request_ids a, b;
    char ids[20][HTTP_REQUEST_ID_SIZE], other[HTTP_REQUEST_ID_SIZE];
    (void)state;
    assert_true(http_request_ids_init(&a) && http_request_ids_init(&b));
    for (int i = 0; i < 20; i++) {
        http_request_ids_next(&a, ids[i]);
        assert_true(http_request_id_is_valid(span_of(ids[i])));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
    assert_string_equal(ids[0] + 16, "-1");
    assert_string_equal(ids[16] + 16, "-11");
    http_request_ids_next(&b, other);
    assert_memory_not_equal(other, ids[0], 16);
    a.count = UINT64_MAX - 1;
    http_request_ids_next(&a, other);
    assert_string_equal(other + 16, "-ffffffffffffffff");
}

/* --- in answers ------------------------------------------------------------------------------- */

static bool is_ours(const char *id)
{
    return id != NULL && strlen(id) > 17 && memcmp(id, fixture.server->request_ids.random, 16) == 0;
}

static void assert_problem_names(const struct answer *answer, const char *id)
{
    char quoted[HTTP_REQUEST_ID_SIZE + 2];
    snprintf(quoted, sizeof(quoted), "\"%s\"", id);
    assert_member(answer, "request_id", quoted);
}

static void every_answer_of_its_own_names_the_request(void **state)
{
    static const struct {
        const char *method, *target, *body;
        unsigned status;
    } table[] = {
        {"GET", "/stats", NULL, 200},
        {"HEAD", "/stats", NULL, 200},
        {"OPTIONS", "/stats", NULL, 204},
        {"GET", "/openapi.json", NULL, 200},
        {"POST", "/analyze", BODY, 202},
        {"GET", "/status/x", NULL, 400},
        {"POST", "/analyze", "{", 400},
        {"GET", "/status/00000000-0000-4000-8000-000000000000", NULL, 404},
        {"GET", "/nowhere", NULL, 404},
        {"PUT", "/stats", NULL, 405},
        {"POST", "/analyze", "{\"type\":\"t\"}", 422},
        {"POST", "/analyze", "{\"input\":1}", 422},
    };
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct answer *answer =
            ask(&fixture, table[i].method, table[i].target, NULL, table[i].body);
        assert_int_equal(answer->status, table[i].status);
        const char *id = answer_field(answer, "X-Request-Id");
        if (!is_ours(id))
            fail_msg("case %zu: %s", i, id != NULL ? id : "none");
        if (answer->status >= 400)
            assert_problem_names(answer, id);
        answer = ask(&fixture, table[i].method, table[i].target, "x-request-ID: a/B+1=@:_.-9\r\n",
                     table[i].body);
        assert_int_equal(answer->status, table[i].status);
        assert_field(answer, "X-Request-Id", "a/B+1=@:_.-9");
        if (answer->status >= 400)
            assert_problem_names(answer, "a/B+1=@:_.-9");
    }
}

static void what_is_not_harmless_is_never_given_back(void **state)
{
    static const char *const fields[] = {
        "X-Request-Id: \r\n",
        "X-Request-Id: a b\r\n",
        "X-Request-Id: <script>\r\n",
        "X-Request-Id: a\"b\r\n",
        "X-Request-Id: a\\nb\r\n",
        "X-Request-Id: a%0d%0aX-Evil:1\r\n",
        "X-Request-Id: gr\xc3\xbc\xc3\x9f\xff\r\n",
        "X-Request-Id: \x1b[31m\x01\x7f\r\n",
        "X-Request-Id: one\r\nX-Request-Id: one\r\n",
        "X-Request-Id: one\r\nx-request-id: two\r\nX-Request-Id: three\r\n",
    };
    static char huge[4000];
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        const struct answer *answer = ask(&fixture, "GET", "/stats", fields[i], NULL);
        assert_int_equal(answer->status, 200);
        if (!is_ours(answer_field(answer, "X-Request-Id")))
            fail_msg("case %zu", i);
        assert_null(answer_field(answer, "X-Evil"));
        answer = ask(&fixture, "GET", "/nowhere", fields[i], NULL);
        assert_problem(answer, 404, "unknown-path");
        assert_problem_names(answer, answer_field(answer, "X-Request-Id"));
    }
    int len = snprintf(huge, sizeof(huge), "X-Request-Id: %03800d\r\n", 7);
    assert_true(len > 3800);
    assert_true(is_ours(answer_field(ask(&fixture, "GET", "/stats", huge, NULL), "X-Request-Id")));
}

/* --- shared answers ----------------------------------------------------------------------------
 */

static const char *create_final(const char *fields)
{
    static char path[64];
    char target[128];
    const struct answer *answer = ask(&fixture, "POST", "/analyze", fields, BODY);
    assert_int_equal(answer->status, 202);
    snprintf(path, sizeof(path), "%s", answer_field(answer, "Location"));
    snprintf(target, sizeof(target), "/processes/%s/cancel", path + strlen("/status/"));
    assert_int_equal(ask(&fixture, "POST", target, NULL, "{}")->status, 200);
    return path;
}

/* The request's name apart, and the date. */
static void assert_same_but_named(const struct answer *answer, const struct answer *shared,
                                  const char *id)
{
    static const char *const names[] = {"Content-Type",
                                        "X-Content-Type-Options",
                                        "Vary",
                                        "ETag",
                                        "Cache-Control",
                                        "Retry-After",
                                        "Content-Length",
                                        "Connection",
                                        "Access-Control-Allow-Origin",
                                        "Access-Control-Expose-Headers"};
    assert_int_equal(answer->status, shared->status);
    assert_string_equal(answer->body, shared->body);
    assert_field(answer, "X-Request-Id", id);
    assert_field(shared, "X-Request-Id", NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = answer_field(shared, names[i]);
        char copy[256] = "";
        if (value != NULL)
            snprintf(copy, sizeof(copy), "%s", value);
        assert_field(answer, names[i], value != NULL ? copy : NULL);
    }
}

static void who_names_his_poll_gets_an_answer_of_his_own(void **state)
{
    static const char *const origins[] = {"http://a.example", NULL};
    static const char *const fields[] = {
        "",
        "If-None-Match: \"2\"\r\n",
        "Origin: http://a.example\r\n",
        "Origin: http://a.example\r\nIf-None-Match: \"2\"\r\n",
        "Origin: http://b.example\r\n",
    };
    static struct answer shared;
    char named[256];
    (void)state;
    fixture.options.cors_origins = origins;
    fixture_start(&fixture);
    const char *path = create_final(NULL);
    ask(&fixture, "GET", path, NULL, NULL);
    ask(&fixture, "GET", path, NULL, NULL);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        snprintf(named, sizeof(named), "X-Request-Id: poll-1\r\n%s", fields[i]);
        for (int turn = 0; turn < 2; turn++) { /* before and after the shared one is made */
            const struct answer *answer = ask(&fixture, "GET", path, named, NULL);
            assert_field(answer, "X-Request-Id", "poll-1");
            shared = *ask(&fixture, "GET", path, fields[i], NULL);
            assert_int_equal(shared.status, strstr(fields[i], "If-None") != NULL ? 304 : 200);
            assert_same_but_named(ask(&fixture, "GET", path, named, NULL), &shared, "poll-1");
        }
    }
    assert_true(is_ours(
        answer_field(ask(&fixture, "GET", path, "X-Request-Id: a b\r\n", NULL), "X-Request-Id")));
}

/* --- traces ----------------------------------------------------------------------------------- */

static void a_process_keeps_the_trace_that_it_came_with(void **state)
{
    static const struct {
        const char *fields, *kept;
    } table[] = {
        {NULL, "null"},
        {"TraceParent: " TRACEPARENT "\r\n", "\"" TRACEPARENT "\""},
        {"traceparent: \t" TRACEPARENT " \r\n", "\"" TRACEPARENT "\""},
        {"traceparent: cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x\r\n",
         "\"" TRACEPARENT "\""},
        {"traceparent: " TRACEPARENT "\r\ntraceparent: " TRACEPARENT "\r\n", "null"},
        {"traceparent: " TRACEPARENT "," TRACEPARENT "\r\n", "null"},
        {"traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n", "null"},
        {"traceparent: \x01\x1b\xff\r\n", "null"},
        {"traceparent:\r\n", "null"},
    };
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct answer *answer = ask(&fixture, "POST", "/analyze", table[i].fields, BODY);
        assert_int_equal(answer->status, 202);
        assert_member(answer, "traceparent", table[i].kept);
        assert_null(answer_field(answer, "traceparent"));
        char path[64];
        snprintf(path, sizeof(path), "%s", answer_field(answer, "Location"));
        for (int turn = 0; turn < 3; turn++) /* past the cache, and out of it */
            assert_member(ask(&fixture, "GET", path, NULL, NULL), "traceparent", table[i].kept);
    }
}

static void a_replay_keeps_the_first_trace(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", "Idempotency-Key: k\r\ntraceparent: " TRACEPARENT "\r\n",
            BODY);
    assert_member(answer, "traceparent", "\"" TRACEPARENT "\"");
    answer = ask(&fixture, "POST", "/analyze",
                 "Idempotency-Key: k\r\n"
                 "traceparent: 00-11111111111111111111111111111111-2222222222222222-00\r\n",
                 BODY);
    assert_field(answer, "Idempotent-Replayed", "true");
    assert_member(answer, "traceparent", "\"" TRACEPARENT "\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_harmless),
        cmocka_unit_test(ours_are_never_the_same),
        cmocka_unit_test_setup_teardown(every_answer_of_its_own_names_the_request, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_harmless_is_never_given_back, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_names_his_poll_gets_an_answer_of_his_own, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_process_keeps_the_trace_that_it_came_with, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_replay_keeps_the_first_trace, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
