/* An answer that goes on: server-sent events (WHATWG HTML, 9.2). The library asks for bytes when it
 * can send; while there are none the connection is suspended. What is not sent yet is bounded: a
 * client that reads too slowly is cut off. An idle stream sends a comment every
 * HTTP_STREAM_PING_MS, and notices a client that hangs up within a second. When the server stops it
 * ends, after telling the client when to come back. On the loop's thread. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/http_chunk.h"
#include "proctrack/list.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_EVENT_STREAM       "text/event-stream"
#define HTTP_STREAM_PING_MS     15000
#define HTTP_STREAM_PENDING_MAX (256 * 1024) /* bytes; one large chunk may be more */

struct http_call;
struct http_server;
struct http_stream;
struct loop;
struct loop_timer;

/* Those of one server. */
struct http_streams {
    struct list_link by_sending;   /* the one that has been silent longest comes first */
    struct loop_timer *ping_timer; /* runs while there are any */
    unsigned count;
    uint32_t spread; /* for times at which clients are to come back */
};
/* False if no memory; finish it all the same, when none is left. */
bool http_streams_init(struct http_streams *streams, struct loop *loop);
void http_streams_finish(struct http_streams *streams);

struct http_stream_owner {
    /* All that was given has been taken by the library: a good moment for the next. Not called from
     * inside http_stream_send(). */
    void (*drained)(void *arg);
    /* The stream is over: its client left, was too slow, or it was ended, or the server stops.
     * Exactly once, last; the stream must not be used any more. Never from inside a call here. */
    void (*ended)(void *arg);
    void *arg;
};

/* Begins the answer of the call, which http_wait_admit() has let wait: 200, with a `retry:` first.
 * The answer is finished here. NULL: no memory, answered 500, and `ended` will not run. */
struct http_stream *http_stream_open(struct http_call *call, const struct http_stream_owner *owner);
/* Answers with a stream that only says when to come again. */
void http_stream_answer_later(struct http_call *call);
/* Queues it, sharing the chunk. False: too much waits already, and the stream is being cut off; or
 * it is ending. */
bool http_stream_send(struct http_stream *stream, struct http_chunk *chunk);
bool http_stream_is_drained(const struct http_stream *stream);
/* Ends it in good order once all that is queued is sent; then `ended` runs. Twice is fine. */
void http_stream_end(struct http_stream *stream);

/* For http_call.c: the library has done with the call that the stream answers. */
void http_stream_completed(struct http_stream *stream);

#endif
