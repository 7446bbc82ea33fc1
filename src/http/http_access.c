#include "http/http_access.h"

#include "http/http_call.h"
#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <arpa/inet.h>

/* --- the path -----------------------------------------------------------------------------------
 */

static size_t find(struct span text, size_t from, char c)
{
    const char *found = from < text.len ? memchr(text.data + from, c, text.len - from) : NULL;
    return found != NULL ? (size_t)(found - text.data) : text.len;
}

static struct span from(struct span text, size_t at)
{
    return (struct span){text.data + at, text.len - at};
}

struct span http_access_path(struct span target)
{
    struct span path = target;
    path.len = find(path, 0, '?');
    path.len = find(path, 0, '#');
    if (path.len > 0 && path.data[0] != '/' && path.data[0] != '*') {
        const size_t scheme_end = find(path, 0, ':');
        const bool has_authority = span_starts(from(path, scheme_end), "://");
        path = from(path, has_authority ? find(path, scheme_end + 3, '/') : path.len);
    }
    if (path.len > HTTP_ACCESS_PATH_MAX)
        path.len = HTTP_ACCESS_PATH_MAX;
    return path;
}

/* --- the line -----------------------------------------------------------------------------------
 */

struct details {
    char route[HTTP_TEMPLATE_SIZE];
    char process_id[PROCESS_ID_TEXT_SIZE];
    char remote[INET6_ADDRSTRLEN];
};

static bool is_of_process(const struct http_route *route)
{
    const char *first = route->segments[0], *second = route->segments[1];
    return second != NULL && second[0] == ':' && strcmp(first, "groups") != 0 &&
           strcmp(first, "types") != 0;
}

/* That of the path, or of the process that the request has made. */
static const char *process_id_of(const struct http_call *call, char *buffer)
{
    struct process_id id;
    if (call->location[0] != '\0')
        return call->location;
    if (call->route == NULL || !is_of_process(call->route) ||
        !process_id_parse(call->target.segments[1], &id))
        return NULL;
    process_id_format(&id, buffer);
    return buffer;
}

static const char *remote_of(const struct http_call *call, char *buffer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    const void *bytes = NULL;
    if (address != NULL && address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address != NULL && address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (bytes == NULL)
        return NULL;
    return inet_ntop(address->sa_family, bytes, buffer, INET6_ADDRSTRLEN);
}

/* The client has been answered, or at least the library has the answer. */
static bool is_answered(const struct http_call *call)
{
    return call->state == CALL_SENT || call->state == CALL_EXPIRED;
}

/* The body's bytes; left out where they are not known: of an answer that was made before, and where
 * there is none. */
static struct log_field bytes_of(const struct http_call *call)
{
    if (call->lasting || !is_answered(call))
        return log_text("bytes", NULL);
    return log_int("bytes", call->method == METHOD_HEAD ? 0 : (int64_t)call->answer_size);
}

static struct log_field status_of(const struct http_call *call)
{
    return is_answered(call) ? log_int("status", call->status) : log_bool("aborted", true);
}

static struct log_field trace_of(struct http_call *call)
{
    return log_span("trace_id", traceparent_trace_id(http_call_traceparent(call)));
}

/* Of a request that the library has refused itself, or whose client left before its header was
 * complete, little is known. */
static void write_unread(struct http_call *call)
{
    struct details details;
    log_in_turn(LOG_INFO, "request not read", log_span("path", call->path),
                log_text("remote", remote_of(call, details.remote)));
}

static void write_line(struct http_call *call)
{
    struct details details;
    http_route_template(http_route_number(call->route), details.route);
    log_in_turn(LOG_INFO, "request", log_text("request_id", http_call_request_id(call)),
                trace_of(call), log_text("method", http_method_name(call->method)),
                log_text("route", details.route), log_span("path", call->path),
                log_text("process_id", process_id_of(call, details.process_id)), status_of(call),
                log_text("error", call->error != ERR_OK ? err_text(call->error) : NULL),
                log_float("duration_ms", (double)(clock_steady_us() - call->began_us) / 1000),
                bytes_of(call), log_text("remote", remote_of(call, details.remote)));
}

/* Whether it was asked for, and whether there is room, comes before anything is put together: what
 * is not written must cost next to nothing. */
void http_access_log(struct http_call *call)
{
    switch (call->server->options->log_access) {
    case HTTP_LOG_ALL:
        break;
    case HTTP_LOG_ERRORS:
        if (!is_answered(call) || call->status < 500)
            return;
        break;
    case HTTP_LOG_NONE:
        return;
    }
    if (!log_turn(LOG_INFO))
        return;
    if (call->state == CALL_NEW)
        write_unread(call);
    else
        write_line(call);
}

void http_access_note(struct http_call *call, enum err err)
{
    struct details details;
    call->error = err;
    if (http_problem_status(http_problem_of(err)) != MHD_HTTP_INTERNAL_SERVER_ERROR)
        return;
    http_route_template(http_route_number(call->route), details.route);
    log_error("request failed", log_text("request_id", http_call_request_id(call)), trace_of(call),
              log_text("method", http_method_name(call->method)), log_text("route", details.route),
              log_text("process_id", process_id_of(call, details.process_id)),
              log_text("error", err_text(err)));
}
