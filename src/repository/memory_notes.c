#include "repository/memory_notes.h"

#include <stdlib.h>

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

static void free_note(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_note, by_key));
}

void memory_notes_finish(struct memory_notes *notes)
{
    text_map_finish(&notes->map, free_note);
}
