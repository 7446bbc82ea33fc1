#include "repository/memory_store.h"

#include <stdlib.h>
#include <string.h>

bool memory_store_init(struct memory_store *store, int events_max)
{
    memset(store, 0, sizeof(*store));
    store->events_max = events_max;
    return memory_people_init(&store->people) && text_map_init(&store->records) &&
           text_map_init(&store->groups) && text_map_init(&store->tombstones.map) &&
           text_map_init(&store->keys.map);
}

struct memory_record *memory_store_find(const struct memory_store *store,
                                        const struct process_id *id)
{
    struct text_map_entry *entry = text_map_find(&store->records, process_id_key(id));
    return entry != NULL ? container_of(entry, struct memory_record, by_id) : NULL;
}

/* --- texts --------------------------------------------------------------------------------------
 */

static void move_text(struct span *text, char **at)
{
    if (text->data == NULL)
        return;
    if (text->len > 0)
        memcpy(*at, text->data, text->len);
    text->data = *at;
    *at += text->len;
}

static size_t given_size(const struct process *process)
{
    return process->type.len + process->group.len + process->traceparent.len + process->input.len +
           process->metadata.len;
}

static void own_given(struct memory_record *record)
{
    char *at = record->given;
    move_text(&record->process.type, &at);
    move_text(&record->process.group, &at);
    move_text(&record->process.traceparent, &at);
    move_text(&record->process.input, &at);
    move_text(&record->process.metadata, &at);
}

/* Moves the texts that change into one new block; false if no memory. */
static bool own_texts(struct process *process, struct memory_texts **ret_texts)
{
    struct span *const texts[] = {&process->worker, &process->progress, &process->result,
                                  &process->error,  &process->usage,    &process->lease_token};
    size_t size = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        size += texts[i]->len;
    *ret_texts = NULL;
    if (size == 0)
        return true;
    *ret_texts = malloc(sizeof(**ret_texts) + size);
    if (*ret_texts == NULL)
        return false;
    char *at = (*ret_texts)->bytes;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        move_text(texts[i], &at);
    return true;
}

void memory_store_retire(struct memory_store *store, struct memory_block *block)
{
    block->next = store->retired;
    store->retired = block;
}

static void retire_texts(struct memory_store *store, struct memory_record *record)
{
    if (record->texts != NULL)
        memory_store_retire(store, &record->texts->block);
    record->texts = NULL;
}

void memory_blocks_free(struct memory_block **list)
{
    struct memory_block *block;
    while ((block = *list) != NULL) {
        *list = block->next;
        free(block);
    }
}

/* --- stages ----------------------------------------------------------------------------------- */

/* The index that moves the process on, and its place there. NULL if no memory for a queue. */
static struct ordered_index *stage_of(struct memory_store *store, const struct process *process,
                                      int64_t now, int64_t *ret_score)
{
    struct memory_type *type;
    switch (process->status) {
    case PROCESS_PENDING:
        if (process->run_at > now) {
            *ret_score = process->run_at;
            return &store->schedule;
        }
        *ret_score = process_queue_score(process);
        type = memory_type_need(&store->people, process->type, now);
        return type != NULL ? &type->waiting : NULL;
    case PROCESS_RUNNING:
        *ret_score = process->lease_until;
        return &store->leases;
    case PROCESS_COMPLETED:
    case PROCESS_FAILED:
    case PROCESS_CANCELED:
        break;
    }
    *ret_score = process->expires_at;
    return &store->retention;
}

static void enter_stage(struct memory_record *record, struct ordered_index *stage, int64_t score)
{
    record->stage = stage;
    index_insert(stage, &record->by_stage, score, &record->process.id);
}

int64_t memory_status_since(const struct process *process)
{
    switch (process->status) {
    case PROCESS_PENDING:
        break; /* nothing changes it while it is */
    case PROCESS_RUNNING:
        return process->started_at;
    case PROCESS_COMPLETED:
    case PROCESS_FAILED:
    case PROCESS_CANCELED:
        return process->completed_at;
    }
    return process->updated_at;
}

static void enter_status(struct memory_store *store, struct memory_record *record)
{
    index_insert(&store->statuses[record->process.status], &record->by_status,
                 memory_status_since(&record->process), &record->process.id);
}

/* After the record came to, left or moved within what its type counts. */
static void settle_type(struct memory_store *store, const struct process *process, int64_t started)
{
    struct memory_type *type = memory_type_find(&store->people, process->type);
    if (type == NULL)
        return;
    type->running += started;
    memory_type_settle(&store->people, type);
}

static bool is_running(const struct process *process)
{
    return process->status == PROCESS_RUNNING;
}

/* --- changes ---------------------------------------------------------------------------------- */

static bool make_room(struct memory_told *told)
{
    if (told->count < told->size)
        return true;
    size_t size = told->size > 0 ? 2 * told->size : 64;
    struct memory_told_note *notes = realloc(told->notes, size * sizeof(*notes));
    if (notes == NULL)
        return false;
    told->notes = notes;
    told->size = size;
    return true;
}

static void note(struct memory_store *store, struct memory_record *record)
{
    struct memory_told *told = &store->told;
    if (!record->watched && !told->all)
        return;
    record->watched = false;
    if (make_room(told))
        told->notes[told->count++] = (struct memory_told_note){record->process.id, store->place};
    else
        told->lost = true;
}

static struct memory_record *new_record(const struct process *process)
{
    struct memory_record *record = calloc(1, sizeof(*record) + given_size(process));
    if (record == NULL)
        return NULL;
    record->process = *process;
    own_given(record);
    if (own_texts(&record->process, &record->texts))
        return record;
    free(record);
    return NULL;
}

struct memory_record *memory_store_insert(struct memory_store *store, const struct process *process,
                                          int64_t now)
{
    int64_t score;
    struct memory_record *record = new_record(process);
    if (record == NULL)
        return NULL;
    struct memory_type *type = memory_type_need(&store->people, process->type, now);
    struct ordered_index *stage =
        type != NULL ? stage_of(store, &record->process, now, &score) : NULL;
    if (stage == NULL || !memory_links_prepare(store, record, &record->process)) {
        free(record->texts);
        free(record);
        return NULL;
    }
    record->place = store->place;
    text_map_insert(&store->records, &record->by_id, process_id_key(&record->process.id));
    index_insert(&store->times, &record->by_time, process->created_at, &record->process.id);
    enter_status(store, record);
    enter_stage(record, stage, score);
    memory_links_settle(store, record, process->status);
    type->running += is_running(process);
    memory_type_used(&store->people, type, now);
    note(store, record);
    return record;
}

bool memory_store_update(struct memory_store *store, struct memory_record *record,
                         const struct process *process, int64_t now, struct memory_entry *entry)
{
    struct process changed = *process;
    const enum process_status old_status = record->process.status;
    const int64_t old_version = record->process.version;
    struct memory_texts *texts;
    int64_t score;
    if (!own_texts(&changed, &texts))
        return false;
    struct ordered_index *stage = stage_of(store, &changed, now, &score);
    if (stage == NULL || !memory_links_prepare(store, record, &changed)) {
        free(texts);
        return false;
    }
    retire_texts(store, record);
    record->process = changed;
    record->texts = texts;
    record->place = store->place;
    if (changed.status != old_status) {
        index_remove(&store->statuses[old_status], &record->by_status);
        enter_status(store, record);
    }
    if (stage != record->stage || score != record->by_stage.score) {
        index_remove(record->stage, &record->by_stage);
        enter_stage(record, stage, score);
    }
    if (changed.status != old_status)
        settle_type(store, &changed, is_running(&changed) - (old_status == PROCESS_RUNNING));
    memory_links_settle(store, record, old_status);
    if (entry != NULL)
        memory_timeline_add(store, record, entry);
    if (changed.version != old_version) /* else only the lease, which is not shown */
        note(store, record);
    return true;
}

bool memory_store_release(struct memory_store *store, struct memory_record *record, int64_t now)
{
    struct memory_type *type = memory_type_need(&store->people, record->process.type, now);
    if (type == NULL)
        return false;
    index_remove(record->stage, &record->by_stage);
    enter_stage(record, &type->waiting, process_queue_score(&record->process));
    memory_type_settle(&store->people, type);
    return true;
}

static void take_out(struct memory_store *store, struct memory_record *record)
{
    note(store, record);
    text_map_remove(&store->records, &record->by_id);
    index_remove(&store->times, &record->by_time);
    index_remove(&store->statuses[record->process.status], &record->by_status);
    index_remove(record->stage, &record->by_stage);
    memory_links_drop(store, record);
    settle_type(store, &record->process, -(int64_t)is_running(&record->process));
    memory_timeline_retire(store, record);
    retire_texts(store, record);
    memory_store_retire(store, &record->block);
}

void memory_store_uninsert(struct memory_store *store, struct memory_record *record)
{
    take_out(store, record);
}

bool memory_store_drop(struct memory_store *store, struct memory_record *record,
                       int64_t tombstone_until)
{
    const struct process_id *id = &record->process.id;
    if (!memory_take_tombstone(store, id, tombstone_until))
        return false;
    take_out(store, record);
    return true;
}

/* --- end -------------------------------------------------------------------------------------- */

static void drop_record(struct text_map_entry *entry)
{
    struct memory_record *record = container_of(entry, struct memory_record, by_id);
    memory_timeline_free(record);
    free(record->links);
    free(record->texts);
    free(record);
}

/* Through the maps alone: to take each record out of its indexes in turn would make a stop with
 * a million of them last for half a minute. */
void memory_store_finish(struct memory_store *store)
{
    text_map_finish(&store->records, drop_record);
    memory_groups_finish(store);
    memory_people_finish(&store->people);
    memory_notes_finish(&store->tombstones);
    memory_notes_finish(&store->keys);
    text_buffer_finish(&store->entry_text);
    free(store->told.notes);
    memory_blocks_free(&store->retired);
}
