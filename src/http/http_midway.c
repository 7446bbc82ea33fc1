/* Refusals in the midst of a body. The library takes no answer there, so it is written past it;
 * nothing else is on its way out of the socket then. */
#include "http/http_call.h"

#include <fcntl.h>
#include <sys/socket.h>

void http_call_linger(struct http_call *call)
{
    call->linger_fd = fcntl(call->socket->fd, F_DUPFD_CLOEXEC, 0);
}

void http_write_problem(int fd, const char *request_id, enum http_problem problem,
                        const char *detail)
{
    struct text_buffer body, message;
    unsigned status = http_problem_status(problem);
    text_buffer_init(&body, 1024);
    text_buffer_init(&message, 2048);
    http_problem_open(&body, problem, detail);
    http_problem_close(&body, request_id);
    text_append_format(&message,
                       "HTTP/1.1 %u %s\r\nContent-Type: " HTTP_PROBLEM "\r\n"
                       "X-Content-Type-Options: nosniff\r\nConnection: close\r\n" HTTP_REQUEST_ID
                       ": %s\r\n%sContent-Length: %zu\r\n\r\n" SPAN_FMT,
                       status, MHD_get_reason_phrase_for(status), request_id,
                       http_problem_is_passing(problem) ? "Retry-After: 1\r\n" : "", body.len,
                       SPAN_ARG(text_buffer_span(&body)));
    if (!message.failed)
        (void)!send(fd, message.data, message.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    text_buffer_finish(&body);
    text_buffer_finish(&message);
}

enum MHD_Result http_call_refuse_midway(struct http_call *call)
{
    http_write_problem(call->socket->fd, http_call_request_id(call), PROBLEM_TOO_LARGE,
                       "The body is larger than this server accepts.");
    http_call_count(call, http_problem_status(PROBLEM_TOO_LARGE));
    http_call_linger(call);
    call->state = CALL_SENT;
    call->server->ready_calls++;
    return MHD_NO;
}

/* The library goes on reading, so that the client is not reset before it has seen the answer. */
void http_call_expire(struct http_call *call)
{
    http_write_problem(call->socket->fd, http_call_request_id(call), PROBLEM_BODY_TIMEOUT, NULL);
    http_call_count(call, http_problem_status(PROBLEM_BODY_TIMEOUT));
    shutdown(call->socket->fd, SHUT_WR);
    if (call->state == CALL_READY) /* refused before its body came; that cannot be said any more */
        call->server->ready_calls--;
    call->state = CALL_EXPIRED;
}
