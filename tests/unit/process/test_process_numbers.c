#include "support/test.h"

#include "proctrack/process_numbers.h"
#include "proctrack/process_repository.h"

#include <stdio.h>

static struct process_numbers a, b;

static void each_type_has_its_own(void **state)
{
    (void)state;
    process_numbers_init(&a);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.types[0].type, PROCESS_NUMBERS_OTHER);
    process_numbers_of(&a, SPAN("x"))->created++;
    process_numbers_of(&a, SPAN("xy"))->created += 5;
    process_numbers_of(&a, SPAN("x"))->created++;
    process_numbers_of(&a, (struct span){"xyz", 1})->created++; /* not ended by a zero */
    assert_int_equal(a.count, 3);
    assert_string_equal(a.types[1].type, "x");
    assert_int_equal(a.types[1].created, 3);
    assert_string_equal(a.types[2].type, "xy");
    assert_int_equal(a.types[2].created, 5);
    assert_int_equal(a.types[1].run.scale, METRIC_PERIOD);
    process_numbers_of(&a, SPAN("abcd"))->claims++; /* alike at first sight */
    process_numbers_of(&a, SPAN("acbd"))->claims += 2;
    process_numbers_of(&a, SPAN("abcd"))->claims++;
    assert_int_equal(a.types[3].claims, 2);
    assert_int_equal(a.types[4].claims, 2);
    process_numbers_of(&a, SPAN_NONE)->claims++;
    assert_int_equal(a.types[0].claims, 1);
}

static struct span name(int i, char text[16])
{
    snprintf(text, 16, "type-%d", i);
    return span_of(text);
}

static void what_comes_late_is_counted_together(void **state)
{
    (void)state;
    char text[16];
    process_numbers_init(&a);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < PROCESS_NUMBERS_TYPES + 20; i++)
            process_numbers_of(&a, name(i, text))->claims++;
    assert_int_equal(a.count, 1 + PROCESS_NUMBERS_TYPES);
    assert_int_equal(a.types[0].claims, 60);
    for (int i = 0; i < PROCESS_NUMBERS_TYPES; i++) {
        assert_int_equal(a.types[1 + i].claims, 3);
        assert_span(span_of(a.types[1 + i].type), name(i, text));
    }
    /* Nor is a name that no type can have a place of its own. */
    process_numbers_of(&a, SPAN("0123456789012345678901234567890123456789012345678901234567890123"
                                "4567890123456789"))
        ->claims++;
    assert_int_equal(a.types[0].claims, 61);
}

static void sums_are_by_name(void **state)
{
    (void)state;
    process_numbers_init(&a);
    process_numbers_init(&b);
    struct process_type_numbers *x = process_numbers_of(&a, SPAN("x"));
    x->created = 1;
    process_numbers_of(&b, SPAN("y"))->retries = 2;
    x = process_numbers_of(&b, SPAN("x"));
    x->created = 10;
    x->finished[PROCESS_FAILED] = 3;
    x->claims = 4;
    x->leases_lost = 5;
    x->retries = 6;
    metric_observe(&x->run, 1000);
    metric_observe(&x->wait, 2000);
    b.types[0].created = 7;
    b.swept = (struct process_sweep_numbers){1, 2, 3, 4, 5};
    process_numbers_merge(&a, &b);
    process_numbers_merge(&a, &b);
    x = process_numbers_of(&a, SPAN("x"));
    assert_int_equal(x->created, 21);
    assert_int_equal(x->finished[PROCESS_FAILED], 6);
    assert_int_equal(x->claims, 8);
    assert_int_equal(x->leases_lost, 10);
    assert_int_equal(x->retries, 12);
    assert_int_equal(metric_observed(&x->run), 2);
    assert_int_equal(x->run.sum_us, 2000);
    assert_int_equal(x->wait.sum_us, 4000);
    assert_int_equal(process_numbers_of(&a, SPAN("y"))->retries, 4);
    assert_int_equal(a.types[0].created, 14);
    assert_int_equal(a.swept.released, 2);
    assert_int_equal(a.swept.lapsed, 4);
    assert_int_equal(a.swept.overdue, 6);
    assert_int_equal(a.swept.expired, 8);
    assert_int_equal(a.swept.cleaned, 10);
}

static void a_sum_is_bounded_and_loses_nothing(void **state)
{
    (void)state;
    char text[16];
    process_numbers_init(&a);
    process_numbers_init(&b);
    for (int i = 0; i < 80; i++) {
        process_numbers_of(&a, name(i, text))->created++;
        process_numbers_of(&b, name(i + 40, text))->created++;
    }
    process_numbers_merge(&a, &b);
    assert_int_equal(a.count, 1 + PROCESS_NUMBERS_TYPES);
    assert_int_equal(a.types[0].created, 20);
    uint64_t all = 0;
    for (size_t i = 0; i < a.count; i++)
        all += a.types[i].created;
    assert_int_equal(all, 160);
}

/* Whichever met a name first, and in whatever order they are added up. */
static void those_that_share_names_leave_out_the_same(void **state)
{
    static struct process_type_names names = PROCESS_TYPE_NAMES_INIT;
    static struct process_numbers sum;
    (void)state;
    char text[16];
    process_numbers_init(&a);
    process_numbers_init(&b);
    a.names = b.names = &names;
    for (int i = 0; i < 90; i++)
        process_numbers_of(&a, name(i, text))->created++;
    for (int i = 120; i >= 60; i--)
        process_numbers_of(&b, name(i, text))->created++;
    process_numbers_of(&a, name(120, text))->created++; /* by its own name, as the other's */
    process_numbers_of(&a, name(100, text))->created++;
    process_numbers_init(&sum);
    process_numbers_merge(&sum, &b);
    process_numbers_merge(&sum, &a);
    assert_int_equal(sum.count, 1 + PROCESS_NUMBERS_TYPES);
    assert_int_equal(process_numbers_of(&sum, name(0, text))->created, 1);
    assert_int_equal(process_numbers_of(&sum, name(60, text))->created, 2);
    assert_int_equal(process_numbers_of(&sum, name(120, text))->created, 2);
    assert_int_equal(sum.types[0].created, 21 + 1); /* 90 to 110, and 100 again */
}

static void a_repositorys_counters_are_added_up(void **state)
{
    (void)state;
    struct repository_counters sum = {.damaged = 1}, one = {.damaged = 1,
                                                            .healed = 2,
                                                            .reconnects = 3,
                                                            .timeouts = 4,
                                                            .links = 1,
                                                            .links_up = 1,
                                                            .commands = 7,
                                                            .journal_written = 8};
    metric_observe(&one.command_latency, 100);
    metric_observe(&one.journal_sync_latency, 200);
    repository_counters_merge(&sum, &one);
    one.links_up = 0;
    repository_counters_merge(&sum, &one);
    assert_int_equal(sum.damaged, 3);
    assert_int_equal(sum.healed, 4);
    assert_int_equal(sum.reconnects, 6);
    assert_int_equal(sum.timeouts, 8);
    assert_int_equal(sum.links, 2);
    assert_int_equal(sum.links_up, 1);
    assert_int_equal(sum.commands, 14);
    assert_int_equal(sum.journal_written, 16);
    assert_int_equal(sum.command_latency.sum_us, 200);
    assert_int_equal(sum.journal_sync_latency.sum_us, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_own),
        cmocka_unit_test(what_comes_late_is_counted_together),
        cmocka_unit_test(sums_are_by_name),
        cmocka_unit_test(a_sum_is_bounded_and_loses_nothing),
        cmocka_unit_test(those_that_share_names_leave_out_the_same),
        cmocka_unit_test(a_repositorys_counters_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
