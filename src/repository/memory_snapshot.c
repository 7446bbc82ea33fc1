/* Snapshots of all that is kept, written while everything goes on. */
#include "repository/memory_items.h"

#include <stdlib.h>

struct memory_snapshot {
    struct memory_repository *repository;
    struct journal_snapshot writing;
    bool under_way;
    struct repo_snapshot *call; /* that asked for it, or NULL */
    struct repo_dump_position position;
    struct memory_items_end end; /* what came after the start is in the journal */
};

static void append(struct journal *journal, const struct repo_item *item)
{
    repo_item_append(journal_item_begin(journal), item);
    journal_item_end(journal);
}

/* What has expired is written too: that is looked at again when it is read. */
static bool add_more(struct journal_snapshot *writing)
{
    struct memory_snapshot *snapshot = container_of(writing, struct memory_snapshot, writing);
    struct memory_repository *repository = snapshot->repository;
    struct memory_items items;
    if (!memory_items_read(&repository->store, TIME_NONE, &snapshot->end, &snapshot->position,
                           &items)) {
        journal_item_fail(repository->journal);
        return false;
    }
    for (size_t i = 0; i < items.count; i++)
        append(repository->journal, &items.items[i]);
    free(items.array);
    return items.more;
}

static void on_done(struct journal_snapshot *writing, enum err err)
{
    struct memory_snapshot *snapshot = container_of(writing, struct memory_snapshot, writing);
    struct memory_repository *repository = snapshot->repository;
    struct repo_snapshot *call = snapshot->call;
    snapshot->under_way = false;
    snapshot->call = NULL;
    memory_commit_count(repository);
    if (call == NULL)
        return;
    call->bytes = repository->base.durability.snapshot_bytes;
    memory_finish(repository, &call->op, err);
}

static enum err start(struct memory_snapshot *snapshot, struct repo_snapshot *call)
{
    if (snapshot->under_way)
        return ERR_CONFLICT;
    snapshot->position = (struct repo_dump_position){.begun = false};
    snapshot->end = memory_items_end(&snapshot->repository->store);
    snapshot->writing = (struct journal_snapshot){.more = add_more, .done = on_done};
    const enum err err = journal_snapshot_start(snapshot->repository->journal, &snapshot->writing);
    snapshot->under_way = err == ERR_OK;
    snapshot->call = err == ERR_OK ? call : NULL;
    return err;
}

void memory_snapshot(struct process_repository *base, struct repo_snapshot *call)
{
    struct memory_repository *repository = memory_repository(base);
    call->bytes = 0;
    const enum err err =
        repository->journal != NULL ? start(repository->snapshot, call) : ERR_UNSUPPORTED;
    if (err != ERR_OK)
        memory_finish(repository, &call->op, err);
}

void memory_snapshot_check(struct memory_repository *repository)
{
    if (!repository->base.closed && !repository->snapshot->under_way &&
        journal_wants_snapshot(repository->journal))
        start(repository->snapshot, NULL);
}

bool memory_snapshot_init(struct memory_repository *repository)
{
    repository->snapshot = calloc(1, sizeof(*repository->snapshot));
    if (repository->snapshot != NULL)
        repository->snapshot->repository = repository;
    return repository->snapshot != NULL;
}

void memory_snapshot_finish(struct memory_repository *repository)
{
    free(repository->snapshot);
}
