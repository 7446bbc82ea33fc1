/* The stream belongs to the response: the library frees it after the last use of that. Before, when
 * the call is completed, it leaves all lists and tells its owner.
 *
 *   WAITING --send, end--> SENDING --nothing left--> WAITING
 *
 * WAITING: the connection is suspended, inside the library's question for bytes. Only then may it
 * be resumed. In SENDING the library asks as soon as it has sent what it took: while its client
 * does not read it does not ask, and its idle timeout runs. */
#include "http/http_stream.h"

#include "http/http_backlog.h"
#include "http/http_call.h"
#include "http/http_wait.h"
#include "proctrack/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_SIZE   512 /* for clients without chunked coding; others get what has room */
#define MUCH         (1024 * 1024)
#define RETRY_MIN_MS 1000
#define HINT_MIN_MS  500 /* when the server stops */
#define RETRY_MAX_MS 3000

struct http_stream {
    struct http_call *call;
    struct http_stream_owner owner;
    struct http_wait wait;
    struct list_link link; /* in by_sending */
    int64_t sent_ms;       /* loop time */
    struct http_backlog backlog;
    size_t filled; /* bytes of the library's buffer, since its pages were given back */
    bool suspended;
    bool parked;
    bool told; /* the owner knows that all has been taken */
    bool ending, cut;
};

static struct http_streams *streams_of(const struct http_stream *stream)
{
    return &stream->call->server->streams;
}

static void resume(struct http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->call->connection);
    http_server_wake(stream->call->server);
}

/* --- comments while nothing happens ----------------------------------------------------------- */

static void note_sending(struct http_stream *stream)
{
    stream->sent_ms = loop_now_ms(stream->call->server->loop);
    list_remove(&stream->link);
    list_append(&streams_of(stream)->by_sending, &stream->link);
}

static struct http_stream *most_silent(struct http_streams *streams)
{
    if (list_is_empty(&streams->by_sending))
        return NULL;
    return container_of(streams->by_sending.next, struct http_stream, link);
}

static void plan_ping(struct http_streams *streams, int64_t now)
{
    const struct http_stream *next = most_silent(streams);
    if (next == NULL)
        return;
    int64_t due = next->sent_ms + HTTP_STREAM_PING_MS;
    loop_timer_start(streams->ping_timer, due > now ? due - now : 0);
}

/* One whose client does not even take what there is needs none; without memory it goes without. */
static void ping(struct http_stream *stream, struct http_chunk *comment)
{
    bool told = stream->told;
    if (comment != NULL && http_stream_is_drained(stream))
        http_stream_send(stream, comment);
    stream->told = told; /* its owner need not hear of this */
    note_sending(stream);
}

static struct http_chunk *chunk_of(struct span text)
{
    struct http_chunk *chunk = http_chunk_create(text.len);
    if (chunk != NULL)
        memcpy(chunk->bytes, text.data, text.len);
    return chunk;
}

static void on_ping_time(void *arg)
{
    struct http_streams *streams = arg;
    struct http_chunk *comment = chunk_of(SPAN(": ping\n\n"));
    struct http_stream *stream = most_silent(streams);
    int64_t now = stream != NULL ? loop_now_ms(stream->call->server->loop) : 0;
    while (stream != NULL && stream->sent_ms + HTTP_STREAM_PING_MS <= now) {
        ping(stream, comment);
        stream = most_silent(streams);
    }
    http_chunk_release(comment);
    plan_ping(streams, now);
}

bool http_streams_init(struct http_streams *streams, struct loop *loop)
{
    *streams = (struct http_streams){.spread = (uint32_t)clock_wall_ms()};
    list_init(&streams->by_sending);
    streams->ping_timer = loop_timer_create(loop, on_ping_time, streams);
    return streams->ping_timer != NULL;
}

void http_streams_finish(struct http_streams *streams)
{
    assert(streams->count == 0);
    loop_timer_destroy(streams->ping_timer);
    streams->ping_timer = NULL;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void on_hangup(struct http_call *call)
{
    http_stream_end(call->stream);
}

/* The library asks with most of a connection's memory as the buffer, which it has filled with zeros
 * before. What is put there is sent by the time it asks again, so whole pages of it can go back to
 * the system while nothing happens. */
static void give_pages_back(struct http_stream *stream, char *buffer, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)buffer + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)buffer + size) / page * page;
    if (stream->filled >= page && from < to)
        madvise(buffer + (from - (uintptr_t)buffer), to - from, MADV_DONTNEED);
    stream->filled = 0;
}

/* Once the library asks for bytes the request is behind it: nothing unparks the call until its end.
 */
static void suspend(struct http_stream *stream)
{
    struct http_call *call = stream->call;
    if (!stream->parked)
        http_call_park(call, on_hangup);
    stream->parked = stream->suspended = true;
    MHD_suspend_connection(call->connection);
}

static void tell_drained(struct http_stream *stream)
{
    if (stream->told || stream->ending)
        return;
    stream->told = true;
    stream->owner.drained(stream->owner.arg); /* may send, or end */
}

static ssize_t on_asked(void *arg, uint64_t position, char *buffer, size_t max)
{
    struct http_stream *stream = arg;
    (void)position;
    if (http_backlog_is_empty(&stream->backlog))
        tell_drained(stream);
    if (stream->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = http_backlog_take(&stream->backlog, buffer, max);
    stream->filled += len;
    stream->call->answer_size += len;
    if (len > 0)
        return (ssize_t)len;
    if (stream->ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    give_pages_back(stream, buffer, max);
    suspend(stream);
    return 0;
}

/* The library may wait for room to write, and would for a long time. */
static void cut_off(struct http_stream *stream)
{
    stream->cut = stream->ending = true;
    http_backlog_finish(&stream->backlog);
    http_connection_cut(stream->call->socket);
    resume(stream);
}

bool http_stream_send(struct http_stream *stream, struct http_chunk *chunk)
{
    if (stream->ending)
        return false;
    if (!http_backlog_add(&stream->backlog, chunk)) {
        cut_off(stream);
        return false;
    }
    stream->told = false;
    note_sending(stream);
    resume(stream);
    return true;
}

bool http_stream_is_drained(const struct http_stream *stream)
{
    return http_backlog_is_empty(&stream->backlog);
}

void http_stream_end(struct http_stream *stream)
{
    stream->ending = true;
    resume(stream);
}

/* --- life ------------------------------------------------------------------------------------- */

/* When an EventSource that has lost the stream comes back: each at another time, evenly spread. */
static struct http_chunk *retry_hint(struct http_streams *streams, int min_ms)
{
    char text[32];
    streams->spread += UINT32_C(2654435769);
    uint64_t share = (uint64_t)streams->spread * (uint64_t)(RETRY_MAX_MS - min_ms + 1) >> 32;
    int len = snprintf(text, sizeof(text), "retry: %d\n\n", min_ms + (int)share);
    return chunk_of((struct span){text, (size_t)len});
}

static void on_stop(struct http_wait *wait)
{
    struct http_stream *stream = container_of(wait, struct http_stream, wait);
    struct http_chunk *hint = retry_hint(streams_of(stream), HINT_MIN_MS);
    if (hint != NULL && !stream->ending)
        http_backlog_add(&stream->backlog, hint); /* if there is room: it must not cost the rest */
    http_chunk_release(hint);
    http_stream_end(stream);
    http_call_unpark(stream->call);
    http_connection_hurry(stream->call->socket);
}

static struct http_stream *create(struct http_call *call, const struct http_stream_owner *owner)
{
    struct http_stream *stream = malloc(sizeof(*stream));
    if (stream == NULL)
        return NULL;
    *stream = (struct http_stream){
        .call = call, .owner = *owner, .wait = {.stop = on_stop}, .filled = MUCH};
    list_init(&stream->link);
    http_backlog_init(&stream->backlog, HTTP_STREAM_PENDING_MAX);
    struct http_chunk *retry = retry_hint(streams_of(stream), RETRY_MIN_MS);
    if (retry == NULL || !http_backlog_add(&stream->backlog, retry)) {
        free(stream);
        stream = NULL;
    }
    http_chunk_release(retry);
    return stream;
}

/* Of the response, when the library needs it no more. */
static void destroy(void *arg)
{
    struct http_stream *stream = arg;
    http_backlog_finish(&stream->backlog);
    free(stream);
}

static void enter(struct http_stream *stream)
{
    struct http_streams *streams = streams_of(stream);
    stream->call->stream = stream;
    http_connection_time(stream->call->socket);
    http_wait_add(stream->call->server, &stream->wait);
    note_sending(stream);
    if (streams->count++ == 0)
        plan_ping(streams, stream->sent_ms);
}

void http_stream_completed(struct http_stream *stream)
{
    struct http_streams *streams = streams_of(stream);
    http_wait_remove(&stream->wait);
    list_remove(&stream->link);
    if (--streams->count == 0)
        loop_timer_stop(streams->ping_timer);
    stream->call = NULL;
    stream->owner.ended(stream->owner.arg);
}

struct http_stream *http_stream_open(struct http_call *call, const struct http_stream_owner *owner)
{
    struct http_stream *stream = create(call, owner);
    struct MHD_Response *response =
        stream == NULL ? NULL
                       : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_asked,
                                                           stream, destroy);
    if (stream != NULL && response == NULL)
        destroy(stream);
    http_answer_response(call, MHD_HTTP_OK, HTTP_EVENT_STREAM, response);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_answer_header(call, "X-Accel-Buffering", "no"); /* as nginx calls it */
    if (call->response == NULL)
        stream = NULL; /* the library has freed it with the response */
    else
        enter(stream);
    http_call_finish(call);
    return stream;
}

void http_stream_answer_later(struct http_call *call)
{
    struct http_chunk *hint = retry_hint(&call->server->streams, RETRY_MIN_MS);
    if (hint == NULL) {
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return;
    }
    http_answer_chunk(call, MHD_HTTP_OK, HTTP_EVENT_STREAM, hint);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_chunk_release(hint);
    http_call_finish(call);
}
