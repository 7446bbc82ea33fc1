/* POST /analyze: starts a process, and waits for it if the client prefers that. */
#include "http/endpoints.h"
#include "http/http_call.h"

#include <stdio.h>

#define WAIT_MAX_S 60

/* --- answers ---------------------------------------------------------------------------------- */

/* What the answer carries whichever way it came about. */
static void add_headers(struct http_call *call, const struct process_id *id)
{
    http_answer_location(call, id);
    if (call->flag)
        http_answer_header(call, "Idempotent-Replayed", "true");
    if (call->headers.prefer_wait_s >= 0) {
        char applied[32];
        snprintf(applied, sizeof(applied), "wait=%d", call->headers.prefer_wait_s);
        http_answer_header(call, "Preference-Applied", applied);
    }
}

static void answer_created(struct http_call *call, const struct process *process)
{
    bool ended = process_status_is_final(process->status);
    http_answer_process(call, ended ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, process, false);
    add_headers(call, &process->id);
}

/* The wait failed, but the process was created: the client must hear of it. */
static void answer_kept(struct http_call *call)
{
    http_answer(call, MHD_HTTP_ACCEPTED, HTTP_JSON, &call->created);
    http_answer_etag(call, call->version);
    http_answer_retry_after(call);
    add_headers(call, &call->work.await.id);
}

/* 422 that names the known types. */
static void answer_type_problem(struct http_call *call, enum http_problem problem,
                                const char *detail)
{
    const struct http_options *options = call->server->options;
    struct http_faults faults;
    struct text_buffer body;
    http_faults_init(&faults, "pointer");
    http_faults_add(&faults, SPAN("/type"), detail);
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, problem, NULL);
    http_problem_faults(&body, &faults);
    http_faults_finish(&faults);
    text_append_literal(&body, ",\"known_types\":[");
    for (size_t i = 0; i < options->known_type_count; i++) {
        if (i > 0)
            text_append_char(&body, ',');
        text_append_json_string(&body, options->known_types[i]);
    }
    text_append_char(&body, ']');
    http_answer_opened(call, problem, &body);
}

static void answer_refusal(struct http_call *call, enum err err)
{
    if (err == ERR_INVALID)
        answer_type_problem(call, PROBLEM_INVALID,
                            "is required here, as the server has no default type");
    else if (err == ERR_UNKNOWN_TYPE)
        answer_type_problem(call, PROBLEM_UNKNOWN_TYPE,
                            "no analyzer serves this type; see known_types");
    else
        http_answer_error(call, err);
}

/* --- submit and wait -------------------------------------------------------------------------- */

static void on_awaited(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.await.op);
    http_call_unpark(call);
    if (op->result == ERR_OK)
        answer_created(call, &call->work.await.process);
    else
        answer_kept(call);
    http_call_finish(call);
}

static void on_gone(struct http_call *call)
{
    process_manager_await_stop(&call->work.await);
}

static void wait_for(struct http_call *call, const struct process *process)
{
    struct process_await *await = &call->work.await;
    struct process_id id = process->id; /* process lies where await will */
    call->version = process->version;
    http_append_process(call, &call->created, process, false);
    http_explain_clear(&call->explain); /* it is only sent when the storage fails */
    http_call_park(call, on_gone);
    await->id = id;
    await->wait_ms = (int64_t)call->headers.prefer_wait_s * 1000;
    await->for_cancel = false;
    process_op_init(&await->op, on_awaited);
    process_manager_await(call->server->manager, await);
}

static void on_submitted(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.submit.op);
    const struct repo_create *create = &call->work.submit.create;
    if (op->result != ERR_OK) {
        answer_refusal(call, op->result);
        http_call_finish(call);
        return;
    }
    const struct process *process = create->replayed ? &create->existing : &create->process;
    call->flag = create->replayed;
    if (call->headers.prefer_wait_s > 0 && !process_status_is_final(process->status)) {
        if (http_call_may_wait(call)) {
            wait_for(call, process);
            return;
        }
        call->headers.prefer_wait_s = -1; /* not applied, and so not said to be */
    }
    answer_created(call, process);
    http_call_finish(call);
}

static void submit(struct http_call *call)
{
    struct process_submit *submit = &call->work.submit;
    submit->create.process = analyze_draft_process(&call->draft);
    submit->create.process.traceparent = http_call_traceparent(call);
    submit->create.idempotency_key = http_call_key(call, &submit->create.fingerprint);
    call->explain.roughly = true; /* a position would be another question to the storage */
    process_op_init(&submit->op, on_submitted);
    process_manager_submit(call->server->manager, submit);
}

/* --- the request ------------------------------------------------------------------------------ */

/* False: answered. */
static bool headers_are_fine(struct http_call *call)
{
    struct http_headers *headers = &call->headers;
    if (!http_call_is_json(call) || !http_call_key_is_fine(call))
        return false;
    if (headers->prefer_wait_s > WAIT_MAX_S)
        headers->prefer_wait_s = WAIT_MAX_S;
    return true;
}

void ep_analyze(struct http_call *call)
{
    struct json_fault fault;
    struct http_faults faults;
    if (!http_call_no_query(call) || !headers_are_fine(call))
        return;
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict =
        analyze_body_read(text_buffer_span(&call->body), &call->draft, &fault, &faults);
    if (http_call_body_is_fine(call, verdict, &fault, &faults))
        submit(call);
}
