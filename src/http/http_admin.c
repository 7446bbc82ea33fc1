#include "http/http_admin.h"

#include "http/http_call.h"

#include <arpa/inet.h>
#include <sys/socket.h>

bool http_admin_has_route(const struct http_call *call)
{
    return call->server->subject == call->server || call->route->kind >= ROUTE_OPERATIONS;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(in6) ||
           (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET);
}

static bool is_from_here(const struct http_call *call)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL && info->client_addr != NULL && is_loopback(info->client_addr);
}

/* A proxy on this machine makes every client look as if it were here. */
static bool is_handed_on(const struct http_call *call)
{
    static const char *const marks[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
        if (MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, marks[i]) != NULL)
            return true;
    return false;
}

bool http_admin_allowed(struct http_call *call)
{
    const char *detail = NULL;
    if (call->server->subject != call->server)
        return true;
    if (call->server->options->has_admin)
        detail = "Call it on ADMIN_PORT, which this server has for such calls.";
    else if (is_from_here(call) && !is_handed_on(call))
        return true;
    http_fail(call, PROBLEM_OPERATORS_ONLY, detail);
    return false;
}
