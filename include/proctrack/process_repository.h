/* The port to where processes are kept (IProcessRepository): a base struct with a const table of
 * operations, implemented by repository/redis and repository/memory.
 *
 * Contract for every call:
 * - One thread: the loop that the repository belongs to submits, and `done` runs there.
 * - The caller owns the call struct until `done`; the repository allocates nothing for it that
 *   the caller would have to free. Submitting is a tail call: `done` may run before it returns.
 * - `done` runs exactly once, also on failure; close() ends every open call with ERR_CANCELED.
 * - Spans and arrays that a call gives out are borrowed until `done` returns, whatever calls it
 *   submits meanwhile; spans that it takes in must live until then.
 * - Every change is one atomic step in the store. ERR_UNAVAILABLE and ERR_TIMEOUT of a change mean
 *   that its outcome is unknown. ERR_CORRUPT: that one record is damaged, others are served.
 * - `now` in a call is the caller's wall clock in ms; repositories read no clock of their own. */
#ifndef PROCTRACK_PROCESS_REPOSITORY_H
#define PROCTRACK_PROCESS_REPOSITORY_H

#include "proctrack/repository_calls.h"
#include "proctrack/repository_numbers.h"

struct process_repository;

/* Every call there is: X(name) has struct repo_name, a slot of that name, and repository_name(). */
#define REPOSITORY_CALLS(X) \
    X(create)               \
    X(get)                  \
    X(transition)           \
    X(claim)                \
    X(remove)               \
    X(list)                 \
    X(counts)               \
    X(create_batch)         \
    X(standing)             \
    X(group)                \
    X(types)                \
    X(workers)              \
    X(pause)                \
    X(events)               \
    X(sweep)                \
    X(advance)              \
    X(ping)                 \
    X(dump)                 \
    X(restore)              \
    X(audit)                \
    X(snapshot)

/* All slots are mandatory: process_repository_init() asserts it. */
struct process_repository_ops {
    const char *name; /* "redis", "memory" */
#define X(name) void (*name)(struct process_repository * repository, struct repo_##name * call);
    REPOSITORY_CALLS(X)
#undef X
    void (*follow)(struct process_repository *repository, bool on);
    void (*close)(struct process_repository *repository);
    void (*destroy)(struct process_repository *repository); /* after close */
};

struct process_repository {
    const struct process_repository_ops *ops;
    const struct process_policy *policy;
    struct repository_counters counters;
    struct repository_durability durability;
    /* Called (when set) by a store that others write to, when something of this type, or of any
     * when it is absent, may have become claimable after a claim with `listen`. The manager's. */
    void (*on_work)(void *arg, struct span type);
    void *on_work_arg;
    /* Called (when set) as soon as a process that a get gave as watched has changed or is gone,
     * whoever did it, and once for each such get at least; with NULL when any of them may have:
     * then none is watched any more, or all can be watched again. While the repository is followed
     * also for every process that is created, changed or removed. It may come without cause, and
     * from inside a call of the repository's. The manager's. */
    void (*on_changed)(void *arg, const struct process_id *id);
    void *on_changed_arg;
    /* Called (when set) when, while it is followed, changes may not have been told. */
    void (*on_missed)(void *arg);
    void *on_missed_arg;
    /* How it hears of what others change: "local" (nobody else can), "tracking" (CLIENT TRACKING),
     * "publish" (what instances publish with each change), "none" (it does not). Constant text. */
    const char *watching;
    /* One that passes its calls on says whom to: that one's name, numbers and durability count, see
     * repository_serving(). Else NULL. */
    const struct process_repository *serving;
    /* Why it is not the one that was asked for, or NULL; and then what becomes of that: "waiting"
     * (it cannot be used yet), "available" (it can, and is not to be taken), "moving" (everything
     * is being moved there). Constant texts. */
    const char *fallback_reason, *handover;
    bool closed;
};

void process_repository_init(struct process_repository *repository,
                             const struct process_repository_ops *ops,
                             const struct process_policy *policy);

/* Submitting: each prepares the op's link and calls the slot; after close(), finishes with
 * ERR_CANCELED. `op.done` must be set. */
#define X(name) \
    void repository_##name(struct process_repository *repository, struct repo_##name *call);
REPOSITORY_CALLS(X)
#undef X
/* Hear of every change of any process from now on, or no longer; see on_changed. */
void repository_follow(struct process_repository *repository, bool on);
/* The one that keeps what is stored: itself, but for one that passes its calls on. */
const struct process_repository *repository_serving(const struct process_repository *repository);
/* Whether it hears of what others change: `watching` is not "none". */
bool repository_tells(const struct process_repository *repository);
void repository_close(struct process_repository *repository);   /* twice is fine */
void repository_destroy(struct process_repository *repository); /* NULL is fine; closes first */

#endif
