/* Making answers. */
#include "http/http_access.h"
#include "http/http_call.h"
#include "http/http_cors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void http_answer_header(struct http_call *call, const char *name, const char *value)
{
    assert(call->view == NULL && !call->lasting);
    if (call->response == NULL || MHD_add_response_header(call->response, name, value) == MHD_YES)
        return;
    MHD_destroy_response(call->response); /* no memory: half an answer is none */
    call->response = NULL;
}

void http_answer_etag(struct http_call *call, int64_t version)
{
    char text[HTTP_ETAG_SIZE];
    http_etag_format(version, text);
    http_answer_header(call, MHD_HTTP_HEADER_ETAG, text);
}

static void add_cors(struct http_call *call)
{
    bool vary;
    const char *allowed =
        http_cors_allow(call->server->options->cors_origins, call->headers.origin, &vary);
    if (allowed != NULL) {
        http_answer_header(call, "Access-Control-Allow-Origin", allowed);
        http_answer_header(call, "Access-Control-Expose-Headers", HTTP_CORS_EXPOSED);
    }
    if (vary)
        http_answer_header(call, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN);
}

static void begin_answer(struct http_call *call, unsigned status, const char *content_type,
                         struct MHD_Response *response)
{
    assert(call->response == NULL);
    call->status = status;
    call->response = response;
    if (content_type != NULL)
        http_answer_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    http_answer_header(call, "X-Content-Type-Options", "nosniff");
    add_cors(call);
    if (call->close || call->server->quiesced)
        http_answer_header(call, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* NULL if no memory. */
static struct MHD_Response *response_of(struct text_buffer *take_body)
{
    size_t len = take_body->len;
    char *data = text_buffer_take(take_body);
    struct MHD_Response *response = NULL;
    if (data != NULL)
        response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    if (data != NULL && response == NULL)
        free(data);
    return response;
}

void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 struct text_buffer *take_body)
{
    http_explain_ask(call, take_body);
    call->answer_size = take_body->len;
    begin_answer(call, status, content_type, response_of(take_body));
}

static enum MHD_Result copy_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    http_answer_header(arg, name, value);
    return MHD_YES;
}

void http_answer_replace(struct http_call *call, struct text_buffer *take_body)
{
    struct MHD_Response *old = call->response;
    call->answer_size = take_body->len;
    call->response = response_of(take_body);
    MHD_get_response_headers(old, copy_header, call);
    MHD_destroy_response(old);
}

/* The library takes constant bytes by a pointer to non-const, and does not write to them. */
static struct MHD_Response *constant_response(struct span body)
{
    union {
        const char *in;
        void *out;
    } data = {.in = body.data};
    return MHD_create_response_from_buffer(body.len, data.out, MHD_RESPMEM_PERSISTENT);
}

void http_answer_constant(struct http_call *call, unsigned status, const char *content_type,
                          struct span body)
{
    call->answer_size = body.len;
    begin_answer(call, status, content_type, constant_response(body));
}

void http_answer_response(struct http_call *call, unsigned status, const char *content_type,
                          struct MHD_Response *take_response)
{
    begin_answer(call, status, content_type, take_response);
}

static void release_chunk(void *chunk)
{
    http_chunk_release(chunk);
}

void http_answer_chunk(struct http_call *call, unsigned status, const char *content_type,
                       struct http_chunk *chunk)
{
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        chunk->len, chunk->bytes, release_chunk, chunk);
    if (response != NULL)
        http_chunk_share(chunk);
    call->answer_size = chunk->len;
    begin_answer(call, status, content_type, response);
}

void http_answer_shared(struct http_call *call, unsigned status, struct MHD_Response *response,
                        struct status_view *owner)
{
    assert(call->response == NULL);
    call->status = status;
    call->response = response;
    call->view = status_view_share(owner);
    call->answer_size = status == MHD_HTTP_OK ? status_view_body(owner).len : 0;
}

void http_answer_lasting(struct http_call *call, unsigned status, struct MHD_Response *response)
{
    assert(call->response == NULL);
    call->status = status;
    call->response = response;
    call->lasting = true;
}

void http_answer_empty(struct http_call *call, unsigned status)
{
    begin_answer(call, status, NULL, constant_response(SPAN("")));
}

/* Most resources fit without growing; a multiple of the buffer's steps less its last byte, which
 * the allocator has at hand. */
#define USUAL_SIZE 1023

/* --- processes -------------------------------------------------------------------------------- */

void http_append_process(struct http_call *call, struct text_buffer *out,
                         const struct process *process, bool with_input)
{
    struct process_manager *manager = call->server->manager;
    struct process_pace pace;
    process_manager_pace(manager, process, &pace);
    call->retry_after_ms = pace.retry_after_ms > 0 ? pace.retry_after_ms : 0;
    struct process_view view = {
        .reason = process_manager_reason(manager, process),
        .base_path = call->target.base,
        .retry_after_ms = call->retry_after_ms,
        .eta_p50 = pace.eta_p50,
        .eta_p90 = pace.eta_p90,
        .with_input = with_input,
    };
    if (process_manager_reason_is_open(manager, process))
        http_explain_note(call, process, out->len + process_json_reason_offset(process));
    process_json_append(out, process, &view);
}

void http_answer_retry_after(struct http_call *call)
{
    char text[HTTP_RETRY_AFTER_SIZE];
    if (call->retry_after_ms == 0)
        return;
    http_retry_after_format(call->retry_after_ms, text);
    http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

void http_answer_process(struct http_call *call, unsigned status, const struct process *process,
                         bool with_input)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_buffer_reserve(&body, USUAL_SIZE);
    http_append_process(call, &body, process, with_input);
    http_answer(call, status, HTTP_JSON, &body);
    http_answer_etag(call, process->version);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_answer_retry_after(call);
    http_server_note(call->server, ERR_OK, false);
}

void http_append_time(struct text_buffer *out, int64_t time)
{
    char text[TIME_TEXT_SIZE];
    if (time == TIME_NONE) {
        text_append_literal(out, "null");
        return;
    }
    time_format(time, text);
    text_append_format(out, "\"%s\"", text);
}

void http_answer_location(struct http_call *call, const struct process_id *id)
{
    struct text_buffer location;
    text_buffer_init(&location, 4096);
    process_id_format(id, call->location);
    text_append_format(&location, "%s/status/%s", call->target.base, call->location);
    if (!location.failed)
        http_answer_header(call, MHD_HTTP_HEADER_LOCATION, location.data);
    text_buffer_finish(&location);
}

/* --- problems --------------------------------------------------------------------------------- */

void http_answer_opened(struct http_call *call, enum http_problem problem,
                        struct text_buffer *take_body)
{
    http_problem_close(take_body, http_call_request_id(call));
    http_answer(call, http_problem_status(problem), HTTP_PROBLEM, take_body);
    if (http_problem_is_passing(problem))
        http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

struct MHD_Response *http_problem_response(const struct http_options *options,
                                           enum http_problem problem, const char *detail)
{
    struct text_buffer body;
    bool vary;
    text_buffer_init(&body, 1024);
    http_problem_open(&body, problem, detail);
    http_problem_close(&body, NULL);
    http_cors_allow(options->cors_origins, SPAN_NONE, &vary);
    const struct {
        const char *name, *value;
        bool wanted;
    } fields[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, HTTP_PROBLEM, true},
        {"X-Content-Type-Options", "nosniff", true},
        {MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN, vary},
        {MHD_HTTP_HEADER_RETRY_AFTER, "1", http_problem_is_passing(problem)},
    };
    struct MHD_Response *response = response_of(&body);
    bool fine = response != NULL;
    for (size_t i = 0; fine && i < sizeof(fields) / sizeof(*fields); i++)
        fine = !fields[i].wanted ||
               MHD_add_response_header(response, fields[i].name, fields[i].value) == MHD_YES;
    if (!fine && response != NULL)
        MHD_destroy_response(response);
    return fine ? response : NULL;
}

void http_answer_problem(struct http_call *call, enum http_problem problem, const char *detail)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, problem, detail);
    http_answer_opened(call, problem, &body);
}

void http_answer_faults(struct http_call *call, enum http_problem problem,
                        struct http_faults *take_faults)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, problem, NULL);
    http_problem_faults(&body, take_faults);
    http_faults_finish(take_faults);
    http_answer_opened(call, problem, &body);
}

void http_answer_conflict(struct http_call *call, enum http_problem problem, const char *detail,
                          const struct process *process)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, problem, detail);
    text_append_format(
        &body, ",\"process_status\":\"%s\",\"process\":", process_status_name(process->status));
    http_append_process(call, &body, process, false);
    http_answer_opened(call, problem, &body);
    http_answer_etag(call, process->version);
}

void http_answer_not_json(struct http_call *call, const struct json_fault *fault)
{
    char detail[256];
    struct text_buffer body;
    if (json_fault_is_memory(fault)) {
        http_answer_error(call, ERR_NO_MEMORY);
        return;
    }
    if (call->body.len == 0)
        snprintf(detail, sizeof(detail), "The body is empty; send a JSON object.");
    else
        snprintf(detail, sizeof(detail), "At byte %zu of the body: %s.", fault->offset,
                 fault->reason);
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, PROBLEM_BAD_JSON, detail);
    text_append_format(&body, ",\"offset\":%zu", fault->offset);
    http_answer_opened(call, PROBLEM_BAD_JSON, &body);
}

void http_answer_error(struct http_call *call, enum err err)
{
    http_server_note(call->server, err, false);
    http_access_note(call, err);
    http_answer_problem(call, http_problem_of(err), NULL);
}

void http_fail(struct http_call *call, enum http_problem problem, const char *detail)
{
    http_answer_problem(call, problem, detail);
    http_call_finish(call);
}

void http_fail_error(struct http_call *call, enum err err)
{
    http_answer_error(call, err);
    http_call_finish(call);
}
