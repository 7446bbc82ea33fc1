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
                       struct repo_create *call, uint64_t *ret_place)
{
    struct memory_record *record;
    *ret_place = note->place;
    if (note->fingerprint != call->fingerprint)
        return ERR_KEY_REUSED;
    if (memory_find(store, &note->id, &record, ret_place) != ERR_OK)
        return ERR_GONE;
    call->replayed = true;
    call->existing = memory_without_input(&record->process);
    return ERR_OK;
}

static bool insert(struct memory_store *store, const struct repo_create *call, int64_t key_until)
{
    struct memory_note *note = NULL;
    if (call->idempotency_key.data != NULL) {
        note = memory_notes_add(&store->keys, call->idempotency_key, &call->process.id,
                                call->fingerprint, key_until);
        if (note == NULL)
            return false;
        note->place = store->place;
    }
    if (memory_store_insert(store, &call->process, call->process.created_at) != NULL)
        return true;
    if (note != NULL)
        memory_notes_remove(&store->keys, note);
    return false;
}

static enum err create(struct memory_repository *repository, struct repo_create *call,
                       uint64_t *ret_place)
{
    struct memory_store *store = &repository->store;
    const int64_t now = call->process.created_at;
    if (call->idempotency_key.data != NULL) {
        const struct memory_note *note = find_key(store, call->idempotency_key, now);
        if (note != NULL)
            return replay(store, note, call, ret_place);
    }
    const enum err err = memory_write_create(repository, call);
    if (err != ERR_OK)
        return err;
    const bool done = insert(store, call, now + repository->base.policy->idempotency_ms);
    memory_written(repository, done);
    if (!done)
        return ERR_NO_MEMORY;
    *ret_place = store->place;
    return ERR_OK;
}

void memory_create(struct process_repository *base, struct repo_create *call)
{
    struct memory_repository *repository = memory_repository(base);
    uint64_t place = 0;
    call->replayed = false;
    const enum err err = create(repository, call, &place);
    memory_answer(repository, &call->op, err, place, NULL);
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

static bool insert_with_key(struct memory_store *store, const struct repo_create_batch *call,
                            int64_t key_until)
{
    struct memory_note *note = NULL;
    if (call->idempotency_key.data != NULL) {
        note = memory_notes_add(&store->keys, call->idempotency_key, &call->base, call->fingerprint,
                                key_until);
        if (note == NULL)
            return false;
        note->place = store->place;
    }
    if (insert_batch(store, call))
        return true;
    if (note != NULL)
        memory_notes_remove(&store->keys, note);
    return false;
}

static enum err replay_batch(const struct memory_note *note, struct repo_create_batch *call,
                             uint64_t *ret_place)
{
    *ret_place = note->place;
    if (note->fingerprint != call->fingerprint)
        return ERR_KEY_REUSED;
    call->replayed = true;
    call->base = note->id;
    return ERR_OK;
}

static enum err create_batch(struct memory_repository *repository, struct repo_create_batch *call,
                             uint64_t *ret_place)
{
    struct memory_store *store = &repository->store;
    if (call->idempotency_key.data != NULL) {
        const struct memory_note *note = find_key(store, call->idempotency_key, call->now);
        if (note != NULL)
            return replay_batch(note, call, ret_place);
    }
    const enum err err = memory_write_batch(repository, call);
    if (err != ERR_OK)
        return err;
    const int64_t key_until = call->now + repository->base.policy->idempotency_ms;
    const bool done = insert_with_key(store, call, key_until);
    memory_written(repository, done);
    if (!done)
        return ERR_NO_MEMORY;
    *ret_place = store->place;
    return ERR_OK;
}

void memory_create_batch(struct process_repository *base, struct repo_create_batch *call)
{
    struct memory_repository *repository = memory_repository(base);
    uint64_t place = 0;
    call->replayed = false;
    const enum err err = create_batch(repository, call, &place);
    memory_answer(repository, &call->op, err, place, NULL);
}
