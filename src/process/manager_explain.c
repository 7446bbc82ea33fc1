/* Why due processes still wait. How a type stands is remembered for a moment, as a page of a list
 * asks for the same few types again and again. */
#include "process/manager_private.h"

#include <string.h>

#define REMEMBER_MS 1000

static struct manager_type_state *slot_of(struct process_manager *manager, struct span type)
{
    return &manager->type_states[keyed_hash(type) % MANAGER_TYPE_STATES];
}

static void remember(struct process_manager *manager, const struct repo_standing_item *item)
{
    struct manager_type_state *slot = slot_of(manager, span_of(item->type));
    memcpy(slot->type, item->type, sizeof(slot->type));
    slot->at = clock_steady_ms();
    slot->state = item->state;
}

void manager_explain_forget(struct process_manager *manager, struct span type)
{
    slot_of(manager, type)->type[0] = '\0';
}

/* False when one of the types is not remembered. */
static bool recall_all(struct process_manager *manager, struct repo_standing *standing)
{
    int64_t now = clock_steady_ms();
    for (size_t i = 0; i < standing->count; i++) {
        struct repo_standing_item *item = &standing->items[i];
        const struct manager_type_state *slot = slot_of(manager, span_of(item->type));
        if (strcmp(slot->type, item->type) != 0 || now - slot->at >= REMEMBER_MS)
            return false;
        item->position = 0;
        item->state = slot->state;
    }
    return true;
}

static void on_answered(struct process_op *op)
{
    struct process_explain *call = container_of(op, struct process_explain, standing.op);
    for (size_t i = 0; op->result == ERR_OK && i < call->standing.count; i++)
        remember(call->manager, &call->standing.items[i]);
    process_op_finish(&call->op, op->result);
}

void process_manager_explain(struct process_manager *manager, struct process_explain *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    if (call->standing.count == 0 ||
        (!call->with_positions && recall_all(manager, &call->standing))) {
        process_op_finish(&call->op, ERR_OK);
        return;
    }
    process_op_init(&call->standing.op, on_answered);
    repository_standing(manager->repository, &call->standing);
}

const char *process_explain_reason(const struct process_explain *call, size_t i)
{
    const struct repo_standing_item *item = &call->standing.items[i];
    const struct repo_type_state *state = &item->state;
    if (call->with_positions && item->position == 0)
        return NULL;
    if (state->paused)
        return "paused";
    bool seen = state->last_claimed_at != TIME_NONE &&
                clock_wall_ms() - state->last_claimed_at <= WORKER_SEEN_MS;
    return state->running == 0 && !seen ? "no_worker" : "behind";
}
