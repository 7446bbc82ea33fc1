/* What GET /status?ids= asks for: processes, and what the client has of each. Pure, any thread. */
#ifndef HTTP_MANY_QUERY_H
#define HTTP_MANY_QUERY_H

#include "proctrack/process.h"

#define MANY_IDS_MAX 200
#define MANY_REMOVED (-1) /* the client knows that it is missing or gone */

struct many_query {
    size_t count;
    struct process_id ids[MANY_IDS_MAX];
    int64_t versions[MANY_IDS_MAX]; /* 0: nothing; or MANY_REMOVED */
};

/* `a,b,c`. NULL, or a constant sentence that says what is wrong. */
const char *many_query_read_ids(struct span text, struct many_query *query);

/* `3,-,7`: a version of each, in the order of the ids, which have been read; `-` for one that is
 * known to be removed. What is wrong, with the query as it was; or NULL. */
const char *many_query_read_versions(struct span text, struct many_query *query);
/* As it reads it. */
void many_version_append(struct text_buffer *out, int64_t version);

#endif
