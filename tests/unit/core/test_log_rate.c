#include "support/test.h"

#include "core/log_private.h"

#include <pthread.h>

#define SECOND INT64_C(1000000000)

static int taken(struct log_rate *rate, int64_t now_ns, int64_t per_second, int64_t size, int tries)
{
    int count = 0;
    for (int i = 0; i < tries; i++)
        count += log_rate_take(rate, now_ns, per_second, size);
    return count;
}

static void a_full_bucket_gives_its_size_at_once(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    assert_int_equal(taken(&rate, 5 * SECOND, 10, 30, 100), 30);
    assert_int_equal(taken(&rate, 5 * SECOND, 10, 30, 100), 0);
}

static void tokens_come_back_evenly(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    int64_t now = 5 * SECOND;
    assert_int_equal(taken(&rate, now, 10, 30, 100), 30);
    assert_int_equal(taken(&rate, now + SECOND / 10 - 1, 10, 30, 100), 0);
    assert_int_equal(taken(&rate, now + SECOND / 10, 10, 30, 100), 1);
    assert_int_equal(taken(&rate, now + SECOND, 10, 30, 100), 9);
}

static void no_more_come_back_than_it_holds(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    assert_int_equal(taken(&rate, SECOND, 10, 30, 100), 30);
    assert_int_equal(taken(&rate, 1000 * SECOND, 10, 30, 100), 30);
}

static void over_a_long_time_the_rate_is_kept(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    int count = 0;
    for (int64_t now = 1; now <= 60 * SECOND; now += SECOND / 1000)
        count += taken(&rate, now, 100, 100, 3);
    assert_in_range(count, 60 * 100, 61 * 100);
}

/* Who takes up to a smaller size leaves the rest to others, however often it comes. */
static void what_is_left_to_others_is_theirs(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    assert_int_equal(taken(&rate, SECOND, 10, 30, 100), 30);
    assert_int_equal(taken(&rate, SECOND, 10, 50, 100), 20);
    assert_int_equal(taken(&rate, 2 * SECOND, 10, 30, 100), 0);
    assert_int_equal(taken(&rate, 2 * SECOND, 10, 50, 100), 10);
    assert_int_equal(taken(&rate, 4 * SECOND, 10, 30, 100), 0);
    assert_int_equal(taken(&rate, 5 * SECOND, 10, 30, 100), 10);
}

static void a_clock_that_stands_still_gives_nothing(void **state)
{
    (void)state;
    struct log_rate rate = {0};
    assert_int_equal(taken(&rate, SECOND, 1, 1, 10), 1);
    assert_int_equal(taken(&rate, SECOND / 2, 1, 1, 10), 0);
    assert_int_equal(taken(&rate, 2 * SECOND, 1, 1, 10), 1);
}

static void *take_many(void *arg)
{
    return (void *)(intptr_t)taken(arg, SECOND, 10, 1000, 20000);
}

static void no_token_is_given_to_two_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct log_rate rate = {0};
    pthread_t threads[THREADS];
    intptr_t count = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &rate), 0);
    for (int i = 0; i < THREADS; i++) {
        void *part;
        assert_int_equal(pthread_join(threads[i], &part), 0);
        count += (intptr_t)part;
    }
    assert_int_equal(count, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_gives_its_size_at_once),
        cmocka_unit_test(tokens_come_back_evenly),
        cmocka_unit_test(no_more_come_back_than_it_holds),
        cmocka_unit_test(over_a_long_time_the_rate_is_kept),
        cmocka_unit_test(what_is_left_to_others_is_theirs),
        cmocka_unit_test(a_clock_that_stands_still_gives_nothing),
        cmocka_unit_test(no_token_is_given_to_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
