/* Lingering close. Closing a socket with unread bytes resets the connection, and the client may
 * never see the answer that refused its request. So the socket is kept for a moment, and what
 * still comes is read and dropped, until the client closes or the time is up. One loop. */
#ifndef HTTP_LINGER_H
#define HTTP_LINGER_H

#include "proctrack/loop.h"

struct http_linger {
    struct loop *loop;
    struct list_link sockets;
    unsigned count;
};

void http_linger_init(struct http_linger *linger, struct loop *loop);
void http_linger_finish(struct http_linger *linger); /* closes all */

/* Takes fd, a duplicate of a socket that is about to be closed. */
void http_linger_add(struct http_linger *linger, int fd);

#endif
