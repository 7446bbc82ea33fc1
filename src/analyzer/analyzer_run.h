/* One run of one claimed process: the command, the lease, and the reports on it. On the loop's
 * thread. */
#ifndef ANALYZER_RUN_H
#define ANALYZER_RUN_H

#include "proctrack/analyzer_pool.h"

/* What all runs of a pool share. */
struct run_context {
    struct loop *loop;
    struct process_manager *manager;
    const char *runner;
    int64_t cancel_grace_ms, lease_ms;
    char *read_buffer; /* COMMAND_READ_SIZE bytes */
};

struct analyzer_run;

/* Runs the process (borrowed only for this call), which was claimed at claimed_at (loop_now_ms).
 * `ended` runs exactly once, later, as the last thing: then the run is gone. NULL if no memory:
 * then the lease is left to lapse. */
struct analyzer_run *analyzer_run_start(const struct run_context *context,
                                        const struct analyzer *analyzer,
                                        const struct process *process, int64_t claimed_at,
                                        void (*ended)(void *arg), void *arg);
/* There may be a cancel request: renew the lease soon, the answer tells. */
void analyzer_run_kick(struct analyzer_run *run);
/* End the command and hand the process back; what has ended already is still reported. */
void analyzer_run_stop(struct analyzer_run *run);

#endif
