/* Watching and following by CLIENT TRACKING: what is particular to it. */
#include "repository/redis_ear.h"
#include "support/redis_relay.h"

#include <stdlib.h>

static struct redis_relay *relay;

static int set_up_tracking(void **state)
{
    static struct bench bench;
    set_up(&bench, NULL, "app:");
    begin_to_hear(&bench, "tracking");
    *state = &bench;
    return 0;
}

/* The client's connection is 0, the one that listens 1. */
static int set_up_relayed(void **state)
{
    static struct bench bench;
    set_up(&bench, NULL, "app:");
    bench.sync.loop = loop_create();
    relay = redis_relay_create(bench.sync.loop, bench.redis.socket);
    assert_true(text_copy(bench.options.unix_path, sizeof(bench.options.unix_path),
                          span_of(redis_relay_socket(relay))));
    bench.sync.repository =
        redis_repository_create(bench.sync.loop, &bench.options, "app:", false, &bench.policy);
    assert_non_null(bench.sync.repository);
    listen_to(bench.sync.repository);
    WAIT_UNTIL(&bench, is_watching(&bench, "tracking"));
    assert_int_equal(redis_relay_connections(relay), 2);
    ear = (struct ear){.told = 0};
    *state = &bench;
    return 0;
}

static int tear_down_watch(void **state)
{
    struct bench *bench = *state;
    repository_destroy(bench->sync.repository);
    redis_relay_destroy(relay);
    relay = NULL;
    loop_destroy(bench->sync.loop);
    redis_fixture_stop(&bench->redis);
    return 0;
}

/* --- what is told ---------------------------------------------------------------------------- */

static void what_anybody_does_to_its_key_is_told(void **state)
{
    static const char *const commands[] = {"HSET %s version 9", "DEL %s", "UNLINK %s", "SET %s x",
                                           "RENAME %s elsewhere"};
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct process_id id = watched(bench);
        ask_of(bench, commands[i], &id);
        assert_told_next(bench, (int)i + 1, &id);
    }
    assert_int_equal(ear.all, 0);
}

static void expiry_is_told(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench);
    ask_of(bench, "PEXPIRE %s 50", &id); /* a change as well */
    assert_told_next(bench, 1, &id);
    assert_true(get(bench, &id, true));
    assert_told_next(bench, 2, &id);
    assert_int_equal(sync_get(&bench->sync, &id, false, NULL), ERR_NOT_FOUND);
}

static void what_is_watched_says_when_it_expires(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench);
    assert_int_equal(open_get.call.forgets_in_ms, INT64_MAX);
    ask_of(bench, "PEXPIRE %s 60000", &id);
    assert_told_next(bench, 1, &id);
    assert_true(get(bench, &id, true));
    assert_in_range(open_get.call.forgets_in_ms, 1, 60000);
    ask_of(bench, "PERSIST %s", &id);
    assert_told_next(bench, 2, &id);
    assert_true(get(bench, &id, true));
    assert_int_equal(open_get.call.forgets_in_ms, INT64_MAX);
}

static void keys_of_others_are_not_told(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench), other = watched(bench);
    char text[PROCESS_ID_TEXT_SIZE];
    process_id_format(&id, text);
    redis_fixture_ask(&bench->redis, "HSET process:%s a b", text);
    redis_fixture_ask(&bench->redis, "HSET app:process:%sX a b", text);
    ask_of(bench, "DEL %s", &other);
    assert_told_next(bench, 1, &other);
}

static void what_is_read_without_a_watch_is_not_told(void **state)
{
    const struct bench *bench = *state;
    struct draft one = add(bench);
    assert_false(get(bench, &one.process.id, false));
    struct process_id other = watched(bench);
    ask_of(bench, "DEL %s", &one.process.id);
    ask_of(bench, "DEL %s", &other);
    assert_told_next(bench, 1, &other);
}

static void an_emptied_redis_may_have_changed_all(void **state)
{
    const struct bench *bench = *state;
    watched(bench);
    redis_fixture_ask(&bench->redis, "FLUSHALL");
    WAIT_UNTIL(bench, ear.all == 1);
    assert_true(is_watching(bench, "tracking"));
}

static void of_thousands_at_once_each_is_told(void **state)
{
    enum { MANY = 3000 };
    static const char script[] =
        "for _, key in ipairs(redis.call('KEYS', 'app:process:*')) do redis.call('DEL', key) end";
    const struct bench *bench = *state;
    for (int i = 0; i < MANY; i++)
        watched(bench);
    redis_fixture_ask_words(&bench->redis, (const char *const[]){"EVAL", script, "0", NULL});
    WAIT_UNTIL(bench, ear.told == MANY);
    assert_int_equal(ear.all, 0);
}

/* --- connections that end -------------------------------------------------------------------- */

static void assert_it_hears_again(const struct bench *bench, const struct process_id *id)
{
    WAIT_UNTIL(bench, is_watching(bench, "tracking"));
    assert_int_equal(ear.all, 2);
    assert_true(get(bench, id, true));
    ask_of(bench, "DEL %s", id);
    assert_told_next(bench, 1, id);
}

static void assert_told_when_killed(const struct bench *bench, const char *command)
{
    struct process_id id = watched(bench);
    redis_fixture_ask(&bench->redis, "%s", command);
    WAIT_UNTIL(bench, ear.all == 1);
    assert_true(is_watching(bench, "none"));
    assert_it_hears_again(bench, &id);
}

static void the_end_of_the_listening_connection_leaves_all_in_doubt(void **state)
{
    assert_told_when_killed(*state, "CLIENT KILL TYPE pubsub");
}

static void the_end_of_the_clients_connection_leaves_all_in_doubt(void **state)
{
    assert_told_when_killed(*state, "CLIENT KILL TYPE normal SKIPME yes");
}

static void a_restart_leaves_all_in_doubt(void **state)
{
    struct bench *bench = *state;
    watched(bench);
    redis_fixture_kill(&bench->redis);
    WAIT_UNTIL(bench, ear.all == 1);
    assert_true(is_watching(bench, "none"));
    redis_fixture_restart(&bench->redis);
    WAIT_UNTIL(bench, is_watching(bench, "tracking"));
    watched(bench);
}

static void while_nobody_listens_a_read_is_no_watch(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench);
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub");
    WAIT_UNTIL(bench, ear.all == 1);
    assert_false(get(bench, &id, true));
    assert_it_hears_again(bench, &id);
}

static void assert_silence_is_noticed(struct bench *bench, int connection)
{
    struct process_id id = watched(bench);
    bench->options.command_timeout_ms = 300;
    redis_relay_hold(relay, connection, true);
    WAIT_UNTIL(bench, ear.all == 1);
    bench->options.command_timeout_ms = 5000;
    assert_it_hears_again(bench, &id);
}

static void a_listening_connection_that_is_silent_is_noticed(void **state)
{
    assert_silence_is_noticed(*state, 1);
}

/* Redis might have closed it long ago, and forgotten what it read. */
static void a_clients_connection_that_is_silent_is_noticed_though_nobody_asks(void **state)
{
    assert_silence_is_noticed(*state, 0);
}

/* --- the order of news and answers ----------------------------------------------------------- */

static void what_is_heard_before_the_answer_is_told_before_it(void **state)
{
    const struct bench *bench = *state;
    static struct kept now;
    struct draft one = add(bench);
    redis_relay_hold(relay, 0, true);
    start_get(bench, &one.process.id, true);
    WAIT_UNTIL(bench, (ask_of(bench, "HINCRBY %s events 1", &one.process.id), ear.told > 0));
    assert_false(open_get.done);
    redis_relay_hold(relay, 0, false);
    sync_wait(bench->sync.loop, &open_get.done);
    assert_int_equal(open_get.call.op.result, ERR_OK);
    assert_int_equal(open_get.told_before, 1);
    assert_int_equal(sync_get(&bench->sync, &one.process.id, false, &now), ERR_OK);
    assert_true(now.process.events > open_get.call.process.events);
}

static void an_answer_that_outlives_its_watch_is_not_watched(void **state)
{
    const struct bench *bench = *state;
    struct draft one = add(bench);
    redis_relay_hold(relay, 0, true);
    start_get(bench, &one.process.id, true);
    loop_turn(bench->sync.loop, 20);
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub");
    WAIT_UNTIL(bench, ear.all == 1);
    assert_false(open_get.done);
    redis_relay_hold(relay, 0, false);
    sync_wait(bench->sync.loop, &open_get.done);
    assert_int_equal(open_get.call.op.result, ERR_OK);
    assert_false(open_get.call.watched);
}

/* --- following ------------------------------------------------------------------------------- */

static int connected(const struct bench *bench)
{
    static const char name[] = "connected_clients:";
    const char *text = strstr(redis_fixture_ask(&bench->redis, "INFO clients"), name);
    assert_non_null(text);
    return atoi(text + strlen(name)) - 1; /* who asks */
}

static void follow(const struct bench *bench)
{
    int before = ear.missed;
    repository_follow(bench->sync.repository, true);
    WAIT_UNTIL(bench, ear.missed > before);
}

static void who_follows_is_told_of_whatever_is_done_to_a_process(void **state)
{
    const struct bench *bench = *state;
    struct draft one = draft(bench);
    follow(bench);
    for (int i = 1; i < 5; i++) {
        redis_fixture_ask(&bench->redis, "HSET app:process_other:%s a %d", one.id, i);
        ask_of(bench, "HINCRBY %s version 1", &one.process.id);
        assert_told_next(bench, i, &one.process.id);
    }
    ask_of(bench, "PEXPIRE %s 1", &one.process.id);
    assert_told_next(bench, 5, &one.process.id);
    WAIT_UNTIL(bench, ear.told == 6);
}

static void following_takes_connections_only_while_it_lasts(void **state)
{
    const struct bench *bench = *state;
    assert_int_equal(connected(bench), 2);
    follow(bench);
    assert_int_equal(connected(bench), 4);
    repository_follow(bench->sync.repository, false);
    WAIT_UNTIL(bench, connected(bench) == 2);
}

static void a_follower_whose_connections_end_is_told_that_it_missed_some(void **state)
{
    const struct bench *bench = *state;
    struct draft one = draft(bench);
    follow(bench);
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub"); /* both that listen */
    WAIT_UNTIL(bench, ear.missed == 3 && ear.all == 2);
    ask_of(bench, "HSET %s a b", &one.process.id);
    assert_told_next(bench, 1, &one.process.id);
}

static void cease(void *arg, const struct process_id *id)
{
    struct bench *bench = arg;
    on_changed(NULL, id);
    repository_follow(bench->sync.repository, false);
}

static void who_is_told_may_cease_to_follow(void **state)
{
    struct bench *bench = *state;
    follow(bench);
    bench->sync.repository->on_changed_arg = bench;
    bench->sync.repository->on_changed = cease;
    add(bench);
    WAIT_UNTIL(bench, connected(bench) == 2);
    assert_int_equal(ear.told, 1);
}

static void following_may_begin_and_end_at_any_time(void **state)
{
    const struct bench *bench = *state;
    for (int turns = 0; turns < 12; turns++) {
        repository_follow(bench->sync.repository, true);
        for (int i = 0; i < turns; i++)
            loop_turn(bench->sync.loop, 1);
        repository_follow(bench->sync.repository, false);
        repository_follow(bench->sync.repository, turns % 2 == 0);
        loop_turn(bench->sync.loop, 1);
    }
    follow(bench);
    WAIT_UNTIL(bench, connected(bench) == 4);
}

#define TRACKING(test) cmocka_unit_test_setup_teardown(test, set_up_tracking, tear_down_watch)
#define RELAYED(test)  cmocka_unit_test_setup_teardown(test, set_up_relayed, tear_down_watch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRACKING(what_anybody_does_to_its_key_is_told),
        TRACKING(expiry_is_told),
        TRACKING(what_is_watched_says_when_it_expires),
        TRACKING(keys_of_others_are_not_told),
        TRACKING(what_is_read_without_a_watch_is_not_told),
        TRACKING(an_emptied_redis_may_have_changed_all),
        TRACKING(of_thousands_at_once_each_is_told),
        TRACKING(the_end_of_the_listening_connection_leaves_all_in_doubt),
        TRACKING(the_end_of_the_clients_connection_leaves_all_in_doubt),
        TRACKING(a_restart_leaves_all_in_doubt),
        TRACKING(while_nobody_listens_a_read_is_no_watch),
        RELAYED(a_listening_connection_that_is_silent_is_noticed),
        RELAYED(a_clients_connection_that_is_silent_is_noticed_though_nobody_asks),
        RELAYED(what_is_heard_before_the_answer_is_told_before_it),
        RELAYED(an_answer_that_outlives_its_watch_is_not_watched),
        TRACKING(who_follows_is_told_of_whatever_is_done_to_a_process),
        TRACKING(following_takes_connections_only_while_it_lasts),
        TRACKING(a_follower_whose_connections_end_is_told_that_it_missed_some),
        TRACKING(who_is_told_may_cease_to_follow),
        TRACKING(following_may_begin_and_end_at_any_time),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
