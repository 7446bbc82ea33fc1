/* A state that is not final keeps the record that it was rendered from: its advice when to ask
 * again grows old sooner than the state does, and it is then rendered anew without being read
 * again.
 *
 * Answers are made on first use: 200 and 304, each for pages of no other site and of a few allowed
 * origins. The library counts who still sends them, and each holds a share of the body, so they
 * may outlive the view. */
#include "http/status_view.h"

#include "http/http_call.h"
#include "http/http_cors.h"

#include <stdlib.h>
#include <string.h>

#define ORIGINS      3    /* that shared answers are made for: none and two */
#define USUAL_SIZE   1535 /* bytes of a resource */
#define ANSWER_BYTES 1024 /* about what the library takes for an answer with its headers */

struct shared_answer {
    struct MHD_Response *response; /* NULL: not made yet */
    const char *origin;            /* as allowed, the options' text; NULL: none */
};

struct status_view {
    size_t count; /* of those who hold it */
    struct process_manager *manager;
    const char *base;
    struct status_record *record; /* NULL once it was handed on, or when the state is final */
    struct status_reason reason;
    bool is_explained;
    enum process_status status;
    int64_t version, run_at;
    int64_t fresh_until;    /* loop time */
    int64_t retry_after_ms; /* 0: it is final */
    struct http_chunk *body, *event;
    struct shared_answer answers[2][ORIGINS]; /* 200, 304 */
    size_t answer_count;
};

/* --- record ----------------------------------------------------------------------------------- */

static void move_text(struct span *text, char **to)
{
    if (text->data == NULL)
        return;
    if (text->len > 0)
        memcpy(*to, text->data, text->len);
    text->data = *to;
    *to += text->len;
}

struct status_record *status_record_copy(const struct process *process)
{
    size_t bytes = sizeof(struct status_record) + process_text_bytes(process);
    struct status_record *record = malloc(bytes);
    if (record == NULL)
        return NULL;
    record->bytes = bytes;
    record->process = *process;
    struct process *copy = &record->process;
    enum { TEXTS = 11 };
    struct span *const texts[TEXTS] = {&copy->type,        &copy->group,      &copy->worker,
                                       &copy->input,       &copy->metadata,   &copy->progress,
                                       &copy->result,      &copy->error,      &copy->usage,
                                       &copy->traceparent, &copy->lease_token};
    char *to = record->texts;
    for (size_t i = 0; i < TEXTS; i++)
        move_text(texts[i], &to);
    return record;
}

/* --- made, shared, freed ---------------------------------------------------------------------- */

static struct http_chunk *render(const struct status_view *view, const struct process *process,
                                 const struct process_pace *pace)
{
    struct text_buffer body;
    struct process_view how = {
        .reason =
            view->is_explained ? view->reason.text : process_manager_reason(view->manager, process),
        .queue_position = view->reason.position,
        .base_path = view->base,
        .retry_after_ms = view->retry_after_ms,
        .eta_p50 = pace->eta_p50,
        .eta_p90 = pace->eta_p90,
    };
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_buffer_reserve(&body, USUAL_SIZE);
    process_json_append(&body, process, &how);
    return http_chunk_of(&body);
}

struct status_view *status_view_create(struct process_manager *manager,
                                       const struct process *process,
                                       struct status_record *take_record, const char *base,
                                       const struct status_reason *reason, int64_t now_ms)
{
    struct process_pace pace;
    struct status_view *view = calloc(1, sizeof(*view));
    if (view == NULL) {
        free(take_record);
        return NULL;
    }
    view->count = 1;
    view->manager = manager;
    view->base = base;
    view->record = take_record;
    view->is_explained = reason != NULL;
    if (reason != NULL)
        view->reason = *reason;
    view->status = process->status;
    view->version = process->version;
    view->run_at = process->run_at;
    process_manager_pace(manager, process, &pace);
    view->fresh_until = now_ms + pace.fresh_ms;
    view->retry_after_ms = pace.retry_after_ms > 0 ? pace.retry_after_ms : 0;
    view->body = render(view, process, &pace);
    if (view->body != NULL)
        return view;
    status_view_release(view);
    return NULL;
}

struct status_view *status_view_share(struct status_view *view)
{
    view->count++;
    return view;
}

void status_view_release(struct status_view *view)
{
    if (view == NULL || --view->count > 0)
        return;
    for (int unchanged = 0; unchanged < 2; unchanged++) {
        for (int i = 0; i < ORIGINS; i++) {
            if (view->answers[unchanged][i].response != NULL)
                MHD_destroy_response(view->answers[unchanged][i].response);
        }
    }
    http_chunk_release(view->body);
    http_chunk_release(view->event);
    free(view->record);
    free(view);
}

bool status_view_is_stale(const struct status_view *view, int64_t now_ms)
{
    return view->record != NULL && now_ms >= view->fresh_until;
}

struct status_view *status_view_renew(struct status_view *view, int64_t now_ms)
{
    struct status_record *record = view->record;
    view->record = NULL;
    return status_view_create(view->manager, &record->process, record, view->base,
                              view->is_explained ? &view->reason : NULL, now_ms);
}

/* --- what it says ----------------------------------------------------------------------------- */

int64_t status_view_version(const struct status_view *view)
{
    return view->version;
}

bool status_view_is_final(const struct status_view *view)
{
    return process_status_is_final(view->status);
}

bool status_view_reason_is_open(const struct status_view *view)
{
    return view->status == PROCESS_PENDING && view->run_at <= clock_wall_ms();
}

struct span status_view_type(const struct status_view *view)
{
    return view->record != NULL ? view->record->process.type : SPAN_NONE;
}

struct span status_view_body(const struct status_view *view)
{
    return (struct span){view->body->bytes, view->body->len};
}

size_t status_view_bytes(const struct status_view *view)
{
    size_t bytes = sizeof(*view) + sizeof(struct http_chunk) + view->body->len;
    if (view->event != NULL)
        bytes += sizeof(struct http_chunk) + view->event->len;
    if (view->record != NULL)
        bytes += view->record->bytes;
    return bytes + view->answer_count * ANSWER_BYTES;
}

struct http_chunk *status_view_event(struct status_view *view)
{
    if (view->event != NULL)
        return view->event;
    struct text_buffer event;
    text_buffer_init(&event, HTTP_ANSWER_MAX);
    text_append_format(&event, "id: %lld\n", (long long)view->version);
    http_event_append_data(&event, status_view_body(view));
    text_append_char(&event, '\n');
    view->event = http_chunk_of(&event);
    return view->event;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void make_answer(const struct status_view *view, struct http_call *call, bool unchanged)
{
    if (unchanged)
        http_answer_empty(call, MHD_HTTP_NOT_MODIFIED);
    else
        http_answer_chunk(call, MHD_HTTP_OK, HTTP_JSON, view->body);
    http_answer_etag(call, view->version);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_follow_answer_varies(call);
    call->retry_after_ms = view->retry_after_ms;
    http_answer_retry_after(call);
}

/* The one for this origin, or the place for it; NULL: all are taken by others. */
static struct shared_answer *answer_for(struct shared_answer answers[ORIGINS], const char *origin)
{
    for (int i = 0; i < ORIGINS; i++) {
        struct shared_answer *answer = &answers[i];
        if (answer->response == NULL || answer->origin == origin)
            return answer;
    }
    return NULL;
}

void status_view_answer(struct status_view *view, struct http_call *call)
{
    bool vary;
    bool unchanged =
        http_call_has_version(call, view->version) && !status_view_reason_is_open(view);
    const char *origin =
        http_cors_allow(call->server->options->cors_origins, call->headers.origin, &vary);
    struct shared_answer *answer = answer_for(view->answers[unchanged], origin);
    bool own = answer == NULL || call->close || call->server->quiesced ||
               call->follow.is_preferred || http_call_has_request_id(call);
    if (own) {
        make_answer(view, call, unchanged);
        return;
    }
    if (answer->response == NULL) {
        make_answer(view, call, unchanged);
        answer->response = call->response;
        answer->origin = origin;
        call->response = NULL;
        if (answer->response == NULL) /* no memory: the call says so */
            return;
        view->answer_count++;
    }
    http_answer_shared(call, unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, answer->response,
                       view);
}
