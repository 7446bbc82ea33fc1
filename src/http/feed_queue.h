/* Which processes the feed (http_feed.h) has heard of and must still read, each once, and which of
 * their states it has told already. Both are bounded. On the loop's thread. */
#ifndef HTTP_FEED_QUEUE_H
#define HTTP_FEED_QUEUE_H

#include "proctrack/list.h"
#include "proctrack/process.h"

#define FEED_WAITING_MAX 16384 /* processes that may wait to be read */
#define FEED_TOLD_MAX    8192  /* states that are remembered */

struct feed_queue;

/* A process from the moment that it is taken to be read until that is done. */
struct feed_item {
    struct process_id id;
    /* private */
    struct list_link link;
    struct feed_item *next;
    bool taken, again;
};

struct feed_queue *feed_queue_create(void);        /* NULL if no memory */
void feed_queue_destroy(struct feed_queue *queue); /* NULL is fine; none may be taken */

/* The process has changed. One that waits stays where it is; one that is being read will be read
 * again after that. False, and nothing is noted: too many wait, or there is no memory. */
bool feed_queue_add(struct feed_queue *queue, const struct process_id *id);
bool feed_queue_is_empty(const struct feed_queue *queue); /* none waits */
/* The one that has waited longest; NULL when none waits. The queue's. */
struct feed_item *feed_queue_take(struct feed_queue *queue);
void feed_queue_done(struct feed_queue *queue, struct feed_item *item);
/* Those that wait need not be read any more, nor those that are taken again. */
void feed_queue_clear(struct feed_queue *queue);

/* Whether this version (FEED_REMOVED: it is gone) is another than the last that this said true to.
 * A process that has been forgotten meanwhile is news again. */
#define FEED_REMOVED (-1)
bool feed_queue_is_news(struct feed_queue *queue, const struct process_id *id, int64_t version);

#endif
