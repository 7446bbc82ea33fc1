/* Guarded changes, and who is told of them. */
#include "process/manager_private.h"

/* Before the caller's turn, as the record is borrowed and the call may be gone after it. */
static void tell(struct process_manager *manager, const struct repo_transition *call)
{
    const struct process *process = &call->process;
    enum process_event event = call->change.event;
    if (event == EVENT_HEARTBEAT || event == EVENT_PROGRESS)
        return;
    manager_await_wake(manager, &call->id);
    if (process->status == PROCESS_PENDING && process->run_at <= call->change.now)
        manager_work_appeared(manager, process->type);
    else if (process->status == PROCESS_RUNNING && event == EVENT_CANCEL)
        manager_tell_on_work(manager);
}

static void on_changed(struct process_op *op)
{
    struct repo_transition *call = container_of(op, struct repo_transition, op);
    if (op->result == ERR_OK && call->changed)
        tell(call->outer.arg, call);
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
