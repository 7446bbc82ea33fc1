#include "support/test.h"

#include "proctrack/clock.h"
#include "storage/offload.h"

#include <pthread.h>
#include <stdatomic.h>

enum { POOL = 4 };

struct call {
    atomic_int begun, ran;
    int done;
    pthread_t thread;
    pthread_mutex_t gate; /* locked: it waits there */
};

static void run(void *arg)
{
    struct call *call = arg;
    call->thread = pthread_self();
    atomic_store(&call->begun, 1);
    pthread_mutex_lock(&call->gate);
    atomic_fetch_add(&call->ran, 1);
    pthread_mutex_unlock(&call->gate);
}

static void done(void *arg)
{
    ((struct call *)arg)->done++;
}

static struct call *new_call(void)
{
    struct call *call = calloc(1, sizeof(*call));
    assert_non_null(call);
    assert_int_equal(pthread_mutex_init(&call->gate, NULL), 0);
    return call;
}

static void free_call(struct call *call)
{
    pthread_mutex_destroy(&call->gate);
    free(call);
}

static int setup(void **state)
{
    *state = loop_create();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    loop_destroy(*state);
    return 0;
}

static void wait_for(struct loop *loop, const struct call *call, int times)
{
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (call->done < times && clock_steady_ms() < end)
        loop_turn(loop, PATIENCE_MS);
    assert_int_equal(call->done, times);
}

static void wait_for_begin(struct call *call)
{
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (atomic_load(&call->begun) == 0 && clock_steady_ms() < end)
        ;
    assert_int_equal(atomic_load(&call->begun), 1);
}

static void it_runs_and_tells(void **state)
{
    struct loop *loop = *state;
    struct call *call = new_call();
    struct offload *offload = offload_create(loop, run, done, call);
    for (int i = 1; i <= 3; i++) {
        offload_start(offload);
        wait_for(loop, call, i);
        assert_int_equal(atomic_load(&call->ran), i);
    }
    assert_false(offload_settle(offload)); /* nothing is under way */
    offload_destroy(offload);
    free_call(call);
}

/* What was begun is brought to its end, and not told of. */
static void what_runs_is_waited_for(void **state)
{
    struct loop *loop = *state;
    struct call *call = new_call();
    struct offload *offload = offload_create(loop, run, done, call);
    pthread_mutex_lock(&call->gate);
    offload_start(offload);
    wait_for_begin(call);
    pthread_mutex_unlock(&call->gate);
    assert_true(offload_settle(offload));
    assert_int_equal(atomic_load(&call->ran), 1);
    assert_false(pthread_equal(call->thread, pthread_self()));
    offload_destroy(offload);
    loop_turn(loop, PATIENCE_MS); /* it comes back now */
    assert_int_equal(call->done, 0);
    free_call(call);
}

/* The threads of the pool are all held up: what waits behind them is run here. */
static void what_has_not_begun_is_run_here(void **state)
{
    struct loop *loop = *state;
    struct call *busy[POOL], *call = new_call();
    struct offload *before[POOL], *offload = offload_create(loop, run, done, call);
    for (int i = 0; i < POOL; i++) {
        busy[i] = new_call();
        before[i] = offload_create(loop, run, done, busy[i]);
        pthread_mutex_lock(&busy[i]->gate);
        offload_start(before[i]);
    }
    offload_start(offload);
    assert_true(offload_settle(offload));
    assert_int_equal(atomic_load(&call->ran), 1);
    assert_true(pthread_equal(call->thread, pthread_self()));
    offload_destroy(offload);
    for (int i = 0; i < POOL; i++)
        pthread_mutex_unlock(&busy[i]->gate);
    for (int i = 0; i < POOL; i++) {
        wait_for(loop, busy[i], 1);
        offload_destroy(before[i]);
        free_call(busy[i]);
    }
    assert_int_equal(atomic_load(&call->ran), 1); /* not once more */
    assert_int_equal(call->done, 0);
    free_call(call);
}

static void what_is_destroyed_is_brought_to_its_end(void **state)
{
    struct loop *loop = *state;
    struct call *call = new_call();
    struct offload *offload = offload_create(loop, run, done, call);
    offload_start(offload);
    offload_destroy(offload);
    assert_int_equal(atomic_load(&call->ran), 1);
    free_call(call); /* nobody has it any more, though the loop did not turn */
    offload_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_runs_and_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(what_runs_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_not_begun_is_run_here, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_destroyed_is_brought_to_its_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
