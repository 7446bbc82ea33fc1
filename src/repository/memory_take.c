#include "repository/memory_store.h"

#include <stdlib.h>

/* Chained as they will stand in the ring, oldest first. False if no memory. */
static bool make_entries(const struct span *events, size_t count, struct memory_block **ret_first)
{
    struct memory_block **end = ret_first;
    *ret_first = NULL;
    for (size_t i = 0; i < count; i++) {
        struct memory_entry *entry = memory_entry_of_text(events[i]);
        if (entry == NULL) {
            memory_blocks_free(ret_first);
            return false;
        }
        *end = &entry->block;
        end = &entry->block.next;
    }
    return true;
}

static void add_entries(struct memory_store *store, struct memory_record *record,
                        struct memory_block *first)
{
    const int events = record->process.events;
    struct memory_block *next;
    record->process.events = 0;
    for (struct memory_block *block = first; block != NULL; block = next) {
        next = block->next;
        memory_timeline_add(store, record, container_of(block, struct memory_entry, block));
    }
    record->process.events = events; /* of all that there ever were */
}

/* For a moment there are both, so that a lack of memory leaves the old one. */
bool memory_take_process(struct memory_store *store, const struct process *process,
                         const struct span *events, size_t event_count, int64_t now)
{
    struct memory_record *before = memory_store_find(store, &process->id);
    struct memory_block *entries;
    if (!make_entries(events, event_count, &entries))
        return false;
    struct memory_record *record = memory_store_insert(store, process, now);
    if (record == NULL) {
        memory_blocks_free(&entries);
        return false;
    }
    if (before != NULL)
        memory_store_uninsert(store, before);
    add_entries(store, record, entries);
    return true;
}

static bool take_note(struct memory_store *store, struct memory_notes *notes, struct span key,
                      const struct process_id *id, uint64_t fingerprint, int64_t until)
{
    struct memory_note *before = memory_notes_find(notes, key);
    struct memory_note *note = memory_notes_add(notes, key, id, fingerprint, until);
    if (note == NULL)
        return false;
    note->place = store->place;
    if (before != NULL)
        memory_notes_remove(notes, before);
    return true;
}

bool memory_take_tombstone(struct memory_store *store, const struct process_id *id, int64_t until)
{
    return take_note(store, &store->tombstones, process_id_key(id), id, 0, until);
}

bool memory_take_key(struct memory_store *store, struct span key, const struct process_id *id,
                     uint64_t fingerprint, int64_t until)
{
    return take_note(store, &store->keys, key, id, fingerprint, until);
}
