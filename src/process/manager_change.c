/* Guarded changes, and who is told of them. */
#include "process/manager_private.h"

/* Pending before or after; those that a lease ends are the schedule's. */
static bool moves_pending(const struct repo_transition *call)
{
    return call->process.status == PROCESS_PENDING ||
           (call->change.event == EVENT_CANCEL && call->process.status == PROCESS_CANCELED);
}

static bool may_move_pending(enum process_event event)
{
    return event != EVENT_HEARTBEAT && event != EVENT_PROGRESS && event != EVENT_COMPLETE;
}

static void tell_of_work(struct process_manager *manager, const struct repo_transition *call)
{
    const struct process *process = &call->process;
    enum process_event event = call->change.event;
    if (event == EVENT_HEARTBEAT || event == EVENT_PROGRESS)
        return;
    if (event == EVENT_COMPLETE)
        manager_pace_ended(manager, process);
    if (process->status == PROCESS_PENDING && process->run_at <= call->change.now)
        manager_work_appeared(manager, process->type);
    else if (process->status == PROCESS_RUNNING && event == EVENT_CANCEL)
        manager_tell_on_work(manager);
}

void manager_change_told(struct process_manager *manager, const struct repo_transition *call)
{
    enum err result = call->op.result;
    bool changed = result == ERR_OK && call->changed;
    if (manager_is_unchanged(result) || (result == ERR_OK && !changed)) {
        manager_shown(manager, &call->id);
        return;
    }
    if (changed && moves_pending(call))
        manager_type_changed(manager, call->process.type);
    if (!changed && may_move_pending(call->change.event))
        manager_types_changed(manager); /* nobody has said which it is */
    manager_changed(manager, &call->id);
    if (changed) {
        manager_count_changed(manager, call);
        tell_of_work(manager, call);
    }
}

/* Before the caller's turn, as the record is borrowed and the call may be gone after it. */
static void on_changed(struct process_op *op)
{
    struct repo_transition *call = container_of(op, struct repo_transition, op);
    manager_change_told(call->outer.arg, call);
    op->done = call->outer.done;
    process_op_finish(op, op->result);
}

void manager_change_submit(struct process_manager *manager, struct repo_transition *call,
                           void (*on_stored)(struct process_op *op), void *arg)
{
    call->change.now = clock_wall_ms();
    call->change.jitter = manager_random();
    call->changed = false;
    call->outer.done = call->op.done;
    call->outer.arg = arg;
    call->op.done = on_stored;
    repository_transition(manager->repository, call);
}

void process_manager_change(struct process_manager *manager, struct repo_transition *call)
{
    if (call->change.event != EVENT_PROGRESS)
        manager_progress_flush(manager, &call->id);
    else if (manager_progress_hold(manager, call))
        return;
    manager_change_submit(manager, call, on_changed, manager);
}
