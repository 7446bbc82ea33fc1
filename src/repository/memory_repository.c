#include "repository/memory_calls.h"

#include <assert.h>
#include <stdlib.h>

static const struct process_repository_ops memory_ops;

struct memory_repository *memory_repository(struct process_repository *base)
{
    assert(base->ops == &memory_ops);
    return container_of(base, struct memory_repository, base);
}

enum err memory_find(const struct memory_store *store, const struct process_id *id,
                     struct memory_record **ret_record, uint64_t *ret_place)
{
    *ret_record = memory_store_find(store, id);
    *ret_place = 0;
    if (*ret_record != NULL) {
        *ret_place = (*ret_record)->place;
        return ERR_OK;
    }
    const struct memory_note *tombstone = memory_notes_find(&store->tombstones, process_id_key(id));
    if (tombstone == NULL)
        return ERR_NOT_FOUND;
    *ret_place = tombstone->place;
    return ERR_GONE;
}

static void memory_get(struct process_repository *base, struct repo_get *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    uint64_t place;
    enum err err = memory_find(&repository->store, &call->id, &record, &place);
    call->watched = err == ERR_OK && call->watch;
    call->forgets_in_ms = INT64_MAX;
    if (call->watched)
        record->watched = true;
    if (err == ERR_OK)
        call->process = call->with_input ? record->process : memory_without_input(&record->process);
    memory_answer(repository, &call->op, err, place, NULL);
}

static void memory_events(struct process_repository *base, struct repo_events *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    struct memory_array *array = NULL;
    uint64_t place;
    call->events = NULL;
    call->count = 0;
    enum err err = memory_find(&repository->store, &call->id, &record, &place);
    if (err == ERR_OK) {
        call->process = memory_without_input(&record->process);
        call->count = memory_timeline_count(record);
        array = memory_array_new(call->count, sizeof(struct span));
        struct span *events = memory_array_items(array);
        if (events != NULL)
            memory_timeline_read(record, events);
        else
            err = ERR_NO_MEMORY;
        call->events = events;
    }
    memory_answer(repository, &call->op, err, place, memory_array_block(array));
}

static void memory_ping(struct process_repository *base, struct repo_ping *call)
{
    memory_finish(memory_repository(base), &call->op, ERR_OK);
}

static void memory_follow(struct process_repository *base, bool on)
{
    memory_repository(base)->store.told.all = on;
}

/* Without a journal every call has finished before its submit returned: none can be open. */
static void memory_close(struct process_repository *base)
{
    struct memory_repository *repository = memory_repository(base);
    if (repository->journal == NULL)
        return;
    journal_close(repository->journal);
    memory_commit_progress(repository);
}

static void memory_destroy(struct process_repository *base)
{
    struct memory_repository *repository = memory_repository(base);
    disk_watch_destroy(repository->watch);
    journal_destroy(repository->journal);
    memory_snapshot_finish(repository);
    memory_commit_finish(repository);
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
    .dump = memory_dump,
    .restore = memory_restore,
    .audit = memory_audit,
    .snapshot = memory_snapshot,
    .follow = memory_follow,
    .close = memory_close,
    .destroy = memory_destroy,
};

static struct memory_repository *new_repository(const struct process_policy *policy)
{
    struct memory_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL)
        return NULL;
    process_repository_init(&repository->base, &memory_ops, policy);
    repository->base.watching = "local";
    memory_commit_init(repository);
    if (memory_store_init(&repository->store, policy->events_max))
        return repository;
    memory_destroy(&repository->base);
    return NULL;
}

struct process_repository *memory_repository_create(const struct process_policy *policy)
{
    struct memory_repository *repository = new_repository(policy);
    return repository != NULL ? &repository->base : NULL;
}

/* --- with a journal --------------------------------------------------------------------------- */

static void on_progress(void *arg)
{
    struct memory_repository *repository = arg;
    memory_commit_progress(repository);
    memory_snapshot_check(repository);
}

static void on_room_seen(void *arg, int64_t size, int64_t room)
{
    struct memory_repository *repository = arg;
    struct repository_fullness *fullness = &repository->base.durability.fullness;
    fullness->disk_size = size;
    fullness->disk_free = room;
    fullness->used_ratio = size > 0 ? 1.0 - (double)room / (double)size : 0.0;
}

static bool on_replay(void *arg, enum journal_source source, struct span content,
                      const char **ret_why)
{
    const struct memory_repository *repository = arg;
    return memory_replay(repository->replay, source, content, ret_why);
}

static struct journal *open_journal(struct memory_repository *repository, struct loop *loop,
                                    struct disk *disk, const struct memory_journal_options *options,
                                    struct journal_report *ret_report, enum err *ret_err)
{
    struct memory_replay replay = {.store = &repository->store, .now = options->now};
    const struct journal_options journal_options = {.fsync = options->fsync,
                                                    .repair = options->repair,
                                                    .replay = on_replay,
                                                    .replay_arg = repository,
                                                    .on_progress = on_progress,
                                                    .arg = repository};
    repository->replay = &replay;
    struct journal *journal = journal_open(loop, disk, &journal_options, ret_report, ret_err);
    repository->replay = NULL;
    repo_item_storage_finish(&replay.storage);
    return journal;
}

/* False with report and *ret_err as memory_repository_open(). */
static bool open_all(struct memory_repository *repository, struct loop *loop, struct disk *disk,
                     const struct memory_journal_options *options,
                     struct journal_report *ret_report, enum err *ret_err)
{
    if (repository != NULL && memory_snapshot_init(repository)) {
        repository->journal = open_journal(repository, loop, disk, options, ret_report, ret_err);
        if (repository->journal == NULL)
            return false;
        repository->watch = disk_watch_create(loop, disk, on_room_seen, repository);
        if (repository->watch != NULL)
            return true;
    }
    *ret_report = (struct journal_report){.problem = "Out of memory."};
    *ret_err = ERR_NO_MEMORY;
    return false;
}

struct process_repository *
memory_repository_open(struct loop *loop, const struct process_policy *policy, struct disk *disk,
                       const struct memory_journal_options *options,
                       struct journal_report *ret_report, enum err *ret_err)
{
    struct memory_repository *repository = new_repository(policy);
    if (!open_all(repository, loop, disk, options, ret_report, ret_err)) {
        if (repository != NULL)
            memory_destroy(&repository->base);
        return NULL;
    }
    repository->base.durability.mode = journal_fsync_name(options->fsync);
    on_progress(repository);
    return &repository->base;
}
