/* GET /status?ids=: of several processes those whose state the client does not have. By poll, long
 * poll, or as a stream of events (many_stream.c).
 *
 * All are looked at first. A long poll that finds nothing new then waits for each of them, and
 * answers at the end of the turn in which the first of them has changed. At its deadline, when its
 * client hangs up and when the server stops, all are looked at once more. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "http/http_many.h"

#include <stdio.h>
#include <stdlib.h>

/* No process is added beyond: what a client that does not read can make the server hold. */
#define ANSWER_BYTES REPO_PAGE_BYTES

static void ask_all(struct many *many);

/* --- one of them ------------------------------------------------------------------------------ */

void many_item_note(struct many_item *item, enum err result, struct status_view *view)
{
    status_view_release(item->view);
    item->view = NULL;
    item->result = result;
    item->settled = many_item_is_removed(item);
    if (result != ERR_OK)
        return;
    item->settled = status_view_is_final(view);
    item->version = status_view_version(view);
    if (item->version != item->had)
        item->view = status_view_share(view);
}

void many_item_await(struct many_item *item)
{
    if (!many_item_is_removed(item))
        status_cache_await(item->many->server->statuses, &item->follower, item->version);
}

/* --- answering -------------------------------------------------------------------------------- */

void many_destroy(struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        status_cache_leave(&many->items[i].follower);
        status_view_release(many->items[i].view);
    }
    http_wait_remove(&many->wait);
    loop_timer_destroy(many->timer);
    loop_task_cancel(&many->task);
    free(many);
}

/* One that could not be read; NULL: all could. */
static const struct many_item *first_failure(const struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        const struct many_item *item = &many->items[i];
        if (item->result != ERR_OK && !many_item_is_removed(item))
            return item;
    }
    return NULL;
}

static void answer_failure(struct http_call *call, const struct many_item *item)
{
    char id[PROCESS_ID_TEXT_SIZE], detail[160];
    if (item->result != ERR_CORRUPT) {
        http_answer_error(call, item->result);
        return;
    }
    process_id_format(&item->follower.id, id);
    snprintf(detail, sizeof(detail),
             "The record of %s cannot be read, the server's log says why; ask without it.", id);
    http_answer_problem(call, PROBLEM_CORRUPT, detail);
}

static void append_removed(const struct many *many, enum err result, struct text_buffer *out)
{
    const char *separator = "";
    char id[PROCESS_ID_TEXT_SIZE];
    for (size_t i = 0; i < many->count; i++) {
        const struct many_item *item = &many->items[i];
        if (item->result != result || !many_item_is_news(item))
            continue;
        process_id_format(&item->follower.id, id);
        text_append_format(out, "%s\"%s\"", separator, id);
        separator = ",";
    }
}

static void append_news(const struct many *many, struct text_buffer *out)
{
    const char *separator = "";
    size_t unchanged = 0;
    bool more = false;
    text_append_literal(out, "{\"processes\":[");
    for (size_t i = 0; i < many->count; i++) {
        const struct many_item *item = &many->items[i];
        unchanged += !many_item_is_news(item);
        if (item->view == NULL)
            continue;
        if (out->len >= ANSWER_BYTES) {
            more = true;
            continue;
        }
        text_append_str(out, separator);
        text_append_span(out, status_view_body(item->view));
        separator = ",";
    }
    text_append_literal(out, "],\"missing\":[");
    append_removed(many, ERR_NOT_FOUND, out);
    text_append_literal(out, "],\"gone\":[");
    append_removed(many, ERR_GONE, out);
    text_append_format(out, "],\"unchanged\":%zu,\"more\":%s}", unchanged, more ? "true" : "false");
}

static void answer_news(const struct many *many)
{
    struct http_call *call = many->call;
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_news(many, &body);
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_follow_answer_varies(call);
    http_server_note(call->server, ERR_OK, false);
}

/* With what is known. */
static void finish(struct many *many)
{
    struct http_call *call = many->call;
    const struct many_item *failure = first_failure(many);
    http_call_unpark(call);
    if (failure != NULL)
        answer_failure(call, failure);
    else
        answer_news(many);
    http_follow_answer_applied(call);
    many_destroy(many);
    http_call_finish(call);
}

/* --- a long poll ------------------------------------------------------------------------------ */

/* Its time is over, for one reason or another. */
static void look_once_more(struct many *many)
{
    if (many->phase != MANY_WAITING)
        return;
    many->waits = false;
    http_wait_remove(&many->wait);
    loop_timer_stop(many->timer);
    loop_task_cancel(&many->task);
    for (size_t i = 0; i < many->count; i++)
        status_cache_leave(&many->items[i].follower);
    ask_all(many);
}

static void on_deadline(void *arg)
{
    look_once_more(arg);
}

static void on_stop(struct http_wait *wait)
{
    look_once_more(container_of(wait, struct many, wait));
}

static void on_gone(struct http_call *call)
{
    look_once_more(call->work.many);
}

static void on_news(struct loop_task *task)
{
    finish(container_of(task, struct many, task));
}

static void begin_waiting(struct many *many)
{
    struct http_call *call = many->call;
    if (!http_wait_admit(call)) {
        many_destroy(many);
        return;
    }
    many->timer = loop_timer_create(many->server->loop, on_deadline, many);
    if (many->timer == NULL) {
        many_destroy(many);
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return;
    }
    many->phase = MANY_WAITING;
    many->wait.stop = on_stop;
    loop_task_init(&many->task, on_news);
    http_wait_add(many->server, &many->wait);
    http_call_park(call, on_gone);
    loop_timer_start(many->timer, call->follow.wait_s * INT64_C(1000));
    for (size_t i = 0; i < many->count; i++)
        many_item_await(&many->items[i]);
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool has_news(const struct many *many)
{
    for (size_t i = 0; i < many->count; i++) {
        if (many_item_is_news(&many->items[i]))
            return true;
    }
    return false;
}

/* An EventSource that has lost its stream does not come back after an error; so it gets its stream,
 * and is told when the storage can be read again. */
static bool may_stream(const struct many *many)
{
    const struct many_item *failure = first_failure(many);
    return failure == NULL || (many->call->headers.last_event_id.data != NULL &&
                               http_problem_is_passing(http_problem_of(failure->result)));
}

static void on_all_known(struct many *many)
{
    if (many->call->follow.stream && may_stream(many))
        many_stream_begin(many);
    else if (many->waits && !many->server->quiesced && first_failure(many) == NULL &&
             !has_news(many))
        begin_waiting(many);
    else
        finish(many);
}

/* Also counted while it asks, so that it is over only at the end. */
static void note_answer(struct many *many)
{
    if (--many->asked == 0)
        on_all_known(many);
}

static void on_state(struct status_follower *follower, enum err result, struct status_view *view)
{
    struct many_item *item = container_of(follower, struct many_item, follower);
    struct many *many = item->many;
    switch (many->phase) {
    case MANY_ASKING:
        many_item_note(item, result, view);
        note_answer(many);
        break;
    case MANY_WAITING:
        many_item_note(item, result, view);
        loop_defer(many->server->loop, &many->task);
        break;
    case MANY_STREAMING:
        many_stream_note(item, result, view);
        break;
    }
}

static void ask_all(struct many *many)
{
    many->phase = MANY_ASKING;
    many->asked = many->count + 1;
    for (size_t i = 0; i < many->count; i++)
        status_cache_ask(many->server->statuses, &many->items[i].follower);
    note_answer(many);
}

/* --- the request ------------------------------------------------------------------------------ */

static const char *read_ids(struct http_call *call, struct span value)
{
    return many_query_read_ids(value, call->work.many_query);
}

/* It may come before the ids that it belongs to. */
static const char *read_later(struct http_call *call, struct span value)
{
    (void)call, (void)value;
    return NULL;
}

/* What an EventSource that has reconnected says wins, as its URL is still that of the first time;
 * if it is not ours, the client is told all anew. False: answered. */
static bool read_versions(struct http_call *call, struct many_query *query)
{
    struct span versions = http_target_param(&call->target, "after_version");
    const char *wrong = versions.data != NULL ? many_query_read_versions(versions, query) : NULL;
    if (wrong != NULL) {
        http_fail_param(call, "after_version", wrong);
        return false;
    }
    if (call->follow.stream && call->headers.last_event_id.data != NULL)
        many_query_read_versions(call->headers.last_event_id, query);
    return true;
}

static bool read_query(struct http_call *call, struct many_query *query)
{
    static const struct http_param_reader readers[] = {
        {"ids", read_ids}, {"after_version", read_later}, {"wait", http_follow_read_wait}};
    query->count = 0;
    call->work.many_query = query;
    if (!http_call_query(call, readers, sizeof(readers) / sizeof(*readers)))
        return false;
    if (query->count == 0) {
        http_fail_param(call, "ids", "must be given: 1 to 200 ids with commas between");
        return false;
    }
    return read_versions(call, query);
}

static struct many *create(struct http_call *call, const struct many_query *query)
{
    struct many *many = calloc(1, sizeof(*many) + query->count * sizeof(struct many_item));
    if (many == NULL)
        return NULL;
    many->server = call->server;
    many->call = call;
    many->waits = call->follow.wait_s > 0;
    many->count = query->count;
    list_init(&many->news);
    list_init(&many->task.link);
    for (size_t i = 0; i < many->count; i++) {
        struct many_item *item = &many->items[i];
        item->many = many;
        item->had = query->versions[i];
        item->version = item->had > 0 ? item->had : 0;
        list_init(&item->link);
        status_follower_init(&item->follower);
        item->follower.id = query->ids[i];
        item->follower.base = call->target.base;
        item->follower.on_state = on_state;
    }
    return many;
}

void ep_status_many(struct http_call *call)
{
    struct many_query query;
    http_follow_begin(call);
    if (!read_query(call, &query))
        return;
    call->work.many = create(call, &query);
    if (call->work.many != NULL)
        ask_all(call->work.many);
    else
        http_fail(call, PROBLEM_INTERNAL, NULL);
}
