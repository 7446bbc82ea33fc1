/* Waiting for the end of a process, or for what its worker must hear. Each look is a read that asks
 * the store to tell of the next change; so it looks again only when it is told of one, by the
 * repository or by a call through this manager, and at the end of its time. What is told while a
 * look is out may have come after what it reads: then it looks once more. After a look that failed,
 * or whose answer the store does not watch, it looks again by itself. */
#include "process/manager_private.h"

#define LOOK_AGAIN_MS 1000

static struct list_link *list_of(struct process_manager *manager, const struct process_id *id)
{
    return &manager->waiting[manager_list_of_id(id)];
}

static struct process_await *await_of(struct list_link *link)
{
    return container_of(link, struct process_await, waiting);
}

static void end(struct process_await *call, enum err result)
{
    list_remove(&call->waiting);
    loop_task_cancel(&call->look);
    loop_timer_destroy(call->timer);
    call->timer = NULL;
    process_op_finish(&call->op, result);
}

static bool is_there(const struct process_await *call)
{
    const struct process *process = &call->get.process;
    if (!call->for_cancel)
        return process_status_is_final(process->status);
    return process->status != PROCESS_RUNNING || process->cancel_requested_at != TIME_NONE ||
           !span_equal(process->lease_token, call->token);
}

/* Later the store may be back. */
static bool is_outage(enum err result)
{
    return result == ERR_UNAVAILABLE || result == ERR_TIMEOUT;
}

static bool is_over(const struct process_await *call)
{
    return call->manager->stopping || call->over;
}

static bool is_looking(const struct process_await *call)
{
    return call->get.op.done != NULL;
}

static void look_soon(struct process_await *call)
{
    if (is_looking(call))
        call->again = true;
    else
        loop_defer(call->manager->loop, &call->look);
}

static void arm(struct process_await *call, bool is_told)
{
    int64_t left = call->deadline - loop_now_ms(call->manager->loop);
    if (!is_told && left > LOOK_AGAIN_MS)
        left = LOOK_AGAIN_MS;
    loop_timer_start(call->timer, left > 0 ? left : 0);
}

static void on_looked(struct process_op *op)
{
    struct process_await *call = container_of(op, struct process_await, get.op);
    bool waits = op->result == ERR_OK ? !is_there(call) : call->found && is_outage(op->result);
    if (op->result == ERR_OK)
        call->found = true;
    if (waits && !is_over(call)) {
        arm(call, op->result == ERR_OK && call->get.watched);
        if (call->again)
            look_soon(call);
        return;
    }
    if (op->result == ERR_OK) {
        call->process = call->get.process;
        manager_shown(call->manager, &call->id);
    }
    end(call, op->result);
}

static void look(struct loop_task *task)
{
    struct process_await *call = container_of(task, struct process_await, look);
    call->again = false;
    process_op_init(&call->get.op, on_looked);
    call->get.id = call->id;
    call->get.with_input = false;
    call->get.brief = false;
    call->get.watch = true;
    repository_get(call->manager->repository, &call->get);
}

static void on_time(void *arg)
{
    struct process_await *call = arg;
    if (loop_now_ms(call->manager->loop) >= call->deadline)
        call->over = true;
    look_soon(call);
}

void process_manager_await(struct process_manager *manager, struct process_await *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    list_init(&call->waiting);
    loop_task_init(&call->look, look);
    call->found = false;
    call->over = call->wait_ms <= 0;
    call->timer = loop_timer_create(manager->loop, on_time, call);
    if (call->timer == NULL) {
        process_op_finish(&call->op, ERR_NO_MEMORY);
        return;
    }
    call->deadline = loop_now_ms(manager->loop) + call->wait_ms;
    arm(call, true);
    list_append(list_of(manager, &call->id), &call->waiting);
    look(&call->look);
}

static void wake_all(struct process_manager *manager)
{
    for (size_t i = 0; i < MANAGER_LISTS; i++) {
        list_for_each (link, &manager->waiting[i])
            look_soon(await_of(link));
    }
}

void manager_await_wake(struct process_manager *manager, const struct process_id *id)
{
    if (id == NULL) {
        wake_all(manager);
        return;
    }
    list_for_each (link, list_of(manager, id)) {
        if (process_id_compare(&await_of(link)->id, id) == 0)
            look_soon(await_of(link));
    }
}

void process_manager_await_stop(struct process_await *call)
{
    call->over = true;
    look_soon(call);
}
