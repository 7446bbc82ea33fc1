/* What the two files of a run share; the essay on it is in analyzer_run.c. */
#ifndef ANALYZER_RUN_PRIVATE_H
#define ANALYZER_RUN_PRIVATE_H

#include "analyzer/analyzer_command.h"
#include "analyzer/analyzer_outcome.h"
#include "analyzer/analyzer_run.h"
#include "proctrack/trace_context.h"

#define NEVER INT64_MAX

enum run_state { RUN_RUNNING, RUN_ENDING, RUN_REPORTING, RUN_OVER };

struct analyzer_run {
    const struct run_context *context;
    const struct analyzer *analyzer;
    void (*ended)(void *arg);
    void *arg;

    struct process_id id;
    char token[LEASE_TOKEN_TEXT_SIZE];
    char traceparent[TRACEPARENT_SIZE]; /* empty: none */
    char *input;
    size_t input_len;
    int attempt;

    enum run_state state;
    enum run_cause cause, timeout_cause; /* the second: what timeout_at stands for */
    struct analyzer_command command;
    bool command_open;
    bool progress_due; /* command.progress.latest has not been sent */
    bool has_outcome;
    struct run_outcome outcome;

    struct repo_transition call;
    bool call_open;
    int64_t sent_at;             /* of the open call */
    struct text_buffer progress; /* of the open call */

    /* loop_now_ms or NEVER */
    int64_t timeout_at, kill_at, heartbeat_at, progress_at, retry_at;
    int64_t last_heartbeat; /* when the lease was last renewed, or tried to be */
    int64_t lease_end;      /* by our own clock */
    int64_t give_up_at;     /* stopping: unanswered reports are repeated until then */
    int64_t retry_pause;

    struct loop_task step;
    struct loop_timer *timer;
};

static inline int64_t run_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* analyzer_run.c */
void run_touch(struct analyzer_run *run); /* step soon */
/* Another worker may have the process by now: ends the run, nothing more is sent. */
void run_lose(struct analyzer_run *run);
/* Ends the command when the process shows a cancel request. */
void run_note_cancel(struct analyzer_run *run, const struct process *process);

/* analyzer_run_calls.c */
int64_t run_heartbeat_period(const struct run_context *context);
void run_send_next(struct analyzer_run *run, int64_t now); /* what is due, if anything */
int64_t run_next_send(const struct analyzer_run *run);     /* when something will be, or NEVER */

#endif
