/* What has become of processes, in numbers by type: what one manager counts, and the sum of
 * several. Each event is counted once over all managers of all instances, by the one that it passed
 * through; what lapses and expires by the one whose step of the schedule did it. One thread. */
#ifndef PROCTRACK_PROCESS_NUMBERS_H
#define PROCTRACK_PROCESS_NUMBERS_H

#include "proctrack/metric.h"
#include "proctrack/process.h"

#include <pthread.h>

/* Clients choose the names: those that come after so many are counted together. */
#define PROCESS_NUMBERS_TYPES 100
#define PROCESS_NUMBERS_OTHER "(other)" /* no type can be called so */

/* The names that are counted by themselves, of all managers of an instance, which thus leave out
 * the same ones: a sum then never loses what it has shown. Any thread. */
struct process_type_names {
    pthread_mutex_t lock;
    size_t count;
    char names[PROCESS_NUMBERS_TYPES][PROCESS_TYPE_MAX + 1];
};
#define PROCESS_TYPE_NAMES_INIT           \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }

struct process_type_numbers {
    char type[PROCESS_TYPE_MAX + 1];
    uint64_t created;                        /* not those that were found by their key again */
    uint64_t finished[PROCESS_STATUS_COUNT]; /* of the final ones */
    uint64_t claims;
    uint64_t leases_lost; /* the worker stopped renewing: the process went back, or failed */
    uint64_t retries;     /* another attempt after a failed one, and retries by hand */
    /* From started_at to the end, of runs that were their process's last: those that went back
     * into the queue are left out. */
    struct metric_histogram run;
    struct metric_histogram wait; /* from run_at to the claim, of each attempt */
};

/* What the schedule did; `cleaned` are those that were removed by a clean-up on request. */
struct process_sweep_numbers {
    uint64_t released, lapsed, overdue, expired, cleaned;
};

/* Large: not for the stack of a small thread. */
struct process_numbers {
    struct process_sweep_numbers swept;
    struct process_type_names *names; /* set after init, or NULL: nobody shares them */
    size_t count; /* of types; the first is that of all others, and always there */
    struct process_type_numbers types[1 + PROCESS_NUMBERS_TYPES];
    /* private */
    unsigned char slots[256];                      /* by hash of the name: its index, or 0 */
    unsigned char lens[1 + PROCESS_NUMBERS_TYPES]; /* of the names */
    unsigned char recent[64];                      /* by some of its letters, likewise */
};

void process_numbers_init(struct process_numbers *numbers);
/* The numbers of that type, which are begun where there are none yet; beyond the bound, those of
 * all others. */
struct process_type_numbers *process_numbers_of(struct process_numbers *numbers, struct span type);
/* By the types' names; within the same bound. */
void process_numbers_merge(struct process_numbers *into, const struct process_numbers *from);

#endif
