/* ProcessManager: what callers may do with processes. It owns ids, defaults, the clock and the
 * schedule of sweeps; the store's atomic step is the repository's. One per loop, on its thread.
 *
 * Calls follow the repository's contract (process_repository.h): the caller owns the call struct,
 * `op.done` runs exactly once, perhaps before the function returns, and what comes out is borrowed
 * until it returns. */
#ifndef PROCTRACK_PROCESS_MANAGER_H
#define PROCTRACK_PROCESS_MANAGER_H

#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

/* Constant after start, shared by all threads. */
struct process_manager_options {
    const struct process_policy *policy;
    const struct span *known_types; /* those that analyzers serve */
    size_t known_type_count;
    struct span default_type;   /* or absent */
    bool known_types_only;      /* ACCEPT_TYPES=known */
    int default_max_attempts;   /* where the client says nothing */
    int64_t default_timeout_ms; /* likewise; 0: none */
    bool sweeps;                /* this manager runs the schedule: one per instance */
};

struct process_manager;

/* `on_work` (may be NULL) is called whenever something may have become claimable, or a cancel was
 * asked for, by a call through this manager. NULL if no memory. The repository stays the caller's
 * and must outlive the manager. */
struct process_manager *process_manager_create(struct loop *loop,
                                               struct process_repository *repository,
                                               const struct process_manager_options *options,
                                               void (*on_work)(void *arg), void *arg);
/* Stops the schedule, ends every waiting process_await with the present state and every cleanup
 * after its next step. */
void process_manager_stop(struct process_manager *manager);
/* After stop, when no call is open. NULL is fine. */
void process_manager_destroy(struct process_manager *manager);

struct process_repository *process_manager_repository(struct process_manager *manager);

/* Creates a process. In: of create.process the client's fields: type (absent: the default type),
 * input, metadata, group, priority, run_at (0: now), timeout_ms (0: default), max_attempts
 * (0: default), retention_ms (-1: default); create.idempotency_key and fingerprint.
 * Out: create.process completed, or create.existing when create.replayed.
 * UNKNOWN_TYPE (known_types_only), INVALID (no type and no default), IN_PROGRESS (the same key is
 * just being stored), and what repo_create can give. */
struct process_submit {
    struct process_op op;
    struct repo_create create;
    /* private */
    struct process_manager *manager;
    struct list_link under_way;
};
void process_manager_submit(struct process_manager *manager, struct process_submit *call);

void process_manager_get(struct process_manager *manager, struct repo_get *call);
void process_manager_list(struct process_manager *manager, struct repo_list *call);
void process_manager_counts(struct process_manager *manager, struct repo_counts *call);
void process_manager_ping(struct process_manager *manager, struct repo_ping *call);
void process_manager_remove(struct process_manager *manager,
                            struct repo_remove *call); /* sets now */

/* One guarded change by a client or a worker: sets now and jitter, and tells on_work when the
 * event may leave work or a cancel behind. */
void process_manager_change(struct process_manager *manager, struct repo_transition *call);

/* Sets now and tokens. */
void process_manager_claim(struct process_manager *manager, struct repo_claim *call);

/* Waits until the process is final, at most wait_ms; OK then gives the state that it has. */
struct process_await {
    struct process_op op;
    struct process_id id;   /* in */
    int64_t wait_ms;        /* in */
    struct process process; /* out */
    /* private */
    struct process_manager *manager;
    struct repo_get get;
    struct loop_timer *timer;
    struct list_link waiting;
    int64_t deadline, pause_ms;
};
void process_manager_await(struct process_manager *manager, struct process_await *call);

/* Removes (dry_run: counts) finished processes that ended at least older_than_ms ago, in bounded
 * steps until done or until CLEANUP_BUDGET_MS have passed. */
#define CLEANUP_BUDGET_MS 10000
struct process_cleanup {
    struct process_op op;
    int64_t older_than_ms;                 /* in */
    unsigned statuses;                     /* in: bits 1u << status, final ones only */
    struct span type;                      /* in: or absent */
    bool dry_run;                          /* in */
    int64_t cleaned[PROCESS_STATUS_COUNT]; /* out */
    int64_t total_cleaned;                 /* out */
    int64_t remaining;                     /* out: processes of any status still stored */
    bool complete;                         /* out: false when the budget ended it first */
    /* private */
    struct process_manager *manager;
    struct repo_sweep sweep;
    struct repo_counts counts;
    struct loop_timer *timer;
    int64_t before, deadline;
    int status;
};
void process_manager_cleanup(struct process_manager *manager, struct process_cleanup *call);

/* Why a process waits, or NULL: "delayed", "retry_backoff", "no_worker", "cancel_requested". */
const char *process_manager_reason(const struct process_manager *manager,
                                   const struct process *process);

/* What the sweeps have done since start. */
struct process_manager_totals {
    uint64_t expired, lapsed, released;
};
struct process_manager_totals process_manager_totals(const struct process_manager *manager);

#endif
