/* Reasons that are asked for after the body is made, over a repository that answers when told. */
#include "http/http_fixture.h"

#include <stdio.h>

static struct client *client;
static struct answer answer;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fixture, true);
    fixture_start(&fixture);
    client = client_connect(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    client_close(client);
    fixture_stop(&fixture);
    return 0;
}

static void send_request(const char *method, const char *target, const char *fields,
                         const char *body)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "%s %s HTTP/1.1\r\nHost: h\r\n%sContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, target, fields, strlen(body), body);
    client_send(client, text);
}

/* Lets so many calls go, one after the other, and reads what comes then. */
static void release_and_read(int calls)
{
    for (int i = 0; i < calls; i++) {
        fixture_wait_held(&fixture, 1);
        held_repository_release(fixture.repository, 0);
    }
    client_read(&fixture, client, false, &answer);
    assert_int_equal(held_repository_count(fixture.repository), 0);
}

/* The path of a new process's status. */
static const char *create(const char *type, int calls)
{
    static char path[64];
    char body[128];
    snprintf(body, sizeof(body), "{\"type\":\"%s\",\"input\":1,\"metadata\":{\"reason\":null}}",
             type);
    send_request("POST", "/analyze", "", body);
    release_and_read(calls);
    assert_int_equal(answer.status, 202);
    snprintf(path, sizeof(path), "%s", answer_field(&answer, "Location"));
    return path;
}

static void assert_waits(const char *reason, const char *position)
{
    assert_member(&answer, "reason", reason);
    assert_member(&answer, "queue_position", position);
    assert_member(&answer, "metadata", "{\"reason\":null}");
}

static void the_answer_waits_for_the_reason(void **state)
{
    (void)state;
    const char *path = create("t", 2);
    assert_waits("\"no_worker\"", "null");
    send_request("GET", path, "Origin: http://o.example\r\n", "");
    release_and_read(2);
    assert_int_equal(answer.status, 200);
    assert_waits("\"no_worker\"", "null");
    assert_field(&answer, "ETag", "\"1\"");
    assert_field(&answer, "Retry-After", "1");
    assert_field(&answer, "Cache-Control", "no-cache");
    assert_field(&answer, "Content-Type", "application/json");
    assert_field(&answer, "X-Content-Type-Options", "nosniff");
    assert_int_equal(strlen(answer.body), atoi(answer_field(&answer, "Content-Length")));
}

static void submitting_asks_once_in_a_while(void **state)
{
    (void)state;
    int64_t before = clock_steady_ms();
    create("t", 2);
    send_request("POST", "/analyze", "",
                 "{\"type\":\"t\",\"input\":1,\"metadata\":{\"reason\":null}}");
    fixture_wait_held(&fixture, 1);
    held_repository_release(fixture.repository, 0);
    if (held_repository_count(fixture.repository) == 1) { /* a slow machine: it was too old */
        assert_true(clock_steady_ms() - before >= 1000);
        held_repository_release(fixture.repository, 0);
    }
    client_read(&fixture, client, false, &answer);
    assert_waits("\"no_worker\"", "null");
}

static void what_does_not_wait_asks_nothing(void **state)
{
    char cancel[128];
    (void)state;
    const char *path = create("t", 2);
    snprintf(cancel, sizeof(cancel), "/processes/%s/cancel", path + strlen("/status/"));
    send_request("POST", cancel, "", "");
    release_and_read(1);
    assert_member(&answer, "status", "\"canceled\"");
    assert_waits("null", "null");
    send_request("GET", path, "", "");
    release_and_read(1);
    assert_waits("null", "null");
    send_request("GET", path, "If-None-Match: \"2\"\r\n", "");
    release_and_read(1);
    assert_int_equal(answer.status, 304);
    send_request("POST", "/analyze", "",
                 "{\"type\":\"t\",\"input\":1,\"run_at\":\"2999-01-01T00:00:00Z\"}");
    release_and_read(2); /* the history of its type is looked up as well */
    assert_member(&answer, "reason", "\"delayed\"");
}

/* The version stays the same when what it waits for changes. */
static void what_waits_is_never_unmodified(void **state)
{
    (void)state;
    const char *path = create("t", 2);
    assert_waits("\"no_worker\"", "null");
    send_request("POST", "/types/t/pause", "", "");
    release_and_read(1);
    send_request("GET", path, "If-None-Match: \"1\"\r\n", "");
    release_and_read(2);
    assert_int_equal(answer.status, 200);
    assert_waits("\"paused\"", "null");
    assert_field(&answer, "ETag", "\"1\"");
}

static void a_page_asks_for_all_at_once(void **state)
{
    (void)state;
    create("t", 2);
    create("u", 2);
    send_request("GET", "/processes", "", "");
    release_and_read(2);
    assert_member(&answer, "count", "2");
    const char *first = strstr(answer.body, "\"reason\":\"no_worker\",\"queue_position\":null");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "\"reason\":\"no_worker\",\"queue_position\":null"));
    assert_field(&answer, "Cache-Control", "no-cache");
}

static void problems_that_show_a_process_say_it(void **state)
{
    char retry[128];
    (void)state;
    snprintf(retry, sizeof(retry), "/processes/%s/retry", create("t", 2) + strlen("/status/"));
    send_request("POST", retry, "", "");
    release_and_read(2);
    assert_problem(&answer, 409, "conflict");
    assert_non_null(strstr(answer.body, "\"reason\":\"no_worker\""));
    assert_field(&answer, "ETag", "\"1\"");
}

/* The process is known, only the reason is not. */
static void a_reason_that_cannot_be_had_is_left_out(void **state)
{
    (void)state;
    send_request("GET", create("t", 2), "", "");
    fixture_wait_held(&fixture, 1);
    held_repository_release(fixture.repository, 0);
    fixture_wait_held(&fixture, 1);
    repository_close(fixture.repository);
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_waits("null", "null");
    assert_field(&answer, "ETag", "\"1\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_waits_for_the_reason),
        TEST(what_waits_is_never_unmodified),
        TEST(submitting_asks_once_in_a_while),
        TEST(what_does_not_wait_asks_nothing),
        TEST(a_page_asks_for_all_at_once),
        TEST(problems_that_show_a_process_say_it),
        TEST(a_reason_that_cannot_be_had_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
