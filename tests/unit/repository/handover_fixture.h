/* A hand-over from one memory repository to another, which a test lets begin, go on and fail. */
#ifndef REPOSITORY_HANDOVER_FIXTURE_H
#define REPOSITORY_HANDOVER_FIXTURE_H

#include "support/test.h"

#include "proctrack/handover_repository.h"
#include "proctrack/memory_repository.h"
#include "support/held_repository.h"
#include "support/sync_calls.h"

#include <semaphore.h>
#include <stdatomic.h>

struct other {
    const struct process_policy *policy;
    atomic_bool up;    /* what a probe says */
    bool holds;        /* its calls are let go by the test only */
    bool waits;        /* begin() waits for `may_begin` */
    bool cannot_begin; /* once */
    sem_t may_begin;
    struct process_repository *opened; /* last */
    struct process_repository *kept;   /* what is behind that */
    int opens;
    atomic_int probes, begins, ends;
};

static bool other_probe(void *arg)
{
    struct other *other = arg;
    other->probes++;
    return other->up;
}

static bool other_begin(void *arg)
{
    struct other *other = arg;
    const bool fails = other->cannot_begin;
    other->begins++;
    if (other->waits)
        sem_wait(&other->may_begin);
    other->cannot_begin = false;
    return !fails;
}

static void other_end(void *arg)
{
    ((struct other *)arg)->ends++;
}

static struct process_repository *other_open(void *arg, struct loop *loop)
{
    struct other *other = arg;
    other->opens++;
    other->kept = memory_repository_create(other->policy);
    other->opened = held_repository_create(other->kept, other->holds ? NULL : loop);
    return other->opened;
}

static inline struct handover_options other_options(struct other *other, bool moves)
{
    return (struct handover_options){
        .moves = moves,
        .reason = "it was away",
        .pause_ms = 1,
        .probe = other_probe,
        .begin = other_begin,
        .end = other_end,
        .open = other_open,
        .arg = other,
    };
}

/* f: a fixture with `sync`. */
#define TURN_UNTIL(f, condition)                                       \
    do {                                                               \
        const int64_t turn_deadline = clock_steady_ms() + PATIENCE_MS; \
        while (!(condition)) {                                         \
            assert_true(clock_steady_ms() < turn_deadline);            \
            loop_turn((f)->sync.loop, 10);                             \
        }                                                              \
    } while (0)

#endif
