/* GET /status?ids= as events. Of each process only the newest state that was not sent is kept, and
 * as the view that others share: a client that reads slowly gets fewer events, not a longer queue.
 * They are sent in portions, the next when the last has been taken.
 *
 * An event's id is what the client has of all processes once it has that event, as after_version
 * takes it: from there the stream goes on when it is opened again. */
#include "http/http_call.h"
#include "http/http_many.h"

#define PORTION_BYTES (HTTP_STREAM_PENDING_MAX / 4)
#define SMALL_BYTES   (HTTP_STREAM_PENDING_MAX / 16) /* of a state: many line ends make it longer */

/* --- events ----------------------------------------------------------------------------------- */

static void append_id(struct text_buffer *out, const struct many *many)
{
    text_append_literal(out, "id: ");
    for (size_t i = 0; i < many->count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        many_version_append(out, many->items[i].had);
    }
    text_append_char(out, '\n');
}

static void append_removed(struct text_buffer *out, const struct many_item *item)
{
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&item->follower.id, id);
    text_append_format(out, "event: removed\ndata: {\"process_id\":\"%s\",\"status_code\":%u}\n",
                       id, http_problem_status(http_problem_of(item->result)));
}

/* What is new of it, which the client then has. NULL if no memory. */
static struct http_chunk *event_of(struct many_item *item)
{
    struct text_buffer event;
    text_buffer_init(&event, HTTP_ANSWER_MAX);
    item->had = item->view != NULL ? item->version : MANY_REMOVED;
    append_id(&event, item->many);
    if (item->view != NULL)
        http_event_append_data(&event, status_view_body(item->view));
    else
        append_removed(&event, item);
    text_append_char(&event, '\n');
    status_view_release(item->view);
    item->view = NULL;
    return http_chunk_of(&event);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool all_settled(const struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        if (!many->items[i].settled)
            return false;
    }
    return true;
}

/* False: the stream is over. */
static bool send_item(struct many *many, struct many_item *item)
{
    struct http_chunk *chunk = event_of(item);
    bool sent = chunk != NULL && http_stream_send(many->stream, chunk);
    if (sent)
        many->given += chunk->len;
    else
        http_stream_end(many->stream); /* without memory its client comes back for the rest */
    http_chunk_release(chunk);
    return sent;
}

/* A large one goes alone. */
static bool fits(const struct many *many, const struct many_item *item)
{
    bool is_small = item->view == NULL || status_view_body(item->view).len <= SMALL_BYTES;
    return many->given == 0 || (is_small && many->given < PORTION_BYTES);
}

static void send_news(struct many *many)
{
    while (!list_is_empty(&many->news)) {
        struct many_item *item = container_of(many->news.next, struct many_item, link);
        if (!fits(many, item))
            return; /* goes on when the stream is drained */
        list_remove(&item->link);
        if (many_item_is_news(item) && !send_item(many, item))
            return;
    }
    if (all_settled(many))
        http_stream_end(many->stream);
}

static void on_task(struct loop_task *task)
{
    send_news(container_of(task, struct many, task));
}

static void on_drained(void *arg)
{
    struct many *many = arg;
    many->given = 0;
    send_news(many);
}

static void on_ended(void *arg)
{
    many_destroy(arg);
}

/* --- following -------------------------------------------------------------------------------- */

static void note_news(struct many_item *item)
{
    if (!many_item_is_news(item))
        return;
    list_remove(&item->link);
    list_append(&item->many->news, &item->link);
}

void many_stream_note(struct many_item *item, enum err result, struct status_view *view)
{
    struct many *many = item->many;
    many_item_note(item, result, view);
    if (result != ERR_OK && !many_item_is_removed(item)) {
        http_stream_end(many->stream); /* opened again, it says why */
        return;
    }
    note_news(item);
    loop_defer(many->server->loop, &many->task);
    many_item_await(item);
}

static bool is_told_all(const struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        if (many_item_is_news(&many->items[i]))
            return false;
    }
    return all_settled(many);
}

static void answer_over(struct many *many)
{
    struct http_call *call = many->call;
    many_destroy(many);
    http_answer_empty(call, MHD_HTTP_NO_CONTENT); /* an EventSource does not come back after this */
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

void many_stream_begin(struct many *many)
{
    const struct http_stream_owner owner = {on_drained, on_ended, many};
    if (is_told_all(many)) {
        answer_over(many);
        return;
    }
    if (http_wait_admit(many->call))
        many->stream = http_stream_open(many->call, &owner);
    if (many->stream == NULL) {
        many_destroy(many);
        return;
    }
    many->phase = MANY_STREAMING;
    many->call = NULL;
    loop_task_init(&many->task, on_task);
    for (size_t i = 0; i < many->count; i++)
        note_news(&many->items[i]);
    send_news(many);
    for (size_t i = 0; i < many->count; i++)
        many_item_await(&many->items[i]);
}
