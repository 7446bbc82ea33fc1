#include "http/http_fixture.h"

#include "support/held_repository.h"
#include "support/test.h"

#define LIST    "GET /processes HTTP/1.1\r\nHost: h\r\n\r\n"
#define CLIENTS 10

static struct answer answer;
static struct client *clients[CLIENTS];

static void connect_all(void)
{
    fixture_init(&fixture, true);
    fixture_start(&fixture);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = client_connect(&fixture);
}

static void send_all(const char *request)
{
    for (size_t i = 0; i < CLIENTS; i++)
        client_send(clients[i], request);
    while (http_server_open_calls(fixture.server) < CLIENTS)
        loop_turn(fixture.loop, 10);
}

static int setup_connected(void **state)
{
    (void)state;
    connect_all();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    connect_all();
    send_all(LIST);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        client_close(clients[i]);
    fixture_stop(&fixture);
    return 0;
}

/* Large pages on one connection to Redis must not hold up everybody else's calls. */
static void lists_take_turns(void **state)
{
    (void)state;
    for (size_t left = CLIENTS; left > 0; left--) {
        fixture_wait_held(&fixture, left < 4 ? left : 4);
        held_repository_release(fixture.repository, 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
        assert_member(&answer, "count", "0");
    }
}

/* A member that is delayed: why it waits is known without asking. */
static void create_member(void)
{
    client_send(clients[0], "POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Length: 66\r\n"
                            "Content-Type: application/json\r\n\r\n"
                            "{\"input\":1,\"type\":\"t\",\"group\":\"g\","
                            "\"run_at\":\"2999-01-01T00:00:00Z\"}");
    for (int i = 0; i < 2; i++) { /* the history of its type is looked up as well */
        fixture_wait_held(&fixture, 1);
        held_repository_release(fixture.repository, 0);
    }
    client_read(&fixture, clients[0], false, &answer);
    assert_int_equal(answer.status, 202);
}

static void pages_of_groups_take_turns_too(void **state)
{
    (void)state;
    create_member();
    send_all("GET /groups/g HTTP/1.1\r\nHost: h\r\n\r\n");
    fixture_wait_held(&fixture, CLIENTS); /* counting the members */
    for (size_t left = CLIENTS; left > 0; left--)
        held_repository_release(fixture.repository, 0);
    for (size_t left = CLIENTS; left > 0; left--) {
        fixture_wait_held(&fixture, left < 4 ? left : 4);
        held_repository_release(fixture.repository, 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_read(&fixture, clients[i], false, &answer);
        assert_int_equal(answer.status, 200);
        assert_member(&answer, "count", "1");
    }
}

static void lists_that_wait_end_with_the_repository(void **state)
{
    (void)state;
    fixture_wait_held(&fixture, 4);
    repository_close(fixture.repository);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_read(&fixture, clients[i], false, &answer);
        assert_problem(&answer, 503, "stopping");
    }
}

static void bulk(size_t i)
{
    client_send(clients[i], "POST /processes/cancel?status=pending HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void expect_bulk(size_t i)
{
    held_repository_release(fixture.repository, 0);
    client_read(&fixture, clients[i], false, &answer);
    assert_int_equal(answer.status, 200);
    assert_member(&answer, "complete", "true");
}

/* Each of them keeps the store busy for seconds. */
static void two_bulk_changes_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bulk(i);
        fixture_wait_held(&fixture, i + 1);
    }
    bulk(2);
    client_read(&fixture, clients[2], false, &answer);
    assert_problem(&answer, 503, "overloaded");
    assert_field(&answer, "Retry-After", "1");
    client_send(clients[2], "POST /groups/g/retry HTTP/1.1\r\nHost: h\r\n\r\n");
    client_read(&fixture, clients[2], false, &answer);
    assert_problem(&answer, 503, "overloaded");
    expect_bulk(0);
    bulk(2);
    fixture_wait_held(&fixture, 2);
    expect_bulk(1);
    expect_bulk(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_of_groups_take_turns_too, setup_connected, teardown),
        cmocka_unit_test_setup_teardown(lists_that_wait_end_with_the_repository, setup, teardown),
        cmocka_unit_test_setup_teardown(two_bulk_changes_at_a_time, setup_connected, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
