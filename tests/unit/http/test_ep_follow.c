/* GET /status/<id> by those who wait: what the connection's other requests have to do with it, and
 * who is not let in. */
#include "http/http_fixture.h"

#include "http/http_server_private.h"

#include <stdio.h>

static int setup(void **state)
{
    fixture_setup(state);
    fixture_start(&fixture);
    return 0;
}

/* The path of its status. */
static const char *create(void)
{
    static char path[64];
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":[1]}");
    assert_int_equal(answer->status, 202);
    snprintf(path, sizeof(path), "%s", answer_field(answer, "Location"));
    return path;
}

static void cancel(const char *path)
{
    char target[128];
    snprintf(target, sizeof(target), "/processes/%s/cancel", path + strlen("/status/"));
    assert_int_equal(ask(&fixture, "POST", target, NULL, "{}")->status, 200);
}

/* A client that waits, and has sent its next request already. */
static struct client *wait_and_send_more(const char *path)
{
    char text[512];
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    struct client *client = client_connect(&fixture);
    snprintf(text, sizeof(text),
             "GET %s?wait=60 HTTP/1.1\r\nHost: h\r\n\r\nGET %s HTTP/1.1\r\nHost: h\r\n\r\n", path,
             path);
    client_send(client, text);
    while (fixture.server->waiting_calls == 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(fixture.loop, 5);
    }
    assert_int_equal(fixture.server->follower_count, 1);
    return client;
}

static void what_is_sent_behind_a_long_poll_is_answered_after_it(void **state)
{
    const char *path = create();
    struct answer answer;
    (void)state;
    struct client *client = wait_and_send_more(path);
    cancel(path);
    for (int i = 0; i < 2; i++) {
        client_read(&fixture, client, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_field(&answer, "ETag", "\"2\"");
    }
    client_close(client);
}

static void who_leaves_is_noticed_behind_what_was_sent(void **state)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    (void)state;
    client_close(wait_and_send_more(create()));
    while (fixture.server->connections > 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(fixture.loop, 5);
    }
    assert_int_equal(fixture.server->follower_count, 0);
    assert_int_equal(fixture.server->waiting_calls, 0);
}

static void assert_sent_to_come_later(const struct answer *answer)
{
    assert_int_equal(answer->status, 200);
    assert_field(answer, "Content-Type", "text/event-stream");
    assert_field(answer, "Cache-Control", "no-store");
    assert_int_equal(strncmp(answer->body, "retry: ", 7), 0);
    assert_string_equal(answer->body + strspn(answer->body, "retry: 0123456789"), "\n\n");
}

/* An EventSource that has had a stream would not come again after an error. */
static void a_stream_that_comes_again_is_not_refused_for_good(void **state)
{
    static const char again[] = "Accept: text/event-stream\r\nLast-Event-ID: 0\r\n";
    char many[128], text[256];
    const char *path = create();
    struct answer answer;
    (void)state;
    fixture.options.max_waiters = 0;
    snprintf(many, sizeof(many), "/status?ids=%s", path + strlen("/status/"));
    assert_sent_to_come_later(ask(&fixture, "GET", path, again, NULL));
    assert_sent_to_come_later(ask(&fixture, "GET", many, again, NULL));
    assert_problem(ask(&fixture, "GET", path, "Accept: text/event-stream\r\n", NULL), 503,
                   "too-many-waiters");
    assert_problem(ask(&fixture, "GET", path, "Prefer: wait=9\r\nLast-Event-ID: 0\r\n", NULL), 503,
                   "too-many-waiters");
    fixture.options.max_waiters = 100;
    struct client *client = client_connect(&fixture);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", path, again);
    client_send(client, text);
    http_server_quiesce(fixture.server);
    client_read(&fixture, client, false, &answer);
    assert_sent_to_come_later(&answer);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_behind_a_long_poll_is_answered_after_it, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_leaves_is_noticed_behind_what_was_sent, setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_comes_again_is_not_refused_for_good, setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
