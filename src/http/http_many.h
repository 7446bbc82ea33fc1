/* Several processes, asked for or followed by one client: what the files behind GET /status?ids=
 * share. On the loop's thread. */
#ifndef HTTP_MANY_H
#define HTTP_MANY_H

#include "http/http_stream.h"
#include "http/http_wait.h"
#include "http/many_query.h"
#include "http/status_cache.h"

struct http_call;
struct http_server;
struct many;

struct many_item {
    struct status_follower follower;
    struct many *many;
    struct list_link link;    /* of a stream: in `news` */
    int64_t had;              /* what the client has, as in struct many_query */
    int64_t version;          /* of the latest state; before, what the client has; or 0 */
    struct status_view *view; /* that state, unless the client has it */
    enum err result;          /* of the latest look */
    bool settled;             /* it is final, or removed */
};

enum many_phase {
    MANY_ASKING,    /* for the present states */
    MANY_WAITING,   /* a long poll, for another one */
    MANY_STREAMING, /* the call has been answered */
};

/* One block, whatever their number. The call's until it is answered, then the stream's. */
struct many {
    struct http_server *server;
    struct http_call *call;
    enum many_phase phase;
    bool waits;            /* there is time left to wait for news */
    size_t asked;          /* looks that are out */
    struct http_wait wait; /* of a long poll */
    struct loop_timer *timer;
    struct loop_task task; /* something has come: answers, or sends it */
    struct http_stream *stream;
    struct list_link news; /* of a stream: what it has not been sent; only the newest of each */
    size_t given;          /* bytes since the stream had none left */
    size_t count;
    struct many_item items[];
};

/* Whether the process is missing or gone. */
static inline bool many_item_is_removed(const struct many_item *item)
{
    return item->result == ERR_NOT_FOUND || item->result == ERR_GONE;
}

/* Whether the client does not know its state. */
static inline bool many_item_is_news(const struct many_item *item)
{
    return item->view != NULL || (many_item_is_removed(item) && item->had != MANY_REMOVED);
}

/* Takes a look's outcome. */
void many_item_note(struct many_item *item, enum err result, struct status_view *view);
/* For another state. Nothing if it is removed: it stays so. */
void many_item_await(struct many_item *item);
void many_destroy(struct many *many);

/* All states are known: answers with a stream, or with 204 when nothing can follow. */
void many_stream_begin(struct many *many);
/* An await has come to this. */
void many_stream_note(struct many_item *item, enum err result, struct status_view *view);

#endif
