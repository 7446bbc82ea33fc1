/* Hearing of changes, against a real Redis. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/redis_tracking.h"
#include "support/client_calls.h"
#include "support/redis_fixture.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct redis_fixture redis;
    struct redis_options options;
    struct redis_client_setup setup;
    struct redis_tracking_setup news; /* by the way that the test wants; READS is 0 */
    struct loop *loop;
    struct redis_client *client;
    struct redis_tracking *tracking;
    int all;        /* how often all may have changed */
    int told;       /* how often a key had */
    char last[100]; /* which */
};

static void on_changed(void *arg, struct span key)
{
    struct bench *bench = arg;
    if (key.data == NULL) {
        bench->all++;
        return;
    }
    bench->told++;
    assert_true(text_copy(bench->last, sizeof(bench->last), key));
}

static void on_state(void *arg, bool ready)
{
    struct bench *bench = arg;
    redis_tracking_client_state(bench->tracking, ready);
}

static void wait_until_on(struct bench *bench)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!redis_tracking_is_on(bench->tracking)) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->loop, 50);
    }
}

static void wait_for(struct bench *bench, const int *number, int least)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (*number < least) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->loop, 50);
    }
}

static void open_bench(struct bench *bench)
{
    bench->loop = loop_create();
    bench->setup = (struct redis_client_setup){.on_state = on_state, .arg = bench};
    bench->client = redis_client_create(bench->loop, &bench->options, &bench->setup);
    bench->news.on_changed = on_changed;
    bench->news.arg = bench;
    bench->tracking =
        redis_tracking_create(bench->loop, &bench->options, bench->client, &bench->news);
    assert_non_null(bench->client);
    assert_non_null(bench->tracking);
}

static int set_up(void **state)
{
    static struct bench bench;
    bench = (struct bench){.all = 0};
    redis_fixture_start(&bench.redis, NULL);
    redis_fixture_options(&bench.redis, &bench.options);
    *state = &bench;
    return 0;
}

static int set_up_on(void **state)
{
    set_up(state);
    open_bench(*state);
    wait_until_on(*state);
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    redis_tracking_close(bench->tracking);
    if (bench->client != NULL)
        redis_client_close(bench->client);
    redis_tracking_destroy(bench->tracking);
    redis_client_destroy(bench->client);
    loop_destroy(bench->loop);
    redis_fixture_stop(&bench->redis);
    return 0;
}

/* Reads keys as watched ones. */
struct look {
    struct redis_request request;
    const char *const *keys;
    bool done;
};

static void build_look(struct redis_request *request, struct redis_commands *commands)
{
    redis_tracking_watch(commands);
    redis_command(commands, "EXISTS");
    for (const char *const *key = container_of(request, struct look, request)->keys; *key != NULL;
         key++)
        redis_arg_str(commands, *key);
}

static void on_look(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)reply;
    assert_int_equal(err, ERR_OK);
    container_of(request, struct look, request)->done = true;
}

static void watch(struct bench *bench, const char *const *keys)
{
    struct look look = {.request = {.build = build_look, .done = on_look}, .keys = keys};
    assert_true(redis_tracking_is_on(bench->tracking));
    redis_client_submit(bench->client, &look.request);
    while (!look.done)
        loop_turn(bench->loop, 50);
}
#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What it sends on that connection comes before any later news on it. */
static void assert_told(struct bench *bench, int told, const char *last)
{
    wait_for(bench, &bench->told, told);
    assert_int_equal(bench->told, told);
    assert_string_equal(bench->last, last);
}

/* --- news ------------------------------------------------------------------------------------ */

static void all_may_have_changed_when_it_begins(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench->all, 1);
    assert_int_equal(bench->told, 0);
}

static void the_first_change_of_a_watched_key_is_told(void **state)
{
    struct bench *bench = *state;
    watch(bench, KEYS("a", "b"));
    redis_fixture_ask(&bench->redis, "ZADD other 1 x");
    redis_fixture_ask(&bench->redis, "ZADD b 1 x");
    assert_told(bench, 1, "b");
    redis_fixture_ask(&bench->redis, "ZADD b 2 y");
    redis_fixture_ask(&bench->redis, "ZADD a 1 x");
    assert_told(bench, 2, "a");
    watch(bench, KEYS("b"));
    redis_fixture_ask(&bench->redis, "ZADD b 3 z");
    assert_told(bench, 3, "b");
    assert_int_equal(bench->all, 1);
}

static void what_is_read_without_a_watch_is_not_told(void **state)
{
    struct bench *bench = *state;
    struct client_call call = {.ends = 0};
    client_call_run(bench->loop, bench->client, &call, WORDS("EXISTS", "quiet"));
    redis_fixture_ask(&bench->redis, "SET quiet 1");
    watch(bench, KEYS("loud"));
    redis_fixture_ask(&bench->redis, "SET loud 1");
    assert_told(bench, 1, "loud");
}

static void a_flush_may_have_changed_all(void **state)
{
    struct bench *bench = *state;
    watch(bench, KEYS("a"));
    redis_fixture_ask(&bench->redis, "FLUSHALL");
    wait_for(bench, &bench->all, 2);
    assert_true(redis_tracking_is_on(bench->tracking));
}

/* --- other ways ------------------------------------------------------------------------------ */

static int set_up_prefix(void **state)
{
    struct bench *bench;
    set_up(state);
    bench = *state;
    bench->news = (struct redis_tracking_setup){.way = REDIS_TRACK_PREFIX, .name = "app:process:"};
    open_bench(bench);
    wait_until_on(bench);
    return 0;
}

static int set_up_channel(void **state)
{
    struct bench *bench;
    set_up(state);
    bench = *state;
    bench->news = (struct redis_tracking_setup){.way = REDIS_TRACK_CHANNEL, .name = "app:changes"};
    open_bench(bench);
    wait_until_on(bench);
    return 0;
}

static void by_prefix_each_change_is_told_unread(void **state)
{
    struct bench *bench = *state;
    for (int i = 1; i < 4; i++) {
        redis_fixture_ask(&bench->redis, "SET app:process %d", i);
        redis_fixture_ask(&bench->redis, "SET app:process:a %d", i);
        assert_told(bench, i, "app:process:a");
    }
    redis_fixture_ask(&bench->redis, "FLUSHALL");
    wait_for(bench, &bench->all, 2);
}

static void by_prefix_it_comes_back_when_either_connection_ends(void **state)
{
    static const char *const kinds[] = {"pubsub", "normal"};
    struct bench *bench = *state;
    for (int i = 0; i < 2; i++) {
        redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE %s SKIPME yes", kinds[i]);
        wait_for(bench, &bench->all, 3 + 2 * i);
        assert_true(redis_tracking_is_on(bench->tracking));
        redis_fixture_ask(&bench->redis, "SET app:process:a %d", i);
        assert_told(bench, i + 1, "app:process:a");
    }
}

static void by_channel_it_is_told_what_is_published(void **state)
{
    struct bench *bench = *state;
    redis_fixture_ask(&bench->redis, "PUBLISH changes other");
    redis_fixture_ask(&bench->redis, "PUBLISH app:changes one");
    assert_told(bench, 1, "one");
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub");
    wait_for(bench, &bench->all, 3);
    assert_true(redis_tracking_is_on(bench->tracking));
    redis_fixture_ask(&bench->redis, "PUBLISH app:changes two");
    assert_told(bench, 2, "two");
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE normal SKIPME yes");
    wait_for(bench, &bench->all, 5); /* the same server as the client's */
}

/* --- ends ------------------------------------------------------------------------------------ */

static void assert_it_comes_back(struct bench *bench)
{
    wait_for(bench, &bench->all, 2); /* what was noted is lost */
    wait_until_on(bench);
    assert_int_equal(bench->all, 3);
    watch(bench, KEYS("a"));
    redis_fixture_ask(&bench->redis, "SET a 1");
    assert_told(bench, 1, "a");
}

static void each_beginning_is_another_round(void **state)
{
    struct bench *bench = *state;
    uint64_t first = redis_tracking_round(bench->tracking);
    assert_int_not_equal(first, 0);
    assert_int_equal(redis_tracking_round(bench->tracking), first);
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub");
    wait_for(bench, &bench->all, 2);
    assert_int_equal(redis_tracking_round(bench->tracking), 0);
    wait_until_on(bench);
    assert_int_not_equal(redis_tracking_round(bench->tracking), 0);
    assert_int_not_equal(redis_tracking_round(bench->tracking), first);
}

static void a_server_that_falls_silent_is_noticed(void **state)
{
    struct bench *bench = *state;
    int64_t began = clock_steady_ms();
    bench->options.command_timeout_ms = 200;
    redis_fixture_pause(&bench->redis);
    wait_for(bench, &bench->all, 2);
    assert_false(redis_tracking_is_on(bench->tracking));
    assert_in_range(clock_steady_ms() - began, 0, 5000);
    redis_fixture_resume(&bench->redis);
    wait_until_on(bench);
}

static void a_doubt_is_looked_into(void **state)
{
    struct bench *bench = *state;
    redis_tracking_doubt(bench->tracking);
    assert_false(redis_tracking_is_on(bench->tracking));
    assert_int_equal(bench->all, 2);
    redis_tracking_doubt(bench->tracking);
    assert_it_comes_back(bench);
}

static void it_comes_back_when_the_listening_connection_ends(void **state)
{
    struct bench *bench = *state;
    assert_string_equal(redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub"), "1");
    assert_it_comes_back(bench);
    assert_true(redis_client_is_ready(bench->client));
}

static void it_comes_back_when_the_clients_connection_ends(void **state)
{
    struct bench *bench = *state;
    assert_string_equal(redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE normal SKIPME yes"),
                        "1");
    assert_it_comes_back(bench);
}

static void it_comes_back_after_a_restart(void **state)
{
    struct bench *bench = *state;
    redis_fixture_kill(&bench->redis);
    wait_for(bench, &bench->all, 2);
    assert_false(redis_tracking_is_on(bench->tracking));
    redis_fixture_restart(&bench->redis);
    assert_it_comes_back(bench);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void open_limited(struct bench *bench, const char *rule)
{
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited on >pw ~* &* +@all %s", rule);
    snprintf(bench->options.username, sizeof(bench->options.username), "limited");
    snprintf(bench->options.password, sizeof(bench->options.password), "pw");
    open_bench(bench);
    client_wait_ready(bench->loop, bench->client, true);
}

static void assert_refused(struct bench *bench, const char *rule)
{
    struct client_call call = {.ends = 0};
    open_limited(bench, rule);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    do { /* it asks, is refused, and leaves */
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->loop, 20);
    } while (strstr(redis_fixture_ask(&bench->redis, "INFO clients"), "connected_clients:2") ==
                 NULL ||
             strstr(redis_fixture_ask(&bench->redis, "ACL LOG"), "limited") == NULL);
    assert_int_equal(client_call_run(bench->loop, bench->client, &call, WORDS("GET", "a")), ERR_OK);
    assert_false(redis_tracking_is_on(bench->tracking));
    assert_int_equal(bench->all, 0);

    redis_fixture_ask(&bench->redis, "ACL SETUSER limited +@all allchannels");
    redis_fixture_ask(&bench->redis, "CLIENT KILL USER limited");
    wait_until_on(bench); /* the client's next connection asks again */
}

/* As when the listening connection was ended just then: it is no reason to stay without. */
static void one_refusal_is_not_taken_for_an_answer(void **state)
{
    struct bench *bench = *state;
    open_limited(bench, "-client|tracking");
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (strstr(redis_fixture_ask(&bench->redis, "ACL LOG"), "limited") == NULL) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->loop, 20);
    }
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited +@all");
    wait_until_on(bench);
}

static void a_user_who_may_not_track_goes_without(void **state)
{
    assert_refused(*state, "-client|tracking");
}

static void a_user_who_may_not_ask_for_caching_goes_without(void **state)
{
    assert_refused(*state, "-client|caching");
}

static void a_user_who_may_not_subscribe_goes_without(void **state)
{
    assert_refused(*state, "resetchannels");
}

/* --- life ------------------------------------------------------------------------------------ */

static void closed_it_says_nothing_more(void **state)
{
    struct bench *bench = *state;
    watch(bench, KEYS("a"));
    redis_fixture_ask(&bench->redis, "SET a 1");
    redis_tracking_close(bench->tracking);
    assert_false(redis_tracking_is_on(bench->tracking));
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE normal SKIPME yes");
    client_wait_ready(bench->loop, bench->client, false);
    client_wait_ready(bench->loop, bench->client, true);
    assert_int_equal(bench->told, 0);
    assert_int_equal(bench->all, 1);
}

static void it_ends_at_any_point_of_its_beginning(void **state)
{
    struct bench *bench = *state;
    for (int turns = 0; turns < 12; turns++) {
        open_bench(bench);
        for (int i = 0; i < turns; i++)
            loop_turn(bench->loop, 1);
        redis_tracking_close(bench->tracking);
        redis_client_close(bench->client);
        redis_tracking_destroy(bench->tracking);
        redis_client_destroy(bench->client);
        loop_destroy(bench->loop);
        bench->tracking = NULL;
    }
    bench->client = NULL;
    bench->loop = NULL;
}

#define ON(test)    cmocka_unit_test_setup_teardown(test, set_up_on, tear_down)
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(all_may_have_changed_when_it_begins),
        ON(the_first_change_of_a_watched_key_is_told),
        ON(what_is_read_without_a_watch_is_not_told),
        ON(a_flush_may_have_changed_all),
        cmocka_unit_test_setup_teardown(by_prefix_each_change_is_told_unread, set_up_prefix,
                                        tear_down),
        cmocka_unit_test_setup_teardown(by_prefix_it_comes_back_when_either_connection_ends,
                                        set_up_prefix, tear_down),
        cmocka_unit_test_setup_teardown(by_channel_it_is_told_what_is_published, set_up_channel,
                                        tear_down),
        ON(each_beginning_is_another_round),
        ON(a_server_that_falls_silent_is_noticed),
        ON(a_doubt_is_looked_into),
        ON(it_comes_back_when_the_listening_connection_ends),
        ON(it_comes_back_when_the_clients_connection_ends),
        ON(it_comes_back_after_a_restart),
        PLAIN(one_refusal_is_not_taken_for_an_answer),
        PLAIN(a_user_who_may_not_track_goes_without),
        PLAIN(a_user_who_may_not_ask_for_caching_goes_without),
        PLAIN(a_user_who_may_not_subscribe_goes_without),
        ON(closed_it_says_nothing_more),
        PLAIN(it_ends_at_any_point_of_its_beginning),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
