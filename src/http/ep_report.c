/* What the worker that holds a process says about it: POST /processes/<id>/heartbeat, progress,
 * complete, fail, release. One guarded change each; a heartbeat may then wait until there is
 * something to say to the worker, and a completion may claim the next process. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "proctrack/clock.h"

#include <stdlib.h>

/* --- answers ---------------------------------------------------------------------------------- */

static void finish(struct http_call *call)
{
    report_draft_finish(&call->report);
    http_call_finish(call);
}

/* Without its closing brace, so that a member can follow. */
static void append_state(struct text_buffer *out, const struct process *process)
{
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&process->id, id);
    text_append_format(out,
                       "{\"process_id\":\"%s\",\"status\":\"%s\",\"attempt\":%d,\"version\":%lld,"
                       "\"cancel_requested\":%s,\"lease_until\":",
                       id, process_status_name(process->status), process->attempt,
                       (long long)process->version,
                       process->cancel_requested_at != TIME_NONE ? "true" : "false");
    http_append_time(out, process->lease_until);
}

static void answer_state(struct http_call *call, const struct process *process)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_state(&body, process);
    text_append_char(&body, '}');
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_server_note(call->server, ERR_OK, false);
}

/* Says in words who has it now; the process itself follows. */
static void answer_refusal(struct http_call *call, enum http_problem problem,
                           const struct process *process)
{
    struct text_buffer detail;
    text_buffer_init(&detail, 512);
    if (process->status == PROCESS_RUNNING)
        text_append_format(&detail, "Attempt %d is held by worker " SPAN_FMT ".", process->attempt,
                           SPAN_ARG(process->worker));
    else if (process->status == PROCESS_PENDING)
        text_append_literal(&detail, "Nobody holds it: it waits for its next attempt.");
    else
        text_append_format(&detail, "It has ended: it is %s.",
                           process_status_name(process->status));
    text_append_char(&detail, '\0');
    http_answer_conflict(call, problem, detail.failed ? NULL : detail.data, process);
    text_buffer_finish(&detail);
    http_server_note(call->server, ERR_OK, false);
}

static void answer_error(struct http_call *call, enum err err, const struct process *process)
{
    if (err == ERR_LEASE_LOST)
        answer_refusal(call, PROBLEM_LEASE_LOST, process);
    else if (err == ERR_CONFLICT)
        answer_refusal(call, PROBLEM_CONFLICT, process);
    else if (err == ERR_STALE)
        http_answer_conflict(call, PROBLEM_STALE, NULL, process);
    else
        http_answer_error(call, err);
}

/* --- a heartbeat that waits ------------------------------------------------------------------- */

static void on_awaited(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.await.op);
    const struct process *process = &call->work.await.process;
    http_call_unpark(call);
    if (op->result != ERR_OK)
        http_answer_error(call, op->result);
    else if (!span_equal(process->lease_token, call->report.token))
        answer_refusal(call, PROBLEM_LEASE_LOST, process);
    else if (process->status != PROCESS_RUNNING)
        answer_refusal(call, PROBLEM_CONFLICT, process);
    else
        answer_state(call, process);
    finish(call);
}

static void on_gone(struct http_call *call)
{
    process_manager_await_stop(&call->work.await);
}

/* It must hear of it in time to renew its lease. */
static int64_t wait_within_lease(int64_t wait_ms, const struct process *process)
{
    int64_t half = (process->lease_until - clock_wall_ms()) / 2;
    if (half < 0)
        half = 0;
    return wait_ms < half ? wait_ms : half;
}

static void wait_for_cancel(struct http_call *call)
{
    struct process_await *await = &call->work.await;
    struct process_id id = call->work.transition.process.id; /* lies where await will */
    int64_t wait_ms = wait_within_lease(call->report.wait_ms, &call->work.transition.process);
    await->id = id;
    await->wait_ms = wait_ms;
    await->for_cancel = true;
    await->token = call->report.token;
    http_call_park(call, on_gone);
    process_op_init(&await->op, on_awaited);
    process_manager_await(call->server->manager, await);
}

static void after_heartbeat(struct http_call *call, const struct process *process)
{
    bool wants = call->report.wait_ms > 0 && process->cancel_requested_at == TIME_NONE;
    if (wants && http_call_may_wait(call)) {
        wait_for_cancel(call);
        return;
    }
    answer_state(call, process);
    if (wants)
        http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    finish(call);
}

/* --- a completion that claims ----------------------------------------------------------------- */

/* The completion is stored whatever became of the claim, and is answered. */
static void answer_completed(struct http_call *call, const struct repo_claim *claim)
{
    text_append_literal(&call->created, ",\"claimed\":");
    if (claim != NULL)
        http_append_claimed(call, &call->created, claim);
    else
        text_append_literal(&call->created, "[]");
    text_append_char(&call->created, '}');
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &call->created);
    finish(call);
}

static void on_claimed(struct process_op *op)
{
    struct http_claim *made = container_of(op, struct http_claim, claim.op);
    enum err result = op->result;
    http_server_note(made->call->server, result, false);
    answer_completed(made->call, result == ERR_OK ? &made->claim.claim : NULL);
    free(made);
}

/* --- the change ------------------------------------------------------------------------------- */

static void on_changed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.transition.op);
    const struct repo_transition *transition = &call->work.transition;
    enum process_event event = transition->change.event;
    if (op->result == ERR_OK && event == EVENT_HEARTBEAT) {
        after_heartbeat(call, &transition->process);
    } else if (op->result == ERR_OK && event == EVENT_COMPLETE && call->report.claims_next) {
        append_state(&call->created, &transition->process);
        if (!http_call_claim(call, &call->report.next, on_claimed))
            answer_completed(call, NULL);
    } else {
        if (op->result == ERR_OK)
            answer_state(call, &transition->process);
        else
            answer_error(call, op->result, &transition->process);
        finish(call);
    }
}

static void change(struct http_call *call, const struct process_id *id, enum process_event event)
{
    const struct report_draft *draft = &call->report;
    struct repo_transition *transition = &call->work.transition;
    transition->id = *id;
    transition->brief = true;
    transition->change = (struct process_change){
        .event = event,
        .if_version = call->version,
        .token = draft->token,
        .attempt = draft->attempt,
        .lease_ms = draft->lease_ms,
        .retryable = draft->retryable,
        .retry_after_ms = draft->retry_after_ms,
    };
    if (event == EVENT_COMPLETE)
        transition->change.result = draft->result;
    if (event == EVENT_PROGRESS)
        transition->change.progress = text_buffer_span(&call->created);
    if (event == EVENT_FAIL)
        transition->change.error = text_buffer_span(&call->created);
    process_op_init(&transition->op, on_changed);
    process_manager_change(call->server->manager, transition);
}

static void fail(struct http_call *call, const struct process_id *id, int attempt)
{
    const struct report_draft *draft = &call->report;
    struct span message = text_buffer_span(&draft->message);
    if (message.data == NULL)
        message = SPAN("the worker reported a failure");
    process_error_append(&call->created, draft->code.data, message, draft->retryable, attempt,
                         text_buffer_span(&draft->log));
    if (call->created.failed) {
        http_answer_problem(call, PROBLEM_INTERNAL, NULL);
        finish(call);
        return;
    }
    change(call, id, EVENT_FAIL);
}

/* The error names the attempt, which the worker need not. */
static void on_attempt(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.get.op);
    struct process_id id = call->work.get.id; /* lies where the change will */
    if (op->result == ERR_OK) {
        fail(call, &id, call->work.get.process.attempt);
        return;
    }
    http_answer_error(call, op->result);
    finish(call);
}

static void ask_attempt(struct http_call *call, const struct process_id *id)
{
    struct repo_get *get = &call->work.get;
    get->id = *id;
    get->with_input = false;
    get->brief = false;
    get->watch = false;
    process_op_init(&get->op, on_attempt);
    process_manager_get(call->server->manager, get);
}

static void start(struct http_call *call, const struct process_id *id, enum process_event event)
{
    if (event == EVENT_PROGRESS)
        process_progress_append(&call->created, &call->report.progress);
    if (call->created.failed || call->report.no_memory) {
        http_answer_problem(call, PROBLEM_INTERNAL, NULL);
        finish(call);
    } else if (event != EVENT_FAIL) {
        change(call, id, event);
    } else if (call->report.attempt != 0) {
        fail(call, id, call->report.attempt);
    } else {
        ask_attempt(call, id);
    }
}

static void report(struct http_call *call, enum process_event event)
{
    struct process_id id;
    struct json_fault fault;
    struct http_faults faults;
    if (!http_call_id(call, &id) || !http_call_no_query(call) || !http_call_is_json(call) ||
        !http_call_if_match(call, &call->version))
        return;
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict =
        report_body_read(text_buffer_span(&call->body), event, &call->report, &fault, &faults);
    if (verdict != BODY_OK)
        report_draft_finish(&call->report);
    if (http_call_body_is_fine(call, verdict, &fault, &faults))
        start(call, &id, event);
}

void ep_heartbeat(struct http_call *call)
{
    report(call, EVENT_HEARTBEAT);
}

void ep_progress(struct http_call *call)
{
    report(call, EVENT_PROGRESS);
}

void ep_complete(struct http_call *call)
{
    report(call, EVENT_COMPLETE);
}

void ep_fail(struct http_call *call)
{
    report(call, EVENT_FAIL);
}

void ep_release(struct http_call *call)
{
    report(call, EVENT_RELEASE);
}
