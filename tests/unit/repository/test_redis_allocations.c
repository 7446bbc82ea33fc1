/* The repository on Redis with every one of its own allocations failing in turn: it is not made, or
 * it works; a call that finds no memory says so, and the next one is answered. The linker sends
 * what the program allocates through here (--wrap); what hiredis and libuv allocate is not ours. */
#include "repository/redis_bench.h"

/* A long reply takes many: of those the first are like the others. */
enum { NEVER = -1, ATTEMPTS_MAX = 200, FIRST = 30 };

static int allocations_left = NEVER; /* until one fails */

static bool fails(void)
{
    return allocations_left != NEVER && allocations_left-- == 0;
}

#include "support/failing_wraps.h"

/* Whether one did; from now on none does. */
static bool stop_failing(void)
{
    const bool failed = allocations_left == NEVER;
    allocations_left = NEVER;
    return failed;
}

/* --- its life --------------------------------------------------------------------------------- */

static void open_with(struct bench *bench, int n)
{
    allocations_left = n;
    bench->sync.repository = redis_repository_create(bench->sync.loop, &bench->options, "",
                                                     bench->publishes, &bench->policy);
}

static void close_bench(struct bench *bench)
{
    repository_destroy(bench->sync.repository);
    loop_destroy(bench->sync.loop);
}

static void creation_needs_all_its_memory(void **state)
{
    struct bench *bench = *state;
    for (int publishes = 0; publishes <= 1; publishes++) {
        bool failed = true;
        bench->publishes = publishes != 0;
        for (int n = 0; failed; n++) {
            assert_true(n < ATTEMPTS_MAX);
            close_bench(bench);
            bench->sync.loop = loop_create();
            open_with(bench, n);
            failed = stop_failing();
            assert_true(failed || bench->sync.repository != NULL);
            if (bench->sync.repository != NULL)
                wait_ready(bench);
        }
    }
}

/* A connection that only listens is made when somebody wants to hear: later, if it must be. */
static void following_begins_when_there_is_memory(void **state)
{
    struct bench *bench = *state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        assert_true(n < ATTEMPTS_MAX);
        repository_follow(bench->sync.repository, true);
        allocations_left = n;
        loop_turn(bench->sync.loop, 0);
        failed = stop_failing();
        repository_follow(bench->sync.repository, false);
        wait_ready(bench);
    }
}

/* A prefix that has no room for the rest of a key is refused, not cut. */
static void a_prefix_that_is_too_long_is_refused(void **state)
{
    struct bench *bench = *state;
    char prefix[1024], channel[64];
    memset(prefix, 'p', sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    assert_null(
        redis_repository_create(bench->sync.loop, &bench->options, prefix, false, &bench->policy));
    assert_false(redis_repository_channel(prefix, channel, sizeof(channel)));
}

/* --- calls ------------------------------------------------------------------------------------ */

static bool done;

static void on_done(struct process_op *op)
{
    (void)op;
    done = true;
}

struct world {
    struct bench *bench;
    struct draft pending, finished;
};

#define RUN(world, kind, ...)                                      \
    do {                                                           \
        struct repo_##kind call = {__VA_ARGS__};                   \
        process_op_init(&call.op, on_done);                        \
        done = false;                                              \
        repository_##kind((world)->bench->sync.repository, &call); \
        sync_wait((world)->bench->sync.loop, &done);               \
        return call.op.result;                                     \
    } while (0)

static void on_pinged(struct process_op *op)
{
    (void)op;
}

/* While another call is open, so that there is none to be used again. */
static enum err ask_get(struct world *world)
{
    static struct repo_ping ping;
    process_op_init(&ping.op, on_pinged);
    repository_ping(world->bench->sync.repository, &ping);
    RUN(world, get, .id = world->pending.process.id, .watch = true);
}

static enum err ask_events(struct world *world)
{
    RUN(world, events, .id = world->finished.process.id);
}

static enum err ask_types(struct world *world)
{
    RUN(world, types, .now = world->bench->now);
}

static enum err ask_workers(struct world *world)
{
    RUN(world, workers, .now = world->bench->now);
}

static enum err ask_dump(struct world *world)
{
    RUN(world, dump, .now = world->bench->now);
}

static enum err ask_tombstones(struct world *world)
{
    RUN(world, dump, .now = world->bench->now, .position = {.kind = ITEM_TOMBSTONE});
}

static enum err ask_create(struct world *world)
{
    static struct repo_ping ping;
    process_op_init(&ping.op, on_pinged);
    repository_ping(world->bench->sync.repository, &ping);
    RUN(world, create, .process = draft(world->bench).process);
}

static void with_each_failing(struct bench *bench, enum err (*ask)(struct world *world))
{
    struct world world = {.bench = bench};
    bool failed = true;
    int refused = 0;
    for (int n = 0; failed && n < FIRST; n++) {
        close_bench(bench);
        open_repository(bench);
        world.finished = add_finished(bench);
        world.pending = add(bench);
        close_bench(bench);
        open_repository(bench); /* with nothing kept for later calls */
        allocations_left = n;
        const enum err err = ask(&world);
        failed = stop_failing();
        assert_true(err == ERR_OK || err == ERR_NO_MEMORY || err == ERR_UNAVAILABLE);
        assert_true(failed || err == ERR_OK);
        refused += err != ERR_OK;
        wait_ready(bench);
        assert_int_equal(ask(&world), ERR_OK);
        sync_claim(&bench->sync, "t", 10, bench->now, 1000, NULL);
    }
    assert_true(refused > 0);
}

static void calls_without_memory_say_so(void **state)
{
    with_each_failing(*state, ask_get);
    with_each_failing(*state, ask_events);
    with_each_failing(*state, ask_types);
    with_each_failing(*state, ask_workers);
    with_each_failing(*state, ask_dump);
    with_each_failing(*state, ask_tombstones);
    with_each_failing(*state, ask_create);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(creation_needs_all_its_memory),
        PLAIN(following_begins_when_there_is_memory),
        PLAIN(a_prefix_that_is_too_long_is_refused),
        PLAIN(calls_without_memory_say_so),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
