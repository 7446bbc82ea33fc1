#include "repository/memory_items.h"

static bool has_expired(const struct repo_item *item, int64_t now)
{
    return item->until <= now;
}

static bool has_note(const struct memory_notes *notes, struct span key, int64_t now)
{
    const struct memory_note *note = memory_notes_find(notes, key);
    return note != NULL && note->by_expiry.score > now;
}

static bool is_removed(const struct memory_store *store, const struct process_id *id, int64_t now)
{
    return has_note(&store->tombstones, process_id_key(id), now);
}

static bool is_paused(const struct memory_store *store, struct span name)
{
    const struct memory_type *type = memory_type_find(&store->people, name);
    return type != NULL && type->paused;
}

static bool is_newer(const struct memory_store *store, const struct process *process)
{
    const struct memory_record *record = memory_store_find(store, &process->id);
    return record == NULL || record->process.version < process->version;
}

bool memory_item_is_wanted(const struct memory_store *store, const struct repo_item *item,
                           int64_t now)
{
    switch (item->kind) {
    case ITEM_PROCESS:
        return !is_removed(store, &item->process.id, now) && is_newer(store, &item->process);
    case ITEM_TOMBSTONE:
        return !has_expired(item, now) && !is_removed(store, &item->id, now) &&
               memory_store_find(store, &item->id) == NULL;
    case ITEM_KEY:
        return !has_expired(item, now) && !has_note(&store->keys, item->key, now);
    case ITEM_PAUSED_TYPE:
        break;
    }
    return !is_paused(store, item->type);
}

bool memory_item_take(struct memory_store *store, const struct repo_item *item, int64_t now)
{
    struct memory_type *type;
    switch (item->kind) {
    case ITEM_PROCESS:
        return memory_take_process(store, &item->process, item->events, item->event_count, now);
    case ITEM_TOMBSTONE:
        return memory_take_tombstone(store, &item->id, item->until);
    case ITEM_KEY:
        return memory_take_key(store, item->key, &item->id, item->fingerprint, item->until);
    case ITEM_PAUSED_TYPE:
        break;
    }
    type = memory_type_need(&store->people, item->type, now);
    if (type == NULL)
        return false;
    type->paused = true;
    type->place = store->place;
    memory_type_settle(&store->people, type);
    return true;
}

/* Who waits for work may not know of what comes this way. */
static void tell_of_work(const struct process_repository *base, const struct repo_item *item,
                         int64_t now)
{
    if (base->on_work != NULL && item->kind == ITEM_PROCESS &&
        item->process.status == PROCESS_PENDING && item->process.run_at <= now)
        base->on_work(base->on_work_arg, item->process.type);
}

static enum err restore_one(struct memory_repository *repository, const struct repo_item *item,
                            int64_t now)
{
    enum err err = memory_write_item(repository, item);
    if (err != ERR_OK)
        return err;
    bool taken = memory_item_take(&repository->store, item, now);
    memory_written(repository, taken);
    if (!taken)
        return ERR_NO_MEMORY;
    tell_of_work(&repository->base, item, now);
    return ERR_OK;
}

void memory_restore(struct process_repository *base, struct repo_restore *call)
{
    struct memory_repository *repository = memory_repository(base);
    enum err err = ERR_OK;
    uint64_t place = 0;
    call->stored = 0;
    for (size_t i = 0; i < call->count && err == ERR_OK; i++) {
        if (!memory_item_is_wanted(&repository->store, &call->items[i], call->now))
            continue;
        err = restore_one(repository, &call->items[i], call->now);
        if (err != ERR_OK)
            break;
        place = repository->store.place;
        call->stored++;
    }
    memory_answer(repository, &call->op, err, place, NULL);
}
