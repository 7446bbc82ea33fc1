/* Requests that are sent away at sight, while there are too many. */
#include "http/http_fixture.h"
#include "http/http_server_private.h"

#define ALWAYS  8 /* admitted of each turn */
#define CLIENTS 12
#define POST    "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
#define BODY    "{\"input\":1,\"type\":\"t\"}"
#define HEALTH  "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"

static struct client *clients[CLIENTS];
static struct answer answer;

static void connect_all(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&fixture);
        client_send(clients[i], HEALTH);
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
    }
}

/* The next turn's requests have waited for ever. */
static void be_late(void)
{
    struct http_admission *admission = &fixture.server->admission;
    admission->shedding = true;
    admission->calm_after_us = INT64_MAX;
    admission->run_ended_us = INT64_MAX / 2;
}

/* Each gets `text`, in one turn; `refused` must then have been sent away, and all be served again.
 */
static void send_to_all(const char *text, unsigned status, unsigned refused)
{
    unsigned seen = 0;
    be_late();
    for (int i = 0; i < CLIENTS; i++)
        client_send(clients[i], text);
    for (int i = 0; i < CLIENTS; i++) {
        client_read(&fixture, clients[i], false, &answer);
        if (answer.status == status)
            continue;
        seen++;
        assert_problem(&answer, 503, "overloaded");
        assert_field(&answer, "Retry-After", "1");
        assert_field(&answer, "Content-Type", "application/problem+json");
        assert_field(&answer, "X-Content-Type-Options", "nosniff");
        assert_null(answer_field(&answer, "Connection"));
    }
    assert_int_equal(seen, refused);
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], HEALTH);
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
    }
}

static void close_all(void)
{
    for (int i = 0; i < CLIENTS; i++)
        client_close(clients[i]);
}

static void what_is_too_much_is_refused_and_connections_stay(void **state)
{
    (void)state;
    fixture_start(&fixture);
    connect_all();
    send_to_all("GET /processes HTTP/1.1\r\nHost: h\r\n\r\n", 200, CLIENTS - ALWAYS);
    send_to_all(POST "Content-Length: 22\r\n\r\n" BODY, 202, CLIENTS - ALWAYS);
    send_to_all("GET /stats HTTP/1.1\r\nHost: h\r\n\r\n", 200, 0);
    assert_int_equal(fixture.server->counters.shed, 2 * (CLIENTS - ALWAYS));
    close_all();
}

static void a_page_of_an_allowed_origin_may_read_why(void **state)
{
    static const char *const origins[] = {"https://a.example", NULL};
    (void)state;
    fixture.options.cors_origins = origins;
    fixture_start(&fixture);
    connect_all();
    send_to_all("GET /processes HTTP/1.1\r\nHost: h\r\n\r\n", 200, CLIENTS - ALWAYS);
    be_late();
    for (int i = 0; i < CLIENTS; i++)
        client_send(clients[i],
                    "GET /processes HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n\r\n");
    unsigned refused = 0;
    for (int i = 0; i < CLIENTS; i++) {
        client_read(&fixture, clients[i], false, &answer);
        refused += answer.status == 503;
        assert_field(&answer, "Access-Control-Allow-Origin", "https://a.example");
        assert_field(&answer, "Vary", "Origin");
    }
    assert_int_equal(refused, CLIENTS - ALWAYS);
    close_all();
}

/* Its body is too large to be read for nothing. */
static void a_large_body_is_not_read(void **state)
{
    (void)state;
    fixture_start(&fixture);
    connect_all();
    be_late();
    for (int i = 0; i < CLIENTS; i++)
        client_send(clients[i], POST "Content-Length: 100000\r\n\r\n{");
    unsigned refused = 0;
    for (int i = 0; i < CLIENTS; i++) {
        client_turn(&fixture, clients[i], INT64_MAX);
        if (clients[i]->len == 0)
            continue;
        refused++;
        client_read(&fixture, clients[i], false, &answer);
        assert_problem(&answer, 503, "overloaded");
        assert_field(&answer, "Connection", "close");
        client_expect_close(&fixture, clients[i]);
    }
    assert_int_equal(refused, CLIENTS - ALWAYS);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_too_much_is_refused_and_connections_stay,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_page_of_an_allowed_origin_may_read_why, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_large_body_is_not_read, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
