/* A run goes through four states, and never back:
 *
 *   RUNNING    the command runs; heartbeats renew the lease, progress is passed on
 *   ENDING     it was told to end (TERM, then KILL at kill_at), `cause` says why; heartbeats go on
 *   REPORTING  it has ended; the outcome is sent, with its last progress, until one arrives
 *   OVER       nothing is left to send; the run goes when no call and no command is open
 *
 * Whatever happens (output, timers, answers) only notes what it changes and defers step(), the one
 * place that acts. At most one call to the manager is open: so reports arrive in order, and of the
 * progress that comes meanwhile only the latest is kept. An answer that leaves the outcome open
 * (storage unavailable, too slow) makes the call due again after a pause, while the lease lives by
 * our own clock; an answer that says the process is not ours any more ends the run unreported. */
#include "analyzer/analyzer_run_private.h"

#include "analyzer/analyzer_environment.h"
#include "proctrack/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_KICKED_MS 100 /* kicks renew the lease no more often */
/* Left for the report before a cancel is forced, and of a short grace a part. */
#define CANCEL_DEADLINE_KEEP_MS 1000
#define CANCEL_KEPT_PART        4

void run_touch(struct analyzer_run *run)
{
    loop_defer(run->context->loop, &run->step);
}

static struct log_field trace_of(const struct analyzer_run *run)
{
    const struct span traceparent =
        run->traceparent[0] != '\0' ? span_of(run->traceparent) : SPAN_NONE;
    return log_span("trace_id", traceparent_trace_id(traceparent));
}

static void log_run(enum log_level level, const struct analyzer_run *run, const char *what,
                    struct log_field detail)
{
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&run->id, id);
    log_at(level, what, log_text("process_id", id), log_span("type", run->analyzer->type),
           log_int("attempt", run->attempt), trace_of(run), detail);
}

/* --- ending the command -------------------------------------------------------------------------
 */

static void kill_command(struct analyzer_run *run)
{
    analyzer_command_signal(&run->command, SIGUSR1);
    run->kill_at = NEVER;
}

/* The first cause stays: what comes while the command is ending changes nothing. */
static void end_command(struct analyzer_run *run, enum run_cause cause, int64_t grace_ms)
{
    if (run->state != RUN_RUNNING)
        return;
    run->state = RUN_ENDING;
    run->cause = cause;
    run->timeout_at = NEVER;
    if (grace_ms > 0) {
        analyzer_command_signal(&run->command, SIGTERM);
        run->kill_at = loop_now_ms(run->context->loop) + grace_ms;
    } else {
        kill_command(run);
    }
}

void run_lose(struct analyzer_run *run)
{
    log_run(LOG_WARN, run, "analyzer run lost its lease", LOG_END);
    if (!run->command_open) {
        run->state = RUN_OVER;
        return;
    }
    end_command(run, CAUSE_LOST, 0);
    run->cause = CAUSE_LOST; /* also when it was ending already */
    kill_command(run);
}

void run_note_cancel(struct analyzer_run *run, const struct process *process)
{
    if (process->cancel_requested_at == TIME_NONE || run->state != RUN_RUNNING)
        return;
    int64_t grace = run->context->cancel_grace_ms;
    int64_t keep = run_earlier(CANCEL_DEADLINE_KEEP_MS, grace / CANCEL_KEPT_PART);
    int64_t left = process->cancel_deadline - clock_wall_ms() - keep;
    if (process->cancel_deadline != TIME_NONE && left < grace)
        grace = left > 0 ? left : 0;
    end_command(run, CAUSE_CANCEL, grace);
}

/* --- the command's events -----------------------------------------------------------------------
 */

static struct analyzer_run *run_of(struct analyzer_command *command)
{
    return container_of(command, struct analyzer_run, command);
}

static void on_progressed(struct analyzer_command *command)
{
    run_of(command)->progress_due = true;
    run_touch(run_of(command));
}

static void on_overflowed(struct analyzer_command *command)
{
    end_command(run_of(command), CAUSE_OUTPUT, 0);
    run_touch(run_of(command));
}

static void log_end(const struct analyzer_run *run)
{
    const struct analyzer_command *command = &run->command;
    switch (command->ending) {
    case COMMAND_ENDED:
        log_run(LOG_INFO, run, "analyzer command ended",
                command->usage.signal != 0 ? log_int("signal", command->usage.signal)
                                           : log_int("exit", command->usage.exit_code));
        break;
    case COMMAND_NOT_STARTED:
        log_run(LOG_ERROR, run, "analyzer command not started",
                log_text("error", strerror(command->start_errno)));
        break;
    case COMMAND_LOST:
        log_run(LOG_ERROR, run, "analyzer command lost: proctrack-run was ended",
                log_int("signal", command->runner_signal));
        break;
    }
    if (command->progress.ignored > 0)
        log_run(LOG_WARN, run, "analyzer wrote progress lines that were ignored",
                log_int("lines", (int64_t)command->progress.ignored));
}

/* From here on the run only reports. */
static void start_reporting(struct analyzer_run *run)
{
    run->timeout_at = run->kill_at = NEVER;
    run->state = RUN_REPORTING;
    run->has_outcome = true;
    if (run->cause == CAUSE_LOST) {
        run->state = RUN_OVER;
    } else if (!run_outcome_init(&run->outcome, run->cause, &run->command, run->analyzer,
                                 run->attempt)) {
        run_lose(run);
    }
}

static void on_ended(struct analyzer_command *command)
{
    struct analyzer_run *run = run_of(command);
    run->command_open = false;
    log_end(run);
    start_reporting(run);
    run_touch(run);
}

/* --- the one place that acts --------------------------------------------------------------------
 */

static void destroy(struct analyzer_run *run)
{
    if (run == NULL)
        return;
    loop_task_cancel(&run->step);
    loop_timer_destroy(run->timer);
    analyzer_command_finish(&run->command);
    if (run->has_outcome)
        run_outcome_finish(&run->outcome);
    text_buffer_finish(&run->progress);
    free(run->input);
    free(run);
}

static void step(struct loop_task *task)
{
    struct analyzer_run *run = container_of(task, struct analyzer_run, step);
    int64_t now = loop_now_ms(run->context->loop);
    if (now >= run->timeout_at)
        end_command(run, run->timeout_cause, run->context->cancel_grace_ms);
    if (now >= run->kill_at)
        kill_command(run);
    run_send_next(run, now);
    if (run->state == RUN_OVER && !run->call_open && !run->command_open) {
        void (*ended)(void *arg) = run->ended;
        void *arg = run->arg;
        destroy(run);
        ended(arg);
        return;
    }
    int64_t due = run_earlier(run_earlier(run->timeout_at, run->kill_at), run_next_send(run));
    if (due == NEVER)
        loop_timer_stop(run->timer);
    else
        loop_timer_start(run->timer, due > now ? due - now : 0);
}

static void on_timer(void *arg)
{
    run_touch(arg);
}

/* --- start --------------------------------------------------------------------------------------
 */

static bool copy_process(struct analyzer_run *run, const struct process *process)
{
    struct span input = process->input.data != NULL ? process->input : SPAN("null");
    run->id = process->id;
    run->attempt = process->attempt;
    run->input = malloc(input.len);
    if (run->input == NULL || !text_copy(run->token, sizeof(run->token), process->lease_token) ||
        !text_copy(run->traceparent, sizeof(run->traceparent), process->traceparent))
        return false;
    memcpy(run->input, input.data, input.len);
    run->input_len = input.len;
    return true;
}

/* The analyzer's limit, the process's, or what is left until its deadline: whichever ends first. */
static void set_timeout(struct analyzer_run *run, const struct process *process)
{
    int64_t limit = run->analyzer->timeout_ms;
    run->timeout_cause = CAUSE_TIMEOUT;
    if (process->timeout_ms > 0 && (limit == 0 || process->timeout_ms < limit))
        limit = process->timeout_ms;
    if (process->deadline != TIME_NONE) {
        int64_t left = process->deadline - clock_wall_ms();
        if (limit == 0 || left <= limit) {
            run->timeout_cause = CAUSE_DEADLINE;
            limit = left > 1 ? left : 1;
        }
    }
    run->timeout_at = limit > 0 ? loop_now_ms(run->context->loop) + limit : NEVER;
}

static bool start_command(struct analyzer_run *run)
{
    struct words environment = {NULL, 0};
    const struct analyzer *analyzer = run->analyzer;
    run->command.progressed = on_progressed;
    run->command.overflowed = on_overflowed;
    run->command.ended = on_ended;
    const struct span traceparent =
        run->traceparent[0] != '\0' ? span_of(run->traceparent) : SPAN_NONE;
    bool ok = environment_build(&environment, analyzer, &run->id, run->attempt, traceparent);
    if (ok) {
        const struct command_start start = {
            .loop = run->context->loop,
            .runner = run->context->runner,
            .argv = analyzer->argv,
            .environment = environment.items,
            .directory = analyzer->directory,
            .input = {run->input, run->input_len},
            .max_output = analyzer->max_output_bytes,
            .read_buffer = run->context->read_buffer,
        };
        ok = run->command_open = analyzer_command_start(&run->command, &start);
    }
    words_finish(&environment);
    return ok;
}

static void set_times(struct analyzer_run *run, const struct process *process, int64_t claimed_at)
{
    set_timeout(run, process);
    run->kill_at = NEVER;
    run->last_heartbeat = claimed_at;
    run->heartbeat_at = claimed_at + run_heartbeat_period(run->context);
    run->lease_end = claimed_at + run->context->lease_ms;
    run->give_up_at = NEVER;
}

struct analyzer_run *analyzer_run_start(const struct run_context *context,
                                        const struct analyzer *analyzer,
                                        const struct process *process, int64_t claimed_at,
                                        void (*ended)(void *arg), void *arg)
{
    struct analyzer_run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    run->context = context;
    run->analyzer = analyzer;
    run->ended = ended;
    run->arg = arg;
    loop_task_init(&run->step, step);
    text_buffer_init(&run->progress, PROGRESS_TEXT_MAX);
    run->timer = loop_timer_create(context->loop, on_timer, run);
    set_times(run, process, claimed_at);
    if (run->timer == NULL || !copy_process(run, process) || !start_command(run)) {
        destroy(run);
        return NULL;
    }
    run_note_cancel(run, process);
    run_touch(run);
    return run;
}

void analyzer_run_kick(struct analyzer_run *run)
{
    run->heartbeat_at = run_earlier(run->heartbeat_at, run->last_heartbeat + HEARTBEAT_KICKED_MS);
    run_touch(run);
}

void analyzer_run_stop(struct analyzer_run *run)
{
    run->give_up_at = loop_now_ms(run->context->loop) + run->context->cancel_grace_ms;
    end_command(run, CAUSE_STOP, run->context->cancel_grace_ms);
    run_touch(run);
}
