/* The client against a real Redis. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "support/client_calls.h"
#include "support/redis_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- writes to sockets are counted: these stand before the C library's, for hiredis too ------ */

static int writes;

ssize_t write(int fd, const void *bytes, size_t len);
ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd > STDERR_FILENO && len > 8) /* 8: what wakes a loop */
        writes++;
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags);
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    writes++;
    return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

/* --- each test has a Redis and a client of its own ------------------------------------------- */

struct bench {
    struct redis_fixture redis;
    struct redis_options options;
    struct redis_client_setup setup;
    struct span scripts[1];
    uint64_t reconnects, timeouts, commands;
    struct metric_histogram latency;
    struct loop *loop;
    struct redis_client *client;
};

static void open_client(struct bench *bench)
{
    bench->loop = loop_create();
    bench->client = redis_client_create(bench->loop, &bench->options, &bench->setup);
    assert_non_null(bench->client);
}

static void set_up(struct bench *bench, const char *const *arguments)
{
    *bench = (struct bench){.scripts = {SPAN("return redis.call('GET', KEYS[1])")}};
    bench->setup = (struct redis_client_setup){.scripts = bench->scripts,
                                               .script_count = 1,
                                               .layout_key = "layout",
                                               .layout = "1",
                                               .reconnects = &bench->reconnects,
                                               .timeouts = &bench->timeouts,
                                               .commands = &bench->commands,
                                               .latency = &bench->latency};
    redis_fixture_start(&bench->redis, arguments);
    redis_fixture_options(&bench->redis, &bench->options);
}

static void set_up_ready(struct bench *bench)
{
    set_up(bench, NULL);
    open_client(bench);
    client_wait_ready(bench->loop, bench->client, true);
}

static void tear_down(struct bench *bench)
{
    redis_client_destroy(bench->client);
    loop_destroy(bench->loop);
    redis_fixture_stop(&bench->redis);
}

static enum err run(struct bench *bench, struct client_call *call, const char *const *words)
{
    return client_call_run(bench->loop, bench->client, call, words);
}

/* Until it would have been ready twice over, were it not refused. */
static void assert_never_ready(struct bench *bench)
{
    int64_t until = clock_steady_ms() + 300;
    while (clock_steady_ms() < until) {
        loop_turn(bench->loop, 20);
        assert_false(redis_client_is_ready(bench->client));
    }
}

/* --- tests ----------------------------------------------------------------------------------- */

static void one_turn_is_one_write(void **state)
{
    static struct client_call calls[100];
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    loop_turn(bench.loop, 0);
    writes = 0;
    for (int i = 0; i < 100; i++)
        client_call_start(bench.client, &calls[i], WORDS("INCR", "n"));
    assert_int_equal(writes, 0);
    client_call_wait(bench.loop, &calls[99]);
    assert_int_equal(writes, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(calls[i].result, ERR_OK);
        assert_int_equal(calls[i].number, i + 1);
        assert_int_equal(calls[i].ends, 1);
    }
    tear_down(&bench);
}

/* More than the socket holds: the rest goes when there is room. */
static void what_does_not_fit_is_written_later(void **state)
{
    static char big[4 * 1024 * 1024 + 1];
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(run(&bench, &call, WORDS("SET", "big", big)), ERR_OK);
    assert_int_equal(run(&bench, &call, WORDS("STRLEN", "big")), ERR_OK);
    assert_int_equal(call.number, sizeof(big) - 1);
    tear_down(&bench);
}

static void many_commands_have_one_answer(void **state)
{
    static const char *const several[] = {"SET", "a",   "1", NULL, "INCR", "a",
                                          NULL,  "GET", "a", NULL, NULL};
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    assert_int_equal(run(&bench, &call, several), ERR_OK);
    assert_string_equal(call.text, "2");
    tear_down(&bench);
}

/* EXEC only says that something was wrong; what it was stands in the reply before it. */
static void the_first_error_counts(void **state)
{
    static const char *const several[] = {"MULTI", NULL, "SET", "k", "v", NULL, "EXEC", NULL, NULL};
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    redis_fixture_ask(&bench.redis, "CONFIG SET maxmemory 1");
    assert_int_equal(run(&bench, &call, several), ERR_FULL);
    redis_fixture_ask(&bench.redis, "CONFIG SET maxmemory 0");
    assert_int_equal(run(&bench, &call, several), ERR_OK);
    assert_int_equal(run(&bench, &call, WORDS("SADD", "k", "v")), ERR_CORRUPT);
    assert_int_equal(run(&bench, &call, WORDS("NOSUCH")), ERR_INTERNAL);
    tear_down(&bench);
}

static void before_it_is_connected_all_is_refused_at_once(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    open_client(&bench);
    client_call_start(bench.client, &call, WORDS("PING"));
    assert_int_equal(call.ends, 1);
    assert_int_equal(call.result, ERR_UNAVAILABLE);
    tear_down(&bench);
}

static void a_silent_redis_ends_all_requests_in_time(void **state)
{
    struct client_call calls[3] = {0}, later = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.command_timeout_ms = 1500;
    bench.options.connect_timeout_ms = 300;
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    redis_fixture_ask(&bench.redis, "SET mine A");
    redis_fixture_ask(&bench.redis, "SET yours B");

    redis_fixture_pause(&bench.redis);
    int64_t began = clock_steady_ms();
    for (int i = 0; i < 3; i++)
        client_call_start(bench.client, &calls[i], WORDS("GET", "mine"));
    client_call_wait(bench.loop, &calls[0]);
    int64_t took = clock_steady_ms() - began;
    assert_in_range(took, 1490, 2980);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(calls[i].result, ERR_TIMEOUT);
        assert_int_equal(calls[i].ends, 1);
    }
    assert_int_equal(bench.timeouts, 3);
    assert_int_equal(bench.commands, 3);
    assert_int_equal(metric_observed(&bench.latency), 0); /* nothing was answered */
    assert_false(redis_client_is_ready(bench.client));

    /* The late replies must not be taken for those of the next requests. */
    redis_fixture_resume(&bench.redis);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(run(&bench, &later, WORDS("GET", "yours")), ERR_OK);
    assert_string_equal(later.text, "B");
    assert_int_equal(bench.reconnects, 1);
    tear_down(&bench);
}

/* Those whose own time is not over end too, with the connection: but as unavailable. */
static void the_younger_ones_are_unavailable(void **state)
{
    struct client_call old = {0}, young = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.command_timeout_ms = 200;
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    redis_fixture_pause(&bench.redis);
    int64_t half = clock_steady_ms() + 100;
    client_call_start(bench.client, &old, WORDS("PING"));
    while (clock_steady_ms() < half)
        loop_turn(bench.loop, 10);
    client_call_start(bench.client, &young, WORDS("PING"));
    client_call_wait(bench.loop, &young);
    assert_int_equal(old.result, ERR_TIMEOUT);
    assert_int_equal(young.result, ERR_UNAVAILABLE);
    redis_fixture_resume(&bench.redis);
    tear_down(&bench);
}

/* A loop that was held up itself must not blame Redis for it. */
static void a_late_loop_reads_before_it_gives_up(void **state)
{
    const struct timespec long_pause = {.tv_nsec = 200 * 1000000};
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.command_timeout_ms = 100;
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    client_call_start(bench.client, &call, WORDS("PING"));
    loop_turn(bench.loop, 0); /* sends it */
    if (call.ends == 0)
        nanosleep(&long_pause, NULL); /* what the test is about: a turn that takes too long */
    client_call_wait(bench.loop, &call);
    assert_int_equal(call.result, ERR_OK);
    tear_down(&bench);
}

static void comes_back_after_a_crash(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    client_call_start(bench.client, &call, WORDS("BLPOP", "nothing", "0"));
    loop_turn(bench.loop, 0);
    redis_fixture_kill(&bench.redis);
    client_call_wait(bench.loop, &call);
    assert_int_equal(call.result, ERR_UNAVAILABLE);
    client_call_start(bench.client, &call, WORDS("PING"));
    assert_int_equal(call.result, ERR_UNAVAILABLE);
    redis_fixture_restart(&bench.redis);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(run(&bench, &call, WORDS("PING")), ERR_OK);
    assert_int_equal(bench.reconnects, 1);
    tear_down(&bench);
}

static void comes_when_redis_does(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    redis_fixture_kill(&bench.redis);
    open_client(&bench);
    assert_never_ready(&bench);
    redis_fixture_restart(&bench.redis);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(bench.reconnects, 0);
    tear_down(&bench);
}

static void enters_with_a_password(void **state)
{
    static const char *const arguments[] = {"--requirepass", "s3 cret", NULL};
    struct bench bench;
    (void)state;
    set_up(&bench, arguments);
    open_client(&bench);
    assert_never_ready(&bench);
    redis_client_destroy(bench.client);
    strcpy(bench.options.password, "s3 cret");
    bench.client = redis_client_create(bench.loop, &bench.options, &bench.setup);
    client_wait_ready(bench.loop, bench.client, true);
    tear_down(&bench);
}

static void enters_as_a_user(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    redis_fixture_ask(&bench.redis, "ACL SETUSER anna on >pw ~* +@all -flushall");
    strcpy(bench.options.username, "anna");
    strcpy(bench.options.password, "wrong");
    open_client(&bench);
    assert_never_ready(&bench);
    redis_client_destroy(bench.client);
    strcpy(bench.options.password, "pw");
    bench.client = redis_client_create(bench.loop, &bench.options, &bench.setup);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(run(&bench, &call, WORDS("ACL", "WHOAMI")), ERR_OK);
    assert_string_equal(call.text, "anna");
    assert_int_equal(run(&bench, &call, WORDS("FLUSHALL")), ERR_UNAVAILABLE);
    tear_down(&bench);
}

static void selects_the_database_and_gives_its_name(void **state)
{
    struct client_call call = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.database = 7;
    strcpy(bench.options.client_name, "me");
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    assert_int_equal(run(&bench, &call, WORDS("SET", "in7", "x")), ERR_OK);
    assert_int_equal(run(&bench, &call, WORDS("CLIENT", "GETNAME")), ERR_OK);
    assert_string_equal(call.text, "me");
    assert_string_equal(redis_fixture_ask(&bench.redis, "EXISTS in7"), "0");
    tear_down(&bench);
}

static void a_refused_database_is_never_entered(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.database = 99;
    open_client(&bench);
    assert_never_ready(&bench);
    tear_down(&bench);
}

static void an_unknown_layout_is_left_alone(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    redis_fixture_ask(&bench.redis, "SET layout 2");
    open_client(&bench);
    assert_never_ready(&bench);
    assert_string_equal(redis_fixture_ask(&bench.redis, "GET layout"), "2");
    redis_fixture_ask(&bench.redis, "DEL layout");
    client_wait_ready(bench.loop, bench.client, true);
    assert_string_equal(redis_fixture_ask(&bench.redis, "GET layout"), "1");
    tear_down(&bench);
}

static void close_ends_what_is_open(void **state)
{
    struct client_call open[2] = {0}, after = {0};
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    redis_fixture_pause(&bench.redis);
    client_call_start(bench.client, &open[0], WORDS("PING"));
    client_call_start(bench.client, &open[1], WORDS("PING"));
    loop_turn(bench.loop, 0);
    redis_client_close(bench.client);
    assert_int_equal(open[0].result, ERR_CANCELED);
    assert_int_equal(open[1].result, ERR_CANCELED);
    client_call_start(bench.client, &after, WORDS("PING"));
    assert_int_equal(after.result, ERR_CANCELED);
    redis_client_close(bench.client);
    redis_fixture_resume(&bench.redis);
    tear_down(&bench);
    assert_int_equal(open[0].ends + open[1].ends + after.ends, 3);
}

/* --- replicas -------------------------------------------------------------------------------- */

static void too_few_replicas_are_unavailable(void **state)
{
    struct client_call first = {.request.writes = true}, second = {.request.writes = true};
    struct client_call read = {0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.command_timeout_ms = 600;
    bench.options.wait_replicas = 1;
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    client_call_start(bench.client, &first, WORDS("SET", "k", "v"));
    client_call_start(bench.client, &second, WORDS("SET", "l", "w"));
    client_call_start(bench.client, &read, WORDS("GET", "k"));
    client_call_wait(bench.loop, &first);
    assert_int_equal(first.result, ERR_UNAVAILABLE);
    assert_int_equal(second.result, ERR_UNAVAILABLE);
    assert_int_equal(read.result, ERR_OK); /* reads wait for nobody */
    assert_true(redis_client_is_ready(bench.client));
    assert_int_equal(run(&bench, &first, WORDS("SET", "k", "v2")), ERR_UNAVAILABLE);
    assert_int_equal(bench.reconnects, 0);
    tear_down(&bench);
}

/* A replica needs an address, so this Redis gets a port as well. */
static void a_replica_confirms(void **state)
{
    struct client_call writes_two[2] = {{.request.writes = true}, {.request.writes = true}};
    struct redis_fixture replica;
    struct bench bench;
    char port[8];
    const char *const master_arguments[] = {"--port", port, "--bind", "127.0.0.1", NULL};
    const char *const replica_arguments[] = {"--replicaof", "127.0.0.1", port, NULL};
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_fixture_free_port());
    set_up(&bench, master_arguments);
    redis_fixture_ask(&bench.redis, "CONFIG SET repl-diskless-sync-delay 0");
    bench.options.wait_replicas = 1;
    open_client(&bench);
    client_wait_ready(bench.loop, bench.client, true);
    redis_fixture_start(&replica, replica_arguments);
    while (strstr(redis_fixture_ask(&replica, "INFO replication"), "link_status:up") == NULL)
        loop_turn(bench.loop, 10);
    redis_fixture_ask(&bench.redis, "SET synchronised yes");
    while (strcmp(redis_fixture_ask(&replica, "GET synchronised"), "yes") != 0)
        loop_turn(bench.loop, 10);
    client_call_start(bench.client, &writes_two[0], WORDS("SET", "a", "1"));
    client_call_start(bench.client, &writes_two[1], WORDS("INCR", "a"));
    client_call_wait(bench.loop, &writes_two[1]);
    assert_int_equal(writes_two[0].result, ERR_OK);
    assert_string_equal(writes_two[0].text, "OK");
    assert_int_equal(writes_two[1].result, ERR_OK);
    assert_int_equal(writes_two[1].number, 2);
    assert_string_equal(redis_fixture_ask(&replica, "GET a"), "2");
    redis_fixture_stop(&replica);
    tear_down(&bench);
}

static void a_replica_is_not_entered(void **state)
{
    static const char *const arguments[] = {"--replicaof", "127.0.0.1", "1", NULL};
    struct bench bench;
    (void)state;
    set_up(&bench, arguments);
    open_client(&bench);
    assert_never_ready(&bench);
    redis_fixture_ask(&bench.redis, "REPLICAOF NO ONE");
    client_wait_ready(bench.loop, bench.client, true);
    /* And a master that loses its office is left. */
    redis_fixture_ask(&bench.redis, "REPLICAOF 127.0.0.1 1");
    struct client_call call = {0};
    assert_int_equal(run(&bench, &call, WORDS("SET", "k", "v")), ERR_UNAVAILABLE);
    assert_false(redis_client_is_ready(bench.client));
    tear_down(&bench);
}

/* --- TCP ------------------------------------------------------------------------------------- */

static void reaches_a_name_and_an_address(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    char port[8];
    const char *const arguments[] = {"--port", port, "--bind", "127.0.0.1", NULL};
    struct bench bench;
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_fixture_free_port());
    set_up(&bench, arguments);
    bench.options.unix_path[0] = '\0';
    bench.options.port = atoi(port);
    bench.loop = loop_create();
    for (size_t i = 0; i < 2; i++) {
        strcpy(bench.options.host, hosts[i]);
        bench.client = redis_client_create(bench.loop, &bench.options, &bench.setup);
        client_wait_ready(bench.loop, bench.client, true);
        redis_client_destroy(bench.client);
    }
    bench.client = NULL;
    tear_down(&bench);
}

static void a_name_that_is_none_is_tried_again(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL);
    bench.options.unix_path[0] = '\0';
    strcpy(bench.options.host, "no-such-host.invalid");
    open_client(&bench);
    assert_never_ready(&bench);
    tear_down(&bench);
}

static void commands_and_their_time_are_counted(void **state)
{
    static struct client_call call;
    struct bench bench;
    (void)state;
    set_up_ready(&bench);
    assert_int_equal(bench.commands, 0); /* those of the session are not */
    assert_int_equal(run(&bench, &call, WORDS("GET", "a")), ERR_OK);
    assert_int_equal(bench.commands, 1);
    assert_int_equal(metric_observed(&bench.latency), 1);
    const uint64_t before = bench.latency.sum_us;
    static const char *const several[] = {"MULTI", NULL, "GET", "a", NULL, "EXEC", NULL, NULL};
    assert_int_equal(run(&bench, &call, several), ERR_OK);
    assert_int_equal(bench.commands, 4);
    assert_int_equal(metric_observed(&bench.latency), 2); /* one answer */
    assert_in_range(bench.latency.sum_us - before, 1, 10000000);
    assert_int_equal(run(&bench, &call, WORDS("BLPOP", "nothing", "0.1")), ERR_OK);
    assert_in_range(bench.latency.sum_us - before, 100000, 10000000);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_their_time_are_counted),
        cmocka_unit_test(one_turn_is_one_write),
        cmocka_unit_test(what_does_not_fit_is_written_later),
        cmocka_unit_test(many_commands_have_one_answer),
        cmocka_unit_test(the_first_error_counts),
        cmocka_unit_test(before_it_is_connected_all_is_refused_at_once),
        cmocka_unit_test(a_silent_redis_ends_all_requests_in_time),
        cmocka_unit_test(the_younger_ones_are_unavailable),
        cmocka_unit_test(a_late_loop_reads_before_it_gives_up),
        cmocka_unit_test(comes_back_after_a_crash),
        cmocka_unit_test(comes_when_redis_does),
        cmocka_unit_test(enters_with_a_password),
        cmocka_unit_test(enters_as_a_user),
        cmocka_unit_test(selects_the_database_and_gives_its_name),
        cmocka_unit_test(a_refused_database_is_never_entered),
        cmocka_unit_test(an_unknown_layout_is_left_alone),
        cmocka_unit_test(close_ends_what_is_open),
        cmocka_unit_test(too_few_replicas_are_unavailable),
        cmocka_unit_test(a_replica_confirms),
        cmocka_unit_test(a_replica_is_not_entered),
        cmocka_unit_test(reaches_a_name_and_an_address),
        cmocka_unit_test(a_name_that_is_none_is_tried_again),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
