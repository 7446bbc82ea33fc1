/* Requests under way. Redis answers in order, so the list of requests in flight is also the list
 * of expected replies, and hiredis is given no pointer that could outlive a request.
 *
 * With wait_replicas, requests that write stay open after their reply until a WAIT that was sent
 * after them is answered. WAIT holds up all that follows on the connection, so there is never more
 * than one, and it covers all writes before it: those of this connection only, since Redis 7.2. But
 * a request may have found done what another connection wrote, as when it is sent again with its
 * key. So something is written before each WAIT: it covers all that was there then. With replicas
 * away a write then ends after at most two WAITs, and reads still get through in between: a third
 * of the command timeout each. */
#include "storage/redis_client_private.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <assert.h>
#include <string.h>

#define UNSENT_MAX         ((size_t)64 * 1024 * 1024)
#define ERROR_LOG_PAUSE_MS 5000
#define TOUCH_SECONDS      31536000

/* --- replicas -------------------------------------------------------------------------------- */

/* The key ends as it was. Neither is refused where memory is full. */
static void build_touch(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_client *client = container_of(request, struct redis_client, touch);
    redis_command(commands, "EXPIRE");
    redis_arg_str(commands, client->setup->layout_key);
    redis_arg_int(commands, TOUCH_SECONDS);
    redis_command(commands, "PERSIST");
    redis_arg_str(commands, client->setup->layout_key);
}

/* Where it is refused, WAIT still covers what this connection wrote. */
static void on_touched(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)request;
    (void)err;
    (void)reply;
}

static void build_wait(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_client *client = container_of(request, struct redis_client, wait);
    redis_command(commands, "WAIT");
    redis_arg_int(commands, redis_primary_replicas(client));
    redis_arg_int(commands, client->options->command_timeout_ms / 3 + 1);
}

static void note_replicas(struct redis_client *client, bool missing, long long replicas)
{
    if (missing == client->replicas_short)
        return;
    client->replicas_short = missing;
    if (missing)
        log_warn("redis replicas too few", log_text("host", client->where),
                 log_int("have", replicas), log_int("want", redis_primary_replicas(client)));
    else
        log_info("redis replicas enough", log_text("host", client->where),
                 log_int("have", replicas));
}

static void on_wait_done(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_client *client = container_of(request, struct redis_client, wait);
    struct list_link confirmed;
    struct list_link *link;
    if (err == ERR_OK) {
        bool missing = !redis_primary_is_safe(client, reply->integer);
        note_replicas(client, missing, reply->integer);
        err = missing ? ERR_UNAVAILABLE : ERR_OK;
    }
    client->wait_open = false;
    if (client->wait_again)
        loop_defer(client->loop, &client->send_wait);
    list_take_all(&client->unconfirmed, &confirmed);
    while ((link = list_pop(&confirmed)) != NULL)
        redis_request_end_kept(container_of(link, struct redis_request, link), err);
}

static void send_touch(struct redis_client *client)
{
    if (client->setup->layout_key == NULL)
        return;
    client->touch = (struct redis_request){.build = build_touch, .done = on_touched, .quiet = true};
    redis_client_submit(client, &client->touch);
    client->touch.reply_due = client->wait_deadline;
}

static void send_wait(struct loop_task *task)
{
    struct redis_client *client = container_of(task, struct redis_client, send_wait);
    bool first = list_is_empty(&client->in_flight);
    enum err err;
    send_touch(client);
    client->wait =
        (struct redis_request){.build = build_wait, .done = on_wait_done, .deadline = INT64_MAX};
    client->wait_open = true;
    client->wait_again = false;
    if (!redis_flow_send(client, &client->wait, &err)) {
        redis_client_lose(client, "out of memory");
        return;
    }
    client->wait.reply_due = client->wait_deadline;
    if (first && !client->broken)
        redis_ends_await(client);
}

static void want_wait(struct redis_client *client, const struct redis_request *request)
{
    if (client->wait_again)
        return;
    client->wait_again = true;
    client->wait_deadline = request->reply_due;
    if (!client->wait_open)
        loop_defer(client->loop, &client->send_wait);
}

/* --- replies --------------------------------------------------------------------------------- */

/* Errors of the server as a whole; what concerns one key is told by whoever knows the key. */
static void log_error_reply(struct redis_client *client, const redisReply *reply, enum err err)
{
    int64_t now = clock_steady_ms();
    bool too_soon =
        client->error_logged_at != 0 && now < client->error_logged_at + ERROR_LOG_PAUSE_MS;
    if (err == ERR_CORRUPT || too_soon)
        return;
    client->error_logged_at = now;
    log_warn("redis error", log_text("host", client->where),
             log_span("error", (struct span){reply->str, (size_t)redis_error_shown(reply->str)}));
}

static void note_error(struct redis_client *client, struct redis_request *request,
                       const redisReply *reply)
{
    enum err err = redis_reply_error(reply);
    if (err == ERR_OK || request->result != ERR_OK)
        return;
    request->result = err;
    request->script_missing = strncmp(reply->str, "NOSCRIPT", 8) == 0;
    if (!request->script_missing && !request->quiet)
        log_error_reply(client, reply, err);
}

/* Redis has lost its scripts; nothing of the request was executed. */
static void repeat(struct redis_client *client, struct redis_request *request)
{
    enum err err;
    list_remove(&request->link);
    request->repeated = true;
    if (!redis_flow_send(client, request, &err))
        redis_request_end(request, err, NULL);
}

/* What stands in for another was not sent itself, and a WAIT is there to wait. */
static void note_latency(struct redis_client *client, const struct redis_request *request)
{
    if (client->setup->latency != NULL && request->sent_us != 0 && request != &client->wait)
        metric_observe(client->setup->latency, loop_now_us(client->loop) - request->sent_us);
}

static void complete(struct redis_client *client, struct redis_request *request, redisReply *reply)
{
    note_latency(client, request);
    if (request->script_missing && !request->repeated) {
        repeat(client, request);
        return;
    }
    if (request->result != ERR_OK || !request->writes || client->options->wait_replicas == 0) {
        redis_request_end(request, request->result, reply);
        return;
    }
    list_remove(&request->link);
    request->kept = redis_replies_keep(reply);
    if (request->kept == NULL)
        redis_request_end(request, ERR_UNAVAILABLE, NULL);
    else
        list_append(&client->unconfirmed, &request->link);
}

static void take_reply(struct redis_client *client, struct redis_request *request,
                       redisReply *reply)
{
    bool moved = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "READONLY", 8) == 0;
    note_error(client, request, reply);
    if (reply->type == REDIS_REPLY_INTEGER)
        request->number = reply->integer;
    if (request->replies == 0)
        complete(client, request, reply);
    /* After a fail-over the host's name may lead elsewhere. */
    if (moved && client->state == REDIS_READY)
        redis_client_lose(client, "it is a read-only replica");
}

/* ["message", channel, payload] */
static bool is_message(const struct redis_client *client, const redisReply *reply)
{
    return redis_client_listens(client) && reply->type == REDIS_REPLY_ARRAY &&
           reply->elements == 3 && reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, "message") == 0;
}

static void on_reply(redisAsyncContext *context, void *any_reply, void *unused)
{
    struct redis_client *client = context->data;
    (void)unused;
    if (client == NULL || any_reply == NULL)
        return; /* the connection has ended, and its requests end elsewhere */
    if (is_message(client, any_reply)) {
        client->setup->on_message(client->setup->arg, ((const redisReply *)any_reply)->element[2]);
        return;
    }
    assert(!list_is_empty(&client->in_flight));
    struct redis_request *request =
        container_of(client->in_flight.next, struct redis_request, link);
    request->replies--;
    /* What was read beyond the last expected reply cannot answer what is sent from now on. */
    bool surplus = request->replies == 0 && client->in_flight.prev == &request->link &&
                   !redis_client_listens(client) && redis_has_unread(&context->c);
    if (client->state == REDIS_ENTERING) { /* the one request is the session's */
        if (request->replies == 0)
            list_remove(&request->link);
        redis_session_reply(client, any_reply);
    } else {
        take_reply(client, request, any_reply);
    }
    if (surplus && context->data != NULL)
        redis_client_lose(client, "a reply to no request");
}

/* --- submitting ------------------------------------------------------------------------------ */

/* Half a request has been sent, perhaps a MULTI without its EXEC: the connection is of no more use.
 * It is dropped in the next turn, since a submit must not end other requests. */
static bool break_off(struct redis_client *client)
{
    client->broken = true;
    return true;
}

static bool send_parts(struct redis_client *client, struct redis_request *request)
{
    for (int i = 0; i < client->commands.count; i++) {
        struct span part = client->commands.parts[i];
        if (redisAsyncFormattedCommand(client->link.context, on_reply, NULL, part.data, part.len) !=
            REDIS_OK)
            return i > 0 && break_off(client);
        client->link.unsent += part.len;
        request->replies++;
    }
    return true;
}

bool redis_flow_send(struct redis_client *client, struct redis_request *request, enum err *ret_err)
{
    struct redis_commands *commands = &client->commands;
    request->replies = 0;
    request->result = ERR_OK;
    request->script_missing = false;
    redis_commands_begin(commands, request->repeated);
    request->build(request, commands);
    *ret_err = ERR_NO_MEMORY;
    if (!redis_commands_end(commands))
        return false;
    *ret_err = ERR_UNAVAILABLE;
    if (client->link.context == NULL || client->link.unsent > UNSENT_MAX)
        return false;
    request->reply_due = loop_now_ms(client->loop) + client->options->command_timeout_ms;
    if (!send_parts(client, request))
        return false; /* hiredis is ending this connection already */
    request->sent_us = loop_now_us(client->loop);
    if (client->state == REDIS_READY && client->setup->commands != NULL) /* else the session's */
        *client->setup->commands += (uint64_t)request->replies;
    redis_ends_expect(client, request);
    if (client->broken)
        loop_timer_start(client->deadline, 0);
    if (request->writes && client->options->wait_replicas > 0)
        want_wait(client, request);
    return true;
}

static void submit(struct redis_client *client, struct redis_request *request)
{
    enum err err = client->state == REDIS_CLOSED ? ERR_CANCELED : ERR_UNAVAILABLE;
    list_init(&request->link);
    request->repeated = false;
    request->kept = NULL;
    if (client->state != REDIS_READY || !redis_flow_send(client, request, &err))
        redis_request_end(request, err, NULL);
}

void redis_client_submit(struct redis_client *client, struct redis_request *request)
{
    request->deadline = loop_now_ms(client->loop) + client->options->command_timeout_ms;
    submit(client, request);
}

void redis_client_go_on(struct redis_client *client, struct redis_request *request)
{
    if (request->deadline > loop_now_ms(client->loop)) {
        submit(client, request);
        return;
    }
    redis_ends_count(client);
    list_init(&request->link);
    redis_request_end(request, ERR_TIMEOUT, NULL);
}

bool redis_flow_init(struct redis_client *client)
{
    loop_task_init(&client->send_wait, send_wait);
    return redis_ends_init(client);
}
