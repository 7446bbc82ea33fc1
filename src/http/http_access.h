/* The access log: one line for each request that has ended. On the loop's thread. */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "proctrack/err.h"
#include "proctrack/text.h"

struct http_call;

/* Of a request target as it came, what a log may show: the path, without the query, a user or a
 * password, and no more of it than the log shows. Points into the target. */
#define HTTP_ACCESS_PATH_MAX 256
struct span http_access_path(struct span target);

/* Writes the line, if it is wanted and there are not too many. The library has done with the
 * request, but not yet forgotten it. */
void http_access_log(struct http_call *call);

/* Before a request is answered for this error: says so at once, whatever the access log shows, when
 * it is a fault here rather than the client's or a storage that is down. */
void http_access_note(struct http_call *call, enum err err);

#endif
