/* The records of the memory repository and the indexes over them. Every change to what is stored
 * goes through insert, update and drop here: memory_store.c has the records, memory_links.c
 * the places that only some of them have, memory_timeline.c what happened to them, memory_take.c
 * what comes from elsewhere as it was there.
 *
 * With a journal each change has a place there, and all that it touches is marked with that: who
 * reads it waits until so much is stored. Without one all places are 0. */
#ifndef REPOSITORY_MEMORY_STORE_H
#define REPOSITORY_MEMORY_STORE_H

#include "repository/memory_notes.h"
#include "repository/memory_people.h"

/* At the head of what calls read from: it is freed when no call reads any more. */
struct memory_block {
    struct memory_block *next; /* once retired */
};

/* The texts of a process that change while it runs. */
struct memory_texts {
    struct memory_block block;
    char bytes[];
};

/* One entry of a timeline. Those of a record form a ring. */
struct memory_entry {
    struct memory_block block; /* its next: the one after it, and after the last the first */
    uint32_t len;
    uint32_t number : 31; /* counts on from entry to entry */
    uint32_t is_late : 1; /* a late result that was refused */
    char json[];
};

/* The members of one group. It lives as long as it has some. */
struct memory_group {
    struct text_map_entry by_name;
    struct ordered_index members; /* by creation */
    struct ordered_index statuses[PROCESS_STATUS_COUNT];
    uint64_t place; /* of the last change of who is in it and how they stand */
    char name[];
};

/* The places of a record in indexes that a plain waiting or finished process is not in. */
struct memory_links {
    struct process_id id; /* the record's, as nodes must have it near them */
    struct memory_record *record;
    struct memory_group *group;        /* or NULL */
    struct memory_worker *worker;      /* that runs it, or NULL */
    struct index_node by_group;        /* creation */
    struct index_node by_group_status; /* when it entered its status */
    struct index_node by_deadline;     /* while pending, with a deadline */
    struct index_node by_start;        /* while running, in what the worker holds */
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
    struct memory_texts *texts;      /* or NULL */
    struct memory_entry *last_entry; /* of the timeline, or NULL */
    struct memory_links *links;      /* or NULL */
    uint64_t place;                  /* of its last change */
    bool watched;                    /* the next change of it is told */
    char given[];                    /* what the client gave */
};

/* Who has changed and is to be told of. */
struct memory_told {
    struct memory_told_note {
        struct process_id id;
        uint64_t place; /* of the change: they only go up */
    } * notes;
    size_t count, size;
    size_t taken; /* by those who tell */
    bool lost;    /* there was no memory to note one */
    bool all;     /* each change, not only of those that are watched */
};

struct memory_store {
    struct text_map records;
    struct ordered_index times, statuses[PROCESS_STATUS_COUNT];
    struct ordered_index schedule, leases, retention, deadlines;
    struct text_map groups;
    struct memory_people people;
    struct memory_notes tombstones, keys;
    struct text_buffer entry_text;
    struct memory_told told;
    struct memory_block *retired; /* out of the store, but perhaps still read */
    uint64_t place;               /* of the change that is being made */
    int events_max;               /* entries kept of each timeline */
};

bool memory_store_init(struct memory_store *store, int events_max); /* false: no memory */
void memory_store_finish(struct memory_store *store);

struct memory_record *memory_store_find(const struct memory_store *store,
                                        const struct process_id *id);
/* NULL if no memory; nothing is changed then. `now` decides between queue and schedule. */
struct memory_record *memory_store_insert(struct memory_store *store, const struct process *process,
                                          int64_t now);
/* Takes back an insert that nobody has seen. */
void memory_store_uninsert(struct memory_store *store, struct memory_record *record);
/* Gives the record the changed process (same id, type, group, input, metadata, traceparent,
 * created_at), and its timeline the entry, unless that is NULL, which counts it. False if no
 * memory; nothing is changed then, and the entry is still the caller's. */
bool memory_store_update(struct memory_store *store, struct memory_record *record,
                         const struct process *process, int64_t now, struct memory_entry *entry);
/* Takes the record out and leaves a tombstone until tombstone_until. False if no memory; nothing is
 * changed then. */
bool memory_store_drop(struct memory_store *store, struct memory_record *record,
                       int64_t tombstone_until);
/* What update replaced and drop took out goes to store->retired, and stays readable until whoever
 * frees that. */
void memory_blocks_free(struct memory_block **list);
/* When it entered its status, as the indexes by status have it. */
int64_t memory_status_since(const struct process *process);
/* From the schedule into the queue of its type; false if no memory. */
bool memory_store_release(struct memory_store *store, struct memory_record *record, int64_t now);

/* NULL when it has no member. */
struct memory_group *memory_store_group(const struct memory_store *store, struct span name);

/* NULL if no memory; `after` is the record as the change leaves it. */
struct memory_entry *memory_entry_of_change(struct memory_store *store, const char *event,
                                            const struct process *before,
                                            const struct process *after,
                                            const struct process_change *change);
struct memory_entry *memory_entry_of_claim(struct memory_store *store, const struct process *after);
/* Takes the entry, and counts it. The oldest goes when there are too many. */
void memory_timeline_add(struct memory_store *store, struct memory_record *record,
                         struct memory_entry *entry);
/* How many entries are kept; and these, oldest first. */
size_t memory_timeline_count(const struct memory_record *record);
void memory_timeline_read(const struct memory_record *record, struct span *ret_entries);

/* --- what comes from elsewhere: from the journal, the snapshot, another repository ---------------
 *
 * All are false if no memory; nothing is changed then. */

/* The process as it is, with its timeline, instead of what there is of the same id. `now` decides
 * between queue and schedule. */
bool memory_take_process(struct memory_store *store, const struct process *process,
                         const struct span *events, size_t event_count, int64_t now);
bool memory_take_tombstone(struct memory_store *store, const struct process_id *id, int64_t until);
bool memory_take_key(struct memory_store *store, struct span key, const struct process_id *id,
                     uint64_t fingerprint, int64_t until);
/* An entry that was told before. NULL if no memory. */
struct memory_entry *memory_entry_of_text(struct span json);

/* --- between the store's own files --------------------------------------------------------------
 */

void memory_store_retire(struct memory_store *store, struct memory_block *block);

/* Gets all that the record needs to have the places of `process`. False if no memory; nothing is
 * changed then. */
bool memory_links_prepare(struct memory_store *store, struct memory_record *record,
                          const struct process *process);
/* After prepare: takes the places of record->process, leaves those that it no longer has. */
void memory_links_settle(struct memory_store *store, struct memory_record *record,
                         enum process_status old_status);
void memory_links_drop(struct memory_store *store, struct memory_record *record);
void memory_groups_finish(struct memory_store *store);

void memory_timeline_retire(struct memory_store *store, struct memory_record *record);
void memory_timeline_free(struct memory_record *record);

#endif
