/* Analyzers: commands configured for a type, run by the server itself as a worker like any other:
 * it claims, renews, reports and completes through the manager. On the manager's loop. */
#ifndef PROCTRACK_ANALYZER_POOL_H
#define PROCTRACK_ANALYZER_POOL_H

#include "proctrack/loop.h"
#include "proctrack/process_manager.h"

/* --- configuration ------------------------------------------------------------------------------
 */

struct analyzer {
    struct span type;
    char **argv;             /* NULL-ended, no shell */
    char **environment;      /* names that are passed on from our own environment; NULL-ended */
    char *directory;         /* working directory, or NULL: ours */
    int concurrency;         /* slots */
    int64_t timeout_ms;      /* per run, unless the process has a shorter one; 0: none */
    size_t max_output_bytes; /* of stdout */
};

struct analyzer_set {
    struct analyzer *analyzers;
    size_t count;
};

/* Adds what the file (JSON) says. On false ret_why says what is wrong and where. */
bool analyzer_set_load(struct analyzer_set *set, const char *path, char *ret_why, size_t why_size);
/* Adds one from `type=command argument …` (quotes and backslashes as a shell splits words, but
 * nothing is expanded). */
bool analyzer_set_add(struct analyzer_set *set, const char *definition, char *ret_why,
                      size_t why_size);
void analyzer_set_finish(struct analyzer_set *set);

/* --- the pool -----------------------------------------------------------------------------------
 */

struct analyzer_pool;

struct analyzer_pool_options {
    const struct analyzer_set *set; /* is copied */
    const char *instance;    /* workers are called <instance>/analyzer-<n>; outlives the pool */
    const char *runner;      /* path of proctrack-run; likewise */
    int64_t cancel_grace_ms; /* between TERM and KILL */
    int64_t lease_ms;        /* of a claim; renewed at a third of it */
    int64_t poll_ms;         /* idle slots look for work of other instances this often where the
                                repository does not tell of it, and after a look that failed */
};

/* NULL if no memory. */
struct analyzer_pool *analyzer_pool_create(struct loop *loop, struct process_manager *manager,
                                           const struct analyzer_pool_options *options);
/* Other analyzers from now on: those of the set, and poll_ms; the other options as before. What
 * runs, or has been claimed, ends as it began. A type that is not there any more is not claimed any
 * more; one with another number of slots has no more new runs than that leaves. False if no memory:
 * then all is as it was. Not from inside a call of the pool's. */
bool analyzer_pool_configure(struct analyzer_pool *pool,
                             const struct analyzer_pool_options *options);
/* There may be work, or a cancel request: look now. */
void analyzer_pool_kick(struct analyzer_pool *pool);
/* Starts nothing more; ends what runs (TERM, KILL after the grace) and hands its processes back as
 * pending; `drained` runs once on the loop when no command and no call is left. */
void analyzer_pool_stop(struct analyzer_pool *pool, void (*drained)(void *arg), void *arg);
void analyzer_pool_destroy(struct analyzer_pool *pool); /* after drained; NULL is fine */

struct analyzer_load {
    struct span type;
    int slots, busy;
};
/* The load of a type; no slots when no analyzer of the set serves it. */
struct analyzer_load analyzer_pool_load(const struct analyzer_pool *pool, struct span type);

#endif
