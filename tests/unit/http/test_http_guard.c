/* The framing guard: what a message is refused for. */
#include "support/test.h"

#include "http/http_guard.h"

#define LEN(array) (sizeof(array) / sizeof(*(array)))

struct message {
    const char *version;
    const char *fields[4][2]; /* name, value */
    unsigned status;          /* 0: accepted */
};

static struct http_guard guard_of(const struct message *message, struct http_verdict *ret_verdict)
{
    struct http_guard guard;
    http_guard_init(&guard);
    for (size_t i = 0; i < LEN(message->fields) && message->fields[i][0] != NULL; i++)
        http_guard_header(&guard, span_of(message->fields[i][0]), span_of(message->fields[i][1]));
    *ret_verdict = http_guard_judge(&guard, message->version);
    return guard;
}

static void judges(void **state)
{
    static const struct message messages[] = {
        {"HTTP/1.1", {{"Host", "a"}}, 0},
        {"HTTP/1.1", {{"Host", ""}}, 0},
        {"HTTP/1.1", {{"host", "[::1]:8080"}, {"Accept", "*/*"}}, 0},
        {"HTTP/1.0", {{NULL, NULL}}, 0},
        {"HTTP/1.1", {{NULL, NULL}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Host", "a"}}, 400},
        {"HTTP/1.0", {{"Host", "a"}, {"HOST", "b"}}, 400},
        {"HTTP/1.1", {{"Host", "a, b"}}, 400},
        {"HTTP/1.1", {{"Host", "user@a"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "5"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "5"}, {"content-length", "5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "5"}, {"Content-Length", "6"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "+5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "-5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "5, 5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", ""}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "chunked"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "Chunked"}}, 0},
        {"HTTP/1.1",
         {{"Host", "a"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
         400},
        {"HTTP/1.1",
         {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
         400},
        {"HTTP/1.1",
         {{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         400},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "gzip"}}, 501},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "gzip, chunked"}}, 501},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "identity"}}, 501},
        {"HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", ""}}, 501},
        {"HTTP/1.0", {{"Transfer-Encoding", "chunked"}}, 400},
        {"HTTP/1.1", {{"Transfer-Encoding", "gzip"}}, 501}, /* the first fault is told */
        {"HTTP/1.1", {{"Expect", "cake"}, {"Content-Length", "x"}}, 417},
        {"HTTP/1.1", {{"Host", "a"}, {"Content-Length ", "5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X Y", "5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"", "5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X\x80", "5"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X", "a\x01"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X", "a\x7f"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X", "a\rb"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X-Request-Id", "a\x01\x1b\x7f"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"TraceParent", "\x01"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"X-Request-Id", "a\rb"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"traceparent", "a\nb"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X-Request-Ids", "a\x01"}}, 400},
        {"HTTP/1.1", {{"Host", "a"}, {"X", "a\tb \xc3\xa4"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"Expect", "100-Continue"}}, 0},
        {"HTTP/1.1", {{"Host", "a"}, {"Expect", "200-ok"}}, 417},
    };
    (void)state;
    for (size_t i = 0; i < LEN(messages); i++) {
        struct http_verdict verdict;
        guard_of(&messages[i], &verdict);
        if (verdict.status != messages[i].status)
            fail_msg("message %zu: %u", i, verdict.status);
        assert_int_equal(verdict.detail == NULL, verdict.status == 0);
    }
}

static void zero_bytes_are_control_bytes(void **state)
{
    struct http_guard guard;
    (void)state;
    http_guard_init(&guard);
    http_guard_header(&guard, SPAN("Host"), SPAN("a"));
    http_guard_header(&guard, SPAN("X"), SPAN("a\0b"));
    assert_int_equal(http_guard_judge(&guard, "HTTP/1.1").status, 400);
    http_guard_init(&guard);
    http_guard_header(&guard, SPAN("X\0"), SPAN("a"));
    assert_int_equal(http_guard_judge(&guard, "HTTP/1.0").status, 400);
    http_guard_init(&guard);
    http_guard_header(&guard, SPAN("X-Request-Id"), SPAN("a\0b"));
    assert_int_equal(http_guard_judge(&guard, "HTTP/1.0").status, 400);
}

static void tells_of_the_body(void **state)
{
    static const struct message none = {"HTTP/1.1", {{"Host", "a"}, {"Content-Length", "0"}}, 0};
    static const struct message sized = {
        "HTTP/1.1", {{"Host", "a"}, {"Content-Length", "12"}, {"Expect", "100-continue"}}, 0};
    static const struct message chunked = {
        "HTTP/1.1", {{"Host", "a"}, {"Transfer-Encoding", "chunked"}}, 0};
    struct http_verdict verdict;
    (void)state;
    struct http_guard guard = guard_of(&none, &verdict);
    assert_false(http_guard_has_body(&guard));
    guard = guard_of(&sized, &verdict);
    assert_true(http_guard_has_body(&guard));
    assert_int_equal(guard.content_length, 12);
    assert_true(guard.expects_continue);
    guard = guard_of(&chunked, &verdict);
    assert_true(http_guard_has_body(&guard));
    assert_true(guard.chunked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges),
        cmocka_unit_test(zero_bytes_are_control_bytes),
        cmocka_unit_test(tells_of_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
