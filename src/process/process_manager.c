#include "process/manager_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

static void on_work_elsewhere(void *arg, struct span type)
{
    if (type.data == NULL)
        manager_claims_check_told(arg);
    manager_work_appeared(arg, type);
}

struct process_manager *process_manager_create(struct loop *loop,
                                               struct process_repository *repository,
                                               const struct process_manager_options *options,
                                               void (*on_work)(void *arg), void *arg)
{
    struct process_manager *manager = calloc(1, sizeof(*manager));
    if (manager == NULL)
        return NULL;
    manager->loop = loop;
    manager->repository = repository;
    manager->options = options;
    manager->on_work = on_work;
    manager->on_work_arg = arg;
    for (size_t i = 0; i < MANAGER_LISTS; i++) {
        list_init(&manager->submits[i]);
        list_init(&manager->waiting[i]);
    }
    bool claims = manager_claims_start(manager), progress = manager_progress_start(manager);
    bool audit = manager_audit_start(manager);
    if (!claims || !progress || !audit || (options->sweeps && !manager_schedule_start(manager))) {
        process_manager_destroy(manager);
        return NULL;
    }
    repository->on_work_arg = manager;
    repository->on_work = on_work_elsewhere;
    manager_watch_start(manager);
    manager_numbers_start(manager);
    return manager;
}

void process_manager_stop(struct process_manager *manager)
{
    manager->stopping = true;
    manager->repository->on_work = NULL;
    manager_watch_stop(manager);
    manager_schedule_stop(manager);
    manager_audit_stop(manager);
    manager_await_wake(manager, NULL);
    manager_progress_stop(manager);
    manager_claims_stop(manager);
}

void process_manager_destroy(struct process_manager *manager)
{
    if (manager == NULL)
        return;
    manager->repository->on_work = NULL;
    manager_watch_stop(manager);
    for (size_t i = 0; i < MANAGER_LISTS; i++)
        assert(list_is_empty(&manager->submits[i]) && list_is_empty(&manager->waiting[i]));
    manager_schedule_finish(manager);
    manager_audit_finish(manager);
    manager_progress_finish(manager);
    manager_claims_finish(manager);
    free(manager);
}

struct process_repository *process_manager_repository(struct process_manager *manager)
{
    return manager->repository;
}

void manager_tell_on_work(struct process_manager *manager)
{
    if (manager->on_work != NULL)
        manager->on_work(manager->on_work_arg);
}

void manager_work_appeared(struct process_manager *manager, struct span type)
{
    manager_claims_wake(manager, type);
    manager_tell_on_work(manager);
}

/* Spreads retries; when the kernel gives nothing, half of the pause is as good. */
uint32_t manager_random(void)
{
    uint32_t value;
    if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value))
        value = UINT32_MAX / 2;
    return value;
}

/* --- what only needs the repository or the clock ------------------------------------------------
 */

void process_manager_get(struct process_manager *manager, struct repo_get *call)
{
    repository_get(manager->repository, call);
}

void process_manager_list(struct process_manager *manager, struct repo_list *call)
{
    repository_list(manager->repository, call);
}

void process_manager_counts(struct process_manager *manager, struct repo_counts *call)
{
    call->now = clock_wall_ms();
    repository_counts(manager->repository, call);
}

void process_manager_ping(struct process_manager *manager, struct repo_ping *call)
{
    repository_ping(manager->repository, call);
}

void process_manager_snapshot(struct process_manager *manager, struct repo_snapshot *call)
{
    repository_snapshot(manager->repository, call);
}

static void on_removed(struct process_op *op)
{
    struct repo_remove *call = container_of(op, struct repo_remove, op);
    struct process_manager *manager = call->outer.arg;
    if (manager_is_unchanged(op->result))
        manager_shown(manager, &call->id);
    else
        manager_changed(manager, &call->id);
    op->done = call->outer.done;
    process_op_finish(op, op->result);
}

void process_manager_remove(struct process_manager *manager, struct repo_remove *call)
{
    call->outer.done = call->op.done;
    call->outer.arg = manager;
    call->op.done = on_removed;
    call->now = clock_wall_ms();
    repository_remove(manager->repository, call);
}

void process_manager_types(struct process_manager *manager, struct repo_types *call)
{
    call->now = clock_wall_ms();
    call->workers_since = call->now - WORKER_SEEN_MS;
    repository_types(manager->repository, call);
}

void process_manager_workers(struct process_manager *manager, struct repo_workers *call)
{
    call->now = clock_wall_ms();
    repository_workers(manager->repository, call);
}

void process_manager_group(struct process_manager *manager, struct repo_group *call)
{
    repository_group(manager->repository, call);
}

void process_manager_events(struct process_manager *manager, struct repo_events *call)
{
    repository_events(manager->repository, call);
}

static void on_paused(struct process_op *op)
{
    struct repo_pause *call = container_of(op, struct repo_pause, op);
    struct process_manager *manager = call->outer.arg;
    manager_explain_forget(manager, call->type);
    manager_type_changed(manager, call->type);
    if (op->result == ERR_OK && !call->paused)
        manager_work_appeared(manager, call->type);
    op->done = call->outer.done;
    process_op_finish(op, op->result);
}

void process_manager_pause(struct process_manager *manager, struct repo_pause *call)
{
    call->outer.done = call->op.done;
    call->outer.arg = manager;
    call->op.done = on_paused;
    repository_pause(manager->repository, call);
}

/* --- reason -------------------------------------------------------------------------------------
 */

bool process_manager_reason_is_open(const struct process_manager *manager,
                                    const struct process *process)
{
    (void)manager;
    return process->status == PROCESS_PENDING && process->run_at <= clock_wall_ms();
}

const char *process_manager_reason(const struct process_manager *manager,
                                   const struct process *process)
{
    if (process->status == PROCESS_RUNNING)
        return process->cancel_requested_at != TIME_NONE ? "cancel_requested" : NULL;
    if (process->status != PROCESS_PENDING || process_manager_reason_is_open(manager, process))
        return NULL;
    return process->attempt > 0 ? "retry_backoff" : "delayed";
}
