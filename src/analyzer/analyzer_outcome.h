/* What a finished run reports: the one place that turns the end of a command into an event. */
#ifndef ANALYZER_OUTCOME_H
#define ANALYZER_OUTCOME_H

#include "analyzer/analyzer_command.h"

/* Why a run was ended from our side. */
enum run_cause {
    CAUSE_NONE,     /* it was not */
    CAUSE_TIMEOUT,  /* the process's timeout or the analyzer's */
    CAUSE_DEADLINE, /* the process's, over all attempts */
    CAUSE_CANCEL,   /* somebody asked for it */
    CAUSE_STOP,     /* the pool stops: the process goes back unharmed */
    CAUSE_OUTPUT,   /* more output than allowed */
    CAUSE_LOST,     /* the lease is another's, or cannot be renewed: nothing is reported */
};

struct run_outcome {
    enum process_event event;
    bool retryable;
    struct text_buffer result, error, usage; /* filled as the event needs them */
};

/* Exit status 0 completes; any other fails, to be tried again unless it is EX_USAGE (64) or
 * EX_DATAERR (65) of sysexits.h, which say that the same input will fail again. For CAUSE_STOP the
 * command may be one that was never started. False if no memory. */
bool run_outcome_init(struct run_outcome *outcome, enum run_cause cause,
                      const struct analyzer_command *command, const struct analyzer *analyzer,
                      int attempt);
void run_outcome_finish(struct run_outcome *outcome);

#endif
