#include "http/http_call.h"
#include "http/http_feed_private.h"

#include <stdlib.h>

#define BURST_BYTES (1024 * 1024) /* that reads which are out together come to, about */
#define READS_MIN   4

struct reading {
    struct repo_get get;
    struct http_feed *feed;
    struct feed_item *item;
};

/* --- what was read ---------------------------------------------------------------------------- */

static struct process_view view_of(const struct http_feed *feed, const struct process *process)
{
    struct process_manager *manager = feed->server->manager;
    struct process_pace pace;
    process_manager_pace(manager, process, &pace);
    return (struct process_view){
        .reason = process_manager_reason(manager, process),
        .retry_after_ms = pace.retry_after_ms > 0 ? pace.retry_after_ms : 0,
        .eta_p50 = pace.eta_p50,
        .eta_p90 = pace.eta_p90,
    };
}

/* For those who want it, as their links need it. False if no memory. */
static bool render(struct http_feed *feed, const struct process *process, struct feed_event *event)
{
    struct process_view view = view_of(feed, process);
    list_for_each (link, &feed->listeners) {
        const struct feed_listener *listener = container_of(link, struct feed_listener, link);
        struct http_chunk **chunk = &event->chunks[listener->base];
        if (*chunk != NULL || !feed_event_passes(event, &listener->filter))
            continue;
        view.base_path = listener->base == 0 ? "" : feed->server->options->base_path;
        *chunk = feed_event_render(process, &view);
        if (*chunk == NULL)
            return false;
        feed->usual_bytes = (feed->usual_bytes * 7 + (*chunk)->len) / 8;
    }
    return true;
}

static void add_state(struct http_feed *feed, const struct process *process)
{
    if (!feed_queue_is_news(feed->queue, &process->id, process->version))
        return;
    struct feed_event *event = feed_event_state(process);
    if (event == NULL || !render(feed, process, event))
        feed->missed = true;
    if (event != NULL && feed_event_bytes(event) > 0)
        feed_add_event(feed, event);
    else if (event != NULL)
        feed_event_destroy(event);
}

static void add_removed(struct http_feed *feed, const struct process_id *id)
{
    if (feed_queue_is_news(feed->queue, id, FEED_REMOVED))
        feed_add_event(feed, feed_event_removed(id));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void tell(struct http_feed *feed, const struct repo_get *get)
{
    enum err result = get->op.result;
    if (result == ERR_OK)
        add_state(feed, &get->process);
    else if (result == ERR_NOT_FOUND || result == ERR_GONE)
        add_removed(feed, &get->id);
    else if (result != ERR_CORRUPT) /* whoever asks for that one is told */
        feed->missed = true;
    feed_plan(feed);
}

void feed_free_queue_if_idle(struct http_feed *feed)
{
    if (!list_is_empty(&feed->listeners) || feed->reads > 0)
        return;
    feed_queue_destroy(feed->queue);
    feed->queue = NULL;
}

static void on_read(struct process_op *op)
{
    struct reading *read = container_of(op, struct reading, get.op);
    struct http_feed *feed = read->feed;
    feed->reads--;
    if (!list_is_empty(&feed->listeners)) {
        http_server_show(feed->server, &read->get);
        tell(feed, &read->get);
    }
    feed_queue_done(feed->queue, read->item);
    free(read);
    feed_free_queue_if_idle(feed);
}

static void start_read(struct http_feed *feed)
{
    struct reading *read = malloc(sizeof(*read));
    struct feed_item *item = feed_queue_take(feed->queue);
    if (read == NULL) {
        feed->missed = true;
        feed_plan(feed);
        feed_queue_done(feed->queue, item);
        return;
    }
    *read = (struct reading){.feed = feed, .item = item, .get.id = item->id};
    process_op_init(&read->get.op, on_read);
    feed->reads++;
    process_manager_get(feed->server->manager, &read->get);
}

/* Large states are read fewer at a time. */
static size_t reads_max(const struct http_feed *feed)
{
    size_t fit = BURST_BYTES / (feed->usual_bytes + 1);
    if (fit > FEED_READS_MAX)
        return FEED_READS_MAX;
    return fit < READS_MIN ? READS_MIN : fit;
}

/* Reads may end at once, so that their number is no bound for a turn of the loop. */
void feed_read(struct http_feed *feed)
{
    size_t max = reads_max(feed);
    for (int i = 0; i < FEED_READS_MAX; i++) {
        if (feed_queue_is_empty(feed->queue) || feed->reads >= max ||
            feed->event_bytes >= FEED_ROUND_BYTES)
            return;
        start_read(feed);
    }
    feed_plan(feed);
}
