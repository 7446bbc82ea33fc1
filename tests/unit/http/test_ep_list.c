#include "http/http_fixture.h"

#include "support/held_repository.h"
#include "support/test.h"

#define LIST    "GET /processes HTTP/1.1\r\nHost: h\r\n\r\n"
#define CLIENTS 10

static struct fixture fixture;
static struct answer answer;
static struct client *clients[CLIENTS];

static int setup(void **state)
{
    (void)state;
    fixture_init(&fixture, true);
    fixture_start(&fixture);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&fixture);
        client_send(clients[i], LIST);
    }
    while (http_server_open_calls(fixture.server) < CLIENTS)
        loop_turn(fixture.loop, 10);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_that_wait_end_with_the_repository, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
