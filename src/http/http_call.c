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

#include "http/http_admin.h"
#include "http/http_cors.h"
#include "http/http_mhd.h"
#include "proctrack/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 64          /* calls that are kept between requests */
#define DROP_MAX  (64 * 1024) /* of a refused body this much is read, to keep the connection */

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

static bool copy_target(struct http_call *call, const char *uri)
{
    call->raw_len = strlen(uri);
    call->raw = call->short_raw;
    if (call->raw_len >= sizeof(call->short_raw))
        call->raw = malloc(call->raw_len + 1);
    if (call->raw == NULL)
        return false;
    memcpy(call->raw, uri, call->raw_len + 1);
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
    call->suspended = call->waited = call->close = false;
    call->answer_size = 0;
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
    return call;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void drop_response(struct http_call *call)
{
    if (call->view != NULL)
        status_view_release(call->view);
    else if (call->response != NULL)
        MHD_destroy_response(call->response);
    call->view = NULL;
    call->response = NULL;
}

static enum MHD_Result send_answer(struct http_call *call)
{
    struct http_server *server = call->server;
    struct MHD_Response *response = call->response;
    if (response == NULL) {
        call->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        response = server->no_memory;
    }
    call->state = CALL_SENT;
    server->counters.answers[call->status / 100]++;
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

/* --- the header ------------------------------------------------------------------------------- */

struct header_walk {
    struct http_call *call;
    struct http_mhd_layout layout;
};

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                  size_t key_len, const char *text, size_t len)
{
    struct header_walk *walk = arg;
    struct span name = {key, key_len}, value = {text != NULL ? text : "", len};
    (void)kind;
    http_mhd_layout_field(&walk->layout, name, value);
    http_guard_header(&walk->call->guard, name, value);
    http_headers_add(&walk->call->headers, name, value);
    return MHD_YES;
}

static size_t header_size(const struct http_call *call)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

/* Everything that makes a message ambiguous or unreadable. */
static struct http_verdict judge_framing(struct http_call *call, const char *uri,
                                         const char *method, const char *version)
{
    struct header_walk walk = {.call = call};
    http_mhd_layout_begin(&walk.layout, (struct span){uri, call->raw_len}, version);
    MHD_get_connection_values_n(call->connection, MHD_HEADER_KIND, see_header, &walk);
    if (!http_target_is_clean(call->raw, call->raw_len))
        return (struct http_verdict){
            400, "the request target holds a blank, a control character or a byte above 0x7e"};
    if (!http_mhd_layout_judge(&walk.layout, method, header_size(call)))
        return (struct http_verdict){
            400, "the header holds a NUL byte, a folded line, a line without a name, or line ends "
                 "of both kinds"};
    return http_guard_judge(&call->guard, version);
}

static void refuse_framing(struct http_call *call, struct http_verdict verdict)
{
    enum http_problem problem = verdict.status == 501   ? PROBLEM_NOT_IMPLEMENTED
                                : verdict.status == 417 ? PROBLEM_EXPECTATION
                                                        : PROBLEM_BAD_MESSAGE;
    call->close = true;
    http_fail(call, problem, verdict.detail);
}

/* At the limit connections are refused unread, probes with them; so others are sent away before. */
static bool is_overloaded(const struct http_server *server)
{
    return server->subject == server && /* operators are always answered */
           (uint64_t)server->connections * 10 > (uint64_t)server->options->max_connections * 9;
}

/* A worker's word on what is under way, and what operators ask, are never shed. */
static bool is_shed(struct http_call *call)
{
    struct http_server *server = call->server;
    if (http_admission_is_calm(&server->admission) || call->route->kind != ROUTE_USUAL ||
        http_admission_admits(&server->admission, clock_steady_us(), server->out_calls))
        return false;
    server->counters.shed++;
    return true;
}

static void answer_preflight(struct http_call *call)
{
    char allowed[HTTP_CORS_HEADERS_SIZE];
    http_cors_headers(call->headers.request_headers, allowed);
    if (allowed[0] != '\0')
        http_answer_header(call, "Access-Control-Allow-Headers", allowed);
    http_answer_header(call, "Access-Control-Max-Age", HTTP_CORS_MAX_AGE);
}

static void answer_options(struct http_call *call, const char *allow)
{
    bool vary;
    http_answer_empty(call, MHD_HTTP_NO_CONTENT);
    http_answer_header(call, MHD_HTTP_HEADER_ALLOW, allow);
    if (call->headers.request_method.data != NULL &&
        http_cors_allow(call->server->options->cors_origins, call->headers.origin, &vary) != NULL) {
        http_answer_header(call, "Access-Control-Allow-Methods", allow);
        answer_preflight(call);
    }
    http_call_finish(call);
}

/* Finds who answers. False: answered already. */
static bool find_route(struct http_call *call)
{
    char allow[HTTP_ALLOW_SIZE];
    if (call->target.asterisk && call->method == METHOD_OPTIONS) {
        answer_options(call, "GET, HEAD, POST, DELETE, OPTIONS");
        return false;
    }
    call->route = http_route_find(call->method, &call->target, allow);
    if (call->route != NULL && http_admin_has_route(call))
        return true;
    if (call->route != NULL || allow[0] == '\0') {
        http_fail(call, PROBLEM_UNKNOWN_PATH, NULL);
    } else if (call->method == METHOD_OPTIONS) {
        answer_options(call, allow);
    } else {
        http_answer_problem(call, PROBLEM_METHOD, NULL);
        http_answer_header(call, MHD_HTTP_HEADER_ALLOW, allow);
        http_call_finish(call);
    }
    return false;
}

/* Whether a call that is refused before its body came should end its connection: then the body
 * need not be read. */
static bool is_costly_to_drop(const struct http_call *call)
{
    const struct http_guard *guard = &call->guard;
    return http_guard_has_body(guard) &&
           (guard->chunked || guard->expects_continue || guard->content_length > DROP_MAX ||
            guard->content_length > call->server->options->max_body_bytes);
}

/* All that can be said before the body. False: answered. */
static bool prepare(struct http_call *call)
{
    struct http_server *server = call->server;
    call->close = is_costly_to_drop(call);
    const char *wrong =
        http_target_parse(call->raw, call->raw_len, server->options->base_path, &call->target);
    if (wrong != NULL) {
        http_fail(call, PROBLEM_BAD_TARGET, wrong);
        return false;
    }
    if (!find_route(call))
        return false;
    if (is_overloaded(server) &&
        (call->route->kind == ROUTE_USUAL || call->route->kind == ROUTE_OPERATIONS)) {
        call->close = true;
        http_fail(call, PROBLEM_OVERLOADED, NULL);
        return false;
    }
    if (is_shed(call)) {
        http_fail(call, PROBLEM_OVERLOADED, NULL);
        return false;
    }
    if (call->guard.content_length > server->options->max_body_bytes) {
        call->close = true;
        http_fail(call, PROBLEM_TOO_LARGE, "The body is larger than this server accepts.");
        return false;
    }
    if (call->headers.repeated != NULL) {
        http_fail(call, PROBLEM_BAD_HEADER, "A header field that may come once came twice.");
        return false;
    }
    if (call->route->method != METHOD_GET &&
        !http_cors_may_change(server->options->cors_origins, &call->headers)) {
        http_fail(call, PROBLEM_CROSS_ORIGIN, NULL);
        return false;
    }
    call->close = false;
    return true;
}

enum MHD_Result http_call_begin(struct http_call *call, const char *uri, const char *method,
                                const char *version)
{
    call->server->open_calls++;
    call->server->counters.requests++;
    call->state = CALL_BODY;
    call->method = http_method_of(method);
    struct http_verdict verdict = judge_framing(call, uri, method, version);
    if (verdict.status != 0)
        refuse_framing(call, verdict);
    else
        prepare(call);
    bool early = call->state == CALL_READY && call->close;
    if (!early && http_guard_has_body(&call->guard))
        http_connection_enter(call->socket, HTTP_PHASE_BODY);
    else
        http_connection_leave(call->socket);
    return early ? send_early(call) : MHD_YES;
}

/* --- body, endpoint, end ---------------------------------------------------------------------- */

enum MHD_Result http_call_collect(struct http_call *call, const char *data, size_t len)
{
    call->body_seen += len;
    if (call->state == CALL_READY || call->state == CALL_EXPIRED) /* what is left is dropped */
        return call->body_seen <= call->server->options->max_body_bytes ? MHD_YES : MHD_NO;
    if (call->body_seen > call->server->options->max_body_bytes)
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

void http_call_completed(struct http_call *call)
{
    struct http_server *server = call->server;
    assert(call->state != CALL_RUNNING);
    if (call->state == CALL_NEW)
        server->counters.unreadable++;
    else
        server->open_calls--;
    if (call->state == CALL_READY || call->state == CALL_SENT)
        server->ready_calls--;
    http_call_unpark(call);
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
