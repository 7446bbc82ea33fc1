#include "repository/memory_calls.h"

#include <stdlib.h>

/* A late result is told of though nothing else changes, but never twice in a row; where it cannot
 * be it is not. */
static void note_refused(struct memory_repository *repository, struct memory_record *record,
                         const char *event, const struct process_change *change)
{
    struct memory_store *store = &repository->store;
    const struct process *process = &record->process;
    if (event == NULL || (record->last_entry != NULL && record->last_entry->is_late))
        return;
    struct memory_entry *entry = memory_entry_of_change(store, event, process, process, change);
    if (entry == NULL || memory_write_change(repository, process, entry) != ERR_OK) {
        free(entry);
        return;
    }
    memory_timeline_add(store, record, entry);
    record->place = store->place;
    memory_written(repository, true);
}

static enum err store_change(struct memory_repository *repository, struct memory_record *record,
                             const struct process *after, const char *event,
                             const struct process_change *change)
{
    struct memory_store *store = &repository->store;
    struct memory_entry *entry = NULL;
    if (event != NULL) {
        entry = memory_entry_of_change(store, event, &record->process, after, change);
        if (entry == NULL)
            return ERR_NO_MEMORY;
    }
    enum err err = memory_write_change(repository, after, entry);
    if (err == ERR_OK) {
        if (!memory_store_update(store, record, after, change->now, entry))
            err = ERR_NO_MEMORY;
        memory_written(repository, err == ERR_OK);
    }
    if (err != ERR_OK)
        free(entry);
    return err;
}

static enum err transition(struct memory_repository *repository, struct memory_record *record,
                           const struct process_change *change, bool *ret_changed)
{
    char error_text[PROCESS_LAPSE_ERROR_SIZE];
    struct process after = record->process;
    enum err err = process_apply(&after, change, repository->base.policy, error_text, ret_changed);
    const char *event = process_timeline_event(&record->process, &after, change, err, *ret_changed);
    if (err != ERR_OK) {
        note_refused(repository, record, event, change);
        return err;
    }
    if (!*ret_changed && after.lease_until == record->process.lease_until)
        return ERR_OK;
    err = store_change(repository, record, &after, event, change);
    if (err != ERR_OK)
        *ret_changed = false;
    return err;
}

void memory_transition(struct process_repository *base, struct repo_transition *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    uint64_t place;
    call->changed = false;
    enum err err = memory_find(&repository->store, &call->id, &record, &place);
    if (err == ERR_OK) {
        err = transition(repository, record, &call->change, &call->changed);
        call->process = memory_without_input(&record->process);
        place = record->place;
    }
    memory_answer(repository, &call->op, err, place, NULL);
}

enum err memory_remove_record(struct memory_repository *repository, struct memory_record *record,
                              int64_t tombstone_until)
{
    const enum err err = memory_write_removal(repository, &record->process.id, tombstone_until);
    if (err != ERR_OK)
        return err;
    const bool dropped = memory_store_drop(&repository->store, record, tombstone_until);
    memory_written(repository, dropped);
    return dropped ? ERR_OK : ERR_NO_MEMORY;
}

static enum err remove_one(struct memory_repository *repository, struct memory_record *record,
                           const struct repo_remove *call)
{
    int64_t tombstone_until = call->now + repository->base.policy->tombstone_ms;
    if (!process_status_is_final(record->process.status))
        return ERR_CONFLICT;
    if (call->if_version != 0 && call->if_version != record->process.version)
        return ERR_STALE;
    return memory_remove_record(repository, record, tombstone_until);
}

void memory_remove(struct process_repository *base, struct repo_remove *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_record *record;
    uint64_t place;
    enum err err = memory_find(&repository->store, &call->id, &record, &place);
    if (record != NULL) {
        call->process = memory_without_input(&record->process);
        err = remove_one(repository, record, call);
        if (err == ERR_OK)
            place = repository->store.place;
    }
    memory_answer(repository, &call->op, err, place, NULL);
}

/* --- time ------------------------------------------------------------------------------------- */

static bool is_due(const struct index_node *node, int64_t now)
{
    return node != NULL && node->score <= now;
}

static enum err release_due(struct memory_store *store, struct repo_advance *call)
{
    struct index_node *node;
    while (call->released < call->limit &&
           is_due(node = index_first(&store->schedule), call->now)) {
        struct memory_record *record = container_of(node, struct memory_record, by_stage);
        if (!memory_store_release(store, record, call->now))
            return ERR_NO_MEMORY;
        call->released++;
    }
    return ERR_OK;
}

static int64_t last_run_ms(const struct process *process)
{
    if (!process_status_is_final(process->status) || process->started_at == TIME_NONE)
        return -1;
    return process->completed_at - process->started_at;
}

static enum err settle(struct memory_repository *repository, struct memory_record *record,
                       const struct process_change *change, struct repo_settled *ret_settled)
{
    bool changed;
    const struct process *process = &record->process;
    ret_settled->event = change->event;
    ret_settled->lease_lost =
        change->event == EVENT_LAPSE && process_lapse_is_loss(process, change->now);
    const enum err err = transition(repository, record, change, &changed);
    ret_settled->type = process->type;
    ret_settled->status = process->status;
    ret_settled->run_ms = last_run_ms(process);
    return err;
}

static enum err expire_pending(struct memory_repository *repository, struct repo_advance *call,
                               struct repo_settled *settled)
{
    const struct process_change change = {.event = EVENT_EXPIRE, .now = call->now};
    const struct ordered_index *deadlines = &repository->store.deadlines;
    struct index_node *node;
    while (call->expired < call->limit && is_due(node = index_first(deadlines), call->now)) {
        const struct memory_links *links = container_of(node, struct memory_links, by_deadline);
        enum err err = settle(repository, links->record, &change, &settled[call->settled_count]);
        if (err != ERR_OK)
            return err;
        call->expired++;
        call->settled_count++;
    }
    return ERR_OK;
}

static enum err settle_lapsed(struct memory_repository *repository, struct repo_advance *call,
                              struct repo_settled *settled)
{
    struct process_change change = {
        .event = EVENT_LAPSE, .now = call->now, .retry_after_ms = -1, .jitter = call->jitter};
    const struct ordered_index *leases = &repository->store.leases;
    struct index_node *node;
    while (call->lapsed < call->limit && is_due(node = index_first(leases), call->now)) {
        struct memory_record *record = container_of(node, struct memory_record, by_stage);
        enum err err = settle(repository, record, &change, &settled[call->settled_count]);
        if (err != ERR_OK)
            return err;
        call->lapsed++;
        call->settled_count++;
        change.jitter += UINT32_C(2654435761); /* so that their retries do not come back as one */
    }
    return ERR_OK;
}

/* Most often there is nothing, and then there is no array. */
static enum err settle_due(struct memory_repository *repository, struct repo_advance *call,
                           struct memory_array **ret_array)
{
    const struct memory_store *store = &repository->store;
    const size_t count = memory_count_due(&store->deadlines, call->now) +
                         memory_count_due(&store->leases, call->now);
    const size_t most = 2 * (size_t)call->limit;
    if (count == 0)
        return ERR_OK;
    *ret_array = memory_array_new(count < most ? count : most, sizeof(struct repo_settled));
    if (*ret_array == NULL)
        return ERR_NO_MEMORY;
    struct repo_settled *settled = memory_array_items(*ret_array);
    call->settled = settled;
    const enum err err = expire_pending(repository, call, settled);
    return err == ERR_OK ? settle_lapsed(repository, call, settled) : err;
}

void memory_advance(struct process_repository *base, struct repo_advance *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_store *store = &repository->store;
    struct memory_array *array = NULL;
    call->released = call->expired = call->lapsed = 0;
    call->settled = NULL;
    call->settled_count = 0;
    enum err err = release_due(store, call);
    if (err == ERR_OK)
        err = settle_due(repository, call, &array);
    memory_people_prune(&store->people, call->now);
    int tombstones = memory_notes_expire(&store->tombstones, call->now, call->limit);
    int keys = memory_notes_expire(&store->keys, call->now, call->limit);
    call->more = call->released == call->limit || call->expired == call->limit ||
                 call->lapsed == call->limit || tombstones == call->limit || keys == call->limit;
    const uint64_t place = call->expired + call->lapsed > 0 ? store->place : 0;
    memory_answer(repository, &call->op, err, place, memory_array_block(array));
}
