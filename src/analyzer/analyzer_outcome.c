#include "analyzer/analyzer_outcome.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#define MESSAGE_MAX ((size_t)16 * 1024) /* the longest path and more */

struct failure {
    const char *code;
    bool retryable;
    struct text_buffer message;
};

static void describe_exit(struct failure *failure, const struct process_usage *usage)
{
    if (usage->signal != 0) {
        const char *name = sigdescr_np(usage->signal);
        failure->code = "signal";
        failure->retryable = true;
        text_append_format(&failure->message, "ended by signal %d (%s)", usage->signal,
                           name != NULL ? name : "unknown");
    } else {
        failure->code = "exit_status";
        failure->retryable = usage->exit_code != EX_USAGE && usage->exit_code != EX_DATAERR;
        text_append_format(&failure->message, "exit status %d", usage->exit_code);
    }
}

/* Want of resources passes; a missing program stays missing. */
static bool start_error_passes(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
           error == ETXTBSY;
}

static void describe_start(struct failure *failure, const struct analyzer *analyzer, int error)
{
    const char *why = strerrordesc_np(error);
    failure->code = "not_started";
    failure->retryable = start_error_passes(error);
    text_append_literal(&failure->message, "cannot start ");
    output_append_repaired(&failure->message, span_of(analyzer->argv[0]));
    text_append_format(&failure->message, ": %s", why != NULL ? why : "unknown error");
}

static void describe_lost(struct failure *failure, int signo)
{
    failure->code = "runner_lost";
    failure->retryable = true;
    text_append_format(&failure->message, "proctrack-run ended without a report, by signal %d",
                       signo);
}

static void describe(struct failure *failure, enum run_cause cause,
                     const struct analyzer_command *command, const struct analyzer *analyzer)
{
    if (cause == CAUSE_TIMEOUT) {
        failure->code = "timeout";
        failure->retryable = true;
        text_append_literal(&failure->message, "the attempt ran longer than its timeout");
        return;
    }
    if (cause == CAUSE_DEADLINE) {
        failure->code = "deadline_exceeded";
        failure->retryable = false;
        text_append_literal(&failure->message, "its deadline passed before it was done");
        return;
    }
    if (cause == CAUSE_OUTPUT) {
        failure->code = "output_too_large";
        failure->retryable = false;
        text_append_format(&failure->message, "the command wrote more than %zu bytes",
                           analyzer->max_output_bytes);
        return;
    }
    switch (command->ending) {
    case COMMAND_ENDED:
        describe_exit(failure, &command->usage);
        break;
    case COMMAND_NOT_STARTED:
        describe_start(failure, analyzer, command->start_errno);
        break;
    case COMMAND_LOST:
        describe_lost(failure, command->runner_signal);
        break;
    }
}

static void make_error(struct run_outcome *outcome, enum run_cause cause,
                       const struct analyzer_command *command, const struct analyzer *analyzer,
                       int attempt)
{
    struct failure failure = {.code = "", .retryable = false};
    text_buffer_init(&failure.message, MESSAGE_MAX);
    describe(&failure, cause, command, analyzer);
    struct text_buffer log;
    text_buffer_init(&log, (size_t)3 * LOG_TAIL_MAX);
    log_tail_append(&log, &command->log);
    struct span text = log.len > 0 ? text_buffer_span(&log) : SPAN_NONE;
    process_error_append(&outcome->error, failure.code, text_buffer_span(&failure.message),
                         failure.retryable, attempt, text);
    outcome->retryable = failure.retryable;
    outcome->error.failed |= failure.message.failed || log.failed;
    text_buffer_finish(&failure.message);
    text_buffer_finish(&log);
}

static enum process_event event_of(enum run_cause cause, const struct analyzer_command *command)
{
    switch (cause) {
    case CAUSE_NONE:
        break;
    case CAUSE_TIMEOUT:
    case CAUSE_DEADLINE:
    case CAUSE_OUTPUT:
        return EVENT_FAIL;
    case CAUSE_CANCEL:
        return EVENT_CANCELED;
    case CAUSE_STOP:
    case CAUSE_LOST:
        return EVENT_RELEASE;
    }
    bool good = command->ending == COMMAND_ENDED && command->usage.exit_code == 0;
    return good ? EVENT_COMPLETE : EVENT_FAIL;
}

bool run_outcome_init(struct run_outcome *outcome, enum run_cause cause,
                      const struct analyzer_command *command, const struct analyzer *analyzer,
                      int attempt)
{
    text_buffer_init(&outcome->result, SIZE_MAX);
    text_buffer_init(&outcome->error, SIZE_MAX);
    text_buffer_init(&outcome->usage, SIZE_MAX);
    outcome->retryable = false;
    outcome->event = event_of(cause, command);
    if (outcome->event == EVENT_COMPLETE)
        output_append_result(&outcome->result, text_buffer_span(&command->output));
    if (outcome->event == EVENT_FAIL)
        make_error(outcome, cause, command, analyzer, attempt);
    if (outcome->event != EVENT_RELEASE)
        process_usage_append(&outcome->usage, &command->usage);
    return !outcome->result.failed && !outcome->error.failed && !outcome->usage.failed;
}

void run_outcome_finish(struct run_outcome *outcome)
{
    text_buffer_finish(&outcome->result);
    text_buffer_finish(&outcome->error);
    text_buffer_finish(&outcome->usage);
}
