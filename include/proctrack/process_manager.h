/* ProcessManager: what callers may do with processes. It owns ids, defaults, the clock and the
 * schedule of sweeps; the store's atomic step is the repository's. One per loop, on its thread.
 *
 * Calls follow the repository's contract (process_repository.h): the caller owns the call struct,
 * `op.done` runs exactly once, perhaps before the function returns, and what comes out is borrowed
 * until it returns. */
#ifndef PROCTRACK_PROCESS_MANAGER_H
#define PROCTRACK_PROCESS_MANAGER_H

#include "proctrack/change_stamps.h"
#include "proctrack/loop.h"
#include "proctrack/process_numbers.h"
#include "proctrack/process_repository.h"

/* What a process of one type gets where the client says nothing. */
struct process_type_defaults {
    struct span type;
    int max_attempts;                     /* 0: the deployment's */
    int64_t timeout_ms, queue_timeout_ms; /* 0: the deployment's, none */
    int64_t retention_ms;                 /* -1: as the policy says */
    enum process_backoff backoff;
    int64_t retry_base_ms, retry_cap_ms;
};

/* What audits have found since start, by any manager of the instance: any thread may read it. */
struct process_audits {
    _Atomic uint64_t walks; /* whole ones */
    _Atomic uint64_t examined, found[REPO_AUDIT_FINDINGS], mended;
    _Atomic int64_t walked_at; /* wall ms: when the last whole one ended; TIME_NONE: not yet */
};

/* Shared by all threads, and constant but for this: the owner may write others into it between two
 * calls on the manager's thread. What was before must then still be there for the call under way;
 * `sweeps`, `audit_interval_ms`, `audits`, `stamps` and `policy` stay. */
struct process_manager_options {
    const struct process_policy *policy;
    const struct process_type_defaults *type_defaults;
    size_t type_default_count;
    const struct span *known_types; /* those that analyzers serve */
    size_t known_type_count;
    struct span default_type;      /* or absent */
    bool known_types_only;         /* ACCEPT_TYPES=known */
    int default_max_attempts;      /* where the client says nothing */
    int64_t default_timeout_ms;    /* likewise; 0: none */
    bool sweeps;                   /* this manager runs the schedule: one per instance */
    int full_percent;              /* of the store taken: then no new process; 0: no limit */
    int64_t audit_interval_ms;     /* with sweeps, between steps of a slow audit; 0: none */
    struct process_audits *audits; /* the instance's; NULL: this manager's own */
    struct process_type_names *type_names; /* the instance's; NULL: this manager's own */
    struct change_stamps *stamps; /* the instance's: what its managers change is noted here, by a
                                     process's id and by a type's name, before it is told */
};

struct process_manager;

/* `on_work` (may be NULL) is called whenever something may have become claimable, or a cancel was
 * asked for, by a call through this manager or, as far as the repository can tell, by others. NULL
 * if no memory. The repository stays the caller's and must outlive the manager. */
struct process_manager *process_manager_create(struct loop *loop,
                                               struct process_repository *repository,
                                               const struct process_manager_options *options,
                                               void (*on_work)(void *arg), void *arg);
/* Stops the schedule, ends every waiting process_await with the present state, every waiting
 * process_claim with nothing, and every cleanup, audit and bulk change after its next step. */
void process_manager_stop(struct process_manager *manager);
/* After stop, when no call is open. NULL is fine. */
void process_manager_destroy(struct process_manager *manager);

struct process_repository *process_manager_repository(struct process_manager *manager);
/* OK, or why changes are refused now: UNAVAILABLE, FULL (all of them, or only new processes). */
enum err process_manager_writes(struct process_manager *manager);

/* Creates a process. In: of create.process the client's fields: type (absent: the default type),
 * input, metadata, group, priority, run_at (0: now), timeout_ms (0: default), max_attempts
 * (0: default), retention_ms (-1: default), queue_timeout_ms (0: default), deadline (TIME_NONE),
 * backoff with retry_base_ms and retry_cap_ms (BACKOFF_POLICY: default); create.idempotency_key
 * and fingerprint.
 * Out: create.process completed, or create.existing when create.replayed.
 * UNKNOWN_TYPE (known_types_only), INVALID (no type and no default), IN_PROGRESS (the same key is
 * just being stored), and what repo_create can give. */
struct process_submit {
    struct process_op op;
    struct repo_create create;
    /* private */
    struct process_manager *manager;
    struct list_link under_way;
    char default_type[PROCESS_TYPE_MAX + 1];
};
void process_manager_submit(struct process_manager *manager, struct process_submit *call);

/* Creates several at once. In: of each item the client's fields in `draft`, as above, and `result`:
 * OK, or why the caller has refused it: it is then passed by, but keeps its index. Out: of each
 * other item `result` (OK, UNKNOWN_TYPE, INVALID) and, with OK, its id in draft.id. The op's own
 * result tells about the store: OK also when every item was refused, and then nothing is stored. A
 * client that repeats its call with the same key gets the same ids. */
struct process_batch_item {
    struct process draft;
    enum err result;
};
struct process_submit_batch {
    struct process_op op;
    struct process_batch_item *items; /* in, out: the caller's */
    size_t count;                     /* in: 1..REPO_BATCH_MAX */
    struct span idempotency_key;      /* in: or absent */
    uint64_t fingerprint;             /* in */
    bool replayed;                    /* out */
    /* private */
    struct process_manager *manager;
    struct repo_create_batch create;
    struct process *accepted;
    char default_type[PROCESS_TYPE_MAX + 1];
};
void process_manager_submit_batch(struct process_manager *manager,
                                  struct process_submit_batch *call);

/* `on_changed` (may be NULL) is called when a process may have changed: each that a call through
 * this manager has changed, before that call's done() runs, and all that the repository tells of
 * (see its on_changed, also for NULL). It may run from inside any call of this manager's. */
void process_manager_on_changed(struct process_manager *manager,
                                void (*on_changed)(void *arg, const struct process_id *id),
                                void *arg);
/* Hear of every process that is created, changed or removed by anybody, and by on_missed that some
 * may not have been told. NULL: no longer. */
void process_manager_follow(struct process_manager *manager, void (*on_missed)(void *arg),
                            void *arg);
struct change_stamps *process_manager_stamps(const struct process_manager *manager);

void process_manager_get(struct process_manager *manager, struct repo_get *call);
void process_manager_list(struct process_manager *manager, struct repo_list *call);
void process_manager_counts(struct process_manager *manager, struct repo_counts *call);
void process_manager_ping(struct process_manager *manager, struct repo_ping *call);
void process_manager_snapshot(struct process_manager *manager, struct repo_snapshot *call);
void process_manager_remove(struct process_manager *manager,
                            struct repo_remove *call); /* sets now */

void process_manager_types(struct process_manager *manager, struct repo_types *call); /* sets now
                                                                        and workers_since */
void process_manager_workers(struct process_manager *manager,
                             struct repo_workers *call); /* sets now */
void process_manager_group(struct process_manager *manager, struct repo_group *call);
void process_manager_events(struct process_manager *manager, struct repo_events *call);
/* Tells on_work when a type is resumed. */
void process_manager_pause(struct process_manager *manager, struct repo_pause *call);

/* One guarded change by a client or a worker: sets now and jitter, and tells on_work when the
 * event may leave work or a cancel behind. Progress of one process is stored at most every
 * PROGRESS_PAUSE_MS: what comes sooner waits, the newest is stored for all that wait, and each is
 * finished when it is; any other change of the process stores it first. */
#define PROGRESS_PAUSE_MS 200
void process_manager_change(struct process_manager *manager, struct repo_transition *call);

/* Takes work, and waits for it up to wait_ms when there is none; OK with claim.count = 0 when there
 * still is none. In: of claim types, worker, max, lease_ms, listen (who waits listens anyway). The
 * rest of claim is set here. */
struct process_claim {
    struct process_op op;
    struct repo_claim claim;
    int64_t wait_ms; /* in */
    /* private */
    struct process_manager *manager;
    struct list_link parked;
    int64_t deadline, look_at; /* steady ms; look_at is 0 until the first look has ended */
    uint64_t who, type_mask;   /* hash of worker and types; a bit per type */
    enum err last;             /* what the last look gave */
    bool out;                  /* with the repository */
    bool woken, unwanted;
};
void process_manager_claim(struct process_manager *manager, struct process_claim *call);
/* The claimer has gone: the call finishes soon (perhaps before this returns) with nothing; what it
 * should claim yet is handed back unharmed. */
void process_manager_claim_stop(struct process_manager *manager, struct process_claim *call);
/* Only while `done` runs, which was given processes and has inited the op anew: the claimer had
 * gone before. They are handed back unharmed, and the call finishes once more, with nothing. */
void process_manager_claim_return(struct process_claim *call);

/* Waits at most wait_ms until the process is final or, with for_cancel, until its worker must hear
 * something: that a cancel was asked for, or that `token` no longer holds it. OK then gives the
 * state that it has. */
struct process_await {
    struct process_op op;
    struct process_id id;   /* in */
    int64_t wait_ms;        /* in */
    bool for_cancel;        /* in */
    struct span token;      /* in, with for_cancel: lives until done */
    struct process process; /* out */
    /* private */
    struct process_manager *manager;
    struct repo_get get;
    struct loop_task look;
    struct loop_timer *timer;
    struct list_link waiting;
    int64_t deadline;
    bool found, again, over;
};
void process_manager_await(struct process_manager *manager, struct process_await *call);
/* The one who waits has gone: the call finishes soon, as at the end of its time. */
void process_manager_await_stop(struct process_await *call);

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

/* Compares records with the indexes over them and mends what is safe (see repo_audit): one whole
 * walk in bounded steps, until done or until AUDIT_BUDGET_MS have passed. */
#define AUDIT_BUDGET_MS 10000
struct process_audit {
    struct process_op op;
    int64_t examined;                   /* out */
    int64_t found[REPO_AUDIT_FINDINGS]; /* out */
    int64_t mended;                     /* out */
    bool complete;                      /* out: false when the budget ended it first */
    /* private */
    struct process_manager *manager;
    struct repo_audit step;
    struct loop_timer *timer;
    int64_t deadline;
};
void process_manager_audit(struct process_manager *manager, struct process_audit *call);
const struct process_audits *process_manager_audits(const struct process_manager *manager);
const char *process_audit_finding_name(enum repo_audit_finding finding);

/* Changes many: EVENT_RETRY or EVENT_CANCEL for each that the filter finds, in bounded steps until
 * done or until BULK_BUDGET_MS have passed. Each process is changed as by process_manager_change;
 * those that meanwhile are in another state are passed by. */
#define BULK_BUDGET_MS 10000
struct process_bulk {
    struct process_op op;
    enum process_event event; /* in */
    unsigned statuses;        /* in: bits 1u << status, those in which the event is legal */
    struct span type, group;  /* in: or absent */
    int64_t changed;          /* out */
    bool complete;            /* out: false when the budget ended it first: call again */
    /* private */
    struct process_manager *manager;
    struct repo_list list;
    struct bulk_step *step;
    struct loop_timer *timer;
    int64_t deadline;
    int status;
};
void process_manager_bulk(struct process_manager *manager, struct process_bulk *call);

/* Why a process waits, as far as its record says: "delayed", "retry_backoff" while pending with
 * run_at ahead, "cancel_requested" while running; else NULL. */
const char *process_manager_reason(const struct process_manager *manager,
                                   const struct process *process);
/* Whether the rest must be asked for: it is pending and due. */
bool process_manager_reason_is_open(const struct process_manager *manager,
                                    const struct process *process);

/* Why pending and due processes wait: "paused", "no_worker" (none runs, and nobody has looked for
 * that type within WORKER_SEEN_MS), "behind" with the position in the queue, or NULL when it is no
 * longer waiting. Without positions the answer may be a second old, and then comes before this
 * returns. */
#define WORKER_SEEN_MS INT64_C(60000)
struct process_explain {
    struct process_op op;
    struct repo_standing standing; /* in: items (the caller's) and count; out: the positions */
    bool with_positions;           /* in */
    /* private */
    struct process_manager *manager;
};
void process_manager_explain(struct process_manager *manager, struct process_explain *call);
const char *process_explain_reason(const struct process_explain *call, size_t i);

/* When to ask again, and when it should be done: from how long processes of its type have run, how
 * long this one has, and how busy this loop's thread is. retry_after_ms is between PACE_MIN_MS and
 * PACE_MAX_MS, with jitter; -1 when the process is final. fresh_ms: for so long the advice may be
 * repeated. The expected end (half, nine tenths of those that ran so long already): TIME_NONE
 * without history, while the process does not run and is not scheduled, and when it has run longer
 * than any. The history is the last PACE_HISTORY run times that were seen of the type: those that
 * end through this manager, and now and then the latest that are stored. */
#define PACE_MIN_MS  250
#define PACE_MAX_MS  30000
#define PACE_HISTORY 64
struct process_pace {
    int64_t retry_after_ms, fresh_ms;
    int64_t eta_p50, eta_p90; /* wall clock ms */
};
void process_manager_pace(struct process_manager *manager, const struct process *process,
                          struct process_pace *ret_pace);

/* What the sweeps have done since start. */
struct process_manager_totals {
    uint64_t expired, lapsed, released, overdue; /* overdue: deadlines of pending ones */
};
struct process_manager_totals process_manager_totals(const struct process_manager *manager);
/* What has passed through it since start; of its thread. */
const struct process_numbers *process_manager_numbers(const struct process_manager *manager);

#endif
