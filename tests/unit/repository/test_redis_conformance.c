/* The suite that every repository must pass, on a real Redis; and on one that does not tell of
 * changes by itself. */
#include "support/conformance.h"

#include "proctrack/redis_repository.h"
#include "support/redis_fixture.h"

#include <stdlib.h>

static struct redis_fixture redis;
static struct redis_options options;
static bool publishes;

static void reached(struct process_op *op)
{
    (void)op;
}

/* Waits until it is connected. */
static bool answers(struct loop *loop, struct process_repository *repository)
{
    int64_t deadline = clock_steady_ms() + 10000;
    struct repo_ping ping;
    do {
        process_op_init(&ping.op, reached);
        repository_ping(repository, &ping);
        while (ping.op.done != NULL)
            loop_turn(loop, 100);
        if (ping.op.result != ERR_OK)
            loop_turn(loop, 100);
    } while (ping.op.result != ERR_OK && clock_steady_ms() < deadline);
    return ping.op.result == ERR_OK;
}

static struct process_repository *join_redis(struct loop *loop, const struct process_policy *policy)
{
    struct process_repository *repository =
        redis_repository_create(loop, &options, "", publishes, policy);
    if (repository != NULL && !answers(loop, repository))
        abort();
    return repository;
}

static struct process_repository *open_redis(struct loop *loop, const struct process_policy *policy)
{
    redis_fixture_ask(&redis, "FLUSHALL");
    return join_redis(loop, policy);
}

int main(void)
{
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    const struct conformance_subject subject = {"redis", open_redis, join_redis};
    const struct conformance_subject published = {"redis, published", open_redis, join_redis};
    redis_fixture_start(&redis, NULL);
    redis_fixture_options(&redis, &options);
    int failed = conformance_run(&subject);
    publishes = true;
    failed += conformance_run(&published);
    redis_fixture_stop(&redis);
    return failed == 0 ? 0 : 1;
}
