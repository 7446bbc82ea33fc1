/* GET /status/<id>, waiting: the long poll and the stream of one process.
 *
 * Both ask once for the present state, and then await another one. A long poll ends with that; at
 * its deadline, when its client hangs up, and when the server stops it asks once more, and answers
 * what there is. A stream awaits the next state only when its client has taken the last: what
 * changes meanwhile is seen as one, however slow the client, and nothing piles up. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "http/http_wait.h"

#include <stdlib.h>

struct process_follow {
    struct http_call *call; /* a stream's: NULL once it is open */
    struct http_server *server;
    struct http_stream *stream; /* NULL: a long poll */
    struct status_follower follower;
    struct http_wait wait;       /* of a long poll */
    struct loop_timer *deadline; /* likewise, once it waits */
    int64_t seen;                /* the version that the client has; -1: none */
    bool awaiting;
};

static struct process_follow *follow_of(struct status_follower *follower)
{
    return container_of(follower, struct process_follow, follower);
}

/* --- long poll -------------------------------------------------------------------------------- */

static void stop_waiting(struct process_follow *follow)
{
    if (follow->deadline == NULL)
        return;
    loop_timer_destroy(follow->deadline);
    follow->deadline = NULL;
    http_wait_remove(&follow->wait);
    http_call_unpark(follow->call);
}

static void answer(struct process_follow *follow, enum err result, struct status_view *view)
{
    struct http_call *call = follow->call;
    struct process_id id = follow->follower.id;
    stop_waiting(follow);
    free(follow);
    if (result != ERR_OK) {
        http_fail_error(call, result);
        return;
    }
    if (call->flag) {
        http_status_read(call, &id);
        return;
    }
    status_view_answer(view, call);
    http_follow_answer_applied(call);
    http_call_finish(call);
}

static void on_answer(struct status_follower *follower, enum err result, struct status_view *view)
{
    answer(follow_of(follower), result, view);
}

/* Whatever has come of it. */
static void answer_now(struct process_follow *follow)
{
    status_cache_leave(&follow->follower);
    stop_waiting(follow);
    follow->follower.on_state = on_answer;
    status_cache_ask(follow->server->statuses, &follow->follower);
}

static void on_deadline(void *arg)
{
    answer_now(arg);
}

static void on_stop(struct http_wait *wait)
{
    answer_now(container_of(wait, struct process_follow, wait));
}

static void on_hangup(struct http_call *call)
{
    answer_now(call->follow.process);
}

/* The version after which the client wants to hear; `found` if it does not say. */
static int64_t version_waited_beyond(const struct http_call *call, int64_t found)
{
    int64_t named;
    if (call->follow.after_version >= 0)
        return call->follow.after_version;
    if (call->headers.if_none_match.data != NULL &&
        http_if_match_version(call->headers.if_none_match, &named) && named > 0 &&
        named < INT64_MAX)
        return named;
    return found;
}

static void wait_for_change(struct process_follow *follow, int64_t version)
{
    struct http_call *call = follow->call;
    follow->deadline = loop_timer_create(follow->server->loop, on_deadline, follow);
    if (follow->deadline == NULL) {
        free(follow);
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return;
    }
    loop_timer_start(follow->deadline, (int64_t)call->follow.wait_s * 1000);
    follow->wait.stop = on_stop;
    http_wait_add(follow->server, &follow->wait);
    call->follow.process = follow;
    http_call_park(call, on_hangup);
    follow->follower.on_state = on_answer;
    status_cache_await(follow->server->statuses, &follow->follower, version);
}

static void on_first_state(struct status_follower *follower, enum err result,
                           struct status_view *view)
{
    struct process_follow *follow = follow_of(follower);
    struct http_call *call = follow->call;
    int64_t found = result == ERR_OK ? status_view_version(view) : 0;
    if (result != ERR_OK || status_view_is_final(view) || follow->server->quiesced ||
        version_waited_beyond(call, found) != found)
        answer(follow, result, view);
    else if (http_wait_admit(call))
        wait_for_change(follow, found);
    else
        free(follow);
}

/* --- stream ----------------------------------------------------------------------------------- */

static void send_or_end(struct process_follow *follow, struct http_chunk *event)
{
    if (event != NULL)
        http_stream_send(follow->stream, event);
    else
        http_stream_end(follow->stream); /* no memory: its client will come again */
}

static void send_removed(struct process_follow *follow, enum err result)
{
    char id[PROCESS_ID_TEXT_SIZE];
    struct text_buffer text;
    text_buffer_init(&text, HTTP_ANSWER_MAX);
    process_id_format(&follow->follower.id, id);
    text_append_format(&text,
                       "event: removed\ndata: {\"process_id\":\"%s\",\"status_code\":%u}\n\n", id,
                       http_problem_status(http_problem_of(result)));
    struct http_chunk *event = text.failed ? NULL : http_chunk_create(text.len);
    if (event != NULL)
        memcpy(event->bytes, text.data, text.len);
    send_or_end(follow, event);
    http_chunk_release(event);
    text_buffer_finish(&text);
}

static void tell(struct process_follow *follow, enum err result, struct status_view *view)
{
    bool is_last = result != ERR_OK || status_view_is_final(view);
    if (result == ERR_NOT_FOUND || result == ERR_GONE) {
        send_removed(follow, result);
    } else if (result == ERR_OK && status_view_version(view) != follow->seen) {
        follow->seen = status_view_version(view);
        send_or_end(follow, status_view_event(view));
    }
    if (is_last)
        http_stream_end(follow->stream);
}

static void on_next_state(struct status_follower *follower, enum err result,
                          struct status_view *view)
{
    struct process_follow *follow = follow_of(follower);
    follow->awaiting = false;
    tell(follow, result, view);
}

static void on_drained(void *arg)
{
    struct process_follow *follow = arg;
    if (follow->awaiting)
        return;
    follow->awaiting = true;
    follow->follower.on_state = on_next_state;
    status_cache_await(follow->server->statuses, &follow->follower, follow->seen);
}

static void on_ended(void *arg)
{
    struct process_follow *follow = arg;
    status_cache_leave(&follow->follower);
    free(follow);
}

/* The version that a client has which comes again. */
static int64_t version_seen(const struct http_call *call)
{
    int64_t version;
    if (span_to_int(call->headers.last_event_id, 0, INT64_MAX - 1, &version))
        return version;
    return call->follow.after_version;
}

/* An EventSource comes again by itself after a stream has ended, but not after an error. */
static bool should_come_again(const struct http_call *call, enum err result)
{
    return (result == ERR_UNAVAILABLE || result == ERR_TIMEOUT) &&
           call->headers.last_event_id.data != NULL;
}

static void open_stream(struct process_follow *follow, enum err result, struct status_view *view)
{
    const struct http_stream_owner owner = {on_drained, on_ended, follow};
    struct http_call *call = follow->call;
    follow->stream = http_wait_admit(call) ? http_stream_open(call, &owner) : NULL;
    if (follow->stream != NULL)
        tell(follow, result, view);
    else
        free(follow);
}

static void on_first_event(struct status_follower *follower, enum err result,
                           struct status_view *view)
{
    struct process_follow *follow = follow_of(follower);
    struct http_call *call = follow->call;
    if (result == ERR_OK && status_view_is_final(view) &&
        status_view_version(view) == follow->seen) {
        free(follow);
        http_answer_empty(call, MHD_HTTP_NO_CONTENT); /* this lets an EventSource come to rest */
        http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        http_call_finish(call);
    } else if (result == ERR_OK || should_come_again(call, result)) {
        open_stream(follow, result, view);
    } else {
        free(follow);
        http_fail_error(call, result);
    }
}

/* --- the request ------------------------------------------------------------------------------ */

/* False: answered. */
static bool is_consistent(struct http_call *call)
{
    const struct http_follow *asked = &call->follow;
    if (asked->stream && call->flag)
        http_fail_param(call, "fields", "is not for event streams");
    else if (asked->after_version >= 0 && !http_follow_applies(call) && !asked->has_wait &&
             call->method != METHOD_HEAD)
        http_fail_param(call, "after_version", "goes with wait, or with an event stream");
    else
        return true;
    return false;
}

bool ep_follow(struct http_call *call, const struct process_id *id)
{
    if (!is_consistent(call))
        return true;
    if (!http_follow_applies(call))
        return false;
    struct process_follow *follow = malloc(sizeof(*follow));
    if (follow == NULL) {
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return true;
    }
    *follow = (struct process_follow){.call = call, .server = call->server};
    status_follower_init(&follow->follower);
    list_init(&follow->wait.link);
    follow->seen = version_seen(call);
    follow->follower.id = *id;
    follow->follower.base = call->target.base;
    follow->follower.on_state = call->follow.stream ? on_first_event : on_first_state;
    status_cache_ask(call->server->statuses, &follow->follower);
    return true;
}
