#include "http/http_fixture.h"
#include "http/http_server_private.h"

#include "support/held_repository.h"
#include "support/test.h"

#include <stdio.h>

#define A "00000000-0000-4000-8000-00000000000a"
#define B "00000000-0000-4000-8000-00000000000b"
#define C "00000000-0000-4000-8000-00000000000c"

#define REQUEST(query, fields) "GET /status?ids=" query " HTTP/1.1\r\nHost: h\r\n" fields "\r\n"

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
    if (client != NULL)
        client_close(client);
    client = NULL;
    return fixture_teardown(state);
}

static void release_all(void)
{
    while (held_repository_count(fixture.repository) > 0)
        held_repository_release(fixture.repository, 0);
}

static void assert_calm(void)
{
    while (http_server_open_calls(fixture.server) > 0)
        loop_turn(fixture.loop, 10);
    assert_int_equal(fixture.server->waiting_calls, 0);
    assert_int_equal(fixture.server->follower_count, 0);
}

static void all_are_read_at_once(void **state)
{
    (void)state;
    client_send(client, REQUEST(A "," B "," C, ""));
    fixture_wait_held(&fixture, 3);
    release_all();
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_member(&answer, "processes", "[]");
    assert_member(&answer, "missing", "[\"" A "\",\"" B "\",\"" C "\"]");
    assert_member(&answer, "gone", "[]");
    assert_member(&answer, "unchanged", "0");
}

/* Missing ones that the client knows of are waited with, not for; so nothing ever comes. */
static void wait_for_nothing(void)
{
    client_send(client, REQUEST(A "," B "&after_version=-,-&wait=60", ""));
    fixture_wait_held(&fixture, 2);
    release_all();
    while (fixture.server->follower_count == 0)
        loop_turn(fixture.loop, 10);
    assert_int_equal(fixture.server->waiting_calls, 1);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    wait_for_nothing();
    client_close(client);
    client = NULL;
    fixture_wait_held(&fixture, 2); /* it is told what there is, if it still listens */
    release_all();
    assert_calm();
}

static void the_server_stops_while_one_waits(void **state)
{
    (void)state;
    wait_for_nothing();
    http_server_quiesce(fixture.server);
    fixture_wait_held(&fixture, 2);
    release_all();
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_field(&answer, "Connection", "close");
    assert_member(&answer, "unchanged", "2");
    assert_calm();
}

static void the_storage_closes_while_one_looks(void **state)
{
    (void)state;
    client_send(client, REQUEST(A "," B, ""));
    fixture_wait_held(&fixture, 2);
    held_repository_release(fixture.repository, 1);
    repository_close(fixture.repository);
    client_read(&fixture, client, false, &answer);
    assert_problem(&answer, 503, "stopping");
    assert_calm();
}

static void a_client_that_leaves_while_one_looks(void **state)
{
    (void)state;
    client_send(client, REQUEST(A "," B "&wait=60", ""));
    fixture_wait_held(&fixture, 2);
    client_close(client);
    client = NULL;
    release_all();
    assert_calm();
}

static void nothing_can_follow(void **state)
{
    (void)state;
    client_send(client, REQUEST(A "," B "&after_version=-,-", "Accept: text/event-stream\r\n"));
    fixture_wait_held(&fixture, 2);
    release_all();
    client_read(&fixture, client, false, &answer);
    assert_int_equal(answer.status, 204);
    assert_calm();
}

static void bad_queries_are_refused(void **state)
{
    (void)state;
    assert_problem(ask(&fixture, "GET", "/status", NULL, NULL), 400, "bad-query");
    assert_problem(ask(&fixture, "GET", "/status?ids=" A "," A, NULL, NULL), 400, "bad-query");
    assert_problem(ask(&fixture, "GET", "/status?after_version=1,2&ids=" A, NULL, NULL), 400,
                   "bad-query");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_are_read_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_stops_while_one_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(the_storage_closes_while_one_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_while_one_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_can_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_queries_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
