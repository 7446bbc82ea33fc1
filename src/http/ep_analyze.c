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
    http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, call->server->retry_after);
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
    text_append_literal(&body, "]}");
    http_answer(call, http_problem_status(problem), HTTP_PROBLEM, &body);
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
    call->server->waiting_calls--;
    if (op->result == ERR_OK)
        answer_created(call, &call->work.await.process);
    else
        answer_kept(call);
    http_call_finish(call);
}

/* Waiting holds a connection: half of them may be held so, and none at the end. */
static bool may_wait(const struct http_server *server)
{
    return !server->quiesced && server->waiting_calls < server->options->max_connections / 2;
}

static void wait_for(struct http_call *call, const struct process *process)
{
    struct process_await *await = &call->work.await;
    struct process_id id = process->id; /* process lies where await will */
    call->version = process->version;
    http_append_process(call, &call->created, process, false);
    call->server->waiting_calls++;
    await->id = id;
    await->wait_ms = (int64_t)call->headers.prefer_wait_s * 1000;
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
        if (may_wait(call->server)) {
            wait_for(call, process);
            return;
        }
        call->headers.prefer_wait_s = -1; /* not applied, and so not said to be */
    }
    answer_created(call, process);
    http_call_finish(call);
}

/* FNV-1a. It is stored beside the key, so it must stay the same for ever; a client can only fool
 * itself with it. */
static uint64_t fingerprint(struct span body)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < body.len; i++)
        hash = (hash ^ (unsigned char)body.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void submit(struct http_call *call)
{
    const struct analyze_draft *draft = &call->draft;
    struct process_submit *submit = &call->work.submit;
    submit->create.process = (struct process){
        .type = draft->type,
        .group = draft->group,
        .input = draft->input,
        .metadata = draft->metadata,
        .priority = draft->priority,
        .max_attempts = draft->max_attempts,
        .run_at = draft->run_at,
        .timeout_ms = draft->timeout_ms,
        .retention_ms = draft->retention_ms,
    };
    submit->create.idempotency_key = SPAN_NONE;
    submit->create.fingerprint = 0;
    if (call->headers.idempotency_key.data != NULL) {
        submit->create.idempotency_key = span_of(call->idempotency_key);
        submit->create.fingerprint = fingerprint(text_buffer_span(&call->body));
    }
    process_op_init(&submit->op, on_submitted);
    process_manager_submit(call->server->manager, submit);
}

/* --- the request ------------------------------------------------------------------------------ */

/* False: answered. */
static bool headers_are_fine(struct http_call *call)
{
    struct http_headers *headers = &call->headers;
    if (!http_is_json(headers->content_type) ||
        (headers->content_encoding.data != NULL &&
         !span_is_nocase(headers->content_encoding, "identity"))) {
        http_fail(call, PROBLEM_MEDIA_TYPE, NULL);
        return false;
    }
    if (headers->idempotency_key.data != NULL &&
        !http_idempotency_key(headers->idempotency_key, call->idempotency_key)) {
        http_fail(call, PROBLEM_BAD_HEADER,
                  "Idempotency-Key must be 1 to 255 printable ASCII characters.");
        return false;
    }
    if (headers->prefer_wait_s > WAIT_MAX_S)
        headers->prefer_wait_s = WAIT_MAX_S;
    return true;
}

static void answer_not_json(struct http_call *call, const struct json_fault *fault)
{
    char detail[256];
    if (call->body.len == 0)
        snprintf(detail, sizeof(detail), "The body is empty; send a JSON object.");
    else
        snprintf(detail, sizeof(detail), "At byte %zu of the body: %s.", fault->offset,
                 fault->reason);
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, PROBLEM_BAD_JSON, detail);
    text_append_format(&body, ",\"offset\":%zu}", fault->offset);
    http_answer(call, http_problem_status(PROBLEM_BAD_JSON), HTTP_PROBLEM, &body);
    http_call_finish(call);
}

void ep_analyze(struct http_call *call)
{
    struct json_fault fault;
    struct http_faults faults;
    if (!http_call_no_query(call) || !headers_are_fine(call))
        return;
    http_faults_init(&faults, "pointer");
    switch (analyze_body_read(text_buffer_span(&call->body), &call->draft, &fault, &faults)) {
    case ANALYZE_OK:
        submit(call);
        return; /* the call may be gone */
    case ANALYZE_NOT_JSON:
        answer_not_json(call, &fault);
        break;
    case ANALYZE_INVALID:
        http_answer_faults(call, PROBLEM_INVALID, &faults);
        http_call_finish(call);
        break;
    }
    http_faults_finish(&faults);
}
