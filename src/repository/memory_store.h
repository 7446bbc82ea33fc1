/* The records of the memory repository and the indexes over them. Every change to what is stored
 * goes through insert, update and drop here. */
#ifndef REPOSITORY_MEMORY_STORE_H
#define REPOSITORY_MEMORY_STORE_H

#include "repository/ordered_index.h"
#include "repository/text_map.h"

/* At the head of what calls read from: it is freed when no call reads any more. */
struct memory_block {
    struct memory_block *next; /* once retired */
};

/* The texts of a process that change while it runs. */
struct memory_texts {
    struct memory_block block;
    char bytes[];
};

struct memory_record {
    struct memory_block block;
    struct process process; /* its spans point into `texts` and `given` */
    struct text_map_entry by_id;
    struct index_node by_time;   /* creation */
    struct index_node by_status; /* when it entered its status */
    struct index_node by_stage;  /* in the one index that moves it on: queue, schedule, leases,
                                    retention */
    struct ordered_index *stage;
    struct memory_texts *texts; /* or NULL */
    char given[];               /* what the client gave */
};

/* What is left of a removed process, or what an Idempotency-Key led to. */
struct memory_note {
    struct text_map_entry by_key;
    struct index_node by_expiry;
    struct process_id id;
    uint64_t fingerprint;
    char key[];
};

struct memory_notes {
    struct text_map map;
    struct ordered_index expiry;
};

struct memory_store {
    struct text_map records;
    struct ordered_index times, statuses[PROCESS_STATUS_COUNT];
    struct ordered_index schedule, leases, retention;
    struct text_map queues; /* by type */
    struct memory_notes tombstones, keys;
    struct memory_block *retired; /* out of the store, but perhaps still read */
};

bool memory_store_init(struct memory_store *store); /* false: no memory */
void memory_store_finish(struct memory_store *store);

struct memory_record *memory_store_find(const struct memory_store *store,
                                        const struct process_id *id);
/* NULL if no memory; nothing is changed then. `now` decides between queue and schedule. */
struct memory_record *memory_store_insert(struct memory_store *store, const struct process *process,
                                          int64_t now);
/* Gives the record the changed process (same id, type, group, input, metadata, created_at). False
 * if no memory; nothing is changed then. */
bool memory_store_update(struct memory_store *store, struct memory_record *record,
                         const struct process *process, int64_t now);
/* Takes the record out and leaves a tombstone until tombstone_until. False if no memory; nothing is
 * changed then. */
bool memory_store_drop(struct memory_store *store, struct memory_record *record,
                       int64_t tombstone_until);
/* Texts that update replaced and records that drop took out stay readable until this. */
void memory_store_free_retired(struct memory_store *store);
/* From the schedule into the queue of its type; false if no memory. */
bool memory_store_release(struct memory_store *store, struct memory_record *record);

/* The best waiting record over the types; NULL when there is none. */
struct memory_record *memory_store_best(const struct memory_store *store, const struct span *types,
                                        size_t type_count);

/* NULL when there is none. */
struct memory_note *memory_notes_find(const struct memory_notes *notes, struct span key);
struct memory_note *memory_notes_add(struct memory_notes *notes, struct span key,
                                     const struct process_id *id, uint64_t fingerprint,
                                     int64_t until); /* NULL if no memory */
void memory_notes_remove(struct memory_notes *notes, struct memory_note *note);
/* Forgets up to limit notes whose time is over; how many. */
int memory_notes_expire(struct memory_notes *notes, int64_t now, int limit);

static inline struct span memory_id_key(const struct process_id *id)
{
    return (struct span){(const char *)id->bytes, sizeof(id->bytes)};
}

#endif
