#include "repository/memory_calls.h"

/* The note that the key left, if its time is not over. */
static struct memory_note *find_key(struct memory_store *store, struct span key, int64_t now)
{
    struct memory_note *note = memory_notes_find(&store->keys, key);
    if (note == NULL || note->by_expiry.score > now)
        return note;
    memory_notes_remove(&store->keys, note);
    return NULL;
}

static enum err replay(const struct memory_store *store, const struct memory_note *note,
                       struct repo_create *call)
{
    struct memory_record *record;
    if (note->fingerprint != call->fingerprint)
        return ERR_KEY_REUSED;
    if (memory_find(store, &note->id, &record) != ERR_OK)
        return ERR_GONE;
    call->replayed = true;
    call->existing = memory_without_input(&record->process);
    return ERR_OK;
}

static enum err create(struct memory_repository *repository, struct repo_create *call)
{
    struct memory_store *store = &repository->store;
    int64_t now = call->process.created_at;
    struct memory_note *note = NULL;
    if (call->idempotency_key.data != NULL) {
        note = find_key(store, call->idempotency_key, now);
        if (note != NULL)
            return replay(store, note, call);
        note = memory_notes_add(&store->keys, call->idempotency_key, &call->process.id,
                                call->fingerprint, now + repository->base.policy->idempotency_ms);
        if (note == NULL)
            return ERR_NO_MEMORY;
    }
    if (memory_store_insert(store, &call->process, now) != NULL)
        return ERR_OK;
    if (note != NULL)
        memory_notes_remove(&store->keys, note);
    return ERR_NO_MEMORY;
}

void memory_create(struct process_repository *base, struct repo_create *call)
{
    struct memory_repository *repository = memory_repository(base);
    call->replayed = false;
    memory_finish(repository, &call->op, create(repository, call));
}

/* All or none. */
static bool insert_batch(struct memory_store *store, const struct repo_create_batch *call)
{
    struct memory_record *inserted[REPO_BATCH_MAX];
    for (size_t i = 0; i < call->count; i++) {
        inserted[i] = memory_store_insert(store, &call->processes[i], call->now);
        if (inserted[i] != NULL)
            continue;
        while (i > 0)
            memory_store_uninsert(store, inserted[--i]);
        return false;
    }
    return true;
}

static enum err create_batch(struct memory_repository *repository, struct repo_create_batch *call)
{
    struct memory_store *store = &repository->store;
    struct memory_note *note = NULL;
    if (call->idempotency_key.data != NULL) {
        note = find_key(store, call->idempotency_key, call->now);
        if (note != NULL && note->fingerprint != call->fingerprint)
            return ERR_KEY_REUSED;
        if (note != NULL) {
            call->replayed = true;
            call->base = note->id;
            return ERR_OK;
        }
        note = memory_notes_add(&store->keys, call->idempotency_key, &call->base, call->fingerprint,
                                call->now + repository->base.policy->idempotency_ms);
        if (note == NULL)
            return ERR_NO_MEMORY;
    }
    if (insert_batch(store, call))
        return ERR_OK;
    if (note != NULL)
        memory_notes_remove(&store->keys, note);
    return ERR_NO_MEMORY;
}

void memory_create_batch(struct process_repository *base, struct repo_create_batch *call)
{
    struct memory_repository *repository = memory_repository(base);
    call->replayed = false;
    memory_finish(repository, &call->op, create_batch(repository, call));
}
