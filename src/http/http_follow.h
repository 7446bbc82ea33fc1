/* How a client wants to follow what it asks for: by a plain poll, a long poll (`?wait=N` or
 * `Prefer: wait=N`) or as server-sent events (`Accept: text/event-stream`). On the loop's thread.
 */
#ifndef HTTP_FOLLOW_H
#define HTTP_FOLLOW_H

#include "proctrack/process.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_FOLLOW_MAX_S 60

struct http_call;
struct process_follow;

/* call->follow: valid from http_follow_begin() on. A call for HEAD neither waits nor streams. */
struct http_follow {
    bool stream;           /* as events; then wait_s means nothing */
    bool is_preferred;     /* wait_s stands in Prefer: the answer says Preference-Applied */
    bool has_wait;         /* ?wait= was given, be it 0 */
    int wait_s;            /* 0..HTTP_FOLLOW_MAX_S; 0: answered at once */
    int64_t after_version; /* of ?after_version=; -1: not given */
    struct process_follow *process; /* private to ep_follow.c, of a long poll */
};

/* Reads the headers. Before the query, which may say otherwise. */
void http_follow_begin(struct http_call *call);
/* Readers for http_call_query(): `wait` for all who can wait, `after_version` of one process. */
const char *http_follow_read_wait(struct http_call *call, struct span value);
const char *http_follow_read_after_version(struct http_call *call, struct span value);
/* After the query: whether it is a long poll or a stream. */
bool http_follow_applies(const struct http_call *call);
/* Tells caches that another Accept would have brought an event stream. */
void http_follow_answer_varies(struct http_call *call);
/* Adds Preference-Applied to the answer that was made, if it is due. Its response must be the
 * call's own. */
void http_follow_answer_applied(struct http_call *call);

/* GET /status/<id> once id and query (`fields` in call->flag) have been read. False: it is a plain
 * poll, the caller's to answer. True: it has been taken over or answered. */
bool ep_follow(struct http_call *call, const struct process_id *id);
/* The poll that reads past the cache, and answers what is stored now; with call->flag also the
 * input. */
void http_status_read(struct http_call *call, const struct process_id *id);

#endif
