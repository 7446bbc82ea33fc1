/* What the files of the memory repository share:
 *   memory_repository.c  its life, get, events, ping
 *   memory_create.c      create, create_batch
 *   memory_change.c      transition, remove, advance
 *   memory_claim.c       claim
 *   memory_walk.c        list, counts, sweep
 *   memory_state.c       standing, group, types, workers, pause
 *   memory_dump.c        dump, restore
 *   memory_snapshot.c    snapshot
 *   memory_audit.c       audit
 *   memory_commit.c      when calls are finished, and who is told of changes
 *   memory_journal.c     what is written of each change
 *   memory_replay.c      what is made of that at the next start */
#ifndef REPOSITORY_MEMORY_CALLS_H
#define REPOSITORY_MEMORY_CALLS_H

#include "proctrack/disk_watch.h"
#include "proctrack/memory_repository.h"
#include "proctrack/repository_item.h"
#include "repository/memory_store.h"

#include <stddef.h>

/* Calls that wait for the journal, and what they read that is out of the store by now. All that
 * begin to wait while older ones do are the next generation. */
struct memory_generation {
    struct list_link changes; /* changes, and reads of single records */
    struct list_link views;   /* lists and the like: they show what there is when nothing can be
                                 stored */
    struct memory_block *retired;
};

struct memory_repository {
    struct process_repository base;
    struct memory_store store;
    int finishing;           /* calls whose done() is running, one inside the other */
    struct journal *journal; /* NULL: memory only; so is all below */
    struct memory_generation generations[2];
    unsigned newer; /* of the two; what it has retired is in the store */
    struct memory_snapshot *snapshot;
    struct disk_watch *watch;
    struct memory_replay *replay; /* while it is opened */
};

struct memory_repository *memory_repository(struct process_repository *base);

/* --- finishing: memory_commit.c -----------------------------------------------------------------
 *
 * What a call gave out stays readable while its done() runs, even if that changes or removes the
 * same process by further calls. */

/* At once. */
void memory_finish(struct memory_repository *repository, struct process_op *op, enum err result);

/* An array that a call gives out; NULL if no memory. */
struct memory_array {
    struct memory_block block;
    _Alignas(max_align_t) char items[];
};
struct memory_array *memory_array_new(size_t count, size_t item_size);
static inline void *memory_array_items(struct memory_array *array) /* of NULL: NULL */
{
    return array != NULL ? array->items : NULL;
}
static inline struct memory_block *memory_array_block(struct memory_array *array) /* likewise */
{
    return array != NULL ? &array->block : NULL;
}

/* Finishes the call as soon as the journal has stored all up to that place; when it cannot, with
 * its error. Takes `given`, which may be NULL: what the call gives out beside what is stored. */
void memory_answer(struct memory_repository *repository, struct process_op *op, enum err result,
                   uint64_t place, struct memory_block *given);
/* The same for a list: when the journal cannot store, it shows what there is. */
void memory_show(struct memory_repository *repository, struct process_op *op, enum err result,
                 uint64_t place, struct memory_block *given);

static inline uint64_t memory_later(uint64_t place, uint64_t other)
{
    return place > other ? place : other;
}

void memory_commit_init(struct memory_repository *repository);
/* After the journal has moved on, or was closed. */
void memory_commit_progress(struct memory_repository *repository);
void memory_commit_count(struct memory_repository *repository); /* for base.durability */
void memory_commit_finish(struct memory_repository *repository);

/* --- writing: memory_journal.c ------------------------------------------------------------------
 *
 * Before each change it is written what it will do: then the change is made, with the place
 * store->place, and then memory_written() says whether it was. Not OK: it cannot be written, and so
 * nothing may be changed. Without a journal all is OK and nothing is written. */

enum err memory_write_create(struct memory_repository *repository, const struct repo_create *call);
enum err memory_write_batch(struct memory_repository *repository,
                            const struct repo_create_batch *call);
/* `entry` or NULL: what its timeline gets. */
enum err memory_write_change(struct memory_repository *repository, const struct process *after,
                             const struct memory_entry *entry);
enum err memory_write_removal(struct memory_repository *repository, const struct process_id *id,
                              int64_t tombstone_until);
enum err memory_write_pause(struct memory_repository *repository, struct span type, bool paused);
enum err memory_write_item(struct memory_repository *repository, const struct repo_item *item);
void memory_written(struct memory_repository *repository, bool done);

/* --- the journal's life -------------------------------------------------------------------------
 */

/* memory_replay.c: as in struct journal_options. */
struct memory_replay {
    struct memory_store *store;
    int64_t now;
    struct repo_item_storage storage;
};
bool memory_replay(struct memory_replay *replay, enum journal_source source, struct span content,
                   const char **ret_why);

/* memory_snapshot.c */
bool memory_snapshot_init(struct memory_repository *repository); /* false: no memory */
/* Writes one where the journal wants it. */
void memory_snapshot_check(struct memory_repository *repository);
void memory_snapshot_finish(struct memory_repository *repository);

/* --- the calls ----------------------------------------------------------------------------------
 */

/* Removes it, whatever its status; nothing else than OK changes anything. */
enum err memory_remove_record(struct memory_repository *repository, struct memory_record *record,
                              int64_t tombstone_until);

/* NOT_FOUND or GONE, with *ret_record NULL, when there is none. *ret_place is that of what says
 * so. */
enum err memory_find(const struct memory_store *store, const struct process_id *id,
                     struct memory_record **ret_record, uint64_t *ret_place);

/* How many entries of an index by time are due. */
static inline size_t memory_count_due(const struct ordered_index *index, int64_t now)
{
    return index_rank(index, now + 1, NULL);
}

static inline struct process memory_without_input(const struct process *process)
{
    struct process copy = *process;
    copy.input = SPAN_NONE;
    return copy;
}

void memory_create(struct process_repository *base, struct repo_create *call);
void memory_create_batch(struct process_repository *base, struct repo_create_batch *call);
void memory_transition(struct process_repository *base, struct repo_transition *call);
void memory_remove(struct process_repository *base, struct repo_remove *call);
void memory_advance(struct process_repository *base, struct repo_advance *call);
void memory_claim(struct process_repository *base, struct repo_claim *call);
void memory_list(struct process_repository *base, struct repo_list *call);
void memory_counts(struct process_repository *base, struct repo_counts *call);
void memory_sweep(struct process_repository *base, struct repo_sweep *call);
void memory_standing(struct process_repository *base, struct repo_standing *call);
void memory_group(struct process_repository *base, struct repo_group *call);
void memory_types(struct process_repository *base, struct repo_types *call);
void memory_workers(struct process_repository *base, struct repo_workers *call);
void memory_pause(struct process_repository *base, struct repo_pause *call);
void memory_dump(struct process_repository *base, struct repo_dump *call);
void memory_restore(struct process_repository *base, struct repo_restore *call);
void memory_audit(struct process_repository *base, struct repo_audit *call);
void memory_snapshot(struct process_repository *base, struct repo_snapshot *call);

#endif
