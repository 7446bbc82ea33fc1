/* One state of one process, rendered: shared by all answers that give it. It does not change, but
 * for what is made of it on first use. Counted; on the loop's thread. */
#ifndef HTTP_STATUS_VIEW_H
#define HTTP_STATUS_VIEW_H

#include "http/http_chunk.h"
#include "proctrack/process_manager.h"

#include <microhttpd.h>

struct http_call;
struct status_view;

struct status_view *status_view_share(struct status_view *view); /* gives it back */
void status_view_release(struct status_view *view);              /* NULL is fine */

int64_t status_view_version(const struct status_view *view);
bool status_view_is_final(const struct status_view *view);
/* Pending and due: why it waits may change without a new version. */
bool status_view_reason_is_open(const struct status_view *view);
struct span status_view_body(const struct status_view *view); /* the resource, JSON */

/* The state as a server-sent event: its version as the id, the resource as data. The view's own,
 * share it to keep it. NULL if no memory. */
struct http_chunk *status_view_event(struct status_view *view);

/* Answers the call with 200 and the resource; or with 304 if the client has this version, unless
 * its reason is open. It is the shared answer, to which no header can be added, or one of its own
 * where the connection closes, or a preference or the request is to be named. The caller finishes
 * the call. */
void status_view_answer(struct status_view *view, struct http_call *call);

/* --- for status_cache.c ----------------------------------------------------------------------- */

/* A process's record with texts of its own, in one block (free() ends it). NULL if no memory. */
struct status_record {
    size_t bytes; /* of the block */
    struct process process;
    char texts[];
};
struct status_record *status_record_copy(const struct process *process);

/* Why a process waits that is pending and due. */
struct status_reason {
    const char *text; /* constant, or NULL */
    int64_t position; /* 0: null */
};

/* Renders the state of *process. With `take_record`, which *process then lies in, it can be
 * rendered anew; NULL: *process is borrowed until this returns. now_ms: loop time. NULL if no
 * memory. */
struct status_view *status_view_create(struct process_manager *manager,
                                       const struct process *process,
                                       struct status_record *take_record, const char *base,
                                       const struct status_reason *reason, int64_t now_ms);
/* Whether its advice when to ask again is old; then the same state, rendered anew. The new view
 * takes the record, so *view is only good for those who share it. NULL if no memory. */
bool status_view_is_stale(const struct status_view *view, int64_t now_ms);
struct status_view *status_view_renew(struct status_view *view, int64_t now_ms);
/* The process's type; absent when it cannot be rendered anew. */
struct span status_view_type(const struct status_view *view);
/* What it takes by now. */
size_t status_view_bytes(const struct status_view *view);

#endif
