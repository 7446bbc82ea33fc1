/* Progress is stored at most every PROGRESS_PAUSE_MS per attempt. A pace remembers that one was
 * stored and holds the calls that come before the pause is over. Then, or when another change of
 * the process comes first, it turns into the flight of the newest of them: the one store call,
 * whose answer all of them get; and a new pace begins. Without memory for one nothing is held. */
#include "process/manager_private.h"

#include <assert.h>
#include <stdlib.h>

struct pace {
    struct process_manager *manager;
    struct list_link by_id, by_time; /* in no list while it is a flight */
    struct process_id id;
    char token[LEASE_TOKEN_TEXT_SIZE];
    int attempt;
    int64_t due;           /* loop ms */
    struct list_link held; /* repo_transition.op.link, the newest last; of a flight without it */
};

static void arm(struct process_manager *manager)
{
    struct manager_progress *progress = &manager->progress;
    if (list_is_empty(&progress->by_time)) {
        loop_timer_stop(progress->timer);
        return;
    }
    const struct pace *first = container_of(progress->by_time.next, struct pace, by_time);
    int64_t left = first->due - loop_now_ms(manager->loop);
    loop_timer_start(progress->timer, left > 0 ? left : 0);
}

static void destroy(struct pace *pace)
{
    assert(list_is_empty(&pace->held));
    list_remove(&pace->by_id);
    list_remove(&pace->by_time);
    free(pace);
}

static void start_pace(struct process_manager *manager, const struct repo_transition *call)
{
    struct pace *pace = calloc(1, sizeof(*pace));
    if (pace == NULL || !text_copy(pace->token, sizeof(pace->token), call->change.token)) {
        free(pace);
        return;
    }
    pace->manager = manager;
    pace->id = call->id;
    pace->attempt = call->change.attempt;
    pace->due = loop_now_ms(manager->loop) + PROGRESS_PAUSE_MS;
    list_init(&pace->held);
    list_init(&pace->by_time);
    list_init(&pace->by_id);
    list_append(&manager->progress.by_id[manager_list_of_id(&call->id)], &pace->by_id);
    list_append(&manager->progress.by_time, &pace->by_time); /* all pauses are as long */
    arm(manager);
}

static struct pace *find(struct process_manager *manager, const struct repo_transition *call)
{
    list_for_each (link, &manager->progress.by_id[manager_list_of_id(&call->id)]) {
        struct pace *pace = container_of(link, struct pace, by_id);
        if (process_id_compare(&pace->id, &call->id) == 0 &&
            pace->attempt == call->change.attempt &&
            span_equal(span_of(pace->token), call->change.token))
            return pace;
    }
    return NULL;
}

static void on_stored(struct process_op *op)
{
    struct repo_transition *call = container_of(op, struct repo_transition, op);
    struct pace *flight = call->outer.arg;
    struct list_link *link;
    manager_change_told(flight->manager, call);
    while ((link = list_pop(&flight->held)) != NULL) {
        struct repo_transition *other = container_of(link, struct repo_transition, op.link);
        other->process = call->process;
        other->changed = call->changed;
        process_op_finish(&other->op, op->result);
    }
    destroy(flight);
    op->done = call->outer.done;
    process_op_finish(op, op->result);
}

static void fly(struct pace *pace)
{
    struct repo_transition *newest = container_of(pace->held.prev, struct repo_transition, op.link);
    list_remove(&newest->op.link);
    list_remove(&pace->by_id);
    list_remove(&pace->by_time);
    if (!pace->manager->stopping)
        start_pace(pace->manager, newest);
    manager_change_submit(pace->manager, newest, on_stored, pace);
}

bool manager_progress_hold(struct process_manager *manager, struct repo_transition *call)
{
    if (manager->stopping || call->change.if_version != 0) {
        manager_progress_flush(manager, &call->id);
        return false;
    }
    struct pace *pace = find(manager, call);
    if (pace == NULL) {
        start_pace(manager, call);
        return false;
    }
    list_init(&call->op.link);
    list_append(&pace->held, &call->op.link);
    if (loop_now_ms(manager->loop) >= pace->due) /* only its timer is late */
        fly(pace);
    return true;
}

static struct pace *find_held(const struct list_link *list, const struct process_id *id)
{
    list_for_each (link, list) {
        struct pace *pace = container_of(link, struct pace, by_id);
        if (!list_is_empty(&pace->held) && process_id_compare(&pace->id, id) == 0)
            return pace;
    }
    return NULL;
}

void manager_progress_flush(struct process_manager *manager, const struct process_id *id)
{
    const struct list_link *list = &manager->progress.by_id[manager_list_of_id(id)];
    struct pace *pace;
    while ((pace = find_held(list, id)) != NULL)
        fly(pace);
}

static void on_time(void *arg)
{
    struct process_manager *manager = arg;
    int64_t now = loop_now_ms(manager->loop);
    while (!list_is_empty(&manager->progress.by_time)) {
        struct pace *first = container_of(manager->progress.by_time.next, struct pace, by_time);
        if (first->due > now)
            break;
        if (list_is_empty(&first->held))
            destroy(first);
        else
            fly(first);
    }
    arm(manager);
}

bool manager_progress_start(struct process_manager *manager)
{
    for (size_t i = 0; i < MANAGER_LISTS; i++)
        list_init(&manager->progress.by_id[i]);
    list_init(&manager->progress.by_time);
    manager->progress.timer = loop_timer_create(manager->loop, on_time, manager);
    return manager->progress.timer != NULL;
}

void manager_progress_stop(struct process_manager *manager)
{
    struct list_link *by_time = &manager->progress.by_time;
    while (!list_is_empty(by_time)) { /* nothing is held any more: so it gets shorter */
        struct pace *first = container_of(by_time->next, struct pace, by_time);
        if (list_is_empty(&first->held))
            destroy(first);
        else
            fly(first);
    }
    loop_timer_stop(manager->progress.timer);
}

void manager_progress_finish(struct process_manager *manager)
{
    struct list_link *by_time = &manager->progress.by_time;
    while (!list_is_empty(by_time))
        destroy(container_of(by_time->next, struct pace, by_time));
    loop_timer_destroy(manager->progress.timer);
}
