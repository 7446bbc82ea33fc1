/* One run of a command under proctrack-run: its pipes, what came out of them, how it ended. Knows
 * nothing of processes and leases. On the loop's thread. */
#ifndef ANALYZER_COMMAND_H
#define ANALYZER_COMMAND_H

#include "analyzer/analyzer_output.h"
#include "analyzer/analyzer_progress.h"
#include "proctrack/analyzer_pool.h"

#include <uv.h>

#define COMMAND_READ_SIZE ((size_t)64 * 1024)

/* What is needed to start; all borrowed until `ended` runs, argv and environment only until
 * analyzer_command_start() returns. */
struct command_start {
    struct loop *loop;
    const char *runner;
    char **argv;
    char **environment; /* the whole one; NULL-ended */
    const char *directory;
    struct span input;
    size_t max_output;
    char *read_buffer; /* COMMAND_READ_SIZE bytes; commands of one loop may share it */
};

enum command_ending {
    COMMAND_ENDED,       /* by itself or by a signal: `usage` says how */
    COMMAND_NOT_STARTED, /* `start_errno` says why */
    COMMAND_LOST,        /* proctrack-run ended without a report, by `runner_signal` */
};

enum command_pipe { PIPE_INPUT, PIPE_OUTPUT, PIPE_LOG, PIPE_PROGRESS, PIPE_REPORT, PIPE_COUNT };

struct analyzer_command {
    /* the owner's, set before the start */
    void (*progressed)(struct analyzer_command *command); /* progress.latest is new */
    void (*overflowed)(struct analyzer_command *command); /* more than max_output; once */
    void (*ended)(struct analyzer_command *command);      /* once; nothing is open any more */

    /* complete when `ended` runs */
    struct text_buffer output;
    struct log_tail log;
    struct progress_lines progress;
    enum command_ending ending;
    int start_errno, runner_signal;
    struct process_usage usage;

    /* private */
    struct command_start start;
    uv_process_t process;
    uv_pipe_t pipes[PIPE_COUNT];
    uv_write_t write;
    struct loop_timer *linger;
    struct text_buffer report;
    int open_handles;
    bool overflow, running;
};

/* `ended` runs exactly once, later, also when the command could not be started. False if no
 * memory: then nothing was begun, and `ended` never runs. */
bool analyzer_command_start(struct analyzer_command *command, const struct command_start *start);
/* To proctrack-run: SIGTERM reaches the command's group, SIGUSR1 kills it. */
void analyzer_command_signal(struct analyzer_command *command, int signo);
/* After `ended`, or when the start returned false. */
void analyzer_command_finish(struct analyzer_command *command);

#endif
