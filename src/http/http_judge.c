/* What can be said of a request once its header has come: a message that cannot be trusted, a path
 * that is not there, too much at a time. Then it is answered, and its body, if any, is dropped. */
#include "http/endpoints.h"
#include "http/http_admin.h"
#include "http/http_call.h"
#include "http/http_cors.h"
#include "http/http_mhd.h"
#include "proctrack/clock.h"

#define DROP_MAX (64 * 1024) /* of a refused body this much is read, to keep the connection */

/* --- framing ---------------------------------------------------------------------------------- */

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

/* --- who answers --------------------------------------------------------------------------------
 */

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

static bool is_served(const struct http_call *call)
{
    return http_admin_has_route(call) &&
           (call->route->start != ep_metrics || call->server->options->metrics);
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
    if (call->route != NULL && is_served(call))
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

/* --- too much at a time ------------------------------------------------------------------------
 */

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

/* Most get an answer that has been made before: it must cost little. */
static void send_away(struct http_call *call)
{
    const struct http_server *server = call->server;
    bool vary;
    if (call->close || server->quiesced || http_call_has_request_id(call) ||
        http_cors_allow(server->options->cors_origins, call->headers.origin, &vary) != NULL) {
        http_fail(call, PROBLEM_OVERLOADED, NULL);
        return;
    }
    http_answer_lasting(call, http_problem_status(PROBLEM_OVERLOADED), server->overloaded);
    http_call_finish(call);
}

/* False: answered. */
static bool has_room(struct http_call *call)
{
    if (is_overloaded(call->server) &&
        (call->route->kind == ROUTE_USUAL || call->route->kind == ROUTE_OPERATIONS))
        call->close = true;
    else if (!is_shed(call))
        return true;
    send_away(call);
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Whether a call that is refused before its body came should end its connection: then the body
 * need not be read. */
static bool is_costly_to_drop(const struct http_call *call)
{
    const struct http_guard *guard = &call->guard;
    return http_guard_has_body(guard) &&
           (guard->chunked || guard->expects_continue || guard->content_length > DROP_MAX ||
            guard->content_length > call->server->options->max_body_bytes);
}

/* False: answered. */
static bool is_acceptable(struct http_call *call)
{
    const struct http_options *options = call->server->options;
    if (call->guard.content_length > options->max_body_bytes) {
        call->close = true;
        http_fail(call, PROBLEM_TOO_LARGE, "The body is larger than this server accepts.");
    } else if (call->headers.repeated != NULL) {
        http_fail(call, PROBLEM_BAD_HEADER, "A header field that may come once came twice.");
    } else if (call->route->method != METHOD_GET &&
               !http_cors_may_change(options->cors_origins, &call->headers)) {
        http_fail(call, PROBLEM_CROSS_ORIGIN, NULL);
    } else {
        return true;
    }
    return false;
}

void http_call_judge(struct http_call *call, const char *uri, const char *method,
                     const char *version)
{
    struct http_verdict verdict = judge_framing(call, uri, method, version);
    if (verdict.status != 0) {
        refuse_framing(call, verdict);
        return;
    }
    call->close = is_costly_to_drop(call);
    const char *wrong = http_target_parse(call->raw, call->raw_len,
                                          call->server->options->base_path, &call->target);
    if (wrong != NULL)
        http_fail(call, PROBLEM_BAD_TARGET, wrong);
    else if (find_route(call) && has_room(call) && is_acceptable(call))
        call->close = false;
}
