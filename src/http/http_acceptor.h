/* Accepts a server's connections. The library, left to itself, stops accepting at its limit, and
 * the next client waits without a word; here it is accepted all the same, told 503, and closed.
 * A bounded number is accepted per turn, so that a flood of connections does not hold up those that
 * are open. On the loop's thread. */
#ifndef HTTP_ACCEPTOR_H
#define HTTP_ACCEPTOR_H

#include "proctrack/loop.h"

struct http_server;

struct http_acceptor {
    struct http_server *server;
    struct loop_watch *watch;
    struct loop_timer *pause; /* while there are no descriptors */
    int64_t warned_ms;        /* of that; loop time, 0: not yet */
    int listen_fd;            /* -1: closed */
};

/* Takes listen_fd, whatever happens. False if no memory; finish it all the same. */
bool http_acceptor_init(struct http_acceptor *acceptor, struct http_server *server, int listen_fd);
/* Accepts those whose connection the kernel has made: closing the listening socket would reset
 * them, and their requests with them. Then closes it. */
void http_acceptor_close(struct http_acceptor *acceptor);
void http_acceptor_finish(struct http_acceptor *acceptor); /* twice is fine */

#endif
