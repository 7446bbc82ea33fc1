/* What the files of the feed share, see http_feed.h. On the loop's thread. */
#ifndef HTTP_FEED_PRIVATE_H
#define HTTP_FEED_PRIVATE_H

#include "http/feed_event.h"
#include "http/feed_queue.h"
#include "http/http_server_private.h"

#define FEED_ROUND_BYTES (HTTP_STREAM_PENDING_MAX / 2)

struct feed_listener {
    struct list_link link;
    struct http_feed *feed;
    struct http_stream *stream;
    struct http_feed_filter filter;
    int base;    /* of feed_event.chunks */
    bool behind; /* it has not taken all that it was given in this round */
};

struct http_feed {
    struct http_server *server;
    struct loop_timer *timer, *grace;
    bool planned; /* the timer runs */
    struct list_link listeners;
    struct feed_queue *queue; /* while any listens, or reads are out */
    size_t reads;             /* that are out */
    size_t usual_bytes;       /* of the latest events, on average */
    struct list_link events;  /* that wait to be offered */
    size_t event_bytes;       /* of these */
    size_t round_bytes;       /* offered in this round */
    size_t count, behind;     /* of listeners */
    bool in_grace;
    bool missed; /* to be told */
};

/* It has something to do, soon. */
void feed_plan(struct http_feed *feed);
/* To be offered. Takes it; NULL: it is lost. */
void feed_add_event(struct http_feed *feed, struct feed_event *take_event);
/* Reads of those that wait what may be read now. */
void feed_read(struct http_feed *feed);
void feed_free_queue_if_idle(struct http_feed *feed);

#endif
