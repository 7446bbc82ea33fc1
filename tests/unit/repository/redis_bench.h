/* A repository on a Redis of its own, for tests of what is particular to it. */
#ifndef REPOSITORY_REDIS_BENCH_H
#define REPOSITORY_REDIS_BENCH_H

#include "support/test.h"

#include "proctrack/redis_repository.h"
#include "support/redis_fixture.h"
#include "support/sync_calls.h"

#include <stdio.h>

struct bench {
    struct redis_fixture redis;
    struct redis_options options;
    struct process_policy policy;
    struct sync sync;
    const char *prefix;
    bool publishes;
    int64_t now;
};

static inline void wait_ready(struct bench *bench)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (sync_ping(&bench->sync) != ERR_OK) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->sync.loop, 50);
    }
}

static inline void open_repository(struct bench *bench)
{
    bench->sync.loop = loop_create();
    bench->sync.repository = redis_repository_create(
        bench->sync.loop, &bench->options, bench->prefix, bench->publishes, &bench->policy);
    assert_non_null(bench->sync.repository);
    wait_ready(bench);
}

static inline void set_up(struct bench *bench, const char *const *arguments, const char *prefix)
{
    *bench = (struct bench){.prefix = prefix, .now = clock_wall_ms()};
    process_policy_defaults(&bench->policy);
    redis_fixture_start(&bench->redis, arguments);
    redis_fixture_options(&bench->redis, &bench->options);
}

static inline void tear_down(struct bench *bench)
{
    repository_destroy(bench->sync.repository);
    loop_destroy(bench->sync.loop);
    redis_fixture_stop(&bench->redis);
}

static inline int set_up_plain(void **state)
{
    static struct bench bench;
    set_up(&bench, NULL, "");
    open_repository(&bench);
    *state = &bench;
    return 0;
}

static inline int tear_down_plain(void **state)
{
    tear_down(*state);
    return 0;
}

struct draft {
    struct process process;
    char id[PROCESS_ID_TEXT_SIZE];
};

static inline struct draft draft(const struct bench *bench)
{
    struct draft draft = {.process = {.status = PROCESS_PENDING,
                                      .version = 1,
                                      .max_attempts = 1,
                                      .type = SPAN("t"),
                                      .input = SPAN("{}"),
                                      .created_at = bench->now,
                                      .run_at = bench->now,
                                      .updated_at = bench->now,
                                      .retention_ms = -1}};
    assert_true(process_id_new(&draft.process.id));
    process_id_format(&draft.process.id, draft.id);
    return draft;
}

static inline struct draft add(const struct bench *bench)
{
    struct draft one = draft(bench);
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    return one;
}

static inline enum err change(const struct bench *bench, const struct draft *one,
                              enum process_event event, const struct kept *running)
{
    struct process_change what = {.event = event, .now = bench->now, .retry_after_ms = -1};
    if (running != NULL)
        what.token = running->process.lease_token;
    if (event == EVENT_COMPLETE)
        what.result = SPAN("{\"n\":1}");
    return sync_change(&bench->sync, &one->process.id, &what, NULL, NULL);
}

static inline struct draft add_finished(const struct bench *bench)
{
    static struct kept kept;
    struct draft one = add(bench);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    return one;
}

static inline void assert_answer(const struct bench *bench, const char *command,
                                 const char *argument, const char *expected)
{
    const char *answer = redis_fixture_ask(&bench->redis, "%s %s", command, argument);
    if (strcmp(answer, expected) != 0)
        fail_msg("%s %s: %s, not %s", command, argument, answer, expected);
}

static inline bool answer_has(const struct bench *bench, const char *command, const char *part)
{
    return strstr(redis_fixture_ask(&bench->redis, "%s", command), part) != NULL;
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, set_up_plain, tear_down_plain)

#endif
