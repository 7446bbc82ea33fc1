#include "support/test.h"

#include "process/pace.h"

#define NOW INT64_C(1762596000000)

static struct process_pace advise(const struct process *process, const struct pace_basis *basis)
{
    struct process_pace pace;
    pace_advise(basis, process, &pace);
    return pace;
}

/* Without chance and load. */
static struct process_pace advise_at(const struct process *process, int64_t now,
                                     const struct pace_history *history)
{
    return advise(process, &(struct pace_basis){.history = history, .now = now});
}

static struct process running_since(int64_t started_at)
{
    return (struct process){
        .status = PROCESS_RUNNING, .run_at = started_at - 50, .started_at = started_at};
}

static struct process pending_until(int64_t run_at)
{
    return (struct process){.status = PROCESS_PENDING, .run_at = run_at};
}

static void add(struct pace_history *history, int64_t ms)
{
    pace_history_add(history, (struct pace_run){.ended_at = NOW, .ms = ms});
}

/* --- advice -------------------------------------------------------------------------------------
 */

static void a_scheduled_one_is_asked_for_when_it_is_due(void **state)
{
    (void)state;
    struct process process = pending_until(NOW + 5000);
    assert_int_equal(advise_at(&process, NOW, NULL).retry_after_ms, 5000);
    assert_int_equal(advise_at(&process, NOW + 4990, NULL).retry_after_ms, PACE_MIN_MS);
    process.run_at = NOW + 3600000;
    assert_in_range(advise_at(&process, NOW, NULL).retry_after_ms, 25000, PACE_MAX_MS);
}

static void without_history_it_is_a_quarter_of_the_age(void **state)
{
    (void)state;
    struct process process = pending_until(NOW - 8000), runs = running_since(NOW - 12000);
    assert_int_equal(advise_at(&process, NOW, NULL).retry_after_ms, 2000);
    assert_int_equal(advise_at(&runs, NOW, NULL).retry_after_ms, 3000);
    assert_int_equal(advise_at(&runs, NOW, NULL).eta_p50, TIME_NONE);
    assert_int_equal(advise_at(&runs, NOW, NULL).fresh_ms, 750);
    runs.started_at = NOW + 500; /* another machine's clock is ahead */
    assert_int_equal(advise_at(&runs, NOW, NULL).retry_after_ms, PACE_MIN_MS);
    assert_int_equal(advise_at(&runs, NOW, NULL).fresh_ms, 100);
    assert_true(advise_at(&runs, NOW, NULL).retry_after_ms <= PACE_MAX_MS);
}

static void a_final_one_needs_no_poll(void **state)
{
    (void)state;
    static const enum process_status final[] = {PROCESS_COMPLETED, PROCESS_FAILED,
                                                PROCESS_CANCELED};
    struct pace_history history = {0};
    add(&history, 1000000);
    for (size_t i = 0; i < 3; i++) {
        struct process process = running_since(NOW - 10);
        process.status = final[i];
        struct process_pace pace = advise_at(&process, NOW, &history);
        assert_int_equal(pace.retry_after_ms, -1);
        assert_int_equal(pace.eta_p50, TIME_NONE);
        assert_int_equal(pace.eta_p90, TIME_NONE);
    }
}

static void history_says_when_it_should_be_done(void **state)
{
    (void)state;
    struct pace_history history = {0};
    for (int i = 10; i >= 1; i--)
        add(&history, i * 1000);
    struct process process = running_since(NOW);
    struct process_pace pace = advise_at(&process, NOW, &history);
    assert_int_equal(pace.retry_after_ms, 5000);
    assert_int_equal(pace.eta_p50, NOW + 5000);
    assert_int_equal(pace.eta_p90, NOW + 9000);
    pace = advise_at(&process, NOW + 6000, &history); /* those with 7, 8, 9, 10 s are left */
    assert_int_equal(pace.retry_after_ms, 2000);
    assert_int_equal(pace.eta_p50, NOW + 8000);
    assert_int_equal(pace.eta_p90, NOW + 10000);
    pace = advise_at(&process, NOW + 10000, &history); /* none is */
    assert_int_equal(pace.retry_after_ms, 2500);
    assert_int_equal(pace.eta_p50, TIME_NONE);
}

static void what_waits_is_expected_only_when_it_is_scheduled(void **state)
{
    (void)state;
    struct pace_history history = {0};
    add(&history, 2000);
    struct process process = pending_until(NOW + 60000);
    assert_int_equal(advise_at(&process, NOW, &history).eta_p50, NOW + 62000);
    assert_int_equal(advise_at(&process, NOW, NULL).eta_p50, TIME_NONE);
    assert_int_equal(advise_at(&process, NOW + 60000, &history).eta_p50, TIME_NONE);
}

static void chance_adds_up_to_a_fifth(void **state)
{
    (void)state;
    struct process process = running_since(NOW - 40000);
    struct pace_basis basis = {.now = NOW, .chance = UINT32_MAX};
    assert_int_equal(advise(&process, &basis).retry_after_ms, 12000);
    basis.chance = UINT32_MAX / 2;
    assert_in_range(advise(&process, &basis).retry_after_ms, 10990, 11000);
    basis.chance = UINT32_MAX;
    process.started_at = NOW - INT64_C(900000000);
    assert_int_equal(advise(&process, &basis).retry_after_ms, PACE_MAX_MS);
}

static void a_busy_server_is_asked_less_often(void **state)
{
    (void)state;
    struct process process = running_since(NOW - 8000);
    static const struct {
        int busy_percent;
        int64_t expected;
    } loads[] = {{0, 2000}, {50, 2000}, {75, 5000}, {100, 8000}, {140, 8000}};
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        struct pace_basis basis = {.now = NOW, .busy_percent = loads[i].busy_percent};
        assert_int_equal(advise(&process, &basis).retry_after_ms, loads[i].expected);
    }
}

/* --- history ------------------------------------------------------------------------------------
 */

static void assert_sorted(const struct pace_history *history)
{
    int64_t sum = 0;
    for (size_t i = 0; i < history->count; i++) {
        assert_true(i == 0 || history->sorted[i - 1] <= history->sorted[i]);
        sum += history->runs[i].ms - history->sorted[i];
    }
    assert_int_equal(sum, 0);
}

static void the_oldest_run_times_go_first(void **state)
{
    (void)state;
    struct pace_history history = {0};
    for (int i = 0; i < 3 * PACE_HISTORY; i++) {
        add(&history, i * 7919 % 1000);
        assert_sorted(&history);
    }
    assert_int_equal(history.count, PACE_HISTORY);
    for (int i = 0; i < PACE_HISTORY; i++)
        assert_int_equal(history.runs[i].ms, (2 * PACE_HISTORY + i) * 7919 % 1000);
}

static void what_is_known_is_not_taken_twice(void **state)
{
    (void)state;
    struct pace_history history = {0};
    struct pace_run runs[PACE_HISTORY];
    for (int i = 0; i < PACE_HISTORY; i++)
        runs[i] = (struct pace_run){.ended_at = NOW - i, .ms = 100 + i}; /* the latest first */
    pace_history_add(&history, runs[3]);
    assert_true(pace_history_merge(&history, runs, 10));
    assert_int_equal(history.count, 10);
    assert_false(pace_history_merge(&history, runs, 10));
    assert_int_equal(history.count, 10);
    assert_sorted(&history);
    assert_int_equal(history.runs[9].ms, 100);
    pace_history_add(&history, (struct pace_run){.ended_at = NOW + 1, .ms = 5});
    assert_true(pace_history_merge(&history, runs, PACE_HISTORY));
    assert_int_equal(history.count, PACE_HISTORY);
    assert_sorted(&history);
    assert_int_equal(history.runs[PACE_HISTORY - 1].ms, 5);
    assert_int_equal(history.runs[0].ms, runs[PACE_HISTORY - 2].ms); /* one was too old */
}

/* --- a client that obeys ------------------------------------------------------------------------
 */

static uint64_t chance_state = 88172645463325252u;

static uint32_t chance(void)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 32);
}

/* How often it asks before the answer is that the process, which runs for so long, is done. */
static int polls_until_done(int64_t duration, const struct pace_history *history, int busy_percent)
{
    const struct process process = running_since(NOW);
    int polls = 0;
    for (int64_t now = NOW + chance() % 20; now < NOW + duration; polls++) {
        struct pace_basis basis = {
            .history = history, .now = now, .busy_percent = busy_percent, .chance = chance()};
        int64_t pause = advise(&process, &basis).retry_after_ms;
        assert_in_range(pause, PACE_MIN_MS, PACE_MAX_MS);
        now += pause;
    }
    return polls;
}

/* The age grows by a quarter with each, once it is a second, and the longest pause is reached at
 * 100 s: so many are enough. */
static int most_polls(int64_t duration)
{
    int polls = 6;
    for (int64_t age = 1000; age < duration && age < 100000; age += age / 4)
        polls++;
    return duration > 100000 ? polls + (int)((duration - 100000) / 25000) : polls;
}

/* Of every order of magnitude alike. */
static int64_t some_duration(int bits)
{
    return (int64_t)(chance() >> (32 - 1 - chance() % (unsigned)bits));
}

static void polls_grow_with_the_logarithm_of_the_duration(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        int64_t duration = some_duration(22);
        assert_true(polls_until_done(duration, NULL, i % 101) <= most_polls(duration));
    }
}

/* Run times of all kinds: alike, spread evenly, over powers of two, and of two sorts. */
static int64_t draw(int kind, int64_t scale)
{
    switch (kind) {
    case 0:
        return scale;
    case 1:
        return (int64_t)chance() % (scale + 1);
    case 2:
        return some_duration(20);
    default:
        return chance() % 2 == 0 ? scale / 100 : scale + chance() % 100;
    }
}

static void history_costs_at_most_its_own_logarithm(void **state)
{
    (void)state;
    for (int i = 0; i < 4000; i++) {
        struct pace_history history = {0};
        int64_t scale = some_duration(20);
        for (uint32_t n = chance() % PACE_HISTORY + 1; n > 0; n--)
            add(&history, draw(i % 4, scale));
        int64_t duration = some_duration(22);
        assert_true(polls_until_done(duration, &history, 0) <= 7 + most_polls(duration));
    }
}

static void history_saves_polls(void **state)
{
    (void)state;
    struct pace_history history = {0};
    for (int i = 0; i < PACE_HISTORY; i++)
        add(&history, 10000 + i * 10);
    assert_true(polls_until_done(10000, NULL, 0) > 10);
    assert_true(polls_until_done(10000, &history, 0) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scheduled_one_is_asked_for_when_it_is_due),
        cmocka_unit_test(without_history_it_is_a_quarter_of_the_age),
        cmocka_unit_test(a_final_one_needs_no_poll),
        cmocka_unit_test(history_says_when_it_should_be_done),
        cmocka_unit_test(what_waits_is_expected_only_when_it_is_scheduled),
        cmocka_unit_test(chance_adds_up_to_a_fifth),
        cmocka_unit_test(a_busy_server_is_asked_less_often),
        cmocka_unit_test(the_oldest_run_times_go_first),
        cmocka_unit_test(what_is_known_is_not_taken_twice),
        cmocka_unit_test(polls_grow_with_the_logarithm_of_the_duration),
        cmocka_unit_test(history_costs_at_most_its_own_logarithm),
        cmocka_unit_test(history_saves_polls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
