/* Other analyzers for a pool that runs. */
#include "pool_fixture.h"

#include <stdio.h>

#define WAITS "touch started; while [ ! -e go ]; do sleep 0.01; done; "

/* The fixture's set, which holds these from now on, is what the pool is told of. */
static void configure(struct fixture *fixture)
{
    assert_true(analyzer_pool_configure(fixture->pool, &fixture->options));
}

static struct analyzer_load load_of(const struct fixture *fixture, const char *type)
{
    return analyzer_pool_load(fixture->pool, span_of(type));
}

static void a_new_type_is_served(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "one", "echo 1\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "two", "1", 0);
    fixture_add(fixture, "two", "echo 2\n");
    configure(fixture);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "2");
    assert_string_equal(outcome.worker, "test/analyzer-3");
    fixture_await(fixture, fixture_submit(fixture, "one", "1", 0), PROCESS_COMPLETED, &outcome);
}

static void what_runs_ends_as_it_began(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "kind", WAITS "echo '\"old\"'\n");
    fixture_start(fixture);
    struct process_id old = fixture_submit(fixture, "kind", "1", 0);
    fixture_await_file(fixture, "started");
    analyzer_set_finish(&fixture->set); /* the pool has copies */
    fixture_add(fixture, "other", "echo '\"new\"'\n");
    configure(fixture);
    assert_int_equal(load_of(fixture, "kind").busy, 1);
    assert_int_equal(load_of(fixture, "kind").slots, 0);
    struct process_id left = fixture_submit(fixture, "kind", "1", 0);
    struct process_id new = fixture_submit(fixture, "other", "1", 0);
    fixture_await(fixture, new, PROCESS_COMPLETED, &outcome);
    assert_int_equal(fixture_get(fixture, left, &outcome), PROCESS_PENDING);
    fixture_make_file(fixture, "go");
    fixture_await(fixture, old, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "\"old\"");
    analyzer_pool_kick(fixture->pool);
    fixture_await(fixture, fixture_submit(fixture, "other", "1", 0), PROCESS_COMPLETED, &outcome);
    assert_int_equal(fixture_get(fixture, left, &outcome), PROCESS_PENDING);
}

static void new_runs_follow_the_new_definition(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "kind", "echo 1\n");
    fixture_start(fixture);
    fixture_await(fixture, fixture_submit(fixture, "kind", "1", 0), PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "1");
    analyzer_set_finish(&fixture->set);
    fixture_add(fixture, "kind", "echo 2\n")->max_output_bytes = 100;
    configure(fixture);
    fixture_await(fixture, fixture_submit(fixture, "kind", "1", 0), PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "2");
    assert_string_equal(outcome.worker, "test/analyzer-1");
}

/* Three run; of two slots none is free until two of them have ended. */
static void submit_numbered(struct fixture *fixture, struct process_id *ids, int from, int to)
{
    for (int i = from; i < to; i++) {
        char input[8];
        snprintf(input, sizeof(input), "%d\n", i);
        ids[i] = fixture_submit(fixture, "kind", input, 0);
    }
}

static void concurrency_is_followed_down_and_up(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "kind", "read n; while [ ! -e go$n ]; do sleep 0.01; done; echo 1\n")
        ->concurrency = 3;
    fixture_start(fixture);
    struct process_id ids[5];
    int64_t deadline = 0;
    submit_numbered(fixture, ids, 0, 3);
    while (load_of(fixture, "kind").busy < 3)
        fixture_turn(fixture, &deadline);
    submit_numbered(fixture, ids, 3, 5); /* later, as those of one millisecond are in no order */
    fixture->set.analyzers[0].concurrency = 2;
    configure(fixture);
    fixture_make_file(fixture, "go0");
    fixture_await(fixture, ids[0], PROCESS_COMPLETED, &outcome);
    while (load_of(fixture, "kind").busy > 2)
        fixture_turn(fixture, &deadline);
    analyzer_pool_kick(fixture->pool);
    fixture_turn(fixture, &deadline);
    assert_int_equal(load_of(fixture, "kind").busy, 2);
    assert_int_equal(fixture_get(fixture, ids[3], &outcome), PROCESS_PENDING);
    fixture->set.analyzers[0].concurrency = 4;
    configure(fixture);
    while (load_of(fixture, "kind").busy < 4)
        fixture_turn(fixture, &deadline);
    static const char *const names[] = {"go1", "go2", "go3", "go4"};
    for (int i = 0; i < 4; i++)
        fixture_make_file(fixture, names[i]);
    for (int i = 1; i < 5; i++)
        fixture_await(fixture, ids[i], PROCESS_COMPLETED, &outcome);
}

/* Names stay few, however often types come and go. */
static void names_of_workers_are_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "stays", "echo 1\n");
    fixture_start(fixture);
    for (int i = 0; i < 20; i++) {
        analyzer_set_finish(&fixture->set);
        fixture_add(fixture, "stays", "echo 1\n");
        if (i % 2 == 0)
            fixture_add(fixture, "goes", "echo 1\n");
        configure(fixture);
    }
    fixture_add(fixture, "goes", "echo 1\n");
    configure(fixture);
    fixture_await(fixture, fixture_submit(fixture, "goes", "1", 0), PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.worker, "test/analyzer-3");
}

static void on_drained(void *arg)
{
    *(bool *)arg = true;
}

static void a_pool_that_stops_serves_nothing_new(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    bool drained = false;
    int64_t deadline = 0;
    fixture_add(fixture, "kind", WAITS "echo 1\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "kind", "1", 0);
    struct process_id other = fixture_submit(fixture, "more", "1", 0);
    fixture_await_file(fixture, "started");
    analyzer_pool_stop(fixture->pool, on_drained, &drained);
    fixture_add(fixture, "more", "echo 1\n");
    configure(fixture);
    while (!drained)
        fixture_turn(fixture, &deadline);
    assert_int_equal(fixture_get(fixture, id, &outcome), PROCESS_PENDING);
    assert_int_equal(fixture_get(fixture, other, &outcome), PROCESS_PENDING);
    analyzer_pool_destroy(fixture->pool);
    fixture->pool = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_new_type_is_served),
        POOL_TEST(what_runs_ends_as_it_began),
        POOL_TEST(new_runs_follow_the_new_definition),
        POOL_TEST(concurrency_is_followed_down_and_up),
        POOL_TEST(names_of_workers_are_used_again),
        POOL_TEST(a_pool_that_stops_serves_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
