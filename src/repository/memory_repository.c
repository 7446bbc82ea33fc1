#include "proctrack/memory_repository.h"

#include "repository/memory_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct memory_repository {
    struct process_repository base;
    struct memory_store store;
    int finishing; /* calls whose done() is running, one inside the other */
};

static const struct process_repository_ops memory_ops;

static struct memory_repository *memory_repository(struct process_repository *base)
{
    assert(base->ops == &memory_ops);
    return container_of(base, struct memory_repository, base);
}

/* What the call gave out stays readable while its done() runs, even if that changes or removes the
 * same process by further calls. */
static void finish(struct memory_repository *repository, struct process_op *op, enum err result)
{
    repository->finishing++;
    process_op_finish(op, result);
    repository->finishing--;
    if (repository->finishing == 0)
        memory_store_free_retired(&repository->store);
}

static struct process without_input(const struct process *process)
{
    struct process copy = *process;
    copy.input = SPAN_NONE;
    return copy;
}

/* --- one record ------------------------------------------------------------------------------- */

static enum err find(const struct memory_store *store, const struct process_id *id,
                     struct memory_record **ret_record)
{
    *ret_record = memory_store_find(store, id);
    if (*ret_record != NULL)
        return ERR_OK;
    bool gone = memory_notes_find(&store->tombstones, memory_id_key(id)) != NULL;
    return gone ? ERR_GONE : ERR_NOT_FOUND;
}

static void memory_get(struct process_repository *base, struct repo_get *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    enum err err = find(&repository->store, &call->id, &record);
    if (err == ERR_OK)
        call->process = call->with_input ? record->process : without_input(&record->process);
    finish(repository, &call->op, err);
}

/* What the key led to before: OK when it is free, else how the call ends. */
static enum err replay(struct memory_store *store, struct repo_create *call, bool *ret_free)
{
    struct memory_note *note = memory_notes_find(&store->keys, call->idempotency_key);
    struct memory_record *record;
    *ret_free = note == NULL || note->by_expiry.score <= call->process.created_at;
    if (*ret_free) {
        if (note != NULL)
            memory_notes_remove(&store->keys, note);
        return ERR_OK;
    }
    if (note->fingerprint != call->fingerprint)
        return ERR_KEY_REUSED;
    enum err err = find(store, &note->id, &record);
    if (err != ERR_OK)
        return ERR_GONE;
    call->replayed = true;
    call->existing = without_input(&record->process);
    return ERR_OK;
}

static enum err create(struct memory_repository *repository, struct repo_create *call)
{
    struct memory_store *store = &repository->store;
    int64_t now = call->process.created_at;
    struct memory_note *note = NULL;
    if (call->idempotency_key.data != NULL) {
        bool is_free;
        enum err err = replay(store, call, &is_free);
        if (!is_free)
            return err;
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

static void memory_create(struct process_repository *base, struct repo_create *call)
{
    struct memory_repository *repository = memory_repository(base);
    call->replayed = false;
    finish(repository, &call->op, create(repository, call));
}

static enum err transition(struct memory_repository *repository, struct memory_record *record,
                           const struct process_change *change, bool *ret_changed)
{
    char error_text[PROCESS_LAPSE_ERROR_SIZE];
    struct process process = record->process;
    enum err err =
        process_apply(&process, change, repository->base.policy, error_text, ret_changed);
    if (err == ERR_OK && !memory_store_update(&repository->store, record, &process, change->now))
        return ERR_NO_MEMORY;
    return err;
}

static void memory_transition(struct process_repository *base, struct repo_transition *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    call->changed = false;
    enum err err = find(&repository->store, &call->id, &record);
    if (err == ERR_OK) {
        err = transition(repository, record, &call->change, &call->changed);
        call->process = without_input(&record->process);
    }
    finish(repository, &call->op, err);
}

static enum err remove_one(struct memory_repository *repository, struct memory_record *record,
                           const struct repo_remove *call)
{
    int64_t tombstone_until = call->now + repository->base.policy->tombstone_ms;
    if (!process_status_is_final(record->process.status))
        return ERR_CONFLICT;
    if (call->if_version != 0 && call->if_version != record->process.version)
        return ERR_STALE;
    bool dropped = memory_store_drop(&repository->store, record, tombstone_until);
    return dropped ? ERR_OK : ERR_NO_MEMORY;
}

static void memory_remove(struct process_repository *base, struct repo_remove *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    enum err err = find(&repository->store, &call->id, &record);
    if (record != NULL) {
        call->process = without_input(&record->process);
        err = remove_one(repository, record, call);
    }
    finish(repository, &call->op, err);
}

/* --- claim ------------------------------------------------------------------------------------ */

static bool claim_one(struct memory_repository *repository, const struct repo_claim *call,
                      const char *token, struct process *ret_process)
{
    struct memory_record *record =
        memory_store_best(&repository->store, call->types, call->type_count);
    if (record == NULL)
        return false;
    struct process process = record->process;
    process_start(&process, repository->base.policy, call->now, call->worker, span_of(token),
                  call->lease_ms);
    if (!memory_store_update(&repository->store, record, &process, call->now))
        return false;
    *ret_process = record->process;
    return true;
}

static void memory_claim(struct process_repository *base, struct repo_claim *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct process claimed[REPO_CLAIM_MAX];
    size_t bytes = 0;
    call->count = 0;
    while (call->count < (size_t)call->max && bytes < REPO_PAGE_BYTES &&
           claim_one(repository, call, call->tokens[call->count], &claimed[call->count]))
        bytes += process_text_bytes(&claimed[call->count++]);
    call->processes = claimed;
    finish(repository, &call->op, ERR_OK);
}

/* --- walks ------------------------------------------------------------------------------------ */

static bool type_matches(const struct process *process, struct span type)
{
    return type.data == NULL || span_equal(process->type, type);
}

static bool is_listed(const struct process *process, const struct repo_list *call)
{
    return type_matches(process, call->type) &&
           (call->group.data == NULL || span_equal(process->group, call->group)) &&
           (call->created_after == 0 || process->created_at > call->created_after) &&
           (call->created_before == 0 || process->created_at < call->created_before);
}

static struct index_node *list_start(const struct memory_store *store, const struct repo_list *call)
{
    const struct ordered_index *index =
        call->by_status ? &store->statuses[call->status] : &store->times;
    if (call->has_position)
        return index_before(index, call->position.score, &call->position.id);
    if (!call->by_status && call->created_before != 0)
        return index_before(index, call->created_before, NULL);
    return index_last(index);
}

static const struct process *process_at(const struct index_node *node, bool by_status)
{
    const struct memory_record *record = by_status
                                             ? container_of(node, struct memory_record, by_status)
                                             : container_of(node, struct memory_record, by_time);
    return &record->process;
}

static void list_page(const struct memory_store *store, struct repo_list *call,
                      struct process *ret_page)
{
    const struct index_node *node = list_start(store, call), *last = NULL;
    bool in_range = true;
    size_t bytes = 0;
    for (int examined = 0; node != NULL && call->count < (size_t)call->limit &&
                           bytes < REPO_PAGE_BYTES && examined < REPO_LIST_EXAMINE && in_range;
         examined++) {
        const struct process *process = process_at(node, call->by_status);
        if (is_listed(process, call)) {
            ret_page[call->count] = without_input(process);
            bytes += process_text_bytes(&ret_page[call->count++]);
        }
        in_range = call->by_status || call->created_after == 0 ||
                   process->created_at > call->created_after;
        last = node;
        node = index_prev(node);
    }
    call->more = node != NULL && in_range;
    if (call->more && last != NULL)
        call->position = (struct repo_position){last->score, *last->id};
}

static void memory_list(struct process_repository *base, struct repo_list *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct process *page = malloc((size_t)call->limit * sizeof(*page));
    call->processes = page;
    call->count = 0;
    call->more = false;
    if (page != NULL)
        list_page(&repository->store, call, page);
    finish(repository, &call->op, page != NULL ? ERR_OK : ERR_NO_MEMORY);
    free(page);
}

static void memory_counts(struct process_repository *base, struct repo_counts *call)
{
    const struct memory_store *store = &memory_repository(base)->store;
    call->total = (int64_t)store->times.count;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        call->by_status[i] = (int64_t)store->statuses[i].count;
    process_op_finish(&call->op, ERR_OK);
}

static struct memory_record *swept_record(struct index_node *node, enum repo_sweep_kind kind)
{
    return kind == SWEEP_EXPIRED ? container_of(node, struct memory_record, by_stage)
                                 : container_of(node, struct memory_record, by_status);
}

static enum err sweep(struct memory_repository *repository, struct repo_sweep *call)
{
    struct memory_store *store = &repository->store;
    const struct ordered_index *index =
        call->kind == SWEEP_EXPIRED ? &store->retention : &store->statuses[call->status];
    struct index_node *node = call->has_position
                                  ? index_after(index, call->position.score, &call->position.id)
                                  : index_first(index);
    for (int examined = 0; node != NULL && node->score <= call->before; examined++) {
        if (examined == call->limit) {
            call->more = true;
            break;
        }
        struct memory_record *record = swept_record(node, call->kind);
        enum process_status status = record->process.status;
        call->position = (struct repo_position){node->score, *node->id};
        call->has_position = true;
        node = index_next(node);
        if (!type_matches(&record->process, call->type))
            continue;
        if (!call->dry_run &&
            !memory_store_drop(store, record, call->now + repository->base.policy->tombstone_ms))
            return ERR_NO_MEMORY;
        call->matched[status]++;
    }
    return ERR_OK;
}

static void memory_sweep(struct process_repository *base, struct repo_sweep *call)
{
    struct memory_repository *repository = memory_repository(base);
    memset(call->matched, 0, sizeof(call->matched));
    call->more = false;
    assert(call->kind == SWEEP_EXPIRED || process_status_is_final(call->status));
    finish(repository, &call->op, sweep(repository, call));
}

/* --- time ------------------------------------------------------------------------------------- */

static enum err release_due(struct memory_store *store, struct repo_advance *call)
{
    struct index_node *node;
    while (call->released < call->limit && (node = index_first(&store->schedule)) != NULL &&
           node->score <= call->now) {
        if (!memory_store_release(store, container_of(node, struct memory_record, by_stage)))
            return ERR_NO_MEMORY;
        call->released++;
    }
    return ERR_OK;
}

static enum err settle_lapsed(struct memory_repository *repository, struct repo_advance *call)
{
    struct process_change change = {
        .event = EVENT_LAPSE, .now = call->now, .retry_after_ms = -1, .jitter = call->jitter};
    struct index_node *node;
    bool changed;
    while (call->lapsed < call->limit && (node = index_first(&repository->store.leases)) != NULL &&
           node->score <= call->now) {
        enum err err = transition(repository, container_of(node, struct memory_record, by_stage),
                                  &change, &changed);
        if (err != ERR_OK)
            return err;
        call->lapsed++;
        change.jitter += UINT32_C(2654435761); /* so that their retries do not come back as one */
    }
    return ERR_OK;
}

static void memory_advance(struct process_repository *base, struct repo_advance *call)
{
    struct memory_repository *repository = memory_repository(base);
    call->released = call->lapsed = 0;
    enum err err = release_due(&repository->store, call);
    if (err == ERR_OK)
        err = settle_lapsed(repository, call);
    int tombstones = memory_notes_expire(&repository->store.tombstones, call->now, call->limit);
    int keys = memory_notes_expire(&repository->store.keys, call->now, call->limit);
    call->more = call->released == call->limit || call->lapsed == call->limit ||
                 tombstones == call->limit || keys == call->limit;
    finish(repository, &call->op, err);
}

/* --- life ------------------------------------------------------------------------------------- */

static void memory_ping(struct process_repository *base, struct repo_ping *call)
{
    (void)base;
    process_op_finish(&call->op, ERR_OK);
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
    .sweep = memory_sweep,
    .advance = memory_advance,
    .ping = memory_ping,
    .close = memory_close,
    .destroy = memory_destroy,
};

struct process_repository *memory_repository_create(const struct process_policy *policy)
{
    struct memory_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL)
        return NULL;
    process_repository_init(&repository->base, &memory_ops, policy);
    if (!memory_store_init(&repository->store)) {
        memory_destroy(&repository->base);
        return NULL;
    }
    return &repository->base;
}
