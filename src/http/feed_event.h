/* What the feed (http_feed.h) tells its streams: rendered once, for all. On the loop's thread. */
#ifndef HTTP_FEED_EVENT_H
#define HTTP_FEED_EVENT_H

#include "http/http_chunk.h"
#include "http/http_feed.h"
#include "proctrack/list.h"

#define FEED_BASES 2 /* in front of links: none, and the server's base path */

struct feed_event {
    struct list_link link;
    struct http_chunk *chunks[FEED_BASES]; /* NULL: nobody wanted that one */
    bool to_all;                           /* else a state, of which only these are known: */
    enum process_status status;
    char type[PROCESS_TYPE_MAX + 1], group[PROCESS_GROUP_MAX + 1];
};

/* All give NULL if there is no memory. */
struct feed_event *feed_event_missed(void);
struct feed_event *feed_event_removed(const struct process_id *id);
/* A state, without its chunks. */
struct feed_event *feed_event_state(const struct process *process);
/* One of them. */
struct http_chunk *feed_event_render(const struct process *process,
                                     const struct process_view *view);
void feed_event_destroy(struct feed_event *event);

bool feed_event_passes(const struct feed_event *event, const struct http_feed_filter *filter);
size_t feed_event_bytes(const struct feed_event *event);

#endif
