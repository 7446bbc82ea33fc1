/* Calls that wait for something to happen. Each holds a connection, so there is a limit; and the
 * library notices nothing on a suspended connection, so its socket is watched here for the client's
 * hang-up. Only after a moment: most find at once what they wait for, and a watch costs several
 * system calls.
 *
 * A client that closes its sending half counts as gone: it cannot be told from one that has closed
 * altogether, and the library closes a resumed connection upon that end. Nothing is taken for it.
 */
#include "http/endpoints.h"
#include "http/http_call.h"

static enum http_waiter waiter_of(const struct http_call *call)
{
    if (call->stream != NULL)
        return HTTP_WAITER_STREAM;
    return call->route->start == ep_claim ? HTTP_WAITER_CLAIM : HTTP_WAITER_POLL;
}

bool http_call_may_wait(const struct http_call *call)
{
    const struct http_server *server = call->server;
    return !server->quiesced &&
           server->waiting_calls < server->options->max_connections / 2 + server->follower_count;
}

void http_call_park(struct http_call *call, void (*gone)(struct http_call *call))
{
    text_buffer_finish(&call->body); /* its client decides how large it is and how long it waits */
    if (call->state == CALL_RUNNING && !call->waited)
        call->server->out_calls--;
    call->waited = true;
    call->waits_for = waiter_of(call);
    call->server->waiting_calls++;
    call->server->waiters[call->waits_for]++;
    http_connection_park(call->socket, gone);
}

void http_call_unpark(struct http_call *call)
{
    if (!http_connection_unpark(call->socket))
        return;
    call->server->waiting_calls--;
    call->server->waiters[call->waits_for]--;
}
