/* A process, the default policy, and the rules applied to them. */
#ifndef PROCESS_RULES_BENCH_H
#define PROCESS_RULES_BENCH_H

#include "support/test.h"

#include "proctrack/process.h"

#include <stdio.h>

#define BENCH_TOKEN "0123456789abcdef0123456789abcdef"

struct rules_bench {
    struct process_policy policy;
    struct process process;
    char error[PROCESS_LAPSE_ERROR_SIZE];
    bool changed; /* by the last one */
};

/* Pending since 1000. */
static inline struct rules_bench bench_pending(void)
{
    struct rules_bench b = {.process = {.version = 1,
                                        .max_attempts = 3,
                                        .retention_ms = -1,
                                        .type = SPAN("t"),
                                        .created_at = 1000,
                                        .run_at = 1000,
                                        .updated_at = 1000}};
    process_policy_defaults(&b.policy);
    return b;
}

static inline void bench_claim(struct rules_bench *b, int64_t now)
{
    process_start(&b->process, &b->policy, now, SPAN("w"), SPAN(BENCH_TOKEN), 60000);
}

/* Claimed at 2000, for 60 s. */
static inline struct rules_bench bench_running(void)
{
    struct rules_bench b = bench_pending();
    bench_claim(&b, 2000);
    return b;
}

/* As the holder of the lease would send it; a failure may be retried. */
static inline struct process_change bench_change(enum process_event event, int64_t now)
{
    struct process_change change = {.event = event,
                                    .now = now,
                                    .token = SPAN(BENCH_TOKEN),
                                    .lease_ms = 60000,
                                    .retryable = true,
                                    .retry_after_ms = -1,
                                    .jitter = UINT32_MAX};
    if (event == EVENT_PROGRESS)
        change.progress = SPAN("{\"percent\":50}");
    if (event == EVENT_COMPLETE)
        change.result = SPAN("[1]");
    if (event == EVENT_FAIL)
        change.error = SPAN("{\"code\":\"x\"}");
    return change;
}

static inline enum err bench_apply(struct rules_bench *b, const struct process_change *change)
{
    return process_apply(&b->process, change, &b->policy, b->error, &b->changed);
}

static inline enum err bench_event(struct rules_bench *b, enum process_event event, int64_t now)
{
    struct process_change change = bench_change(event, now);
    return bench_apply(b, &change);
}

static inline void assert_error_code(const struct process *process, const char *code)
{
    char front[64];
    snprintf(front, sizeof(front), "{\"code\":\"%s\",", code);
    assert_true(span_starts(process->error, front));
}

#endif
