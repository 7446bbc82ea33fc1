/* Types and workers as the memory repository knows them: the queue of each type, whether it is
 * paused, who looks for it, and what each worker runs.
 *
 * Clients choose the names. A type or worker that nothing hangs on any more is idle; the idle ones
 * are forgotten after a while, and the longest idle at once where there would be too many. */
#ifndef REPOSITORY_MEMORY_PEOPLE_H
#define REPOSITORY_MEMORY_PEOPLE_H

#include "proctrack/list.h"
#include "repository/ordered_index.h"
#include "repository/text_map.h"

#define PEOPLE_TYPES_MAX      10000 /* names, unless more of them are in use */
#define PEOPLE_WORKERS_MAX    10000
#define PEOPLE_PRESENCES_MAX  100000
#define PEOPLE_PRUNE_MAX      1000 /* of each, in one step */
#define PEOPLE_TYPE_IDLE_MS   (INT64_C(3600) * 1000)
#define PEOPLE_WORKER_IDLE_MS (INT64_C(86400) * 1000)

struct memory_type {
    struct text_map_entry by_type;
    struct index_node by_name;
    struct index_node by_use;      /* while nothing waits or runs and it is not paused */
    struct process_id id;          /* random: it balances the indexes */
    struct ordered_index waiting;  /* claimable processes */
    struct ordered_index presence; /* who looked for it, by when */
    int64_t running;
    int64_t looked_at; /* when a worker last looked for it */
    int64_t used_at;   /* ... or a process was created */
    bool paused;
    uint64_t place; /* where that was changed last, see memory_store.h */
    char name[];
};

struct memory_worker {
    struct text_map_entry by_name;
    struct index_node by_seen;
    struct index_node by_idle; /* the same, while it runs nothing */
    struct process_id id;      /* random */
    struct ordered_index held; /* what it runs, by start */
    struct list_link presence;
    char name[];
};

/* That one worker looked for one type. */
struct memory_presence {
    struct text_map_entry by_pair;
    struct index_node by_seen; /* in the type */
    struct list_link of_worker;
    struct list_link by_age;
    struct memory_presence_pair {
        struct memory_type *type;
        struct process_id worker;
    } pair;
};

struct memory_people {
    struct text_map types, workers, presences;
    struct ordered_index type_names, idle_types;
    struct ordered_index seen_workers, idle_workers;
    struct list_link presence_ages; /* the first was seen longest ago */
};

bool memory_people_init(struct memory_people *people); /* false: no memory */
void memory_people_finish(struct memory_people *people);
/* Forgets who and what has been idle for long enough, a bounded number at a time. */
void memory_people_prune(struct memory_people *people, int64_t now);

struct memory_type *memory_type_find(const struct memory_people *people, struct span name);
/* Makes it where it is not known; NULL if no memory. What is idle may be forgotten for it. */
struct memory_type *memory_type_need(struct memory_people *people, struct span name, int64_t now);
/* The same for a name that nothing is stored for: NULL also when they are full. */
struct memory_type *memory_type_note(struct memory_people *people, struct span name, int64_t now);
/* There are as many names as there may be, and none is idle. */
bool memory_types_are_full(const struct memory_people *people);
void memory_type_used(struct memory_people *people, struct memory_type *type, int64_t now);
/* To be called after what makes it idle, or no longer. */
void memory_type_settle(struct memory_people *people, struct memory_type *type);

struct memory_worker *memory_worker_find(const struct memory_people *people, struct span name);
/* Makes it where it is not known, and notes that it was seen, unless it was later; NULL if no
 * memory. What is idle may be forgotten for it. */
struct memory_worker *memory_worker_seen(struct memory_people *people, struct span name,
                                         int64_t now);
void memory_worker_hold(struct memory_people *people, struct memory_worker *worker,
                        struct index_node *node, int64_t start, const struct process_id *id);
void memory_worker_let_go(struct memory_people *people, struct memory_worker *worker,
                          struct index_node *node);
/* The worker looks for the type of this name. Without memory nothing is noted. */
void memory_worker_looks(struct memory_people *people, struct memory_worker *worker,
                         struct span name, int64_t now);

/* --- between memory_types.c and memory_workers.c ------------------------------------------------
 */

void memory_presence_drop(struct memory_people *people, struct memory_presence *presence);
void memory_types_prune(struct memory_people *people, int64_t before);
void memory_workers_prune(struct memory_people *people, int64_t before);

#endif
