/* What the files of the memory repository share:
 *   memory_repository.c  its life, get, events, ping
 *   memory_create.c      create, create_batch
 *   memory_change.c      transition, remove, advance
 *   memory_claim.c       claim
 *   memory_walk.c        list, counts, sweep
 *   memory_state.c       standing, group, types, workers, pause */
#ifndef REPOSITORY_MEMORY_CALLS_H
#define REPOSITORY_MEMORY_CALLS_H

#include "proctrack/memory_repository.h"
#include "repository/memory_store.h"

struct memory_repository {
    struct process_repository base;
    struct memory_store store;
    int finishing; /* calls whose done() is running, one inside the other */
};

struct memory_repository *memory_repository(struct process_repository *base);

/* Ends the call. What it gave out stays readable while its done() runs, even if that changes or
 * removes the same process by further calls. */
void memory_finish(struct memory_repository *repository, struct process_op *op, enum err result);

/* NOT_FOUND or GONE, with *ret_record NULL, when there is none. */
enum err memory_find(const struct memory_store *store, const struct process_id *id,
                     struct memory_record **ret_record);

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

#endif
