/* The client against a Redis that does what real ones do rarely, or never. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "support/client_calls.h"
#include "support/fake_redis.h"

#include <signal.h>

struct bench {
    struct loop *loop;
    struct fake_redis *fake;
    struct redis_options options;
    struct redis_client_setup setup;
    struct span scripts[1];
    struct redis_client *client;
    const char *odd_name, *odd_reply; /* this command is answered so */
    int odd_times;                    /* this often; -1: always */
};

static const char *reply(void *arg, const char *name)
{
    struct bench *bench = arg;
    if (bench->odd_times != 0 && strcmp(name, bench->odd_name) == 0) {
        bench->odd_times -= bench->odd_times > 0;
        return bench->odd_reply;
    }
    return fake_redis_session_reply(name);
}

static void set_up(struct bench *bench, const char *odd_name, const char *odd_reply, int odd_times)
{
    signal(SIGPIPE, SIG_IGN);
    *bench = (struct bench){.odd_name = odd_name, .odd_reply = odd_reply, .odd_times = odd_times};
    bench->loop = loop_create();
    bench->fake = fake_redis_create(bench->loop, reply, bench);
    redis_options_defaults(&bench->options);
    strcpy(bench->options.unix_path, fake_redis_socket(bench->fake));
    bench->scripts[0] = SPAN("return 1");
    bench->setup = (struct redis_client_setup){
        .scripts = bench->scripts, .script_count = 1, .layout_key = "l", .layout = "1"};
    bench->client = redis_client_create(bench->loop, &bench->options, &bench->setup);
}

static void tear_down(struct bench *bench)
{
    redis_client_destroy(bench->client);
    fake_redis_destroy(bench->fake);
    loop_destroy(bench->loop);
}

static void wait_connections(struct bench *bench, int count)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (fake_redis_connections(bench->fake) < count) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->loop, 100);
    }
}

static void comes_in_when_loading_is_over(void **state)
{
    static const char loading[] = "-LOADING Redis is loading the dataset in memory\r\n";
    struct bench bench;
    (void)state;
    set_up(&bench, "PING", loading, 2);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(fake_redis_connections(bench.fake), 3);
    tear_down(&bench);
}

static void a_silent_one_is_left_within_the_connect_timeout(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, "PING", "", -1);
    bench.options.connect_timeout_ms = 50;
    wait_connections(&bench, 2);
    assert_false(redis_client_is_ready(bench.client));
    tear_down(&bench);
}

/* What follows would have no request to belong to. */
static void an_answer_to_nothing_ends_the_connection(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, "", "", 0);
    client_wait_ready(bench.loop, bench.client, true);
    fake_redis_say(bench.fake, "+SURPRISE\r\n");
    client_wait_ready(bench.loop, bench.client, false);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(client_call_run(bench.loop, bench.client, &call, WORDS("PING")), ERR_OK);
    assert_string_equal(call.text, "PONG");
    tear_down(&bench);
}

static void two_answers_to_one_request_end_the_connection(void **state)
{
    struct client_call calls[2] = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, "ECHO", "+first\r\n+second\r\n", 1);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(client_call_run(bench.loop, bench.client, &calls[0], WORDS("ECHO", "first")),
                     ERR_OK);
    assert_string_equal(calls[0].text, "first");
    assert_false(redis_client_is_ready(bench.client));
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(client_call_run(bench.loop, bench.client, &calls[1], WORDS("PING")), ERR_OK);
    assert_string_equal(calls[1].text, "PONG");
    tear_down(&bench);
}

static void no_redis_at_all_is_never_entered(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, "CLIENT", "HTTP/1.1 400 Bad Request\r\n\r\n", -1);
    wait_connections(&bench, 3);
    assert_false(redis_client_is_ready(bench.client));
    tear_down(&bench);
}

static void a_hash_that_is_none_is_refused(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, "SCRIPT", "$50\r\n01234567890123456789012345678901234567890123456789\r\n", 1);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(fake_redis_connections(bench.fake), 2);
    tear_down(&bench);
}

static void a_connection_that_breaks_while_it_is_set_up_is_tried_again(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, "SET", NULL, 1);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(fake_redis_connections(bench.fake), 2);
    tear_down(&bench);
}

/* The second time it is told, since the first was answered with the whole script. */
static void a_script_that_stays_unknown_is_an_error(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, "EVALSHA", "-NOSCRIPT No matching script.\r\n", -1);
    client_wait_ready(bench.loop, bench.client, true);
    client_call_start(bench.client, &call, WORDS("EVALSHA", "0", "0"));
    client_call_wait(bench.loop, &call);
    assert_int_equal(call.result, ERR_UNAVAILABLE);
    assert_int_equal(call.ends, 1);
    tear_down(&bench);
}

/* --- a request that goes on ------------------------------------------------------------------- */

enum { TIME_MS = 300, FIRST_MS = 200 };

struct going_on {
    struct redis_request request;
    struct redis_client *client;
    int64_t began, took_ms;
    bool went_on;
    int ends;
    enum err result;
};

static void build_echo(struct redis_request *request, struct redis_commands *commands)
{
    (void)request;
    redis_command(commands, "ECHO");
}

static void on_end(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct going_on *call = container_of(request, struct going_on, request);
    (void)reply;
    call->took_ms = clock_steady_ms() - call->began;
    call->result = err;
    call->ends++;
}

static void on_first(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct going_on *call = container_of(request, struct going_on, request);
    (void)reply;
    assert_int_equal(err, ERR_OK);
    call->went_on = true;
    request->done = on_end;
    redis_client_go_on(call->client, request);
}

/* Silent on ECHO; a request that has waited for most of its time for the first answer goes on. */
static void set_up_going_on(struct bench *bench, struct going_on *call, uint64_t *timeouts)
{
    set_up(bench, "ECHO", "", -1);
    bench->options.command_timeout_ms = TIME_MS;
    bench->setup.timeouts = timeouts;
    client_wait_ready(bench->loop, bench->client, true);
    *call = (struct going_on){.request = {.build = build_echo, .done = on_first},
                              .client = bench->client,
                              .began = clock_steady_ms()};
    redis_client_submit(bench->client, &call->request);
    while (clock_steady_ms() < call->began + FIRST_MS)
        loop_turn(bench->loop, 10);
    fake_redis_say(bench->fake, "+first\r\n");
    while (!call->went_on)
        loop_turn(bench->loop, 10);
}

static void wait_end(struct bench *bench, const struct going_on *call)
{
    while (call->ends == 0)
        loop_turn(bench->loop, 10);
}

/* One that was sent before it, and has its time still, is answered. */
static void what_goes_on_has_the_time_that_is_left(void **state)
{
    struct client_call before = {0}, after = {0};
    struct going_on call;
    struct bench bench;
    uint64_t timeouts = 0;
    (void)state;
    set_up_going_on(&bench, &call, &timeouts);
    loop_turn(bench.loop, 10); /* it is sent */
    client_call_start(bench.client, &before, WORDS("ECHO"));
    wait_end(&bench, &call);
    assert_int_equal(call.result, ERR_TIMEOUT);
    assert_in_range(call.took_ms, TIME_MS - 5, TIME_MS + FIRST_MS - 50);
    assert_int_equal(timeouts, 1);
    assert_int_equal(before.ends, 0);
    fake_redis_say(bench.fake, "+late\r\n+before\r\n");
    client_call_wait(bench.loop, &before);
    assert_string_equal(before.text, "before"); /* and not what came late */
    assert_int_equal(client_call_run(bench.loop, bench.client, &after, WORDS("PING")), ERR_OK);
    assert_string_equal(after.text, "PONG");
    assert_int_equal(fake_redis_connections(bench.fake), 1);
    assert_int_equal(call.ends, 1);
    tear_down(&bench);
}

static void what_goes_on_and_is_never_answered_ends_the_connection(void **state)
{
    struct going_on call;
    struct bench bench;
    uint64_t timeouts = 0;
    (void)state;
    set_up_going_on(&bench, &call, &timeouts);
    wait_end(&bench, &call);
    assert_true(redis_client_is_ready(bench.client));
    client_wait_ready(bench.loop, bench.client, false);
    assert_int_equal(timeouts, 1);
    client_wait_ready(bench.loop, bench.client, true);
    tear_down(&bench);
}

static void what_goes_on_too_late_is_not_sent(void **state)
{
    struct going_on call;
    struct bench bench;
    uint64_t timeouts = 0;
    (void)state;
    set_up_going_on(&bench, &call, &timeouts);
    fake_redis_say(bench.fake, "+second\r\n");
    wait_end(&bench, &call);
    assert_int_equal(call.result, ERR_OK);
    while (clock_steady_ms() < call.began + TIME_MS)
        loop_turn(bench.loop, 10);
    redis_client_go_on(bench.client, &call.request);
    assert_int_equal(call.ends, 2);
    assert_int_equal(call.result, ERR_TIMEOUT);
    assert_int_equal(timeouts, 1);
    tear_down(&bench);
}

static void closing_ends_what_was_left_behind(void **state)
{
    struct going_on call;
    struct bench bench;
    uint64_t timeouts = 0;
    (void)state;
    set_up_going_on(&bench, &call, &timeouts);
    wait_end(&bench, &call);
    redis_client_close(bench.client);
    assert_int_equal(call.ends, 1);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_in_when_loading_is_over),
        cmocka_unit_test(a_silent_one_is_left_within_the_connect_timeout),
        cmocka_unit_test(an_answer_to_nothing_ends_the_connection),
        cmocka_unit_test(two_answers_to_one_request_end_the_connection),
        cmocka_unit_test(no_redis_at_all_is_never_entered),
        cmocka_unit_test(a_hash_that_is_none_is_refused),
        cmocka_unit_test(a_connection_that_breaks_while_it_is_set_up_is_tried_again),
        cmocka_unit_test(a_script_that_stays_unknown_is_an_error),
        cmocka_unit_test(what_goes_on_has_the_time_that_is_left),
        cmocka_unit_test(what_goes_on_and_is_never_answered_ends_the_connection),
        cmocka_unit_test(what_goes_on_too_late_is_not_sent),
        cmocka_unit_test(closing_ends_what_was_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
