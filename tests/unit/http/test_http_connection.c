/* Connections that take too long, whose end the library has missed, or that a stop finds. Every
 * limit that a test is not about lies beyond its patience. */
#include "http/http_fixture.h"

#include "http/http_server_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define DRIBBLE_MS 10
#define HASTE      10
#define CROWD      20

#define UNKNOWN_ID  "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"
#define GET_UNKNOWN "GET /status/" UNKNOWN_ID " HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_HEALTH  "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST_START  "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
/* The storage is asked once for it: why it waits is known. */
#define BODY        "{\"input\":1,\"type\":\"t\",\"run_at\":\"2999-01-01T00:00:00Z\"}"
#define BODY_LENGTH "Content-Length: 54\r\n\r\n"

static struct answer answer;

/* What takes seconds takes tenths of seconds, but for the library's own timeout. */
static void start(void)
{
    fixture_start(&fixture);
    struct http_connections *all = &fixture.server->deadlines;
    all->tick_ms /= HASTE;
    all->look_ms /= HASTE;
    all->stopping_ms /= HASTE;
    for (int phase = 0; phase < HTTP_PHASE_COUNT; phase++)
        if (all->phases[phase].limit_ms <= 2000)
            all->phases[phase].limit_ms /= HASTE;
}

/* Turns the loop until the server has sent something or has closed; meanwhile the client sends the
 * byte again and again. False when it was closed. */
static bool dribble(struct client *client, char byte)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    char got;
    for (;;) {
        assert_true(clock_steady_ms() < deadline);
        if (byte != '\0')
            (void)!send(client->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        int64_t next = clock_steady_ms() + DRIBBLE_MS;
        while (clock_steady_ms() < next)
            loop_turn(fixture.loop, DRIBBLE_MS);
        ssize_t len = recv(client->fd, &got, 1, MSG_PEEK | MSG_DONTWAIT);
        if (len >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return len > 0;
    }
}

static struct client *connect_and_send(const char *text)
{
    struct client *client = client_connect(&fixture);
    client_send(client, text);
    return client;
}

static struct client *connect_and_ask(void)
{
    struct client *client = connect_and_send(GET_HEALTH);
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    return client;
}

static void expect_408(struct client *client)
{
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 408, "request-timeout");
    assert_field(&answer, "Connection", "close");
}

/* The connections are counted on one more, which this opens. */
static void wait_for_connections(unsigned count)
{
    char expected[64];
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    snprintf(expected, sizeof(expected), "{\"connections\":%u,", count + 1);
    struct client *client = client_connect(&fixture);
    do {
        assert_true(clock_steady_ms() < deadline);
        client_send(client, "GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
        client_read(&fixture, client, false, &answer);
        loop_turn(fixture.loop, DRIBBLE_MS);
    } while (strncmp(answer_member(&answer, "http"), expected, strlen(expected)) != 0);
    client_close(client);
}

/* --- deadlines -------------------------------------------------------------------------------- */

static void a_slow_header_ends_the_connection(void **state)
{
    (void)state;
    fixture.options.header_timeout_s = 1;
    start();
    struct client *silent = client_connect(&fixture);
    struct client *slow = connect_and_send("GET /healthz HTTP/1.1\r\nHost: h\r\nX: ");
    assert_false(dribble(slow, 'x'));
    client_expect_close(&fixture, silent);
    client_close(slow);
    client_close(silent);
    wait_for_connections(0);
}

static void a_slow_body_is_answered(void **state)
{
    static const struct {
        const char *start;
        char byte;
    } slow[] = {
        {POST_START "Content-Length: 1000\r\n\r\n{", ' '},
        {POST_START "Content-Length: 1000\r\n\r\n{", '\0'},
        {POST_START "Content-Length: 1000\r\n\r\n", '\0'},
        {POST_START "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;ext=", 'x'},
        {"POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", 'x'}, /* refused */
    };
    struct client *clients[sizeof(slow) / sizeof(*slow)];
    (void)state;
    fixture.options.body_timeout_s = 1;
    start();
    for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++)
        clients[i] = connect_and_send(slow[i].start);
    for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
        assert_true(dribble(clients[i], slow[i].byte));
        expect_408(clients[i]);
        client_expect_close(&fixture, clients[i]);
        client_close(clients[i]);
    }
    wait_for_connections(0);
    assert_non_null(strstr(answer_member(&answer, "http"), "\"in_flight\":1,"));
    assert_non_null(strstr(answer_member(&answer, "http"), "\"4xx\":5,"));
}

static void what_comes_after_the_deadline_is_dropped(void **state)
{
    (void)state;
    fixture.options.body_timeout_s = 1;
    start();
    struct client *whole = connect_and_send(POST_START BODY_LENGTH "{");
    struct client *endless = connect_and_send(POST_START "Content-Length: 10000\r\n\r\n{");
    expect_408(whole);
    client_send(whole, &BODY[1]);
    client_send(whole, GET_HEALTH);
    client_expect_close(&fixture, whole);
    expect_408(endless);
    assert_false(dribble(endless, ' ')); /* it is not waited for any longer than a moment */
    wait_for_connections(0);
    assert_member(&answer, "total", "0");
    client_close(whole);
    client_close(endless);
}

static void a_kept_connection_must_bring_a_header(void **state)
{
    (void)state;
    fixture.options.idle_timeout_s = 1;
    start();
    struct client *client = connect_and_ask();
    client_send(client, "GET /healthz HTTP/1.1\r\nHost: h\r\nX: ");
    assert_false(dribble(client, 'x'));
    client_close(client);
    wait_for_connections(0);
}

static void each_phase_starts_anew(void **state)
{
    (void)state;
    fixture.options.header_timeout_s = fixture.options.body_timeout_s = 1;
    start();
    struct client *kept = connect_and_ask();
    client_send(kept, "GET /healthz HTTP/1.1\r\nHo"); /* no first header: it has the idle timeout */
    struct client *late = client_connect(&fixture);
    client_expect_close(&fixture, late);
    client_send(kept, "st: h\r\n\r\n");
    client_read(&fixture, kept, false, &answer);
    assert_int_equal(answer.status, 200);
    client_close(kept);
    client_close(late);
}

static void an_endpoint_may_take_longer(void **state)
{
    (void)state;
    fixture.options.header_timeout_s = fixture.options.body_timeout_s = 1;
    fixture.options.idle_timeout_s = 2;
    start();
    struct client *plain = connect_and_send(GET_UNKNOWN);
    fixture_wait_held(&fixture, 1);
    struct client *posting = connect_and_send(POST_START BODY_LENGTH BODY);
    fixture_wait_held(&fixture, 2);
    for (int i = 0; i < 2; i++) { /* twice the limit passes */
        struct client *late = connect_and_send("GET");
        assert_false(dribble(late, 'X'));
        client_close(late);
    }
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, plain, false, &answer);
    assert_problem(&answer, 404, "not-found");
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, posting, false, &answer);
    assert_int_equal(answer.status, 202);
    client_close(plain);
    client_close(posting);
}

/* Neither sends what it has announced, nor takes what it has asked for. */
static void clients_that_stall_are_closed(void **state)
{
    (void)state;
    fixture.options.idle_timeout_s = 2;
    start();
    struct client *sending = connect_and_send(POST_START BODY_LENGTH "{");
    struct client *reading = connect_and_ask();
    for (int i = 0; i < 200; i++) /* far more than the socket takes */
        client_send(reading, "GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_connections(0);
    client_close(sending);
    client_close(reading);
}

/* --- ends that come together with data -------------------------------------------------------- */

static void clients_that_left_are_noticed(void **state)
{
    static const char *const starts[] = {
        "GET /healthz HT",
        POST_START BODY_LENGTH "{",
        GET_HEALTH "GET /hea",
        GET_HEALTH,
    };
    (void)state;
    start();
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        for (int n = 0; n < CROWD; n++)
            client_close(connect_and_send(starts[i]));
    }
    wait_for_connections(0);
}

static void clients_that_sent_all_are_answered_and_noticed(void **state)
{
    struct client *clients[CROWD];
    (void)state;
    start();
    for (int i = 0; i < CROWD; i++) {
        clients[i] = connect_and_send(GET_HEALTH);
        shutdown(clients[i]->fd, SHUT_WR);
    }
    for (int i = 0; i < CROWD; i++) {
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
    }
    wait_for_connections(0);
    for (int i = 0; i < CROWD; i++) {
        client_expect_close(&fixture, clients[i]);
        client_close(clients[i]);
    }
}

/* --- stopping --------------------------------------------------------------------------------- */

static void stopping_ends_idle_connections(void **state)
{
    struct client *clients[CROWD];
    (void)state;
    start();
    for (int i = 0; i < CROWD; i++)
        clients[i] = connect_and_ask();
    http_server_quiesce(fixture.server);
    for (int i = 0; i < CROWD; i++) {
        client_expect_close(&fixture, clients[i]);
        client_close(clients[i]);
    }
}

static void stopping_serves_what_was_sent(void **state)
{
    (void)state;
    start();
    struct client *begun = connect_and_ask(), *sent = connect_and_ask(), *idle = connect_and_ask();
    client_send(begun, "GET /readyz HTTP/1.1\r\nHo");
    client_send(idle, GET_HEALTH); /* read in turns that also read the half header */
    client_read(&fixture, idle, false, &answer);
    client_send(sent, GET_HEALTH);
    http_server_quiesce(fixture.server);
    client_expect_close(&fixture, idle);
    client_send(begun, "st: h\r\n\r\n");
    client_read(&fixture, begun, false, &answer);
    assert_problem(&answer, 503, "stopping");
    client_expect_close(&fixture, begun);
    client_read(&fixture, sent, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_field(&answer, "Connection", "close");
    client_expect_close(&fixture, sent);
    client_close(begun);
    client_close(sent);
    client_close(idle);
}

static void stopping_waits_only_shortly_for_a_body(void **state)
{
    (void)state;
    start();
    struct client *never = connect_and_send(POST_START BODY_LENGTH "{");
    struct client *soon = connect_and_send(POST_START BODY_LENGTH "{");
    while (http_server_open_calls(fixture.server) < 2)
        loop_turn(fixture.loop, DRIBBLE_MS);
    http_server_quiesce(fixture.server);
    client_send(soon, &BODY[1]);
    client_read(&fixture, soon, false, &answer);
    assert_int_equal(answer.status, 202);
    expect_408(never);
    client_close(soon);
    client_close(never);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (http_server_open_calls(fixture.server) > 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(fixture.loop, DRIBBLE_MS);
    }
}

#define DIRECT(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define HELD(name)   cmocka_unit_test_setup_teardown(name, fixture_setup_held, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECT(a_slow_header_ends_the_connection),
        DIRECT(a_slow_body_is_answered),
        DIRECT(what_comes_after_the_deadline_is_dropped),
        DIRECT(a_kept_connection_must_bring_a_header),
        DIRECT(each_phase_starts_anew),
        DIRECT(clients_that_stall_are_closed),
        HELD(an_endpoint_may_take_longer),
        DIRECT(clients_that_left_are_noticed),
        DIRECT(clients_that_sent_all_are_answered_and_noticed),
        DIRECT(stopping_ends_idle_connections),
        DIRECT(stopping_serves_what_was_sent),
        DIRECT(stopping_waits_only_shortly_for_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
