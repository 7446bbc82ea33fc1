/* The server's life: answers that come later and in any order, its end with calls open, limits, and
 * messages that must not be read. */
#include "http/http_fixture.h"
#include "http/http_mhd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNKNOWN_ID  "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"
#define GET_UNKNOWN "GET /status/" UNKNOWN_ID " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST_START  "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"

static struct answer answer;

static bool is_body_of(const char *id)
{
    return strstr(answer.body, id) != NULL;
}

/* --- answers that come later ------------------------------------------------------------------ */

#define CLIENTS 5

/* The storage is asked once for it: why it waits is known. */
#define DELAYED "{\"input\":1,\"type\":\"t\",\"run_at\":\"2999-01-01T00:00:00Z\"}"

static void answers_in_any_order(void **state)
{
    struct client *clients[CLIENTS];
    char message[256], ids[CLIENTS][40];
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&fixture);
        client_send(clients[i], POST_START "Content-Length: 54\r\n\r\n" DELAYED);
        fixture_wait_held(&fixture, i + 1);
    }
    assert_int_equal(http_server_open_calls(fixture.server), CLIENTS);
    for (size_t i = CLIENTS; i-- > 0;) {
        held_repository_release(fixture.repository, i);
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 202);
        snprintf(ids[i], sizeof(ids[i]), "%.36s", answer_member(&answer, "process_id") + 1);
    }
    held_repository_release(fixture.repository, 0); /* the history of its type is looked up */
    for (size_t i = 0; i < CLIENTS; i++) {
        snprintf(message, sizeof(message), "GET /status/%s HTTP/1.1\r\nHost: h\r\n\r\n", ids[i]);
        client_send(clients[i], message);
        fixture_wait_held(&fixture, i + 1);
    }
    static const size_t order[] = {2, 0, 1, 1, 0};
    static const size_t whose[] = {2, 0, 3, 4, 1};
    for (size_t i = 0; i < CLIENTS; i++) {
        held_repository_release(fixture.repository, order[i]);
        client_read(&fixture, clients[whose[i]], false, &answer);
        assert_true(is_body_of(ids[whose[i]]));
    }
    for (size_t i = 0; i < CLIENTS; i++)
        client_close(clients[i]);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, GET_UNKNOWN "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" GET_UNKNOWN);
    fixture_wait_held(&fixture, 1);
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 404, "not-found");
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    fixture_wait_held(&fixture, 1);
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 404, "not-found");
    client_close(client);
}

static void a_client_that_left_does_no_harm(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *gone = client_connect(&fixture), *there = client_connect(&fixture);
    client_send(gone, GET_UNKNOWN);
    fixture_wait_held(&fixture, 1);
    client_close(gone);
    client_send(there, GET_UNKNOWN);
    fixture_wait_held(&fixture, 2);
    held_repository_release(fixture.repository, 0);
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, there, false, &answer);
    assert_problem(&answer, 404, "not-found");
    client_close(there);
    while (http_server_open_calls(fixture.server) > 0)
        loop_turn(fixture.loop, 10);
}

static void a_key_in_use_is_told(void **state)
{
    static const char message[] =
        POST_START "Idempotency-Key: k\r\nContent-Length: 54\r\n\r\n" DELAYED;
    (void)state;
    fixture_start(&fixture);
    struct client *first = client_connect(&fixture), *second = client_connect(&fixture);
    client_send(first, message);
    fixture_wait_held(&fixture, 1);
    client_send(second, message);
    client_read(&fixture, second, false, &answer);
    assert_problem(&answer, 409, "request-in-progress");
    assert_field(&answer, "Retry-After", "1");
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, first, false, &answer);
    assert_int_equal(answer.status, 202);
    client_close(first);
    client_close(second);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void closing_ends_open_calls(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *clients[3];
    for (size_t i = 0; i < 3; i++) {
        char message[128]; /* of different processes, as reads of the same one are shared */
        snprintf(message, sizeof(message),
                 "GET /status/00000000-0000-4000-8000-00000000000%zu HTTP/1.1\r\nHost: h\r\n\r\n",
                 i);
        clients[i] = client_connect(&fixture);
        client_send(clients[i], message);
        fixture_wait_held(&fixture, i + 1);
    }
    http_server_quiesce(fixture.server);
    process_manager_stop(fixture.manager);
    repository_close(fixture.repository);
    fixture_finish(&fixture); /* writes the answers by itself */
    for (size_t i = 0; i < 3; i++) {
        client_read_rest(clients[i], &answer);
        assert_problem(&answer, 503, "stopping");
        assert_field(&answer, "Retry-After", "1");
        assert_field(&answer, "Connection", "close");
        client_close(clients[i]);
    }
}

static void stopping_ends_waits(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, POST_START "Prefer: wait=30\r\nContent-Length: 22\r\n\r\n"
                                   "{\"input\":1,\"type\":\"t\"}");
    fixture_wait_held(&fixture, 1);
    held_repository_release(fixture.repository, 0); /* created */
    fixture_wait_held(&fixture, 1);                 /* the wait looks for the first time */
    http_server_quiesce(fixture.server);
    process_manager_stop(fixture.manager);
    repository_close(fixture.repository);
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 202); /* it was created, so that must be said */
    assert_member(&answer, "status", "\"pending\"");
    assert_field(&answer, "ETag", "\"1\"");
    assert_field(&answer, "Preference-Applied", "wait=30");
    assert_non_null(answer_field(&answer, "Location"));
    client_expect_close(&fixture, client);
    client_close(client);
}

static void quiescing_turns_clients_away(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    assert_field(ask(&fixture, "GET", "/healthz", NULL, NULL), "Connection", NULL);
    http_server_quiesce(fixture.server);
    http_server_quiesce(fixture.server);
    client_send(client, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 503, "stopping");
    assert_member(&answer, "reasons", "[\"stopping\"]");
    assert_field(&answer, "Connection", "close");
    client_expect_close(&fixture, client);
    client_close(client);
    int port = -1;
    const char *why = NULL;
    int fd = http_listen("127.0.0.1", fixture.port, false, &port, &why);
    assert_true(fd >= 0); /* the port is free again */
    close(fd);
}

static void listening_tells_why_not(void **state)
{
    int port = -1, other = -1;
    const char *why = NULL;
    (void)state;
    fixture_start(&fixture);
    assert_int_equal(http_listen("127.0.0.1", fixture.port, false, &port, &why), -1);
    assert_string_equal(why, strerror(EADDRINUSE));
    why = NULL;
    assert_int_equal(http_listen("256.0.0.1.invalid.", 0, false, &port, &why), -1);
    assert_non_null(why);
    int fd = http_listen("127.0.0.1", 0, true, &port, &why);
    int second = http_listen("127.0.0.1", port, true, &other, &why);
    assert_true(fd >= 0 && second >= 0);
    assert_int_equal(port, other);
    close(fd);
    close(second);
}

/* --- messages that must not be read ----------------------------------------------------------- */

/* libmicrohttpd 1.0 judges the framing itself, in its own way: the integration tests look at that.
 */
static bool library_judges(void)
{
    return http_mhd_version()[0] != '0';
}

static void assert_refused(const char *message, size_t len, unsigned status)
{
    struct client *client = client_connect(&fixture);
    assert_true(client_send_all(&fixture, client, message, len));
    client_read(&fixture, client, false, &answer);
    if (answer.status != status)
        fail_msg("%u for %s", answer.status, message);
    assert_field(&answer, "Content-Type", "application/problem+json");
    assert_field(&answer, "Connection", "close");
    client_expect_close(&fixture, client);
    client_close(client);
}

static void framing_is_policed(void **state)
{
#define MESSAGE(text, status)          \
    {                                  \
        text, sizeof(text) - 1, status \
    }
    static const struct {
        const char *text;
        size_t len;
        unsigned status;
    } messages[] = {
        MESSAGE("POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n"
                "\r\n{}GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
                400),
        MESSAGE("POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n"
                "\r\n{}",
                400),
        MESSAGE("POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400),
        MESSAGE("POST /analyze HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        MESSAGE("POST /analyze HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Y : b\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\0c\r\nY: d\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\nHost: a\nX: b\0c\n\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\nY: d\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\n: b\r\nHost: c\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\n:\r\nHost: c\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\nHost: a\n:\nHost: c\n\n", 400),
        MESSAGE("GET /healthz HTTP/1.0\r\n: b\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
        MESSAGE("GET /healthz\0x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        MESSAGE("GET /healthz?a\0x=1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        MESSAGE("GET /healthz x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        MESSAGE("GET /healthz\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        MESSAGE("GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
    };
#undef MESSAGE
    (void)state;
    fixture_start(&fixture);
    if (library_judges())
        skip();
    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
        assert_refused(messages[i].text, messages[i].len, messages[i].status);
    assert_member(ask(&fixture, "GET", "/stats", NULL, NULL), "total", "0");
}

static void unusual_messages_are_read(void **state)
{
    static const char *const messages[] = {
        "GET /healthz HTTP/1.1\nHost: a\nX: b\n\n", /* bare line feeds */
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\n\r\n",
        "GET http://a/healthz HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\nZ: e\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost:a\r\ncontent-length:2\r\n\r\n{}",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.0\n\n",
        "GET /healthz HTTP/1.1\r\nHost: \t a \t \r\nX:\tb\r\n\r\n",
        "\r\nGET /h%65althz? HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    (void)state;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        struct client *client = client_connect(&fixture);
        client_send(client, messages[i]);
        client_read(&fixture, client, false, &answer);
        if (answer.status != 200)
            fail_msg("%u %s for %s", answer.status, answer.body, messages[i]);
        client_close(client);
    }
}

static void large_headers_in_small_pieces_are_read(void **state)
{
    static char message[14000];
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    size_t len = (size_t)snprintf(message, sizeof(message), "GET /healthz HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 60; i++)
        len += (size_t)snprintf(message + len, sizeof(message) - len, "X-%d: %080d\r\n", i, i);
    len += (size_t)snprintf(message + len, sizeof(message) - len, "\r\n");
    for (size_t at = 0; at < len; at += 97)
        assert_true(client_send_all(&fixture, client, message + at, len - at < 97 ? len - at : 97));
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    client_close(client);
}

static void escapes_stay_in_their_segment(void **state)
{
    (void)state;
    fixture_start(&fixture);
    assert_problem(ask(&fixture, "GET", "/status/" UNKNOWN_ID "%00b", NULL, NULL), 400, "bad-id");
    assert_problem(ask(&fixture, "GET", "/status/..%2fhealthz", NULL, NULL), 400, "bad-id");
    assert_problem(ask(&fixture, "GET", "/healthz%00", NULL, NULL), 404, "unknown-path");
    assert_problem(ask(&fixture, "GET", "/status/%zz", NULL, NULL), 400, "bad-target");
}

/* --- bodies ----------------------------------------------------------------------------------- */

static void bodies_may_come_in_pieces(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    char message[512]; /* libmicrohttpd 1.0 refuses the extension of a chunk */
    int len = snprintf(message, sizeof(message),
                       POST_START "Transfer-Encoding: chunked\r\n\r\n5%s\r\n{\"inp\r\n"
                                  "11\r\nut\":1,\"type\":\"t\"}\r\n0\r\nTrailer: x\r\n\r\n",
                       library_judges() ? "" : ";ext=1");
    for (int i = 0; i < len; i++)
        assert_true(client_send_all(&fixture, client, message + i, 1));
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 202);
    client_send(client, POST_START "Expect: 100-continue\r\nContent-Length: 22\r\n\r\n");
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 100);
    client_send(client, "{\"input\":1,\"type\":\"t\"}");
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 202);
    client_close(client);
}

static void large_bodies_are_refused_at_once(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, POST_START "Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n");
    client_read(&fixture, client, false, &answer); /* before the body, and no 100 */
    assert_problem(&answer, 413, "too-large");
    assert_field(&answer, "Connection", "close");
    client_expect_close(&fixture, client);
    client_close(client);
}

/* Clients that send all before they look for an answer must not run into a reset. */
static void refused_clients_get_their_answer(void **state)
{
    static char junk[1000000];
    char head[256];
    (void)state;
    memset(junk, ' ', sizeof(junk));
    fixture_start(&fixture);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct client *client = client_connect(&fixture);
        if (chunked)
            snprintf(head, sizeof(head), "%sTransfer-Encoding: chunked\r\n\r\n%zx\r\n", POST_START,
                     sizeof(junk));
        else
            snprintf(head, sizeof(head), "%sContent-Length: %zu\r\n\r\n", POST_START, sizeof(junk));
        client_send(client, head);
        for (size_t at = 0; at < sizeof(junk); at += 10000)
            assert_true(client_send_all(&fixture, client, junk + at, 10000));
        client_read(&fixture, client, false, &answer);
        assert_problem(&answer, 413, "too-large");
        assert_field(&answer, "Connection", "close");
        client_expect_close(&fixture, client);
        client_close(client);
    }
    /* A lingering socket is let go at the end, whatever its client does. */
    struct client *client = client_connect(&fixture);
    client_send(client, POST_START "Content-Length: 1000000\r\n\r\n");
    client_read(&fixture, client, false, &answer);
    client_close(client);
}

static void the_limit_is_exact(void **state)
{
    static char body[100100];
    (void)state;
    fixture_start(&fixture);
    static const char start[] = "{\"type\":\"t\",\"input\":\"";
    size_t len = fixture.options.max_body_bytes;
    memset(body, 'a', len);
    memcpy(body, start, sizeof(start) - 1);
    memcpy(body + len - 2, "\"}", 3);
    assert_int_equal(ask(&fixture, "POST", "/analyze", NULL, body)->status, 202);
    memcpy(body + len - 2, "a\"}", 4);
    assert_problem(ask(&fixture, "POST", "/analyze", NULL, body), 413, "too-large");
}

static void refusals_keep_the_connection(void **state)
{
    (void)state;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, "POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                        "PUT /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                        "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                        "GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    static const unsigned statuses[] = {404, 405, 415, 200};
    for (size_t i = 0; i < 4; i++) {
        client_read(&fixture, client, false, &answer);
        assert_int_equal(answer.status, statuses[i]);
    }
    client_close(client);
    static const char refused[] =
        "POST /nope HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello";
    assert_refused(refused, sizeof(refused) - 1, 404);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void load_is_shed_below_the_limit(void **state)
{
    struct client *clients[10];
    (void)state;
    fixture.options.max_connections = 10;
    fixture_start(&fixture);
    for (int i = 0; i < 9; i++) {
        clients[i] = client_connect(&fixture);
        client_send(clients[i], "GET /version HTTP/1.1\r\nHost: h\r\n\r\n");
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
    }
    clients[9] = client_connect(&fixture);
    client_send(clients[9], "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read(&fixture, clients[9], false, &answer);
    assert_int_equal(answer.status, 200);
    client_send(clients[9], "GET /version HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read(&fixture, clients[9], false, &answer);
    assert_problem(&answer, 503, "overloaded");
    assert_field(&answer, "Retry-After", "1");
    assert_field(&answer, "Connection", "close");
    client_expect_close(&fixture, clients[9]);
    client_send(clients[0], "GET /version HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read(&fixture, clients[0], false, &answer);
    assert_int_equal(answer.status, 200);
    for (int i = 0; i < 10; i++)
        client_close(clients[i]);
}

static void only_half_of_the_connections_may_wait(void **state)
{
    static const char message[] =
        POST_START "Prefer: wait=30\r\nContent-Length: 22\r\n\r\n{\"input\":1,\"type\":\"t\"}";
    (void)state;
    fixture.options.max_connections = 3;
    fixture_start(&fixture);
    struct client *waiting = client_connect(&fixture), *refused = client_connect(&fixture);
    client_send(waiting, message);
    while (http_server_open_calls(fixture.server) == 0)
        loop_turn(fixture.loop, 10);
    client_send(refused, message);
    client_read(&fixture, refused, false, &answer);
    assert_int_equal(answer.status, 202);
    assert_field(&answer, "Preference-Applied", NULL);
    assert_int_equal(http_server_open_calls(fixture.server), 1);
    http_server_quiesce(fixture.server);
    process_manager_stop(fixture.manager);
    client_read(&fixture, waiting, false, &answer);
    assert_field(&answer, "Preference-Applied", "wait=30");
    client_close(waiting);
    client_close(refused);
}

static void idle_connections_end(void **state)
{
    (void)state;
    fixture.options.idle_timeout_s = 1;
    fixture_start(&fixture);
    struct client *client = client_connect(&fixture);
    client_send(client, "GET /heal");
    client_expect_close(&fixture, client);
    client_close(client);
    const struct answer *stats = ask(&fixture, "GET", "/stats", NULL, NULL);
    assert_non_null(strstr(answer_member(stats, "http"), "\"connections\":1"));
}

static void unreadable_messages_are_counted(void **state)
{
    static char long_field[40000];
    (void)state;
    fixture_start(&fixture);
    int len = snprintf(long_field, sizeof(long_field), "GET /healthz HTTP/1.1\r\nHost: h\r\nX: ");
    memset(long_field + len, 'x', sizeof(long_field) - 1 - (size_t)len);
    struct client *client = client_connect(&fixture);
    client_send_all(&fixture, client, long_field, sizeof(long_field) - 1);
    while (!client->closed) {
        loop_turn(fixture.loop, 5);
        if (recv(client->fd, client->in, sizeof(client->in), MSG_DONTWAIT) == 0 || errno != EAGAIN)
            client->closed = true;
    }
    client_close(client);
    const struct answer *stats = ask(&fixture, "GET", "/stats", NULL, NULL);
    assert_non_null(strstr(answer_member(stats, "http"), "\"unreadable\":1"));
    assert_non_null(strstr(answer_member(stats, "http"), "\"requests\":1"));
}

#define DIRECT(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define HELD(name)   cmocka_unit_test_setup_teardown(name, fixture_setup_held, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD(answers_in_any_order),
        HELD(pipelined_requests_are_answered_in_order),
        HELD(a_client_that_left_does_no_harm),
        HELD(a_key_in_use_is_told),
        HELD(closing_ends_open_calls),
        HELD(stopping_ends_waits),
        DIRECT(quiescing_turns_clients_away),
        DIRECT(listening_tells_why_not),
        DIRECT(framing_is_policed),
        DIRECT(unusual_messages_are_read),
        DIRECT(large_headers_in_small_pieces_are_read),
        DIRECT(escapes_stay_in_their_segment),
        DIRECT(bodies_may_come_in_pieces),
        DIRECT(large_bodies_are_refused_at_once),
        DIRECT(refused_clients_get_their_answer),
        DIRECT(the_limit_is_exact),
        DIRECT(refusals_keep_the_connection),
        DIRECT(load_is_shed_below_the_limit),
        DIRECT(only_half_of_the_connections_may_wait),
        DIRECT(idle_connections_end),
        DIRECT(unreadable_messages_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
