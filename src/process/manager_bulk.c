/* Many changes on request: page by page, status by status, some at a time, with a turn of the loop
 * between the steps. Pages are walked by position, and what a change moves it moves out of the
 * index or behind the position: so none comes twice. */
#include "process/manager_private.h"

#include <stdlib.h>

#define AT_ONCE 64

struct bulk_change {
    struct repo_transition change;
    struct process_bulk *call;
};

/* A page, and the changes under way. */
struct bulk_step {
    struct {
        struct process_id id;
        int64_t version;
    } page[REPO_LIST_MAX];
    size_t count, next, open;
    enum err failed; /* of the store */
    struct bulk_change changes[AT_ONCE];
};

static void end(struct process_bulk *call, enum err result, bool complete)
{
    call->complete = complete;
    loop_timer_destroy(call->timer);
    free(call->step);
    call->timer = NULL;
    call->step = NULL;
    process_op_finish(&call->op, result);
}

/* Whether such an answer is about this one process only. */
static bool is_passed_by(enum err err)
{
    return err == ERR_NOT_FOUND || err == ERR_GONE || err == ERR_CONFLICT || err == ERR_STALE ||
           err == ERR_CORRUPT;
}

static void on_changed(struct process_op *op)
{
    struct bulk_change *change = container_of(op, struct bulk_change, change.op);
    struct process_bulk *call = change->call;
    if (op->result == ERR_OK)
        call->changed += change->change.changed;
    else if (!is_passed_by(op->result))
        call->step->failed = op->result;
    if (--call->step->open == 0)
        loop_timer_start(call->timer, 0);
}

static void change_one(struct process_bulk *call, struct bulk_change *change, size_t i)
{
    change->call = call;
    change->change.id = call->step->page[i].id;
    change->change.change = (struct process_change){.event = call->event};
    /* A running one gets new versions all the time. */
    if (call->status != PROCESS_RUNNING)
        change->change.change.if_version = call->step->page[i].version;
    process_op_init(&change->change.op, on_changed);
    process_manager_change(call->manager, &change->change);
}

static void change_some(struct process_bulk *call)
{
    struct bulk_step *step = call->step;
    size_t first = step->next;
    size_t count = step->count - first < AT_ONCE ? step->count - first : AT_ONCE;
    step->next += count;
    step->open = count;
    for (size_t i = 0; i < count; i++)
        change_one(call, &step->changes[i], first + i);
}

static void on_listed(struct process_op *op)
{
    struct process_bulk *call = container_of(op, struct process_bulk, list.op);
    struct bulk_step *step = call->step;
    step->next = step->count = 0;
    if (op->result != ERR_OK) {
        step->failed = op->result;
    } else {
        call->list.has_position = call->list.more;
        for (; step->count < call->list.count; step->count++) {
            step->page[step->count].id = call->list.processes[step->count].id;
            step->page[step->count].version = call->list.processes[step->count].version;
        }
    }
    loop_timer_start(call->timer, 0);
}

static void list_next(struct process_bulk *call)
{
    process_op_init(&call->list.op, on_listed);
    call->list.by_status = true;
    call->list.status = (enum process_status)call->status;
    call->list.type = call->type;
    call->list.group = call->group;
    call->list.created_after = call->list.created_before = 0;
    call->list.limit = REPO_LIST_MAX;
    call->list.examine = 0;
    repository_list(call->manager->repository, &call->list);
}

static void begin_status(struct process_bulk *call, int status)
{
    while (status < PROCESS_STATUS_COUNT && (call->statuses & (1u << status)) == 0)
        status++;
    call->status = status;
    call->list.has_position = false;
    call->list.more = true; /* the first page */
}

static void step(void *arg)
{
    struct process_bulk *call = arg;
    bool page_is_done = call->step->next == call->step->count;
    if (page_is_done && !call->list.more)
        begin_status(call, call->status + 1);
    if (call->step->failed != ERR_OK)
        end(call, call->step->failed, false);
    else if (call->status == PROCESS_STATUS_COUNT)
        end(call, ERR_OK, true);
    else if (call->manager->stopping || clock_steady_ms() >= call->deadline)
        end(call, ERR_OK, false);
    else if (!page_is_done)
        change_some(call);
    else
        list_next(call);
}

void process_manager_bulk(struct process_manager *manager, struct process_bulk *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    call->changed = 0;
    call->statuses &= process_rules[call->event].from;
    call->deadline = clock_steady_ms() + BULK_BUDGET_MS;
    call->step = calloc(1, sizeof(*call->step));
    call->timer = loop_timer_create(manager->loop, step, call);
    if (call->step == NULL || call->timer == NULL) {
        end(call, ERR_NO_MEMORY, false);
        return;
    }
    begin_status(call, 0);
    step(call);
}
