/* As test_allocations.c, for what waits: one asks and waits for the end of a process, another ends
 * it, and any allocation on the way may fail. Who waits hears of the end, or of a failure, or is
 * closed: he is never forgotten. And the same for a start. */
#include "http/durable_fixture.h"
#include "http/failing_memory.h"

#include "proctrack/clock.h"

/* What could not be read is read again a second later: that takes its time. */
enum { ATTEMPTS_MAX = 300, ALL_STEP = 7 };

static const struct request ending = {
    .method = "POST",
    .target = "/processes/$I/complete",
    .body = "{\"lease_token\":\"$L\",\"result\":{\"words\":7}}",
};

/* A stream that ends is as good as a connection that does. */
static bool has_heard(const struct client *client)
{
    return client->closed || strstr(client->in, "\"completed\"") != NULL ||
           strstr(client->in, "event: missed") != NULL ||
           strstr(client->in, "HTTP/1.1 5") != NULL || strstr(client->in, "\r\n0\r\n\r\n") != NULL;
}

static void wait_to_hear(struct client *client)
{
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!has_heard(client))
        client_turn(&fixture, client, deadline);
}

/* Until it waits, or will not. */
static void begin_to_wait(struct client *waiter, const struct request *request, const char *sign)
{
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    client_send(waiter, request_compose(request));
    while (!has_heard(waiter) && (sign != NULL ? strstr(waiter->in, sign) == NULL
                                               : http_server_running_calls(fixture.server) == 0))
        client_turn(&fixture, waiter, deadline);
}

/* Whatever came of the end: afterwards it has ended. */
static void end_surely(struct client *other)
{
    static struct answer answer;
    client_send(other, request_compose(&ending));
    const bool answered = client_receive(&fixture, other, &answer);
    const bool ended = answered && answer.status == 200;
    const bool alive = memory_calm() == 0;
    if (alive)
        assert_true(ended);
    if (!ended)
        request_must(&ending, 200);
}

/* Whether an allocation failed. */
static bool attempt(const struct request *request, const char *sign, int nth, bool all)
{
    request_prepare(RUNNING);
    struct client *waiter = client_connect(&fixture), *other = client_connect(&fixture);
    memory_fail_after(nth, all);
    begin_to_wait(waiter, request, sign);
    end_surely(other);
    const bool failed = memory_calm() > 0;
    wait_to_hear(waiter);
    if (!failed)
        assert_non_null(strstr(waiter->in, "\"completed\""));
    client_close(waiter);
    client_close(other);
    assert_string_equal(see(RUNNING).status, "completed");
    return failed;
}

static void every_allocation_may_fail(const struct request *request, const char *sign)
{
    for (int mode = 0; mode < 2; mode++) {
        int nth = 0;
        while (attempt(request, sign, nth, mode == 1)) {
            assert_true(nth < ATTEMPTS_MAX);
            nth += mode == 1 ? ALL_STEP : 1;
        }
        assert_true(nth > 0);
        print_message("%s: up to %d allocations, %s\n", request->target, nth,
                      mode == 1 ? "all from each on" : "each alone");
    }
    durable_check_restart();
}

static void who_polls_is_not_forgotten(void **state)
{
    (void)state;
    every_allocation_may_fail(
        &(struct request){.method = "GET", .target = "/status/$I?wait=30&after_version=2"}, NULL);
}

static void who_follows_one_is_not_forgotten(void **state)
{
    (void)state;
    every_allocation_may_fail(&(struct request){.method = "GET",
                                                .target = "/status/$I",
                                                .fields = "Accept: text/event-stream\r\n"},
                              "\"running\"");
}

static void who_follows_all_is_not_forgotten(void **state)
{
    (void)state;
    every_allocation_may_fail(&(struct request){.method = "GET",
                                                .target = "/events?type=$T",
                                                .fields = "Accept: text/event-stream\r\n"},
                              "\r\n\r\n");
}

static void a_start_needs_all_its_memory(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        for (int i = 0; i < 3; i++)
            request_prepare(COMPLETED);
        durable_stop();
        bool failed = true;
        for (int nth = 0; failed; nth++) {
            struct fixture part = {.loop = loop_create()};
            process_policy_defaults(&part.policy);
            assert_true(nth < ATTEMPTS_MAX);
            memory_fail_after(nth, mode == 1);
            struct process_repository *repository = durable_open(&part);
            failed = memory_calm() > 0;
            assert_true(failed || repository != NULL);
            if (repository != NULL)
                durable_close(repository);
            loop_destroy(part.loop);
        }
        durable_start();
        assert_int_equal(see(COMPLETED).total, 3 * (mode + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_polls_is_not_forgotten, durable_setup,
                                        durable_teardown),
        cmocka_unit_test_setup_teardown(who_follows_one_is_not_forgotten, durable_setup,
                                        durable_teardown),
        cmocka_unit_test_setup_teardown(who_follows_all_is_not_forgotten, durable_setup,
                                        durable_teardown),
        cmocka_unit_test_setup_teardown(a_start_needs_all_its_memory, durable_setup,
                                        durable_teardown),
    };
    return cmocka_run_group_tests_name("allocations of what waits", tests, NULL, NULL);
}
