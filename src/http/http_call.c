/* One request's life.
 *
 *   NEW --begin--> BODY --proceed--> RUNNING --finish--> READY --proceed--> SENT --completed-->
 *     \______________________________________________________^
 *      refused: the answer is made before the body
 *
 * BODY and READY may become EXPIRED while the body is awaited: then 408 has been sent.
 *
 * The library calls the access handler once when the header is complete (begin), for each piece of
 * the body (collect), at its end, and once more after a suspension (proceed). An answer that is
 * queued in the first of these makes the library close the connection; so a refusal is only sent
 * there when the message cannot be trusted or its body is not worth reading, and else kept until
 * the end. http_call_run() alone knows whether an endpoint answered at once or later.
 *
 * While an endpoint has a call the connection is suspended: it cannot go away under us, and the
 * call ends only through http_call_completed(). */
#include "http/http_call.h"

#include "http/http_access.h"
#include "proctrack/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 64 /* calls that are kept between requests */

/* --- made, kept, freed -------------------------------------------------------------------- */

static struct http_call *spare_or_new(struct http_server *server)
{
    struct http_call *call = server->spare_calls;
    if (call == NULL)
        return malloc(sizeof(*call));
    server->spare_calls = call->next_spare;
    server->spare_count--;
    return call;
}

static void keep_or_free(struct http_call *call)
{
    struct http_server *server = call->server;
    if (call->raw != call->short_raw)
        free(call->raw);
    if (server->spare_count >= SPARE_MAX) {
        free(call);
        return;
    }
    call->next_spare = server->spare_calls;
    server->spare_calls = call;
    server->spare_count++;
}

void http_call_free_spare(struct http_server *server)
{
    struct http_call *next;
    for (struct http_call *call = server->spare_calls; call != NULL; call = next) {
        next = call->next_spare;
        free(call);
    }
    server->spare_calls = NULL;
}

/* Twice: the one is decoded in place, while the log shows the path as it came. */
static bool copy_target(struct http_call *call, const char *uri)
{
    call->raw_len = strlen(uri);
    const struct span path = http_access_path((struct span){uri, call->raw_len});
    call->raw = call->short_raw;
    if (call->raw_len + 1 + path.len > sizeof(call->short_raw))
        call->raw = malloc(call->raw_len + 1 + path.len);
    if (call->raw == NULL)
        return false;
    memcpy(call->raw, uri, call->raw_len + 1);
    call->path = (struct span){call->raw + call->raw_len + 1, path.len};
    memcpy(call->raw + call->raw_len + 1, path.data, path.len);
    return true;
}

struct http_call *http_call_create(struct http_server *server, struct MHD_Connection *connection,
                                   const char *uri)
{
    struct http_connection *socket = http_connection_of(connection);
    struct http_call *call = socket != NULL && !socket->ended ? spare_or_new(server) : NULL;
    if (call == NULL)
        return NULL;
    call->server = server;
    if (!copy_target(call, uri != NULL ? uri : "")) {
        free(call);
        return NULL;
    }
    call->connection = connection;
    call->socket = socket;
    socket->call = call;
    call->route = NULL;
    call->state = CALL_NEW;
    call->suspended = call->waited = call->close = call->lasting = false;
    call->answer_size = 0;
    call->error = ERR_OK;
    call->location[0] = '\0';
    call->linger_fd = -1;
    call->body_seen = 0;
    call->response = NULL;
    call->view = NULL;
    call->stream = NULL;
    text_buffer_init(&call->body, server->options->max_body_bytes);
    text_buffer_init(&call->created, HTTP_ANSWER_MAX);
    http_guard_init(&call->guard);
    http_headers_init(&call->headers);
    http_explain_init(&call->explain);
    call->target.base = "";
    call->request_id[0] = call->traceparent[0] = '\0';
    return call;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void drop_response(struct http_call *call)
{
    if (call->view != NULL)
        status_view_release(call->view);
    else if (call->response != NULL && !call->lasting)
        MHD_destroy_response(call->response);
    call->view = NULL;
    call->response = NULL;
}

/* How long those take that wait for something to happen tells nothing of how this service fares. */
void http_call_count(struct http_call *call, unsigned status)
{
    struct http_server *server = call->server;
    call->status = status;
    server->counters.answers[status / 100]++;
    if (!server->options->metrics)
        return;
    server->clock_us = clock_steady_us();
    http_tally_add(&server->tally, call->route, call->method, status,
                   call->waited ? -1 : server->clock_us - call->began_us);
}

/* Into an answer that is the call's own. It is better without than not given at all. */
static void put_request_id(struct http_call *call)
{
    if (call->response != NULL && call->view == NULL && !call->lasting)
        MHD_add_response_header(call->response, HTTP_REQUEST_ID, http_call_request_id(call));
}

static enum MHD_Result send_answer(struct http_call *call)
{
    struct http_server *server = call->server;
    put_request_id(call);
    struct MHD_Response *response = call->response;
    if (response == NULL) {
        call->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        response = server->no_memory;
    }
    call->state = CALL_SENT;
    http_call_count(call, call->status);
    enum MHD_Result result = MHD_queue_response(call->connection, call->status, response);
    drop_response(call); /* the library has its own reference */
    return result;
}

/* In the first call of the handler: the rest of the message is not read. */
static enum MHD_Result send_early(struct http_call *call)
{
    http_call_linger(call);
    return send_answer(call);
}

/* --- header, body, endpoint, end ----------------------------------------------------------------
 */

enum MHD_Result http_call_begin(struct http_call *call, const char *uri, const char *method,
                                const char *version)
{
    call->server->open_calls++;
    call->server->counters.requests++;
    call->began_us = call->server->clock_us;
    call->state = CALL_BODY;
    call->method = http_method_of(method);
    call->body.max = call->server->options->max_body_bytes; /* as it is judged by */
    http_call_judge(call, uri, method, version);
    bool early = call->state == CALL_READY && call->close;
    if (!early && http_guard_has_body(&call->guard))
        http_connection_enter(call->socket, HTTP_PHASE_BODY);
    else
        http_connection_leave(call->socket);
    return early ? send_early(call) : MHD_YES;
}

enum MHD_Result http_call_collect(struct http_call *call, const char *data, size_t len)
{
    call->body_seen += len;
    if (call->state == CALL_READY || call->state == CALL_EXPIRED) /* what is left is dropped */
        return call->body_seen <= call->body.max ? MHD_YES : MHD_NO;
    if (call->body_seen > call->body.max)
        return http_call_refuse_midway(call);
    if (!call->route->takes_body)
        return MHD_YES;
    if (call->body.len == 0)
        text_buffer_reserve(&call->body, (size_t)call->guard.content_length);
    text_append(&call->body, data, len);
    if (call->body.failed)
        http_fail(call, PROBLEM_INTERNAL, NULL);
    return MHD_YES;
}

static enum MHD_Result run(struct http_call *call)
{
    call->state = CALL_RUNNING;
    call->started_ms = loop_now_ms(call->server->loop);
    call->server->running_calls++;
    call->server->out_calls++;
    call->route->start(call); /* may finish before it returns */
    if (call->state == CALL_READY)
        return send_answer(call);
    call->suspended = true; /* http_call_finish() clears it and resumes */
    MHD_suspend_connection(call->connection);
    return MHD_YES;
}

enum MHD_Result http_call_proceed(struct http_call *call)
{
    http_connection_leave(call->socket);
    if (call->state == CALL_EXPIRED)
        return MHD_NO;
    return call->state == CALL_BODY ? run(call) : send_answer(call);
}

/* What the answer took tells how late the storage is, unless it came at once or was waited for. */
static void leave_endpoint(struct http_call *call)
{
    struct http_server *server = call->server;
    server->running_calls--;
    if (call->waited)
        return;
    server->out_calls--;
    if (call->suspended) {
        int64_t now_ms = loop_now_ms(server->loop);
        http_admission_note(&server->admission, now_ms * 1000, (now_ms - call->started_ms) * 1000);
    }
}

void http_call_finish(struct http_call *call)
{
    assert(call->state == CALL_BODY || call->state == CALL_RUNNING);
    if (http_explain_holds(call))
        return;
    if (call->state == CALL_RUNNING)
        leave_endpoint(call);
    call->state = CALL_READY;
    call->server->ready_calls++;
    if (!call->suspended)
        return;
    call->suspended = false;
    MHD_resume_connection(call->connection);
    http_server_wake(call->server);
}

/* The library has answered it itself, or its client has left before its header was complete. */
static void count_unreadable(struct http_call *call)
{
    struct http_server *server = call->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    server->counters.unreadable++;
    if (info != NULL && info->http_status > 0)
        http_tally_add(&server->tally, NULL, METHOD_OTHER, info->http_status, -1);
}

void http_call_completed(struct http_call *call)
{
    struct http_server *server = call->server;
    assert(call->state != CALL_RUNNING);
    if (call->state == CALL_NEW)
        count_unreadable(call);
    else
        server->open_calls--;
    if (call->state == CALL_READY || call->state == CALL_SENT)
        server->ready_calls--;
    http_call_unpark(call);
    http_access_log(call);
    if (call->stream != NULL)
        http_stream_completed(call->stream); /* before its response, which owns it */
    drop_response(call);
    if (call->linger_fd >= 0)
        http_linger_add(&server->linger, call->linger_fd);
    call->socket->call = NULL;
    http_connection_enter(call->socket, HTTP_PHASE_KEPT);
    text_buffer_finish(&call->body);
    text_buffer_finish(&call->created);
    http_explain_clear(&call->explain);
    keep_or_free(call);
}
