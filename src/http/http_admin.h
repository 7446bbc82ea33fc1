/* Who may make calls that are for operators: whoever reaches ADMIN_PORT or, where there is none,
 * clients on the machine that the server runs on, unless a proxy hands their calls on. On the
 * loop's thread. */
#ifndef HTTP_ADMIN_H
#define HTTP_ADMIN_H

#include <stdbool.h>

struct http_call;
struct http_server;

/* Of a call to a ROUTE_ADMIN, first thing in its start function. False: answered. */
bool http_admin_allowed(struct http_call *call);

/* Whether the server has the path of this call: that of ADMIN_PORT has few. */
bool http_admin_has_route(const struct http_call *call);

#endif
