/* Waiting for the end of a process, or for what its worker must hear. It reads again after growing
 * pauses, and at once when a change passes through this manager; so it sees changes made by other
 * loops and instances as well. */
#include "process/manager_private.h"

#define FIRST_PAUSE_MS   20
#define LONGEST_PAUSE_MS 500
#define CANCEL_PAUSE_MS  1000 /* from the beginning: every worker may wait for one all the time */

static void look(void *arg);

static struct list_link *list_of(struct process_manager *manager, const struct process_id *id)
{
    return &manager->waiting[manager_list_of_id(id)];
}

static void end(struct process_await *call, enum err result)
{
    list_remove(&call->waiting);
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

static void on_looked(struct process_op *op)
{
    struct process_await *call = container_of(op, struct process_await, get.op);
    int64_t left = call->deadline - clock_steady_ms();
    if (op->result != ERR_OK) {
        end(call, op->result);
    } else if (is_there(call) || left <= 0 || call->manager->stopping) {
        call->process = call->get.process;
        end(call, ERR_OK);
    } else {
        loop_timer_start(call->timer, call->pause_ms < left ? call->pause_ms : left);
        if (call->pause_ms < LONGEST_PAUSE_MS)
            call->pause_ms *= 2;
    }
}

static void look(void *arg)
{
    struct process_await *call = arg;
    process_op_init(&call->get.op, on_looked);
    call->get.id = call->id;
    call->get.with_input = false;
    repository_get(call->manager->repository, &call->get);
}

void process_manager_await(struct process_manager *manager, struct process_await *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    list_init(&call->waiting);
    call->deadline = clock_steady_ms() + call->wait_ms;
    call->pause_ms = call->for_cancel ? CANCEL_PAUSE_MS : FIRST_PAUSE_MS;
    call->timer = loop_timer_create(manager->loop, look, call);
    if (call->timer == NULL) {
        process_op_finish(&call->op, ERR_NO_MEMORY);
        return;
    }
    list_append(list_of(manager, &call->id), &call->waiting);
    look(call);
}

static bool is_looking(const struct process_await *call)
{
    return call->get.op.done != NULL;
}

void manager_await_wake(struct process_manager *manager, const struct process_id *id)
{
    list_for_each (link, list_of(manager, id)) {
        struct process_await *call = container_of(link, struct process_await, waiting);
        if (process_id_compare(&call->id, id) == 0 && !is_looking(call))
            loop_timer_start(call->timer, 0);
    }
}

void manager_await_stop(struct process_manager *manager)
{
    for (size_t i = 0; i < MANAGER_LISTS; i++) {
        list_for_each (link, &manager->waiting[i]) {
            struct process_await *call = container_of(link, struct process_await, waiting);
            if (!is_looking(call))
                loop_timer_start(call->timer, 0);
        }
    }
}

void process_manager_await_stop(struct process_await *call)
{
    call->deadline = clock_steady_ms();
    if (!is_looking(call))
        loop_timer_start(call->timer, 0);
}
