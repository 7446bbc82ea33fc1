/* Other options for a server that runs. */
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Where a process is that has just been made. */
static const char *make_process(void)
{
    static char target[128];
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":1}");
    assert_int_equal(answer->status, 202);
    snprintf(target, sizeof(target), "%s", answer_field(answer, "Location"));
    return target;
}

static const char *allowed(const char *target, const char *origin)
{
    char field[128];
    snprintf(field, sizeof(field), "Origin: %s\r\n", origin);
    return answer_field(ask(&fixture, "GET", target, field, NULL), "Access-Control-Allow-Origin");
}

/* The name of the new origin lies where the former one did, as it may after a reload: an answer
 * that was kept for that place must not be given. */
static void kept_answers_do_not_outlive_the_list_of_origins(void **state)
{
    char origin[] = "https://a.example";
    const char *const origins[] = {origin, NULL};
    const char *const none[] = {NULL};
    (void)state;
    fixture.options.cors_origins = origins;
    fixture_start(&fixture);
    const char *target = make_process();
    for (int i = 0; i < 3; i++)
        assert_string_equal(allowed(target, "https://a.example"), "https://a.example");
    struct http_options next = fixture.options, last = fixture.options;
    strcpy(origin, "https://b.example");
    http_server_configure(fixture.server, &next);
    assert_null(allowed(target, "https://a.example"));
    for (int i = 0; i < 3; i++)
        assert_string_equal(allowed(target, "https://b.example"), "https://b.example");
    last.cors_origins = none;
    http_server_configure(fixture.server, &last);
    assert_null(allowed(target, "https://b.example"));
    assert_field(ask(&fixture, "GET", target, NULL, NULL), "Vary", "Accept");
    fixture_stop(&fixture);
}

static void limits_hold_from_the_next_request_on(void **state)
{
    (void)state;
    fixture_start(&fixture);
    const char *target = make_process();
    struct http_options next = fixture.options;
    next.max_body_bytes = 10;
    next.max_waiters = 0;
    http_server_configure(fixture.server, &next);
    assert_problem(ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":1}"), 413,
                   "too-large");
    char waiting[160];
    snprintf(waiting, sizeof(waiting), "%s?wait=10&after_version=1", target);
    assert_int_equal(ask(&fixture, "GET", waiting, NULL, NULL)->status, 503);
    http_server_configure(fixture.server, &fixture.options);
    assert_string_not_equal(make_process(), "");
    fixture_stop(&fixture);
}

/* Judged by the limit that held when its header came, the body is taken by that limit too. */
static void a_request_under_way_keeps_its_limit(void **state)
{
    (void)state;
    fixture_start(&fixture);
    static const char body[] = "{\"type\":\"t\",\"input\":1}";
    char header[256];
    struct answer answer;
    struct client *client = client_connect(&fixture);
    snprintf(header, sizeof(header),
             "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%.1s",
             strlen(body), body);
    client_send(client, header);
    for (int i = 0; i < 20; i++)
        loop_turn(fixture.loop, 1);
    struct http_options next = fixture.options;
    next.max_body_bytes = 10;
    http_server_configure(fixture.server, &next);
    client_send(client, body + 1);
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 202);
    client_close(client);
    fixture_stop(&fixture);
}

/* The connection would stay for an hour under the options of the start. */
static void open_connections_follow_new_times(void **state)
{
    (void)state;
    fixture.options.header_timeout_s = 3600;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, "GET /healthz HTTP/1.1\r\n");
    for (int i = 0; i < 5; i++)
        loop_turn(fixture.loop, 1);
    struct http_options next = fixture.options;
    next.header_timeout_s = 1;
    http_server_configure(fixture.server, &next);
    client_expect_close(&fixture, client);
    client_close(client);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kept_answers_do_not_outlive_the_list_of_origins),
        TEST(limits_hold_from_the_next_request_on),
        TEST(a_request_under_way_keeps_its_limit),
        TEST(open_connections_follow_new_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
