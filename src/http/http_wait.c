#include "http/http_wait.h"

#include "http/http_call.h"

/* An EventSource that has lost its stream gives up for good upon an error. */
static bool comes_again(const struct http_call *call)
{
    return call->headers.last_event_id.data != NULL &&
           http_accept_prefers_events(&call->headers.accept);
}

bool http_wait_admit(struct http_call *call)
{
    const struct http_server *server = call->server;
    if (!server->quiesced && server->follower_count < server->options->max_waiters)
        return true;
    if (comes_again(call))
        http_stream_answer_later(call);
    else
        http_fail(call, server->quiesced ? PROBLEM_STOPPING : PROBLEM_TOO_MANY_WAITERS, NULL);
    return false;
}

void http_wait_add(struct http_server *server, struct http_wait *wait)
{
    list_append(&server->followers, &wait->link);
    wait->server = server;
    server->follower_count++;
}

void http_wait_remove(struct http_wait *wait)
{
    if (wait->server == NULL)
        return;
    list_remove(&wait->link);
    wait->server->follower_count--;
    wait->server = NULL;
}

/* One that stops may end others. */
void http_wait_stop_all(struct http_server *server)
{
    while (!list_is_empty(&server->followers)) {
        struct http_wait *wait = container_of(server->followers.next, struct http_wait, link);
        http_wait_remove(wait);
        wait->stop(wait);
    }
}
