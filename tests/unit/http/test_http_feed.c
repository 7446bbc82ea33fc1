#include "http/http_feed.h"

#include "http/http_feed_private.h"
#include "http/http_fixture.h"

#include "support/held_repository.h"
#include "support/test.h"

#include <stdio.h>
#include <sys/socket.h>

#define LISTEN "GET /events HTTP/1.0\r\nHost: h\r\n\r\n"

static struct client *stream;

/* Takes what has come, after a turn of the loop. */
static void look(struct client *client)
{
    loop_turn(fixture.loop, 5);
    ssize_t got = recv(client->fd, client->in + client->len, sizeof(client->in) - client->len - 1,
                       MSG_DONTWAIT);
    if (got == 0)
        client->closed = true;
    if (got > 0)
        client->len += (size_t)got;
    client->in[client->len] = '\0';
}

static size_t occurrences(const struct client *client, const char *text)
{
    size_t count = 0;
    for (const char *at = client->in; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void wait_for(struct client *client, const char *text, size_t count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (occurrences(client, text) < count) {
        if (clock_steady_ms() >= deadline || client->closed)
            fail_msg("%zu of %zu times %s", occurrences(client, text), count, text);
        look(client);
    }
    assert_int_equal(occurrences(client, text), count);
}

static struct client *listen_to_all(void)
{
    struct client *client = client_connect(&fixture);
    client_send(client, LISTEN);
    wait_for(client, ": changes follow", 1);
    return client;
}

static int setup(void **state)
{
    (void)state;
    fixture_init(&fixture, true);
    fixture_start(&fixture);
    stream = listen_to_all();
    return 0;
}

static int teardown(void **state)
{
    if (stream != NULL)
        client_close(stream);
    stream = NULL;
    return fixture_teardown(state);
}

/* That nothing is stored under: they are found to be removed. */
static void tell_of_unknown(unsigned from, unsigned count)
{
    for (unsigned n = from; n < from + count; n++) {
        struct process_id id = {{(unsigned char)n, (unsigned char)(n >> 8)}};
        http_feed_changed(fixture.server->feed, &id);
    }
}

static void release_all(void)
{
    while (held_repository_count(fixture.repository) > 0)
        held_repository_release(fixture.repository, 0);
}

static void no_more_than_256_reads_are_out(void **state)
{
    (void)state;
    tell_of_unknown(0, 600);
    fixture_wait_held(&fixture, FEED_READS_MAX);
    for (int i = 0; i < 10; i++)
        loop_turn(fixture.loop, 0);
    assert_int_equal(held_repository_count(fixture.repository), FEED_READS_MAX);
    tell_of_unknown(0, 600); /* those being read once more, the others wait already */
    release_all();
    fixture_wait_held(&fixture, FEED_READS_MAX);
    release_all();
    fixture_wait_held(&fixture, FEED_READS_MAX);
    release_all();
    fixture_wait_held(&fixture, 600 + FEED_READS_MAX - 3 * FEED_READS_MAX);
    release_all();
    wait_for(stream, "event: removed", 600);
}

static void a_state_that_was_told_is_not_told_again(void **state)
{
    (void)state;
    tell_of_unknown(7, 1);
    fixture_wait_held(&fixture, 1);
    tell_of_unknown(7, 1); /* perhaps it was read before this */
    release_all();
    fixture_wait_held(&fixture, 1);
    release_all();
    tell_of_unknown(8, 1);
    fixture_wait_held(&fixture, 1);
    release_all();
    wait_for(stream, "event: removed", 2);
}

static void what_cannot_wait_is_told_as_missed(void **state)
{
    (void)state;
    tell_of_unknown(0, FEED_WAITING_MAX);
    tell_of_unknown(0, FEED_WAITING_MAX);
    fixture_wait_held(&fixture, FEED_READS_MAX);
    assert_int_equal(occurrences(stream, "event: missed"), 0);
    tell_of_unknown(FEED_WAITING_MAX, FEED_READS_MAX);
    assert_int_equal(occurrences(stream, "event: missed"), 0);
    tell_of_unknown(FEED_WAITING_MAX + FEED_READS_MAX, 1000);
    wait_for(stream, "event: missed\ndata: {}\n\n", 1);
}

static void what_the_repository_missed_is_told(void **state)
{
    (void)state;
    http_feed_changed(fixture.server->feed, NULL); /* of what is watched, not of all */
    fixture.repository->on_missed(fixture.repository->on_missed_arg);
    fixture.repository->on_missed(fixture.repository->on_missed_arg);
    wait_for(stream, "event: missed", 1);
    assert_int_equal(occurrences(stream, "event: missed"), 1);
    assert_int_equal(held_repository_count(fixture.repository), 0);
}

/* Its reads come back when nobody listens any more, or somebody else does. */
static void a_stream_that_closes_leaves_its_reads(void **state)
{
    (void)state;
    tell_of_unknown(0, 500);
    fixture_wait_held(&fixture, FEED_READS_MAX);
    client_close(stream);
    stream = NULL;
    while (fixture.server->streams.count > 0)
        loop_turn(fixture.loop, 10);
    tell_of_unknown(1000, 1); /* nobody wants to know */
    held_repository_release(fixture.repository, 0);
    stream = listen_to_all();
    tell_of_unknown(2000, 1);
    fixture_wait_held(&fixture, FEED_READS_MAX);
    release_all();
    wait_for(stream, "event: removed", FEED_READS_MAX);
}

static void nobody_listens_while_reads_are_out(void **state)
{
    (void)state;
    tell_of_unknown(0, 10);
    fixture_wait_held(&fixture, 10);
    client_close(stream);
    stream = NULL;
    while (fixture.server->streams.count > 0)
        loop_turn(fixture.loop, 10);
    release_all();
    loop_turn(fixture.loop, 0);
    assert_int_equal(held_repository_count(fixture.repository), 0);
}

static void the_server_stops_while_reads_are_out(void **state)
{
    (void)state;
    tell_of_unknown(0, 10);
    fixture_wait_held(&fixture, 10);
    fixture_stop(&fixture);
}

/* A comment of so many bytes, each of them a colon but for the last. */
static void add_event(size_t len)
{
    struct feed_event *event = feed_event_missed();
    struct http_chunk *chunk = http_chunk_create(len);
    assert_non_null(event);
    assert_non_null(chunk);
    memset(chunk->bytes, ':', len - 1);
    chunk->bytes[len - 1] = '\n';
    for (int base = 0; base < FEED_BASES; base++) {
        http_chunk_release(event->chunks[base]);
        event->chunks[base] = http_chunk_share(chunk);
    }
    http_chunk_release(chunk);
    feed_add_event(fixture.server->feed, event);
    feed_plan(fixture.server->feed);
}

/* Until so many of these colons have come. */
static void read_all(struct client *client, size_t expected)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    size_t came = 0;
    while (came < expected) {
        client->len = 0;
        look(client);
        if (clock_steady_ms() >= deadline || client->closed)
            fail_msg("%zu of %zu bytes", came, expected);
        for (size_t i = 0; i < client->len; i++)
            came += client->in[i] == ':';
    }
    assert_int_equal(came, expected);
}

static void a_large_event_behind_small_ones_cuts_off_none_that_reads(void **state)
{
    const size_t large = 2 * HTTP_STREAM_PENDING_MAX;
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++)
            add_event(1001);
        add_event(large + 1);
        add_event(1001);
    }
    read_all(stream, 3 * (51 * 1000 + large));
}

/* The large one waits for all others to be taken, but not for ever. */
static void one_that_does_not_read_does_not_keep_a_large_event_from_others(void **state)
{
    struct client *idle = stream;
    const size_t large = 2 * HTTP_STREAM_PENDING_MAX;
    const int small = 4096;
    (void)state;
    assert_int_equal(setsockopt(idle->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    stream = listen_to_all();
    for (int round = 0; round < 20; round++) {
        add_event(10001);
        add_event(large + 1);
    }
    read_all(stream, 20 * (10000 + large));
    client_close(idle);
}

static void a_store_that_tells_nothing_has_no_feed(void **state)
{
    (void)state;
    fixture.repository->watching = "none";
    assert_problem(ask(&fixture, "GET", "/events", NULL, NULL), 503, "not-watching");
    assert_non_null(answer_field(ask(&fixture, "GET", "/events", NULL, NULL), "Retry-After"));
}

static void others_than_event_streams_are_refused(void **state)
{
    (void)state;
    assert_problem(ask(&fixture, "GET", "/events", "Accept: application/json\r\n", NULL), 406,
                   "not-acceptable");
    assert_problem(ask(&fixture, "GET", "/events?status=done", NULL, NULL), 400, "bad-query");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_more_than_256_reads_are_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_state_that_was_told_is_not_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_wait_is_told_as_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_repository_missed_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_closes_leaves_its_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens_while_reads_are_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_stops_while_reads_are_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_event_behind_small_ones_cuts_off_none_that_reads,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_that_does_not_read_does_not_keep_a_large_event_from_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_tells_nothing_has_no_feed, setup, teardown),
        cmocka_unit_test_setup_teardown(others_than_event_streams_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
