/* What the Redis repository says of Redis' memory. */
#include "repository/redis_bench.h"

static const struct repository_fullness *fullness(const struct bench *bench)
{
    return &bench->sync.repository->durability.fullness;
}

static void wait_for_max(struct bench *bench, int64_t max)
{
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (fullness(bench)->memory_used == 0 || fullness(bench)->memory_max != max) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->sync.loop, 20);
    }
}

static void what_it_has_taken_of_what_it_may(void **state)
{
    struct bench *bench = *state;
    wait_for_max(bench, 0);
    assert_true(fullness(bench)->used_ratio == 0.0); /* it has no limit */
    assert_int_equal(fullness(bench)->disk_size, 0);
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 100000000");
    wait_for_max(bench, 100000000);
    const double ratio = fullness(bench)->used_ratio;
    assert_true(ratio > 0.001 && ratio < 0.5);
    assert_true(ratio == (double)fullness(bench)->memory_used / 100000000.0);
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 1000");
    wait_for_max(bench, 1000);
    assert_true(fullness(bench)->used_ratio == 1.0);
}

/* Some services do. Then nothing is known, and all else works. */
static void info_may_be_refused(void **state)
{
    struct bench *bench = *state;
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 1000000000");
    wait_for_max(bench, 1000000000);
    redis_fixture_ask(&bench->redis, "ACL SETUSER default -info");
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 100");
    const int64_t until = clock_steady_ms() + 2500;
    while (clock_steady_ms() < until) {
        loop_turn(bench->sync.loop, 20);
        assert_int_equal(sync_ping(&bench->sync), ERR_OK);
    }
    assert_int_equal(fullness(bench)->memory_max, 1000000000);
    redis_fixture_ask(&bench->redis, "ACL SETUSER default +info");
    wait_for_max(bench, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_has_taken_of_what_it_may, set_up_plain,
                                        tear_down_plain),
        cmocka_unit_test_setup_teardown(info_may_be_refused, set_up_plain, tear_down_plain),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
