/* Many new processes in one step of the store. */
#include "process/manager_private.h"

#include <stdlib.h>

/* With a key that was used before the ids are those of that time. */
static void number_items(struct process_submit_batch *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if (call->items[i].result == ERR_OK)
            process_id_nth(&call->create.base, (unsigned)i, &call->items[i].draft.id);
    }
}

/* How many are accepted; these are copied, in order. */
static size_t accept_items(struct process_submit_batch *call)
{
    size_t count = 0;
    for (size_t i = 0; i < call->count; i++) {
        struct process_batch_item *item = &call->items[i];
        if (item->result == ERR_OK) /* else the caller has refused it */
            item->result = manager_complete_draft(call->manager, &item->draft, call->default_type,
                                                  call->create.now);
        if (item->result != ERR_OK)
            continue;
        process_id_nth(&call->create.base, (unsigned)i, &item->draft.id);
        call->accepted[count++] = item->draft;
    }
    return count;
}

static void tell_of_types(const struct process_submit_batch *call)
{
    struct span last = SPAN_NONE;
    for (size_t i = 0; i < call->create.count; i++) {
        struct span type = call->accepted[i].type;
        if (last.data == NULL || !span_equal(type, last)) /* most are of one */
            manager_type_changed(call->manager, type);
        last = type;
    }
}

static void count_created(const struct process_submit_batch *call)
{
    size_t from = 0;
    for (size_t i = 1; i <= call->create.count; i++) {
        const struct span type = call->accepted[from].type;
        if (i < call->create.count && span_equal(call->accepted[i].type, type))
            continue;
        manager_count_created(call->manager, type, i - from);
        from = i;
    }
}

static void end(struct process_submit_batch *call, enum err result)
{
    free(call->accepted);
    call->accepted = NULL;
    process_op_finish(&call->op, result);
}

static void on_created(struct process_op *op)
{
    struct process_submit_batch *call = container_of(op, struct process_submit_batch, create.op);
    call->replayed = call->create.replayed;
    if (!call->replayed)
        tell_of_types(call);
    if (op->result == ERR_OK) {
        number_items(call);
        if (!call->replayed) {
            count_created(call);
            manager_work_appeared(call->manager, SPAN_NONE);
        }
    }
    end(call, op->result);
}

void process_manager_submit_batch(struct process_manager *manager,
                                  struct process_submit_batch *call)
{
    struct repo_create_batch *create = &call->create;
    call->manager = manager;
    list_init(&call->op.link);
    call->replayed = false;
    create->now = clock_wall_ms();
    create->idempotency_key = call->idempotency_key;
    create->fingerprint = call->fingerprint;
    create->replayed = false;
    call->accepted = calloc(call->count, sizeof(*call->accepted));
    if (call->accepted == NULL || !process_id_new(&create->base)) {
        end(call, call->accepted == NULL ? ERR_NO_MEMORY : ERR_INTERNAL);
        return;
    }
    create->processes = call->accepted;
    create->count = accept_items(call);
    if (create->count == 0 || manager_is_full(manager)) {
        end(call, create->count == 0 ? ERR_OK : ERR_FULL);
        return;
    }
    process_op_init(&create->op, on_created);
    repository_create_batch(manager->repository, create);
}
