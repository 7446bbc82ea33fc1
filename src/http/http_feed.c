/* From a change to the streams:
 *
 *   told -> feed_queue -> at most FEED_READS_MAX reads -> events -> every stream
 *
 * Events are offered in rounds of at most FEED_ROUND_BYTES; one that is larger has a round of its
 * own. The next one begins when all streams have taken what they were given, or FEED_GRACE_MS after
 * the first of them has: so no burst of changes fills a stream's buffer before its client had a
 * chance to read, and a client that reads slowly holds up the others only until it is cut off.
 * While events wait nothing is read. Work is done by a timer of no delay, so that the loop turns in
 * between. */
#include "http/http_feed.h"

#include "http/http_call.h"
#include "http/http_feed_private.h"
#include "http/http_wait.h"

#include <assert.h>
#include <stdlib.h>

#define FEED_GRACE_MS 100
#define FEED_AGAIN_MS 100

void feed_plan(struct http_feed *feed)
{
    if (feed->planned)
        return;
    feed->planned = true;
    loop_timer_start(feed->timer, 0);
}

void http_feed_changed(struct http_feed *feed, const struct process_id *id)
{
    if (list_is_empty(&feed->listeners))
        return;
    if (id == NULL) /* of what is followed, what was missed is told apart */
        return;
    if (!feed_queue_add(feed->queue, id))
        feed->missed = true;
    feed_plan(feed);
}

static void on_missed(void *arg)
{
    struct http_feed *feed = arg;
    feed->missed = true;
    feed_plan(feed);
}

/* --- events ----------------------------------------------------------------------------------- */

void feed_add_event(struct http_feed *feed, struct feed_event *take_event)
{
    if (take_event == NULL) {
        feed->missed = true;
        return;
    }
    list_append(&feed->events, &take_event->link);
    feed->event_bytes += feed_event_bytes(take_event);
}

static struct feed_event *next_event(const struct http_feed *feed)
{
    if (list_is_empty(&feed->events))
        return NULL;
    return container_of(feed->events.next, struct feed_event, link);
}

static void drop_event(struct http_feed *feed, struct feed_event *event)
{
    list_remove(&event->link);
    feed->event_bytes -= feed_event_bytes(event);
    feed_event_destroy(event);
}

static void add_missed(struct http_feed *feed)
{
    feed->missed = false;
    feed_add_event(feed, feed_event_missed());
}

/* --- offering --------------------------------------------------------------------------------- */

static void begin_round(struct http_feed *feed)
{
    list_for_each (link, &feed->listeners)
        container_of(link, struct feed_listener, link)->behind = false;
    feed->behind = feed->round_bytes = 0;
    feed->in_grace = false;
    loop_timer_stop(feed->grace);
    feed_plan(feed);
}

static void on_grace_over(void *arg)
{
    begin_round(arg);
}

/* Whether it may be offered in this round. */
static bool fits(const struct http_feed *feed, const struct feed_event *event)
{
    return feed->round_bytes == 0 ||
           feed->round_bytes + feed_event_bytes(event) <= FEED_ROUND_BYTES;
}

/* Those who could go on wait for others: not for long. */
static void limit_round(struct http_feed *feed)
{
    const struct feed_event *next = next_event(feed);
    bool waits = next != NULL && !fits(feed, next) && feed->behind < feed->count;
    if (!waits || feed->in_grace)
        return;
    feed->in_grace = true;
    loop_timer_start(feed->grace, FEED_GRACE_MS);
}

/* It has taken all, or leaves. */
static void catch_up(struct feed_listener *listener)
{
    struct http_feed *feed = listener->feed;
    if (!listener->behind)
        return;
    listener->behind = false;
    if (--feed->behind == 0)
        begin_round(feed);
    else
        limit_round(feed);
}

static void give(struct http_feed *feed, struct feed_listener *listener, struct http_chunk *chunk)
{
    if (!http_stream_send(listener->stream, chunk) || listener->behind)
        return; /* if it is cut off, it leaves soon */
    listener->behind = true;
    feed->behind++;
}

static void offer(struct http_feed *feed, const struct feed_event *event)
{
    list_for_each (link, &feed->listeners) {
        struct feed_listener *listener = container_of(link, struct feed_listener, link);
        struct http_chunk *chunk = event->chunks[listener->base];
        if (chunk != NULL && feed_event_passes(event, &listener->filter))
            give(feed, listener, chunk);
    }
    if (feed->behind > 0)
        feed->round_bytes += feed_event_bytes(event);
}

static void offer_round(struct http_feed *feed)
{
    struct feed_event *event;
    while ((event = next_event(feed)) != NULL && fits(feed, event)) {
        offer(feed, event);
        drop_event(feed, event);
    }
    limit_round(feed);
}

/* No memory even to tell that something was missed. */
static void plan_again(struct http_feed *feed)
{
    if (feed->planned)
        return;
    feed->planned = true;
    loop_timer_start(feed->timer, FEED_AGAIN_MS);
}

static void work(void *arg)
{
    struct http_feed *feed = arg;
    feed->planned = false;
    if (list_is_empty(&feed->listeners))
        return;
    offer_round(feed);
    if (feed->missed && list_is_empty(&feed->events)) {
        add_missed(feed);
        offer_round(feed);
        if (feed->missed)
            plan_again(feed);
    }
    if (list_is_empty(&feed->events))
        feed_read(feed);
}

/* --- life ------------------------------------------------------------------------------------- */

struct http_feed *http_feed_create(struct http_server *server)
{
    struct http_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return NULL;
    feed->server = server;
    list_init(&feed->listeners);
    list_init(&feed->events);
    feed->timer = loop_timer_create(server->loop, work, feed);
    feed->grace = loop_timer_create(server->loop, on_grace_over, feed);
    if (feed->timer != NULL && feed->grace != NULL)
        return feed;
    http_feed_destroy(feed);
    return NULL;
}

void http_feed_destroy(struct http_feed *feed)
{
    if (feed == NULL)
        return;
    assert(list_is_empty(&feed->listeners) && feed->reads == 0);
    loop_timer_destroy(feed->timer);
    loop_timer_destroy(feed->grace);
    free(feed);
}

static void leave(struct feed_listener *listener)
{
    struct http_feed *feed = listener->feed;
    struct feed_event *event;
    list_remove(&listener->link);
    feed->count--;
    catch_up(listener);
    free(listener);
    if (!list_is_empty(&feed->listeners))
        return;
    process_manager_follow(feed->server->manager, NULL, NULL);
    while ((event = next_event(feed)) != NULL)
        drop_event(feed, event);
    feed->missed = false;
    feed_queue_clear(feed->queue);
    feed_free_queue_if_idle(feed);
}

static void on_drained(void *arg)
{
    catch_up(arg);
}

static void on_ended(void *arg)
{
    leave(arg);
}

/* NULL if no memory. */
static struct feed_listener *enter(struct http_feed *feed, const struct http_feed_filter *filter,
                                   int base)
{
    bool first = feed->count == 0;
    struct feed_listener *listener = malloc(sizeof(*listener));
    if (feed->queue == NULL)
        feed->queue = feed_queue_create();
    if (listener == NULL || feed->queue == NULL) {
        free(listener);
        feed_free_queue_if_idle(feed);
        return NULL;
    }
    *listener = (struct feed_listener){.feed = feed, .filter = *filter, .base = base};
    list_append(&feed->listeners, &listener->link);
    feed->count++;
    if (first)
        process_manager_follow(feed->server->manager, on_missed, feed);
    return listener;
}

static void greet(struct http_stream *stream)
{
    struct text_buffer text;
    text_buffer_init(&text, 64);
    text_append_literal(&text, ": changes follow\n\n");
    struct http_chunk *comment = http_chunk_of(&text);
    if (comment != NULL)
        http_stream_send(stream, comment);
    http_chunk_release(comment);
}

void http_feed_listen(struct http_feed *feed, struct http_call *call,
                      const struct http_feed_filter *filter)
{
    if (!http_wait_admit(call))
        return;
    struct feed_listener *listener = enter(feed, filter, call->target.base[0] != '\0');
    if (listener == NULL) {
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return;
    }
    const struct http_stream_owner owner = {on_drained, on_ended, listener};
    listener->stream = http_stream_open(call, &owner);
    if (listener->stream == NULL)
        leave(listener);
    else
        greet(listener->stream);
}
