#include "support/test.h"

#include "core/clock_private.h"
#include "proctrack/clock.h"

#include <stdio.h>
#include <time.h>

static void known_times_are_formatted(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1762596000000), "2025-11-08T10:00:00.000Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
        {TIME_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TIME_TEXT_SIZE];
        time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        int64_t ms;
        assert_true(time_parse(span_of(text), &ms));
        assert_true(ms == cases[i].ms);
    }
}

/* The C library says what each date must look like; 400 years meet every kind of leap year. */
static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day <= 146097 + 366; day++) {
        const int64_t ms = day * 86400000 + day * 7919 % 86400000;
        const time_t seconds = (time_t)(ms / 1000);
        struct tm civil;
        assert_non_null(gmtime_r(&seconds, &civil));
        char expected[64];
        char text[TIME_TEXT_SIZE];
        const size_t len = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &civil);
        snprintf(expected + len, sizeof(expected) - len, ".%03dZ", (int)(ms % 1000));
        time_format(ms, text);
        assert_string_equal(text, expected);
        int64_t parsed;
        assert_true(time_parse(span_of(text), &parsed));
        assert_true(parsed == ms);
    }
}

static void other_forms_mean_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2025-11-08T10:00:00Z", INT64_C(1762596000000)},
        {"2025-11-08t10:00:00z", INT64_C(1762596000000)},
        {"2025-11-08T10:00:00+00:00", INT64_C(1762596000000)},
        {"2025-11-08T10:00:00-00:00", INT64_C(1762596000000)},
        {"2025-11-08T11:30:00+01:30", INT64_C(1762596000000)},
        {"2025-11-07T23:00:00-11:00", INT64_C(1762596000000)},
        {"2025-11-09T09:59:00+23:59", INT64_C(1762596000000)},
        {"2025-11-08T10:00:00.1Z", INT64_C(1762596000100)},
        {"2025-11-08T10:00:00.12Z", INT64_C(1762596000120)},
        {"2025-11-08T10:00:00.1239Z", INT64_C(1762596000123)},
        {"2025-11-08T10:00:00.999999999Z", INT64_C(1762596000999)},
        {"1969-12-31T23:30:00-00:30", 0},
        {"1990-12-31T23:59:60Z", INT64_C(662688000000)}, /* the examples of RFC 3339 */
        {"1990-12-31T15:59:60-08:00", INT64_C(662688000000)},
        {"1990-12-31T23:59:60.5Z", INT64_C(662688000500)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms;
        assert_true(time_parse(span_of(cases[i].text), &ms));
        assert_true(ms == cases[i].ms);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "now",
        "2025",
        "2025-11-08",
        "2025-11-08T10:00Z",
        "2025-11-08T10:00:00",
        "2025-11-08 10:00:00Z",
        "2025-11-08T10:00:00 Z",
        " 2025-11-08T10:00:00Z",
        "2025-11-08T10:00:00Z ",
        "2025-11-08T10:00:00.Z",
        "2025-11-08T10:00:00,5Z",
        "2025-11-08T10:00:00.0123456789Z",
        "2025-11-08T10:00:00+0100",
        "2025-11-08T10:00:00+01",
        "2025-11-08T10:00:00+24:00",
        "2025-11-08T10:00:00+01:60",
        "2025-11-08T10:00:00ZZ",
        "25-11-08T10:00:00Z",
        "02025-11-08T10:00:00Z",
        "+2025-11-08T10:00:00Z",
        "2025-1-08T10:00:00Z",
        "2025-00-08T10:00:00Z",
        "2025-13-08T10:00:00Z",
        "2025-11-00T10:00:00Z",
        "2025-11-31T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2025-11-08T24:00:00Z",
        "2025-11-08T10:60:00Z",
        "2025-11-08T10:00:61Z",
        "2025-11-08T10:00:60Z", /* no leap second ever stood there */
        "1990-12-31T23:59:60+01:00",
        "2025-11-08T10:00:-1Z",
        "2025-11-08T10:00:0xZ",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "0000-02-29T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
        "1762596000000",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 4711;
        if (time_parse(span_of(cases[i]), &ms))
            fail_msg("accepted: %s", cases[i]);
        assert_true(ms == 4711);
    }
    int64_t ms;
    assert_false(time_parse(SPAN("2025-11-08T10:00:00Z\0"), &ms));
    assert_true(time_parse(SPAN("2024-02-29T00:00:00Z"), &ms));
}

static void the_clocks_run(void **state)
{
    (void)state;
    const int64_t us = clock_steady_us();
    const int64_t ms = clock_steady_ms();
    assert_true(ms >= us / 1000);
    assert_true(clock_steady_us() >= us);
    assert_true(ms - us / 1000 < 60000); /* the same clock */
    const int64_t seconds = (int64_t)time(NULL);
    const int64_t wall = clock_wall_ms() / 1000;
    assert_true(wall - seconds >= -2 && wall - seconds < 60);
}

static void small_corrections_are_followed(void **state)
{
    (void)state;
    struct clock_follower follower = {CLOCK_UNSET};
    assert_int_equal(clock_follow(&follower, 1000000, 50), 1000000);
    assert_int_equal(clock_follow(&follower, 1000100, 150), 1000100);
    assert_int_equal(clock_follow(&follower, 1000900, 250), 1000900);
    assert_int_equal(clock_follow(&follower, 1000500, 350), 1000500);
    assert_int_equal(clock_follow(&follower, 1000600, 450), 1000600);
}

static void steps_are_not(void **state)
{
    (void)state;
    const int64_t day = 86400000;
    struct clock_follower follower = {CLOCK_UNSET};
    assert_int_equal(clock_follow(&follower, 5 * day, 50), 5 * day);
    assert_int_equal(clock_follow(&follower, 6 * day, 60), 5 * day + 10);
    assert_int_equal(clock_follow(&follower, 6 * day + 90, 150), 5 * day + 100);
    assert_int_equal(clock_follow(&follower, 4 * day, 250), 5 * day + 200);
    assert_int_equal(clock_follow(&follower, 5 * day + 300, 350), 5 * day + 300);
    assert_int_equal(clock_follow(&follower, 5 * day + 450, 450), 5 * day + 450); /* back */
    assert_int_equal(clock_follow(&follower, 5 * day + 550, 550), 5 * day + 550);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_corrections_are_followed),
        cmocka_unit_test(steps_are_not),
        cmocka_unit_test(known_times_are_formatted),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(other_forms_mean_the_same),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(the_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
