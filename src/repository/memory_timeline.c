#include "repository/memory_store.h"

#include "proctrack/json_scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_FRAME_MAX 2048 /* bytes of an entry beside progress and error code */
#define LATE_RESULT     "late_result_refused"
#define ENTRY_TEXT_KEPT 4096 /* larger buffers are not kept for the next entry */

static struct text_buffer *start_entry(struct memory_store *store, size_t bytes_max)
{
    struct text_buffer *out = &store->entry_text;
    if (out->failed || out->capacity > ENTRY_TEXT_KEPT)
        text_buffer_finish(out);
    if (out->data == NULL)
        text_buffer_init(out, bytes_max);
    out->len = 0;
    out->max = bytes_max;
    return out;
}

static struct memory_entry *end_entry(const struct text_buffer *out)
{
    struct memory_entry *entry = out->failed ? NULL : malloc(sizeof(*entry) + out->len);
    if (entry == NULL)
        return NULL;
    *entry = (struct memory_entry){.len = (uint32_t)out->len};
    memcpy(entry->json, out->data, out->len);
    return entry;
}

struct memory_entry *memory_entry_of_change(struct memory_store *store, const char *event,
                                            const struct process *before,
                                            const struct process *after,
                                            const struct process_change *change)
{
    struct text_buffer *out = start_entry(store, ENTRY_FRAME_MAX + after->progress.len +
                                                     after->error.len + change->error.len);
    process_timeline_append(out, event, before, after, change);
    struct memory_entry *entry = end_entry(out);
    if (entry != NULL)
        entry->is_late = strcmp(event, LATE_RESULT) == 0;
    return entry;
}

struct memory_entry *memory_entry_of_claim(struct memory_store *store, const struct process *after)
{
    struct text_buffer *out = start_entry(store, ENTRY_FRAME_MAX);
    process_timeline_append_claimed(out, after);
    return end_entry(out);
}

struct memory_entry *memory_entry_of_text(struct span json)
{
    struct span key, value;
    struct memory_entry *entry = malloc(sizeof(*entry) + json.len);
    if (entry == NULL)
        return NULL;
    *entry = (struct memory_entry){.len = (uint32_t)json.len};
    memcpy(entry->json, json.data, json.len);
    for (size_t cursor = 0; json_object_next(json, &cursor, &key, &value);)
        if (json_string_is(key, "event"))
            entry->is_late = json_string_is(value, LATE_RESULT);
    return entry;
}

/* --- the ring ----------------------------------------------------------------------------------
 */

static struct memory_entry *entry_after(const struct memory_entry *entry)
{
    return container_of(entry->block.next, struct memory_entry, block);
}

size_t memory_timeline_count(const struct memory_record *record)
{
    const struct memory_entry *last = record->last_entry;
    return last != NULL ? last->number - entry_after(last)->number + 1u : 0;
}

void memory_timeline_read(const struct memory_record *record, struct span *ret_entries)
{
    const struct memory_entry *entry = record->last_entry;
    for (size_t i = 0, count = memory_timeline_count(record); i < count; i++) {
        entry = entry_after(entry); /* after the last comes the first */
        ret_entries[i] = (struct span){entry->json, entry->len};
    }
}

static struct memory_entry *take_first(struct memory_record *record)
{
    struct memory_entry *last = record->last_entry;
    assert(last != NULL);
    struct memory_entry *first = entry_after(last);
    if (first == last)
        record->last_entry = NULL;
    else
        last->block.next = first->block.next;
    return first;
}

void memory_timeline_add(struct memory_store *store, struct memory_record *record,
                         struct memory_entry *entry)
{
    struct memory_entry *last = record->last_entry;
    struct memory_block *first = last != NULL ? last->block.next : &entry->block;
    entry->number = last != NULL ? last->number + 1u : 0;
    entry->block.next = first;
    if (last != NULL)
        last->block.next = &entry->block;
    record->last_entry = entry;
    record->process.events++;
    while (memory_timeline_count(record) > (size_t)store->events_max)
        memory_store_retire(store, &take_first(record)->block);
}

void memory_timeline_retire(struct memory_store *store, struct memory_record *record)
{
    while (record->last_entry != NULL)
        memory_store_retire(store, &take_first(record)->block);
}

void memory_timeline_free(struct memory_record *record)
{
    while (record->last_entry != NULL)
        free(take_first(record));
}
