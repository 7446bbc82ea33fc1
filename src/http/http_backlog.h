/* Chunks that wait to be sent, in order, up to a bound. It allocates nothing while empty. On one
 * loop's thread. */
#ifndef HTTP_BACKLOG_H
#define HTTP_BACKLOG_H

#include "http/http_chunk.h"

#include <stdbool.h>

struct http_backlog {
    struct http_chunk **chunks; /* a ring */
    size_t first, count, room;
    size_t taken; /* of the first one's bytes */
    size_t bytes; /* that wait */
    size_t max;   /* of these; a chunk before which little waits may be larger */
};

void http_backlog_init(struct http_backlog *backlog, size_t max);
void http_backlog_finish(struct http_backlog *backlog); /* twice is fine */
/* Shares the chunk. False: it would be too much, or there is no memory; nothing has changed. */
bool http_backlog_add(struct http_backlog *backlog, struct http_chunk *chunk);
/* Moves up to max bytes out; how many. */
size_t http_backlog_take(struct http_backlog *backlog, char *ret_bytes, size_t max);

static inline bool http_backlog_is_empty(const struct http_backlog *backlog)
{
    return backlog->count == 0;
}

#endif
