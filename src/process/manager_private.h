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

/* Calls that others must find by id or key: in lists by its hash, as thousands can be open. */
#define MANAGER_LISTS 256
static inline size_t manager_list_of(struct span key)
{
    return keyed_hash(key) % MANAGER_LISTS;
}

struct process_manager {
    struct loop *loop;
    struct process_repository *repository;
    const struct process_manager_options *options;
    void (*on_work)(void *arg);
    void *on_work_arg;
    struct list_link submits[MANAGER_LISTS]; /* process_submit.under_way, by Idempotency-Key */
    struct list_link waiting[MANAGER_LISTS]; /* process_await.waiting, by id */
    struct manager_schedule schedule;
    struct process_manager_totals totals;
    bool stopping;
};

void manager_work_appeared(struct process_manager *manager);
uint32_t manager_random(void);

bool manager_schedule_start(struct process_manager *manager); /* false: no memory */
void manager_schedule_stop(struct process_manager *manager);
void manager_schedule_finish(struct process_manager *manager);

/* The process has changed through this manager: whoever waits for it looks at once. */
void manager_await_wake(struct process_manager *manager, const struct process_id *id);
void manager_await_stop(struct process_manager *manager);

#endif
