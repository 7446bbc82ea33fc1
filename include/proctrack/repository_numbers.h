/* What a repository tells of itself: counters, how full its place is, how well it keeps what it was
 * given. Kept right by the implementation, on its loop's thread. */
#ifndef PROCTRACK_REPOSITORY_NUMBERS_H
#define PROCTRACK_REPOSITORY_NUMBERS_H

#include "proctrack/err.h"
#include "proctrack/metric.h"

#include <stdint.h>

/* What it did, and what went wrong, since start; all but links_up only ever count up. What it has
 * not (a connection, a journal) stays 0. */
struct repository_counters {
    uint64_t damaged;    /* records that could not be read */
    uint64_t healed;     /* index entries dropped because their record was gone */
    uint64_t reconnects; /* connections made after the first */
    uint64_t timeouts;   /* calls that missed their deadline */
    uint64_t links;      /* connections to a server that it should have, */
    uint64_t links_up;   /*     and has now */
    uint64_t commands;   /* sent to the server */
    /* From when the commands of one step were written until the last reply: a command, a
     * transaction or a script. Without those that were never answered, and without waiting for
     * replicas. */
    struct metric_histogram command_latency;
    uint64_t journal_written; /* bytes */
    struct metric_histogram journal_sync_latency;
};
void repository_counters_merge(struct repository_counters *into,
                               const struct repository_counters *from);

/* How full the place is where it is kept, as it was seen a few seconds ago. */
struct repository_fullness {
    int64_t disk_size, disk_free;    /* bytes of the directory's file system, and those of them that
                                        this program may still use; both 0: none, or not known */
    int64_t memory_used, memory_max; /* bytes that Redis counts, and up to which; used 0: not known,
                                        max 0: without a limit, or not known */
    double used_ratio;               /* of the one or the other, 0..1; 0 where it is not known */
};

/* How well it keeps what it was given, for /stats and /healthz; the implementation keeps it right.
 */
struct repository_durability {
    const char
        *mode; /* "none" (memory only), "always", "everysec", "no" (of the journal), "redis" */
    enum err writes; /* OK, or why changes are refused now: FULL, UNAVAILABLE */
    int64_t journal_bytes, snapshot_bytes, snapshot_at; /* as struct journal_numbers; else 0 */
    uint64_t failures;                                  /* batches that could not be stored */
    struct repository_fullness fullness;
};

#endif
