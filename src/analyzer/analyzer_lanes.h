/* The pool's lanes: a type each, with the slots in which processes of it run. On the loop's
 * thread. */
#ifndef ANALYZER_LANES_H
#define ANALYZER_LANES_H

#include "analyzer/analyzer_definition.h"
#include "analyzer/analyzer_run.h"

struct lane;

struct slot {
    struct lane *lane;
    struct analyzer_run *run;               /* NULL: free */
    struct analyzer_definition *definition; /* while it claims or runs */
    size_t number;                          /* of the worker, from 0 */
    char worker[PROCESS_WORKER_MAX + 1];
};

struct lane {
    struct analyzer_pool *pool;
    char type_text[PROCESS_TYPE_MAX + 1];
    struct span type;
    struct analyzer_definition *definition; /* NULL: it is not served any more */
    struct slot **slots;                    /* no fewer than the definition says */
    int slot_count;
    int busy;
    struct process_claim claim;
    bool claim_open;
    bool look_again; /* after the open claim */
    bool failed;     /* the last claim: nobody listens for it */
    int64_t claimed_at;
    int64_t idle_since; /* when a claim last found nothing; INT64_MIN: look at once */
    struct slot *claim_slot;
};

struct lanes {
    struct analyzer_pool *pool;
    const char *instance;
    struct lane **items;
    size_t count;
    bool *taken; /* which numbers of workers are */
    size_t taken_size;
};

void lanes_init(struct lanes *lanes, struct analyzer_pool *pool, const char *instance);
/* When none is busy. */
void lanes_finish(struct lanes *lanes);

/* Serves the analyzers of the set from now on, and no others. False if no memory: then all is as
 * it was. */
bool lanes_configure(struct lanes *lanes, const struct analyzer_set *set);
/* Drops those that are not served any more, once nothing of them runs. */
void lanes_prune(struct lanes *lanes);
struct lane *lanes_find(const struct lanes *lanes, struct span type);

/* One that may claim; NULL: all that the definition allows are busy, or there is none. */
struct slot *lane_free_slot(const struct lane *lane);
bool lane_is_at_rest(const struct lane *lane);

#endif
