#include "repository/memory_calls.h"

#include <assert.h>
#include <stdlib.h>

static const struct process_repository_ops memory_ops;

struct memory_repository *memory_repository(struct process_repository *base)
{
    assert(base->ops == &memory_ops);
    return container_of(base, struct memory_repository, base);
}

static void tell(const struct memory_repository *repository, const struct process_id *id)
{
    if (repository->base.on_changed != NULL)
        repository->base.on_changed(repository->base.on_changed_arg, id);
}

/* Tells of what the call has changed. Who is told may call again: what such a call changes it tells
 * of itself, and so it takes only what nobody has taken. */
static void tell_all(struct memory_repository *repository)
{
    struct memory_told *told = &repository->store.told;
    const size_t first = told->taken, end = told->count;
    told->taken = end;
    if (told->lost) {
        told->lost = false;
        tell(repository, NULL);
        if (repository->base.on_missed != NULL)
            repository->base.on_missed(repository->base.on_missed_arg);
    }
    for (size_t i = first; i < end; i++) {
        const struct process_id id = told->ids[i]; /* they may be moved */
        tell(repository, &id);
    }
}

void memory_finish(struct memory_repository *repository, struct process_op *op, enum err result)
{
    repository->finishing++;
    tell_all(repository);
    process_op_finish(op, result);
    repository->finishing--;
    if (repository->finishing > 0)
        return;
    repository->store.told.taken = repository->store.told.count = 0;
    memory_store_free_retired(&repository->store);
}

enum err memory_find(const struct memory_store *store, const struct process_id *id,
                     struct memory_record **ret_record)
{
    *ret_record = memory_store_find(store, id);
    if (*ret_record != NULL)
        return ERR_OK;
    bool gone = memory_notes_find(&store->tombstones, process_id_key(id)) != NULL;
    return gone ? ERR_GONE : ERR_NOT_FOUND;
}

static void memory_get(struct process_repository *base, struct repo_get *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    enum err err = memory_find(&repository->store, &call->id, &record);
    call->watched = err == ERR_OK && call->watch;
    call->forgets_in_ms = INT64_MAX;
    if (call->watched)
        record->watched = true;
    if (err == ERR_OK)
        call->process = call->with_input ? record->process : memory_without_input(&record->process);
    memory_finish(repository, &call->op, err);
}

static void memory_events(struct process_repository *base, struct repo_events *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    struct span *events = NULL;
    call->count = 0;
    enum err err = memory_find(&repository->store, &call->id, &record);
    if (err == ERR_OK) {
        call->process = memory_without_input(&record->process);
        call->count = memory_timeline_count(record);
        events = malloc((call->count + 1) * sizeof(*events)); /* malloc(0) may give NULL */
        if (events != NULL)
            memory_timeline_read(record, events);
        else
            err = ERR_NO_MEMORY;
    }
    call->events = events;
    memory_finish(repository, &call->op, err);
    free(events);
}

static void memory_ping(struct process_repository *base, struct repo_ping *call)
{
    memory_finish(memory_repository(base), &call->op, ERR_OK);
}

static void memory_follow(struct process_repository *base, bool on)
{
    memory_repository(base)->store.told.all = on;
}

/* Every call has finished before its submit returned: none can be open. */
static void memory_close(struct process_repository *base)
{
    (void)base;
}

static void memory_destroy(struct process_repository *base)
{
    struct memory_repository *repository = memory_repository(base);
    memory_store_finish(&repository->store);
    free(repository);
}

static const struct process_repository_ops memory_ops = {
    .name = "memory",
    .create = memory_create,
    .get = memory_get,
    .transition = memory_transition,
    .claim = memory_claim,
    .remove = memory_remove,
    .list = memory_list,
    .counts = memory_counts,
    .create_batch = memory_create_batch,
    .standing = memory_standing,
    .group = memory_group,
    .types = memory_types,
    .workers = memory_workers,
    .pause = memory_pause,
    .events = memory_events,
    .sweep = memory_sweep,
    .advance = memory_advance,
    .ping = memory_ping,
    .follow = memory_follow,
    .close = memory_close,
    .destroy = memory_destroy,
};

struct process_repository *memory_repository_create(const struct process_policy *policy)
{
    struct memory_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL)
        return NULL;
    process_repository_init(&repository->base, &memory_ops, policy);
    repository->base.watching = "local";
    if (!memory_store_init(&repository->store, policy->events_max)) {
        memory_destroy(&repository->base);
        return NULL;
    }
    return &repository->base;
}
