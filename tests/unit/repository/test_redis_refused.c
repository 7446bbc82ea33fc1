/* A user to whom Redis refuses what watching takes: at the start, or from some time on. */
#include "repository/redis_ear.h"

static int set_up_limited(void **state)
{
    static struct bench bench;
    set_up(&bench, NULL, "app:");
    enter_as_limited(&bench, "+ping");
    begin_to_hear(&bench, "tracking");
    *state = &bench;
    return 0;
}

static void a_watch_that_is_refused_does_not_cost_the_answer(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench);
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited -client|caching");
    assert_false(get(bench, &id, true));
    WAIT_UNTIL(bench, ear.all == 1);
    assert_true(is_watching(bench, "none"));
    assert_false(get(bench, &id, true));
    assert_int_equal(bench->sync.repository->counters.reconnects, 0);
}

/* Nobody who parks is to rely on being told. */
static void a_claim_whose_watch_is_refused_hears_nothing(void **state)
{
    const struct bench *bench = *state;
    const struct span type = SPAN("t");
    const struct repo_claim claim = {.types = &type,
                                     .type_count = 1,
                                     .max = 1,
                                     .listen = true,
                                     .worker = SPAN("tester/1"),
                                     .lease_ms = 1000,
                                     .now = bench->now};
    struct kept kept;
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited -client|caching");
    assert_int_equal(sync_claim_as(&bench->sync, &claim, &kept), 0);
    assert_true(is_watching(bench, "none"));
}

static void assert_nothing_is_watched_without(const char *rule)
{
    static struct bench bench;
    set_up(&bench, NULL, "app:");
    enter_as_limited(&bench, rule);
    open_repository(&bench);
    listen_to(bench.sync.repository);
    struct draft one = add(&bench);
    for (int i = 0; i < 20; i++)
        assert_false(get(&bench, &one.process.id, true));
    assert_string_equal(bench.sync.repository->watching, "none");
    assert_int_equal(ear.all + ear.told, 0);
    tear_down(&bench);
}

static void who_may_not_track_watches_nothing(void **state)
{
    (void)state;
    assert_nothing_is_watched_without("-client|tracking");
    assert_nothing_is_watched_without("-client|caching");
}

/* What is wrong shows only when something is to be watched: it is not begun and doubted for ever.
 */
static void who_may_not_ask_when_keys_expire_watches_nothing(void **state)
{
    struct bench *bench = *state;
    struct draft one = add(bench);
    redis_fixture_ask(&bench->redis, "ACL SETUSER limited -pttl");
    for (int i = 0; i < 100; i++)
        assert_false(get(bench, &one.process.id, true));
    WAIT_UNTIL(bench, is_watching(bench, "none"));
    assert_int_equal(ear.all, 3); /* an end, a beginning, and the end */
}

#define LIMITED(test) cmocka_unit_test_setup_teardown(test, set_up_limited, tear_down_plain)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIMITED(a_watch_that_is_refused_does_not_cost_the_answer),
        LIMITED(a_claim_whose_watch_is_refused_hears_nothing),
        LIMITED(who_may_not_ask_when_keys_expire_watches_nothing),
        cmocka_unit_test(who_may_not_track_watches_nothing),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
