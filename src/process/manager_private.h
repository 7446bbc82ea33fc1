#ifndef PROCESS_MANAGER_PRIVATE_H
#define PROCESS_MANAGER_PRIVATE_H

#include "proctrack/keyed_hash.h"
#include "proctrack/process_manager.h"

/* What runs by time: leases and scheduled starts often, retention now and then. */
struct manager_schedule {
    struct loop_timer *advance_timer, *sweep_timer;
    struct repo_advance advance;
    struct repo_sweep sweep;
    bool stopped;
};

/* Claims that wait for work, and who has been announced not long ago. */
#define MANAGER_ANNOUNCED_SETS 512 /* where one is kept follows from its hash */
#define MANAGER_ANNOUNCED_WAYS 4
struct announced {
    uint64_t who;
    int64_t at; /* steady ms */
};
struct manager_claims {
    struct list_link parked; /* process_claim.parked, the oldest first */
    size_t parked_weight;
    struct list_link due; /* process_claim.op.link: those that look at the end of the turn */
    struct loop_task look;
    struct loop_timer *timer;
    int64_t timer_at; /* steady ms; INT64_MAX: it is not running */
    struct announced announced[MANAGER_ANNOUNCED_SETS][MANAGER_ANNOUNCED_WAYS];
};

/* Calls that others must find by id or key: in lists by its hash, as thousands can be open. */
#define MANAGER_LISTS 256
static inline size_t manager_list_of(struct span key)
{
    return keyed_hash(key) % MANAGER_LISTS;
}

static inline size_t manager_list_of_id(const struct process_id *id)
{
    return manager_list_of((struct span){(const char *)id->bytes, sizeof(id->bytes)});
}

/* Processes whose progress was stored just now. */
struct manager_progress {
    struct list_link by_id[MANAGER_LISTS], by_time;
    struct loop_timer *timer;
};

/* How types stood a moment ago, for explain. */
#define MANAGER_TYPE_STATES 256
struct manager_type_state {
    char type[PROCESS_TYPE_MAX + 1];
    int64_t at; /* steady ms */
    struct repo_type_state state;
};

struct process_manager {
    struct loop *loop;
    struct process_repository *repository;
    const struct process_manager_options *options;
    void (*on_work)(void *arg);
    void *on_work_arg;
    struct list_link submits[MANAGER_LISTS]; /* process_submit.under_way, by Idempotency-Key */
    struct list_link waiting[MANAGER_LISTS]; /* process_await.waiting, by id */
    struct manager_claims claims;
    struct manager_progress progress;
    struct manager_type_state type_states[MANAGER_TYPE_STATES];
    struct manager_schedule schedule;
    struct process_manager_totals totals;
    bool stopping;
};

/* Something of this type (of any, when it is absent) may be claimable now: parked claims look at
 * the end of the turn, and on_work is told. */
void manager_work_appeared(struct process_manager *manager, struct span type);
void manager_tell_on_work(struct process_manager *manager);
uint32_t manager_random(void);

/* Sets all of a new process but its id. INVALID: no type; UNKNOWN_TYPE. */
enum err manager_complete_draft(const struct process_manager *manager, struct process *draft,
                                int64_t now);

bool manager_schedule_start(struct process_manager *manager); /* false: no memory */
void manager_schedule_stop(struct process_manager *manager);
void manager_schedule_finish(struct process_manager *manager);

/* Another than a heartbeat or progress has passed through this manager: whoever waits for the
 * process looks at once. */
void manager_await_wake(struct process_manager *manager, const struct process_id *id);
void manager_await_stop(struct process_manager *manager);

bool manager_claims_start(struct process_manager *manager); /* false: no memory */
void manager_claims_stop(struct process_manager *manager);
void manager_claims_finish(struct process_manager *manager);
uint64_t manager_claim_type_bit(struct span type); /* in process_claim.type_mask */
/* Who looks next; a call that has got something, or leaves although it was woken, passes it on. */
void manager_claims_wake(struct process_manager *manager, struct span type);
void manager_claims_wake_more(const struct process_claim *call);
void manager_claims_pass_on(const struct process_claim *call);

/* Submits the change; on_stored runs in place of the caller's done, which it finds in outer. */
void manager_change_submit(struct process_manager *manager, struct repo_transition *call,
                           void (*on_stored)(struct process_op *op), void *arg);

bool manager_progress_start(struct process_manager *manager); /* false: no memory */
/* Whether the call is held, to be stored with the newest that comes within the pause. */
bool manager_progress_hold(struct process_manager *manager, struct repo_transition *call);
/* Submits what is held of the process. */
void manager_progress_flush(struct process_manager *manager, const struct process_id *id);
void manager_progress_stop(struct process_manager *manager);
void manager_progress_finish(struct process_manager *manager);

void manager_explain_forget(struct process_manager *manager, struct span type);

#endif
