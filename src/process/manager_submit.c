/* New processes: what the client leaves open, the type's defaults say, then the deployment's. */
#include "process/manager_private.h"

static bool is_known_type(const struct process_manager *manager, struct span type)
{
    for (size_t i = 0; i < manager->options->known_type_count; i++) {
        if (span_equal(manager->options->known_types[i], type))
            return true;
    }
    return false;
}

static const struct process_type_defaults *
find_defaults(const struct process_manager_options *options, struct span type)
{
    static const struct process_type_defaults none = {.retention_ms = -1};
    for (size_t i = 0; i < options->type_default_count; i++) {
        if (span_equal(options->type_defaults[i].type, type))
            return &options->type_defaults[i];
    }
    return &none;
}

static int64_t first_set(int64_t a, int64_t b, int64_t c)
{
    return a != 0 ? a : b != 0 ? b : c;
}

static void fill_in(struct process *draft, const struct process_manager_options *options)
{
    const struct process_type_defaults *defaults = find_defaults(options, draft->type);
    draft->timeout_ms =
        first_set(draft->timeout_ms, defaults->timeout_ms, options->default_timeout_ms);
    draft->queue_timeout_ms = first_set(draft->queue_timeout_ms, defaults->queue_timeout_ms, 0);
    draft->max_attempts =
        (int)first_set(draft->max_attempts, defaults->max_attempts, options->default_max_attempts);
    if (draft->retention_ms < 0)
        draft->retention_ms = defaults->retention_ms;
    if (draft->backoff == BACKOFF_POLICY) {
        draft->backoff = (int)defaults->backoff;
        draft->retry_base_ms = defaults->retry_base_ms;
        draft->retry_cap_ms = defaults->retry_cap_ms;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The options may be others by the time that the call ends. */
static struct span keep_type(struct span type, char storage[PROCESS_TYPE_MAX + 1])
{
    if (type.data == NULL || !text_copy(storage, PROCESS_TYPE_MAX + 1, type))
        return SPAN_NONE;
    return (struct span){storage, type.len};
}

enum err manager_complete_draft(const struct process_manager *manager, struct process *draft,
                                char default_type[PROCESS_TYPE_MAX + 1], int64_t now)
{
    const struct process_manager_options *options = manager->options;
    if (draft->type.data == NULL)
        draft->type = keep_type(options->default_type, default_type);
    if (draft->type.data == NULL)
        return ERR_INVALID;
    if (options->known_types_only && !is_known_type(manager, draft->type))
        return ERR_UNKNOWN_TYPE;
    draft->status = PROCESS_PENDING;
    draft->version = 1;
    draft->created_at = draft->updated_at = now;
    if (draft->run_at < now)
        draft->run_at = now;
    fill_in(draft, options);
    if (draft->queue_timeout_ms > 0)
        draft->queue_deadline = earlier(draft->run_at + draft->queue_timeout_ms, TIME_MAX);
    return ERR_OK;
}

static bool key_is_under_way(const struct list_link *submits, struct span key)
{
    list_for_each (link, submits) {
        const struct process_submit *other = container_of(link, struct process_submit, under_way);
        if (span_equal(other->create.idempotency_key, key))
            return true;
    }
    return false;
}

static void on_created(struct process_op *op)
{
    struct process_submit *call = container_of(op, struct process_submit, create.op);
    struct process_manager *manager = call->manager;
    const struct process *process = &call->create.process;
    list_remove(&call->under_way);
    if (op->result == ERR_OK && call->create.replayed)
        manager_shown(manager, &call->create.existing.id);
    else
        manager_type_changed(manager, process->type);
    if (op->result == ERR_OK && !call->create.replayed)
        manager_count_created(manager, process->type, 1);
    if (op->result == ERR_OK && !call->create.replayed && process->run_at <= process->created_at)
        manager_work_appeared(manager, process->type);
    process_op_finish(&call->op, op->result);
}

void process_manager_submit(struct process_manager *manager, struct process_submit *call)
{
    struct span key = call->create.idempotency_key;
    call->manager = manager;
    list_init(&call->op.link);
    list_init(&call->under_way);
    call->create.replayed = false;
    struct list_link *submits = &manager->submits[key.data != NULL ? manager_list_of(key) : 0];
    enum err err =
        manager_complete_draft(manager, &call->create.process, call->default_type, clock_wall_ms());
    if (err == ERR_OK && manager_is_full(manager))
        err = ERR_FULL;
    if (err == ERR_OK && !process_id_new(&call->create.process.id))
        err = ERR_INTERNAL;
    if (err == ERR_OK && key.data != NULL && key_is_under_way(submits, key))
        err = ERR_IN_PROGRESS;
    if (err != ERR_OK) {
        process_op_finish(&call->op, err);
        return;
    }
    if (key.data != NULL)
        list_append(submits, &call->under_way);
    process_op_init(&call->create.op, on_created);
    repository_create(manager->repository, &call->create);
}
