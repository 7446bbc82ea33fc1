/* Changes of all processes, told to every stream that listens: GET /events. The loop has one
 * subscription (process_manager_follow), held while any stream listens.
 *
 * What is told as changed is read, at most FEED_READS_MAX at a time, and each state that has not
 * been told yet is rendered once and offered to all whose filter takes it. States that follow each
 * other faster than they can be read are left out; a state may come twice. A stream that reads
 * slower than others is cut off (http_stream.h). When changes may have passed unheard, all streams
 * are told so.
 *
 * In the resource, `reason` and `queue_position` of a process that is pending and due are null:
 * they depend on others, and change without a change of the process. On the loop's thread. */
#ifndef HTTP_FEED_H
#define HTTP_FEED_H

#include "proctrack/process.h"

#define FEED_READS_MAX 256

struct http_call;
struct http_feed;
struct http_server;

/* What a stream wants to hear of. Removals are told to all. */
struct http_feed_filter {
    unsigned statuses;                 /* bits 1u << status */
    char type[PROCESS_TYPE_MAX + 1];   /* "": any */
    char group[PROCESS_GROUP_MAX + 1]; /* "": any, or none */
};

struct http_feed *http_feed_create(struct http_server *server); /* NULL if no memory */
/* When the daemon has stopped, so that no stream is left, and no read is out. NULL is fine. */
void http_feed_destroy(struct http_feed *feed);

/* Answers the call with a stream, or says why not. */
void http_feed_listen(struct http_feed *feed, struct http_call *call,
                      const struct http_feed_filter *filter);
/* A process may have changed. NULL, that any may have, is passed over: it is said of those that are
 * watched one by one, and what the feed has missed it is told of apart. Cheap while
 * nobody listens; calls nothing back. */
void http_feed_changed(struct http_feed *feed, const struct process_id *id);

#endif
