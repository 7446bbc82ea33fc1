/* Calls that wait for processes to change: their number is bounded, each ends by its own deadline,
 * with its client, or with the server. Long polls are on the server's list of these, and streams,
 * which put themselves there. On the loop's thread. */
#ifndef HTTP_WAIT_H
#define HTTP_WAIT_H

#include "proctrack/list.h"

#include <stdbool.h>

struct http_call;
struct http_server;

struct http_wait {
    struct list_link link;
    void (*stop)(struct http_wait *wait); /* the server stops: answer or end now */
    struct http_server *server;           /* private: while it is on its list; else NULL */
};

/* False: MAX_WAITERS wait already, or the server stops; it has been answered 503 with Retry-After,
 * or, if it comes again for its event stream, with one that only says when to come again. */
bool http_wait_admit(struct http_call *call);
/* `stop` is set; the rest need not be. */
void http_wait_add(struct http_server *server, struct http_wait *wait);
void http_wait_remove(struct http_wait *wait); /* twice is fine */
/* Calls stop() of each, which is off the list by then. */
void http_wait_stop_all(struct http_server *server);

#endif
