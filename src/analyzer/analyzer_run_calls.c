/* What a run tells the manager. At most one call is open, so that reports arrive in order. */
#include "analyzer/analyzer_run_private.h"

#define HEARTBEAT_MAX_MS 2000 /* a cancel asked elsewhere is noticed after this at the latest */
#define RETRY_MIN_MS     100
#define RETRY_MAX_MS     2000

int64_t run_heartbeat_period(const struct run_context *context)
{
    return run_earlier(context->lease_ms / 3, HEARTBEAT_MAX_MS);
}

enum answer { ANSWER_DONE, ANSWER_UNKNOWN, ANSWER_REFUSED };

static enum answer answer_of(enum err err)
{
    switch (err) {
    case ERR_OK:
        return ANSWER_DONE;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_FULL:
    case ERR_IN_PROGRESS:
    case ERR_NO_MEMORY:
    case ERR_INTERNAL:
        return ANSWER_UNKNOWN;
    case ERR_NOT_FOUND:
    case ERR_GONE:
    case ERR_CONFLICT:
    case ERR_STALE:
    case ERR_LEASE_LOST:
    case ERR_KEY_REUSED:
    case ERR_INVALID:
    case ERR_UNKNOWN_TYPE:
    case ERR_TOO_LARGE:
    case ERR_TOO_MANY_TYPES:
    case ERR_CORRUPT:
    case ERR_UNSUPPORTED:
    case ERR_CANCELED:
        break;
    }
    return ANSWER_REFUSED;
}

static void on_done(struct analyzer_run *run)
{
    run->retry_pause = 0;
    run->lease_end = run->sent_at + run->context->lease_ms;
    if (run->call.change.event == EVENT_HEARTBEAT || run->call.change.event == EVENT_PROGRESS)
        run_note_cancel(run, &run->call.process);
    else
        run->state = RUN_OVER;
}

static void on_unknown(struct analyzer_run *run)
{
    int64_t now = loop_now_ms(run->context->loop);
    if (run->call.change.progress.data != NULL)
        run->progress_due = true;
    if (now >= run_earlier(run->lease_end, run->give_up_at)) {
        run_lose(run);
        return;
    }
    run->retry_pause = run_earlier(RETRY_MAX_MS, run->retry_pause * 2 + RETRY_MIN_MS);
    run->retry_at = now + run->retry_pause;
}

static void on_answer(struct process_op *op)
{
    struct repo_transition *call = container_of(op, struct repo_transition, op);
    struct analyzer_run *run = container_of(call, struct analyzer_run, call);
    run->call_open = false;
    run->retry_at = 0;
    switch (answer_of(op->result)) {
    case ANSWER_DONE:
        on_done(run);
        break;
    case ANSWER_UNKNOWN:
        on_unknown(run);
        break;
    case ANSWER_REFUSED:
        run_lose(run);
        break;
    }
    run_touch(run);
}

static void send_change(struct analyzer_run *run, struct process_change change, int64_t now)
{
    change.token = span_of(run->token);
    change.lease_ms = run->context->lease_ms;
    change.retry_after_ms = -1;
    run->call.id = run->id;
    run->call.change = change;
    run->call_open = true;
    run->sent_at = now;
    /* Each of them renews the lease. */
    run->last_heartbeat = now;
    run->heartbeat_at = now + run_heartbeat_period(run->context);
    process_op_init(&run->call.op, on_answer);
    process_manager_change(run->context->manager, &run->call);
}

/* The latest; absent when there is no memory for it. */
static struct span take_progress(struct analyzer_run *run)
{
    run->progress.len = 0;
    text_append_span(&run->progress, text_buffer_span(&run->command.progress.latest));
    run->progress_due = false;
    if (!run->progress.failed)
        return text_buffer_span(&run->progress);
    text_buffer_finish(&run->progress);
    return SPAN_NONE;
}

/* No sooner than the manager would store it: what it holds back keeps the outcome waiting. */
static void send_progress(struct analyzer_run *run, int64_t now)
{
    struct span progress = take_progress(run);
    run->progress_at = now + PROGRESS_PAUSE_MS;
    if (progress.data != NULL)
        send_change(run, (struct process_change){.event = EVENT_PROGRESS, .progress = progress},
                    now);
}

static struct span present(const struct text_buffer *text)
{
    return text->len > 0 ? text_buffer_span(text) : SPAN_NONE;
}

static void send_outcome(struct analyzer_run *run, int64_t now)
{
    const struct run_outcome *outcome = &run->outcome;
    send_change(
        run,
        (struct process_change){.event = outcome->event,
                                .progress = run->progress_due ? take_progress(run) : SPAN_NONE,
                                .result = present(&outcome->result),
                                .error = present(&outcome->error),
                                .usage = present(&outcome->usage),
                                .retryable = outcome->retryable},
        now);
}

/* While there is a command, whose end we still mean to report. */
static bool lease_must_live(const struct analyzer_run *run)
{
    return (run->state == RUN_RUNNING || run->state == RUN_ENDING) && run->cause != CAUSE_LOST;
}

static bool sends_progress(const struct analyzer_run *run, int64_t now)
{
    return run->progress_due && lease_must_live(run) && now >= run->progress_at;
}

void run_send_next(struct analyzer_run *run, int64_t now)
{
    if (run->call_open || run->state == RUN_OVER || now < run->retry_at)
        return;
    if (sends_progress(run, now))
        send_progress(run, now);
    else if (run->state == RUN_REPORTING)
        send_outcome(run, now);
    else if (lease_must_live(run) && now >= run->heartbeat_at)
        send_change(run, (struct process_change){.event = EVENT_HEARTBEAT}, now);
}

int64_t run_next_send(const struct analyzer_run *run)
{
    int64_t due = NEVER;
    if (run->call_open || run->state == RUN_OVER)
        return NEVER;
    if (run->state == RUN_REPORTING)
        due = 0;
    else if (lease_must_live(run))
        due = run_earlier(run->heartbeat_at, run->progress_due ? run->progress_at : NEVER);
    return due < run->retry_at ? run->retry_at : due;
}
