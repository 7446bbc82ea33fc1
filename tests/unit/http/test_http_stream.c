/* Streams from below: what an owner sends, how much may wait, and how each of them ends. They are
 * opened as those of a process, and then used past their owner. */
#include "http/http_call.h"
#include "http/http_fixture.h"
#include "http/http_stream.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define CHUNK 16384

static struct http_server *server(void)
{
    return fixture.server;
}

static void turn(void)
{
    loop_turn(fixture.loop, 5);
}

static void make_process(char ret_id[37])
{
    const struct answer *answer =
        ask(&fixture, "POST", "/analyze", NULL, "{\"type\":\"t\",\"input\":1}");
    assert_int_equal(answer->status, 202);
    memcpy(ret_id, answer_member(answer, "process_id") + 1, 36);
    ret_id[36] = '\0';
}

/* Once it waits; it is found among those whose sockets are not watched yet. */
static struct http_stream *stream_opened(void)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    const struct list_link *parked = &server()->deadlines.parked;
    while (list_is_empty(parked)) {
        assert_true(clock_steady_ms() < deadline);
        turn();
    }
    struct http_stream *stream =
        container_of(parked->next, struct http_connection, link)->call->stream;
    assert_non_null(stream);
    return stream;
}

static struct http_stream *open_stream(struct client **ret_client)
{
    char id[37], request[256];
    make_process(id);
    *ret_client = client_connect(&fixture);
    snprintf(request, sizeof(request),
             "GET /status/%s HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n", id);
    client_send(*ret_client, request);
    return stream_opened();
}

/* Reads what comes until the server has closed or the text has come, with its framing. */
static void read_until(struct client *client, const char *text)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!client->closed && strstr(client->in, text) == NULL) {
        assert_true(clock_steady_ms() < deadline);
        turn();
        ssize_t got = recv(client->fd, client->in + client->len,
                           sizeof(client->in) - client->len - 1, MSG_DONTWAIT);
        client->closed = got == 0 || (got < 0 && errno != EAGAIN);
        client->len += got > 0 ? (size_t)got : 0;
        client->in[client->len] = '\0';
    }
}

static void drain(struct client *client)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!client->closed) {
        assert_true(clock_steady_ms() < deadline);
        client->len = 0;
        read_until(client, "no such text");
    }
}

static void wait_until_over(void)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (server()->streams.count > 0) {
        assert_true(clock_steady_ms() < deadline);
        turn();
    }
    assert_int_equal(server()->follower_count, 0);
    assert_int_equal(server()->waiting_calls, 0);
    assert_true(list_is_empty(&server()->streams.by_sending));
}

static struct http_chunk *make_chunk(size_t len)
{
    struct http_chunk *chunk = http_chunk_create(len);
    assert_non_null(chunk);
    memset(chunk->bytes, 'x', len);
    return chunk;
}

static struct http_chunk *chunk_of(const char *text)
{
    struct http_chunk *chunk = make_chunk(strlen(text));
    memcpy(chunk->bytes, text, chunk->len);
    return chunk;
}

static void send_text(struct http_stream *stream, const char *text)
{
    struct http_chunk *chunk = chunk_of(text);
    assert_true(http_stream_send(stream, chunk));
    http_chunk_release(chunk);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_is_sent_arrives_in_order(void **state)
{
    struct client *client;
    (void)state;
    fixture_start(&fixture);
    struct http_stream *stream = open_stream(&client);
    assert_int_equal(server()->streams.count, 1);
    assert_int_equal(server()->waiting_calls, 1);
    assert_true(http_stream_is_drained(stream));
    send_text(stream, ": one\n\n");
    send_text(stream, ": two\n\n");
    assert_false(http_stream_is_drained(stream));
    read_until(client, ": two\n\n");
    assert_non_null(strstr(client->in, ": one\n\n: two\n\n"));
    assert_true(http_stream_is_drained(stream));
    send_text(stream, ": three\n\n");
    http_stream_end(stream);
    http_stream_end(stream);
    struct http_chunk *late = chunk_of(": late\n\n");
    assert_false(http_stream_send(stream, late));
    http_chunk_release(late);
    read_until(client, ": three\n\n\r\n0\r\n\r\n");
    assert_null(strstr(client->in, "late"));
    wait_until_over();
    client_close(client);
}

/* Its client reads nothing meanwhile, as the loop does not turn. */
static void what_waits_is_bounded(void **state)
{
    struct client *client;
    size_t sent = 0;
    (void)state;
    fixture_start(&fixture);
    struct http_stream *stream = open_stream(&client);
    struct http_chunk *chunk = make_chunk(CHUNK);
    while (sent < 10 * HTTP_STREAM_PENDING_MAX && http_stream_send(stream, chunk))
        sent += CHUNK;
    assert_int_equal(sent, HTTP_STREAM_PENDING_MAX);
    assert_int_equal(chunk->count, 1); /* nothing of it is kept */
    assert_false(http_stream_send(stream, chunk));
    wait_until_over();
    drain(client);
    client_close(client);
    http_chunk_release(chunk);
}

/* The library itself waits for room in the socket. */
static void a_client_that_does_not_read_is_cut_off(void **state)
{
    struct client *client;
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    (void)state;
    fixture_start(&fixture);
    struct http_stream *stream = open_stream(&client);
    struct http_chunk *chunk = make_chunk(CHUNK);
    while (http_stream_send(stream, chunk)) {
        assert_true(clock_steady_ms() < deadline);
        if (!http_stream_is_drained(stream))
            loop_turn(fixture.loop, 0);
    }
    wait_until_over();
    assert_int_equal(chunk->count, 1);
    drain(client);
    client_close(client);
    http_chunk_release(chunk);
}

static void the_stop_ends_it(void **state)
{
    struct client *client;
    (void)state;
    fixture_start(&fixture);
    open_stream(&client);
    read_until(client, "retry: ");
    http_server_quiesce(fixture.server);
    wait_until_over();
    read_until(client, "\r\n0\r\n\r\n");
    const char *first = strstr(client->in, "retry: ");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "retry: "));
    client_close(client);
}

/* It has as much to read as may wait: there is no room for a hint. */
static void at_the_stop_what_waits_is_still_sent(void **state)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    struct client *client;
    size_t sent = 0, came = 0;
    (void)state;
    fixture_start(&fixture);
    struct http_stream *stream = open_stream(&client);
    read_until(client, "retry: ");
    struct http_chunk *chunk = make_chunk(CHUNK);
    for (; sent < HTTP_STREAM_PENDING_MAX; sent += CHUNK)
        assert_true(http_stream_send(stream, chunk));
    http_server_quiesce(fixture.server);
    while (came < sent && !client->closed) {
        assert_true(clock_steady_ms() < deadline);
        client->len = 0;
        client->in[0] = '\0';
        read_until(client, "x");
        for (size_t i = 0; i < client->len; i++)
            came += client->in[i] == 'x';
    }
    assert_int_equal(came, sent);
    wait_until_over();
    client_close(client);
    http_chunk_release(chunk);
}

/* The library must not stop while a connection is suspended. */
static void a_server_may_be_destroyed_under_it(void **state)
{
    struct client *client;
    (void)state;
    fixture_start(&fixture);
    open_stream(&client);
    fixture_finish(&fixture);
    client_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_sent_arrives_in_order, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_bounded, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_read_is_cut_off, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_stop_ends_it, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(at_the_stop_what_waits_is_still_sent, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_server_may_be_destroyed_under_it, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
