/* The suite that every repository must pass, on a real Redis, as the user of users.acl; and on one
 * that does not tell of changes by itself. */
#include "support/conformance.h"

#include "proctrack/redis_repository.h"
#include "support/redis_fixture.h"
#include "support/test.h"

#include <stdio.h>

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
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
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
        GIVE_UP("Redis is not reached");
    return repository;
}

static struct process_repository *open_redis(struct loop *loop, const struct process_policy *policy)
{
    redis_fixture_ask(&redis, "FLUSHALL");
    return join_redis(loop, policy);
}

/* What users.acl says behind the user's password. */
static void read_rules(char *ret_rules, size_t size)
{
    static const char user[] = "user proctrack on #";
    FILE *file = fopen(USERS_ACL, "r");
    assert_non_null(file);
    do
        assert_non_null(fgets(ret_rules, (int)size, file));
    while (strncmp(ret_rules, user, sizeof(user) - 1) != 0);
    fclose(file);
    const char *rules = strchr(ret_rules + sizeof(user), ' ');
    assert_non_null(rules);
    memmove(ret_rules, rules + 1, strlen(rules));
    ret_rules[strcspn(ret_rules, "\n")] = '\0';
}

static void log_in(void)
{
    static char rules[4096];
    read_rules(rules, sizeof(rules));
    const char *answer = redis_fixture_ask(&redis, "ACL SETUSER proctrack reset on >pw %s", rules);
    assert_string_equal(answer, "OK");
    strcpy(options.username, "proctrack");
    strcpy(options.password, "pw");
}

int main(void)
{
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    const struct conformance_subject subject = {"redis", open_redis, join_redis};
    const struct conformance_subject published = {"redis, published", open_redis, join_redis};
    redis_fixture_start(&redis, NULL);
    redis_fixture_options(&redis, &options);
    log_in();
    int failed = conformance_run(&subject);
    publishes = true;
    failed += conformance_run(&published);
    redis_fixture_stop(&redis);
    return failed == 0 ? 0 : 1;
}
