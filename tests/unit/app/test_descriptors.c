#include "support/test.h"

#include "app/descriptors.h"

#include <sys/resource.h>

static struct rlimit limit_now(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

static void set_limit(rlim_t soft, rlim_t hard)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void enough_is_left_alone(void **state)
{
    (void)state;
    rlim_t soft = limit_now().rlim_cur;
    assert_int_equal(descriptors_allow(10, 10), 10);
    assert_int_equal(limit_now().rlim_cur, soft);
}

static void the_soft_limit_is_raised_as_far_as_needed(void **state)
{
    (void)state;
    struct rlimit before = limit_now();
    set_limit(100, before.rlim_max);
    assert_int_equal(descriptors_allow(200, 30), 200);
    assert_int_equal(limit_now().rlim_cur, 230);
    set_limit(before.rlim_cur, before.rlim_max);
}

/* A hard limit cannot be raised again: this test is the last. */
static void the_hard_limit_makes_connections_fewer(void **state)
{
    (void)state;
    set_limit(100, 150);
    assert_int_equal(descriptors_allow(200, 30), 120);
    assert_int_equal(limit_now().rlim_cur, 150);
    assert_int_equal(descriptors_allow(200, 1000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_is_left_alone),
        cmocka_unit_test(the_soft_limit_is_raised_as_far_as_needed),
        cmocka_unit_test(the_hard_limit_makes_connections_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
