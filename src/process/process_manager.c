#include "process/manager_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

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
    if (options->sweeps && !manager_schedule_start(manager)) {
        process_manager_destroy(manager);
        return NULL;
    }
    return manager;
}

void process_manager_stop(struct process_manager *manager)
{
    manager->stopping = true;
    manager_schedule_stop(manager);
    manager_await_stop(manager);
}

void process_manager_destroy(struct process_manager *manager)
{
    if (manager == NULL)
        return;
    for (size_t i = 0; i < MANAGER_LISTS; i++)
        assert(list_is_empty(&manager->submits[i]) && list_is_empty(&manager->waiting[i]));
    manager_schedule_finish(manager);
    free(manager);
}

struct process_repository *process_manager_repository(struct process_manager *manager)
{
    return manager->repository;
}

struct process_manager_totals process_manager_totals(const struct process_manager *manager)
{
    return manager->totals;
}

void manager_work_appeared(struct process_manager *manager)
{
    if (manager->on_work != NULL)
        manager->on_work(manager->on_work_arg);
}

/* Spreads retries; when the kernel gives nothing, half of the pause is as good. */
uint32_t manager_random(void)
{
    uint32_t value;
    if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != (ssize_t)sizeof(value))
        value = UINT32_MAX / 2;
    return value;
}

/* --- submit ----------------------------------------------------------------------------------- */

static bool is_known_type(const struct process_manager *manager, struct span type)
{
    for (size_t i = 0; i < manager->options->known_type_count; i++) {
        if (span_equal(manager->options->known_types[i], type))
            return true;
    }
    return false;
}

static enum err complete_draft(const struct process_manager *manager, struct process *draft)
{
    const struct process_manager_options *options = manager->options;
    if (draft->type.data == NULL)
        draft->type = options->default_type;
    if (draft->type.data == NULL)
        return ERR_INVALID;
    if (options->known_types_only && !is_known_type(manager, draft->type))
        return ERR_UNKNOWN_TYPE;
    if (!process_id_new(&draft->id))
        return ERR_INTERNAL;
    draft->status = PROCESS_PENDING;
    draft->version = 1;
    draft->created_at = draft->updated_at = clock_wall_ms();
    if (draft->run_at < draft->created_at)
        draft->run_at = draft->created_at;
    if (draft->timeout_ms == 0)
        draft->timeout_ms = options->default_timeout_ms;
    if (draft->max_attempts == 0)
        draft->max_attempts = options->default_max_attempts;
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
    bool is_new = op->result == ERR_OK && !call->create.replayed;
    list_remove(&call->under_way);
    process_op_finish(&call->op, op->result);
    if (is_new)
        manager_work_appeared(manager);
}

void process_manager_submit(struct process_manager *manager, struct process_submit *call)
{
    struct span key = call->create.idempotency_key;
    call->manager = manager;
    list_init(&call->op.link);
    list_init(&call->under_way);
    call->create.replayed = false;
    struct list_link *submits = &manager->submits[key.data != NULL ? manager_list_of(key) : 0];
    enum err err = complete_draft(manager, &call->create.process);
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

/* --- what only needs the repository, the clock or a token ----------------------------------------
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
    repository_counts(manager->repository, call);
}

void process_manager_ping(struct process_manager *manager, struct repo_ping *call)
{
    repository_ping(manager->repository, call);
}

void process_manager_remove(struct process_manager *manager, struct repo_remove *call)
{
    call->now = clock_wall_ms();
    repository_remove(manager->repository, call);
}

void process_manager_claim(struct process_manager *manager, struct repo_claim *call)
{
    call->now = clock_wall_ms();
    for (int i = 0; i < call->max; i++) {
        if (!lease_token_new(call->tokens[i])) {
            list_init(&call->op.link);
            process_op_finish(&call->op, ERR_INTERNAL);
            return;
        }
    }
    repository_claim(manager->repository, call);
}

/* --- change -------------------------------------------------------------------------------------
 */

/* Whether somebody else than the caller may have to act after it. */
static bool leaves_work(enum process_event event)
{
    return event == EVENT_CANCEL || event == EVENT_RETRY || event == EVENT_RELEASE ||
           event == EVENT_FAIL;
}

static void on_changed(struct process_op *op)
{
    struct repo_transition *call = container_of(op, struct repo_transition, op);
    struct process_manager *manager = call->outer.arg;
    struct process_id id = call->id;
    bool changed = op->result == ERR_OK && call->changed;
    bool work = changed && leaves_work(call->change.event);
    op->done = call->outer.done;
    process_op_finish(op, op->result); /* the caller's turn: call may be gone after it */
    if (changed)
        manager_await_wake(manager, &id);
    if (work)
        manager_work_appeared(manager);
}

void process_manager_change(struct process_manager *manager, struct repo_transition *call)
{
    call->change.now = clock_wall_ms();
    call->change.jitter = manager_random();
    call->changed = false;
    call->outer.done = call->op.done;
    call->outer.arg = manager;
    call->op.done = on_changed;
    repository_transition(manager->repository, call);
}

/* --- reason -------------------------------------------------------------------------------------
 */

const char *process_manager_reason(const struct process_manager *manager,
                                   const struct process *process)
{
    if (process->status == PROCESS_RUNNING)
        return process->cancel_requested_at != TIME_NONE ? "cancel_requested" : NULL;
    if (process->status != PROCESS_PENDING)
        return NULL;
    if (process->run_at > clock_wall_ms())
        return process->attempt > 0 ? "retry_backoff" : "delayed";
    return is_known_type(manager, process->type) ? NULL : "no_worker";
}
