#include "repository/memory_store.h"

#include "proctrack/list.h"

#include <stdlib.h>
#include <string.h>

/* The claimable processes of one type. It lives as long as it holds some. */
struct memory_queue {
    struct text_map_entry by_type;
    struct ordered_index waiting;
    char type[];
};

bool memory_store_init(struct memory_store *store)
{
    memset(store, 0, sizeof(*store));
    return text_map_init(&store->records) && text_map_init(&store->queues) &&
           text_map_init(&store->tombstones.map) && text_map_init(&store->keys.map);
}

struct memory_record *memory_store_find(const struct memory_store *store,
                                        const struct process_id *id)
{
    struct text_map_entry *entry = text_map_find(&store->records, memory_id_key(id));
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
    return process->type.len + process->group.len + process->input.len + process->metadata.len;
}

static void own_given(struct memory_record *record)
{
    char *at = record->given;
    move_text(&record->process.type, &at);
    move_text(&record->process.group, &at);
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

static void retire(struct memory_store *store, struct memory_block *block)
{
    block->next = store->retired;
    store->retired = block;
}

static void retire_texts(struct memory_store *store, struct memory_record *record)
{
    if (record->texts != NULL)
        retire(store, &record->texts->block);
    record->texts = NULL;
}

void memory_store_free_retired(struct memory_store *store)
{
    struct memory_block *block;
    while ((block = store->retired) != NULL) {
        store->retired = block->next;
        free(block);
    }
}

/* --- queues -------------------------------------------------------------------------------------
 */

static struct memory_queue *find_queue(const struct memory_store *store, struct span type)
{
    struct text_map_entry *entry = text_map_find(&store->queues, type);
    return entry != NULL ? container_of(entry, struct memory_queue, by_type) : NULL;
}

static struct memory_queue *need_queue(struct memory_store *store, struct span type)
{
    struct memory_queue *queue = find_queue(store, type);
    if (queue != NULL)
        return queue;
    queue = calloc(1, sizeof(*queue) + type.len);
    if (queue == NULL)
        return NULL;
    memcpy(queue->type, type.data, type.len);
    text_map_insert(&store->queues, &queue->by_type, (struct span){queue->type, type.len});
    return queue;
}

static void drop_queue_if_empty(struct memory_store *store, struct memory_queue *queue)
{
    if (queue == NULL || queue->waiting.count > 0)
        return;
    text_map_remove(&store->queues, &queue->by_type);
    free(queue);
}

struct memory_record *memory_store_best(const struct memory_store *store, const struct span *types,
                                        size_t type_count)
{
    const struct index_node *best = NULL;
    for (size_t i = 0; i < type_count; i++) {
        const struct memory_queue *queue = find_queue(store, types[i]);
        const struct index_node *head = queue != NULL ? index_first(&queue->waiting) : NULL;
        if (head == NULL)
            continue;
        if (best == NULL || head->score < best->score ||
            (head->score == best->score && process_id_compare(head->id, best->id) < 0))
            best = head;
    }
    return best != NULL ? container_of(best, struct memory_record, by_stage) : NULL;
}

/* --- stages ----------------------------------------------------------------------------------- */

/* The index that moves the process on, and its place there. NULL if no memory for a queue. */
static struct ordered_index *stage_of(struct memory_store *store, const struct process *process,
                                      int64_t now, int64_t *ret_score)
{
    struct memory_queue *queue;
    switch (process->status) {
    case PROCESS_PENDING:
        if (process->run_at > now) {
            *ret_score = process->run_at;
            return &store->schedule;
        }
        *ret_score = process_queue_score(process);
        queue = need_queue(store, process->type);
        return queue != NULL ? &queue->waiting : NULL;
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

static void enter_status(struct memory_store *store, struct memory_record *record, int64_t since)
{
    index_insert(&store->statuses[record->process.status], &record->by_status, since,
                 &record->process.id);
}

/* --- changes ---------------------------------------------------------------------------------- */

struct memory_record *memory_store_insert(struct memory_store *store, const struct process *process,
                                          int64_t now)
{
    int64_t score;
    struct memory_record *record = calloc(1, sizeof(*record) + given_size(process));
    if (record == NULL)
        return NULL;
    record->process = *process;
    own_given(record);
    struct ordered_index *stage = NULL;
    if (own_texts(&record->process, &record->texts))
        stage = stage_of(store, &record->process, now, &score);
    if (stage == NULL) {
        free(record->texts);
        free(record);
        return NULL;
    }
    text_map_insert(&store->records, &record->by_id, memory_id_key(&record->process.id));
    index_insert(&store->times, &record->by_time, process->created_at, &record->process.id);
    enter_status(store, record, now);
    enter_stage(record, stage, score);
    return record;
}

bool memory_store_update(struct memory_store *store, struct memory_record *record,
                         const struct process *process, int64_t now)
{
    struct process changed = *process;
    struct memory_texts *texts;
    int64_t score;
    if (!own_texts(&changed, &texts))
        return false;
    struct ordered_index *stage = stage_of(store, &changed, now, &score);
    if (stage == NULL) {
        free(texts);
        return false;
    }
    if (changed.status != record->process.status) {
        index_remove(&store->statuses[record->process.status], &record->by_status);
        record->process.status = changed.status;
        enter_status(store, record, now);
    }
    if (stage != record->stage || score != record->by_stage.score) {
        index_remove(record->stage, &record->by_stage);
        enter_stage(record, stage, score);
        drop_queue_if_empty(store, find_queue(store, changed.type));
    }
    retire_texts(store, record);
    record->process = changed;
    record->texts = texts;
    return true;
}

bool memory_store_release(struct memory_store *store, struct memory_record *record)
{
    struct memory_queue *queue = need_queue(store, record->process.type);
    if (queue == NULL)
        return false;
    index_remove(record->stage, &record->by_stage);
    enter_stage(record, &queue->waiting, process_queue_score(&record->process));
    return true;
}

bool memory_store_drop(struct memory_store *store, struct memory_record *record,
                       int64_t tombstone_until)
{
    const struct process_id *id = &record->process.id;
    if (memory_notes_add(&store->tombstones, memory_id_key(id), id, 0, tombstone_until) == NULL)
        return false;
    text_map_remove(&store->records, &record->by_id);
    index_remove(&store->times, &record->by_time);
    index_remove(&store->statuses[record->process.status], &record->by_status);
    index_remove(record->stage, &record->by_stage);
    drop_queue_if_empty(store, find_queue(store, record->process.type));
    retire_texts(store, record);
    retire(store, &record->block);
    return true;
}

/* --- notes ------------------------------------------------------------------------------------ */

struct memory_note *memory_notes_find(const struct memory_notes *notes, struct span key)
{
    struct text_map_entry *entry = text_map_find(&notes->map, key);
    return entry != NULL ? container_of(entry, struct memory_note, by_key) : NULL;
}

struct memory_note *memory_notes_add(struct memory_notes *notes, struct span key,
                                     const struct process_id *id, uint64_t fingerprint,
                                     int64_t until)
{
    struct memory_note *note = calloc(1, sizeof(*note) + key.len);
    if (note == NULL)
        return NULL;
    memcpy(note->key, key.data, key.len);
    note->id = *id;
    note->fingerprint = fingerprint;
    text_map_insert(&notes->map, &note->by_key, (struct span){note->key, key.len});
    index_insert(&notes->expiry, &note->by_expiry, until, &note->id);
    return note;
}

void memory_notes_remove(struct memory_notes *notes, struct memory_note *note)
{
    text_map_remove(&notes->map, &note->by_key);
    index_remove(&notes->expiry, &note->by_expiry);
    free(note);
}

int memory_notes_expire(struct memory_notes *notes, int64_t now, int limit)
{
    int count = 0;
    struct index_node *first;
    while (count < limit && (first = index_first(&notes->expiry)) != NULL && first->score <= now) {
        memory_notes_remove(notes, container_of(first, struct memory_note, by_expiry));
        count++;
    }
    return count;
}

/* --- end -------------------------------------------------------------------------------------- */

static void drop_record(struct text_map_entry *entry)
{
    struct memory_record *record = container_of(entry, struct memory_record, by_id);
    free(record->texts);
    free(record);
}

static void drop_queue(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_queue, by_type));
}

static void drop_note(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_note, by_key));
}

/* Through the maps alone: to take each record out of its indexes in turn would make a stop with
 * a million of them last for half a minute. */
void memory_store_finish(struct memory_store *store)
{
    text_map_finish(&store->records, drop_record);
    text_map_finish(&store->queues, drop_queue);
    text_map_finish(&store->tombstones.map, drop_note);
    text_map_finish(&store->keys.map, drop_note);
    memory_store_free_retired(store);
}
