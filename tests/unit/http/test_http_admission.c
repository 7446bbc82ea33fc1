/* When requests are shed: time is what the test says. */
#include "support/test.h"

#include "http/http_admission.h"

#define WAIT_MS 40
#define MS      INT64_C(1000)

static struct http_admission admission;
static int64_t now;

static int set_up(void **state)
{
    (void)state;
    now = 1000000;
    http_admission_init(&admission, WAIT_MS);
    return 0;
}

/* Serves so many requests, each of which takes so long; how many were admitted. */
static unsigned turn(unsigned requests, int64_t each_us)
{
    unsigned admitted = 0;
    http_admission_begin(&admission, now, 0);
    for (unsigned i = 0; i < requests; i++) {
        bool admits =
            http_admission_is_calm(&admission) || http_admission_admits(&admission, now, 0);
        admitted += admits;
        now += admits ? each_us : each_us / 10;
    }
    http_admission_end(&admission, now, requests);
    return admitted;
}

static void run_late(int64_t for_us)
{
    for (int64_t end = now + for_us; now < end;)
        turn(200, 1 * MS);
}

static void a_burst_is_served(void **state)
{
    (void)state;
    assert_int_equal(turn(400, 1 * MS), 400);
    for (int i = 0; i < 100; i++)
        assert_int_equal(turn(10, 1 * MS), 10);
    assert_true(http_admission_is_calm(&admission));
}

static void being_late_on_and_on_sheds(void **state)
{
    (void)state;
    run_late(200 * MS);
    assert_true(http_admission_is_calm(&admission));
    run_late(200 * MS);
    assert_false(http_admission_is_calm(&admission));
    for (int i = 0; i < 20; i++) {
        int64_t began = now;
        unsigned admitted = turn(200, 1 * MS);
        assert_in_range(admitted, 8, WAIT_MS + 1);
        assert_true(now - began <= (WAIT_MS + 1) * MS + 200 * MS / 10);
    }
}

static void bursts_with_pauses_are_served(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(turn(200, 1 * MS), 200);
        now += 500 * MS;
    }
}

/* All wait for the storage together, are answered together, and ask again together. */
static void bursts_one_after_the_other_are_too_much(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        turn(200, 1 * MS);
        now += 20 * MS;
    }
    assert_false(http_admission_is_calm(&admission));
    assert_in_range(turn(200, 1 * MS), 8, WAIT_MS + 1);
}

static void few_that_take_very_long_are_too_much(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        turn(40, 30 * MS);
    assert_false(http_admission_is_calm(&admission));
}

/* Sixty-four clients that wait for each other, on a machine that is slow, are not sent away. */
static void few_are_not_too_many(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(turn(64, 2 * MS), 64);
        assert_true(http_admission_is_calm(&admission));
    }
}

static void some_are_always_served(void **state)
{
    (void)state;
    run_late(1000 * MS);
    assert_true(turn(100, 50 * MS) >= 8);
}

static void it_is_over_when_nothing_is_late(void **state)
{
    (void)state;
    run_late(1000 * MS);
    int64_t began = now;
    while (!http_admission_is_calm(&admission)) {
        turn(16, 1 * MS);
        now += 1 * MS;
        assert_true(now - began < 2000 * MS);
    }
    assert_int_equal(turn(200, 1 * MS), 200);
}

static void what_came_before_in_the_turn_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        http_admission_begin(&admission, now, 60 * MS);
        now += 60 * MS;
        http_admission_end(&admission, now, 100);
    }
    assert_false(http_admission_is_calm(&admission));
}

static void none_is_shed_when_told_so(void **state)
{
    (void)state;
    http_admission_init(&admission, 0);
    run_late(2000 * MS);
    for (int i = 0; i < 10; i++)
        http_admission_note(&admission, now += 100 * MS, 10000 * MS);
    assert_true(http_admission_is_calm(&admission));
}

/* --- the storage ------------------------------------------------------------------------------ */

static void answers(int count, int64_t took_us)
{
    for (int i = 0; i < count; i++)
        http_admission_note(&admission, now += 20 * MS, took_us);
}

static void a_late_storage_sheds_what_is_too_much(void **state)
{
    (void)state;
    answers(12, 300 * MS);
    assert_false(http_admission_is_calm(&admission));
    assert_false(http_admission_admits(&admission, now, 512));
    assert_true(http_admission_admits(&admission, now, 511));
}

static void one_fast_answer_shows_that_it_is_not_late(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        answers(4, 300 * MS);
        answers(1, 10 * MS);
        assert_true(http_admission_is_calm(&admission));
    }
    answers(12, 300 * MS);
    answers(6, 10 * MS);
    assert_true(http_admission_is_calm(&admission));
}

static void what_comes_after_a_pause_has_not_waited(void **state)
{
    (void)state;
    run_late(1000 * MS);
    now += 300 * MS;
    assert_int_equal(turn(20, 1 * MS), 20);
    assert_false(http_admission_is_calm(&admission));
    now += 1000 * MS;
    assert_int_equal(turn(64, 1 * MS), 64);
    assert_true(http_admission_is_calm(&admission));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_burst_is_served, set_up),
        cmocka_unit_test_setup(being_late_on_and_on_sheds, set_up),
        cmocka_unit_test_setup(bursts_with_pauses_are_served, set_up),
        cmocka_unit_test_setup(bursts_one_after_the_other_are_too_much, set_up),
        cmocka_unit_test_setup(few_are_not_too_many, set_up),
        cmocka_unit_test_setup(few_that_take_very_long_are_too_much, set_up),
        cmocka_unit_test_setup(some_are_always_served, set_up),
        cmocka_unit_test_setup(it_is_over_when_nothing_is_late, set_up),
        cmocka_unit_test_setup(what_came_before_in_the_turn_counts, set_up),
        cmocka_unit_test_setup(what_comes_after_a_pause_has_not_waited, set_up),
        cmocka_unit_test_setup(none_is_shed_when_told_so, set_up),
        cmocka_unit_test_setup(a_late_storage_sheds_what_is_too_much, set_up),
        cmocka_unit_test_setup(one_fast_answer_shows_that_it_is_not_late, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
