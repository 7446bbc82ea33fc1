/* What is left of removed processes, or what an Idempotency-Key led to: each until its time is
 * over. */
#ifndef REPOSITORY_MEMORY_NOTES_H
#define REPOSITORY_MEMORY_NOTES_H

#include "proctrack/list.h"
#include "repository/ordered_index.h"
#include "repository/text_map.h"

struct memory_note {
    struct text_map_entry by_key;
    struct index_node by_expiry;
    struct process_id id;
    uint64_t fingerprint;
    uint64_t place; /* in the journal, see memory_store.h */
    char key[];
};

struct memory_notes {
    struct text_map map;
    struct ordered_index expiry;
};

/* NULL when there is none. */
struct memory_note *memory_notes_find(const struct memory_notes *notes, struct span key);
struct memory_note *memory_notes_add(struct memory_notes *notes, struct span key,
                                     const struct process_id *id, uint64_t fingerprint,
                                     int64_t until); /* NULL if no memory */
void memory_notes_remove(struct memory_notes *notes, struct memory_note *note);
/* Forgets up to limit notes whose time is over; how many. */
int memory_notes_expire(struct memory_notes *notes, int64_t now, int limit);
void memory_notes_finish(struct memory_notes *notes);

#endif
