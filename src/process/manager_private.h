#ifndef PROCESS_MANAGER_PRIVATE_H
#define PROCESS_MANAGER_PRIVATE_H

#include "process/pace.h"
#include "proctrack/keyed_hash.h"

/* What runs by time: leases and scheduled starts often, retention now and then. */
struct manager_schedule {
    struct loop_timer *advance_timer, *sweep_timer;
    struct repo_advance advance;
    struct repo_sweep sweep;
    bool stopped;
};

/* The slow walk, and what all have found. */
struct manager_audit {
    struct loop_timer *timer; /* NULL: none */
    struct repo_audit step;
    struct process_audits *audits, own;
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
    return manager_list_of(process_id_key(id));
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

/* How long processes ran, by type, and how busy this thread is. Which set a type is kept in follows
 * from its hash. */
#define MANAGER_PACE_SETS 64
#define MANAGER_PACE_WAYS 4
struct manager_pace_type {
    char type[PROCESS_TYPE_MAX + 1]; /* "": none */
    int64_t used_at;                 /* steady ms: last asked for or fed */
    int64_t look_at, look_pause_ms;  /* when the stored ones are looked up next */
    struct pace_history history;
};
struct manager_pace {
    struct repo_list list; /* the one look-up */
    bool out;
    char list_type[PROCESS_TYPE_MAX + 1];
    int64_t load_at, load_cpu_us, load_us; /* 0: not looked at yet */
    int busy_percent;
    uint64_t chance;
    struct manager_pace_type types[MANAGER_PACE_SETS][MANAGER_PACE_WAYS];
};

/* How full the store is, as it was last said. */
enum manager_room { ROOM_ENOUGH, ROOM_LITTLE, ROOM_NONE };
struct manager_fullness {
    bool full;              /* no new process is let in */
    enum manager_room told; /* what the log says */
};

struct process_manager {
    struct loop *loop;
    struct process_repository *repository;
    const struct process_manager_options *options;
    void (*on_work)(void *arg);
    void *on_work_arg;
    void (*on_changed)(void *arg, const struct process_id *id);
    void *on_changed_arg;
    struct list_link submits[MANAGER_LISTS]; /* process_submit.under_way, by Idempotency-Key */
    struct list_link waiting[MANAGER_LISTS]; /* process_await.waiting, by id */
    struct manager_claims claims;
    struct manager_progress progress;
    struct manager_type_state type_states[MANAGER_TYPE_STATES];
    struct manager_schedule schedule;
    struct manager_audit audit;
    struct manager_fullness fullness;
    struct manager_pace pace;
    struct process_numbers numbers;
    bool stopping;
};

/* Something of this type (of any, when it is absent) may be claimable now: parked claims look at
 * the end of the turn, and on_work is told. */
void manager_work_appeared(struct process_manager *manager, struct span type);
void manager_tell_on_work(struct process_manager *manager);
uint32_t manager_random(void);

/* Sets all of a new process but its id; what it gets of the default type is kept in default_type.
 * INVALID: no type; UNKNOWN_TYPE. */
enum err manager_complete_draft(const struct process_manager *manager, struct process *draft,
                                char default_type[PROCESS_TYPE_MAX + 1], int64_t now);

bool manager_schedule_start(struct process_manager *manager); /* false: no memory */
void manager_schedule_stop(struct process_manager *manager);
void manager_schedule_finish(struct process_manager *manager);

/* Whether new processes are refused. */
bool manager_is_full(struct process_manager *manager);
void manager_fullness_tell(struct process_manager *manager); /* logs what has changed */

bool manager_audit_start(struct process_manager *manager); /* false: no memory */
void manager_audit_stop(struct process_manager *manager);
void manager_audit_finish(struct process_manager *manager);

/* A call through this manager has, or may have, changed the process (NULL: any of them): this must
 * be told before the call's own done() is. */
void manager_changed(struct process_manager *manager, const struct process_id *id);
/* A state of it that was read just now is about to be shown: nobody is to show an older one. */
void manager_shown(struct process_manager *manager, const struct process_id *id);
/* What says why the pending ones of a type wait has changed: one more or less, paused, resumed. */
void manager_type_changed(struct process_manager *manager, struct span type);
void manager_types_changed(struct process_manager *manager); /* of any type */
/* Whether a change that was answered so has surely changed nothing. */
bool manager_is_unchanged(enum err result);
void manager_watch_start(struct process_manager *manager);
void manager_watch_stop(struct process_manager *manager);

/* Whoever waits for the process (NULL: for any) looks at the end of the turn. */
void manager_await_wake(struct process_manager *manager, const struct process_id *id);

bool manager_claims_start(struct process_manager *manager); /* false: no memory */
void manager_claims_stop(struct process_manager *manager);
void manager_claims_finish(struct process_manager *manager);
uint64_t manager_claim_type_bit(struct span type); /* in process_claim.type_mask */
/* Who looks next; a call that has got something, or leaves although it was woken, passes it on. */
void manager_claims_wake(struct process_manager *manager, struct span type);
void manager_claims_wake_more(const struct process_claim *call);
void manager_claims_pass_on(const struct process_claim *call);
/* The repository may have ceased to tell of work: those that rely on it look by themselves again.
 */
void manager_claims_check_told(struct process_manager *manager);

/* manager_numbers.c: what is counted, each time when the store has said that it was done. What it
 * could not say (a timeout) is not counted, whatever became of it. */
void manager_numbers_start(struct process_manager *manager);
void manager_count_created(struct process_manager *manager, struct span type, size_t count);
void manager_count_claimed(struct process_manager *manager, const struct process *process);
void manager_count_changed(struct process_manager *manager, const struct repo_transition *call);
void manager_count_advanced(struct process_manager *manager, const struct repo_advance *call);
void manager_count_swept(struct process_manager *manager, const struct repo_sweep *call);

/* Tells of a change with its answer, before the caller's turn. */
void manager_change_told(struct process_manager *manager, const struct repo_transition *call);
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

/* One that has been completed through this manager. */
void manager_pace_ended(struct process_manager *manager, const struct process *process);

void manager_explain_forget(struct process_manager *manager, struct span type);

#endif
