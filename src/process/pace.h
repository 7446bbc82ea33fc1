/* When a client should ask again, and when a process should be done: the arithmetic, and the run
 * times that it goes by. No clock, no chance and no repository in here: they are handed in. */
#ifndef PROCESS_PACE_H
#define PROCESS_PACE_H

#include "proctrack/process_manager.h"

/* How long a process of some type ran, from the start of its last attempt. */
struct pace_run {
    int64_t ended_at; /* wall clock ms */
    int64_t ms;
};

/* The latest run times of a type. All zeros: none. */
struct pace_history {
    size_t count;
    struct pace_run runs[PACE_HISTORY]; /* in the order of their ends, roughly */
    int64_t sorted[PACE_HISTORY];       /* their ms, the shortest first */
};

/* Takes the place of the oldest when there are PACE_HISTORY. */
void pace_history_add(struct pace_history *history, struct pace_run run);
/* Up to PACE_HISTORY that may be known already: the latest of all are kept. Returns whether some
 * were new. */
bool pace_history_merge(struct pace_history *history, const struct pace_run *runs, size_t count);

struct pace_basis {
    const struct pace_history *history; /* NULL: none */
    int64_t now;                        /* wall clock ms */
    int busy_percent;                   /* of the loop's thread */
    uint32_t chance;                    /* random */
};
void pace_advise(const struct pace_basis *basis, const struct process *process,
                 struct process_pace *ret_pace);

#endif
