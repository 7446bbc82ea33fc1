/* Views of processes that the store forgets by itself, and tells nobody. */
#include "http/cache_fixture.h"

static struct process_repository_ops ops; /* the fixture's, with another get */
static void (*real_get)(struct process_repository *repository, struct repo_get *call);
static void (*done)(struct process_op *op);
static int64_t forgets_in_ms;
static bool forgotten;

static void on_got(struct process_op *op)
{
    container_of(op, struct repo_get, op)->forgets_in_ms = forgets_in_ms;
    done(op);
}

/* The repository behind answers before this returns. */
static void get_mortal(struct process_repository *repository, struct repo_get *call)
{
    if (forgotten) {
        process_op_finish(&call->op, ERR_NOT_FOUND);
        return;
    }
    done = call->op.done;
    call->op.done = on_got;
    real_get(repository, call);
}

static int setup(void **state)
{
    cache_fixture_setup(state);
    ops = *f->watched->base.ops;
    real_get = ops.get;
    ops.get = get_mortal;
    f->watched->base.ops = &ops;
    forgets_in_ms = INT64_MAX;
    forgotten = false;
    return 0;
}

static struct process_id start_mortal(int64_t lives_ms)
{
    struct process_id id = start();
    forgets_in_ms = lives_ms;
    return id;
}

static void what_is_forgotten_is_not_given_any_longer(void **state)
{
    struct process_id id = start_mortal(300);
    struct reader reader;
    int64_t begun = loop_now_ms(f->loop);
    (void)state;
    assert_int_equal(version_of(&id), 2);
    assert_non_null(find(&id));
    forgotten = true;
    while (find(&id) != NULL) {
        assert_true(loop_now_ms(f->loop) < begun + PATIENCE_MS);
        loop_turn(f->loop, 20);
    }
    assert_true(loop_now_ms(f->loop) >= begun + 300);
    assert_int_equal(status_cache_numbers(cache).invalidations, 1);
    ask(&reader, &id);
    assert_int_equal(reader.result, ERR_NOT_FOUND);
}

static void who_follows_it_hears_of_its_end(void **state)
{
    struct process_id id = start_mortal(20), other = start();
    struct reader reader, others;
    (void)state;
    await(&reader, &id, 2);
    forgets_in_ms = INT64_MAX;
    await(&others, &other, 2);
    forgotten = true;
    wait_for_states(&reader, 1);
    assert_int_equal(reader.result, ERR_NOT_FOUND);
    assert_int_equal(others.states, 0);
    assert_int_equal(reads(), 2);
    status_cache_leave(&others.follower);
}

/* Its time may have been prolonged. */
static void one_that_lives_on_is_followed_further(void **state)
{
    struct process_id id = start_mortal(20);
    struct reader reader;
    int64_t begun = clock_steady_ms();
    (void)state;
    await(&reader, &id, 2);
    while (reads() < 3) {
        assert_true(clock_steady_ms() < begun + PATIENCE_MS);
        loop_turn(f->loop, 20);
    }
    assert_int_equal(reader.states, 0);
    forgets_in_ms = INT64_MAX;
    change(&id);
    wait_for_states(&reader, 1);
    assert_int_equal(reader.version, 3);
    assert_non_null(find(&id));
}

static void a_state_that_stays_takes_the_place_of_one_that_does_not(void **state)
{
    struct process_id id = start_mortal(0);
    (void)state;
    assert_int_equal(version_of(&id), 2);
    assert_null(find(&id));
    forgets_in_ms = INT64_MAX;
    assert_int_equal(version_of(&id), 2);
    assert_non_null(find(&id));
}

/* Thousands may be kept that nobody follows: the timer has nothing to do with them. */
static void what_nobody_follows_ends_only_when_it_is_asked_for(void **state)
{
    struct process_id kept = start_mortal(0), followed = start();
    struct reader reader;
    int64_t begun = clock_steady_ms();
    (void)state;
    assert_int_equal(version_of(&kept), 2);
    await(&reader, &followed, 2);
    while (reads() < 3) {
        assert_true(clock_steady_ms() < begun + PATIENCE_MS);
        loop_turn(f->loop, 20);
    }
    assert_int_equal(status_cache_numbers(cache).invalidations, 1);
    assert_null(find(&kept));
    assert_int_equal(status_cache_numbers(cache).invalidations, 2);
    status_cache_leave(&reader.follower);
}

#define MORTAL_TEST(function) \
    cmocka_unit_test_setup_teardown(function, setup, cache_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MORTAL_TEST(what_is_forgotten_is_not_given_any_longer),
        MORTAL_TEST(who_follows_it_hears_of_its_end),
        MORTAL_TEST(one_that_lives_on_is_followed_further),
        MORTAL_TEST(a_state_that_stays_takes_the_place_of_one_that_does_not),
        MORTAL_TEST(what_nobody_follows_ends_only_when_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
