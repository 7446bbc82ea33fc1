/* The connection's life:
 *
 *   RESTING -> SEARCHING -> RESOLVING -> ENTERING -> READY    (SEARCHING: with sentinels only;
 *      ^           |            |            |         |       numeric addresses and sockets skip
 *      +-----------+------------+------------+---------+       RESOLVING)
 *
 *   back: redis_client_lose(): all requests end, and the rest before the next try doubles, with
 *   jitter. Any -> CLOSED: redis_client_close()
 *
 * One timer paces it: while RESTING it ends the rest, while READY it looks whether this is still
 * the place to be, else it ends a try that takes too long. Requests are taken while READY only.
 *
 * hiredis frees a context by itself when the connection ends, after telling; so there are two ways
 * out: redis_link_drop() when we end it, and hiredis' own callbacks when it does. In both the
 * context is forgotten before any request ends, because a request's end may do anything but
 * destroy the client. A problem is logged once, until another takes its place. */
#include "storage/redis_client_private.h"

#include "proctrack/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define REST_FIRST_MS 50
#define REST_MAX_MS   500 /* whoever comes back is found within a second */
#define LOOK_MS       1000

/* --- ends ------------------------------------------------------------------------------------ */

static bool is_quiet(const struct redis_client *client)
{
    return client->setup->quiet || redis_client_listens(client);
}

static void log_problem(struct redis_client *client, const char *problem)
{
    bool was_ready = client->state == REDIS_READY;
    if (!was_ready && strcmp(client->problem, problem) == 0)
        return;
    snprintf(client->problem, sizeof(client->problem), "%s", problem);
    log_at(is_quiet(client) ? LOG_DEBUG : LOG_WARN, was_ready ? "redis lost" : "redis unavailable",
           log_text("host", client->where), log_text("reason", client->problem));
}

/* Between a quarter and the whole of it, so that many clients do not come back as one. */
static int64_t with_jitter(int64_t delay_ms)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = UINT32_MAX / 2;
    return delay_ms / 4 + (delay_ms - delay_ms / 4) * (int64_t)(random >> 1) / INT32_MAX;
}

static void rest(struct redis_client *client)
{
    client->state = REDIS_RESTING;
    loop_timer_start(client->pace, with_jitter(client->rest_ms));
    client->rest_ms = client->rest_ms * 2 < REST_MAX_MS ? client->rest_ms * 2 : REST_MAX_MS;
}

static void let_go(struct redis_client *client)
{
    loop_resolve_cancel(client->resolve);
    client->resolve = NULL;
    redis_sentinels_rest(client->sentinels);
    redis_link_drop(&client->link);
}

static void tell_state(struct redis_client *client, bool ready)
{
    if (client->setup->on_state != NULL)
        client->setup->on_state(client->setup->arg, ready);
}

void redis_client_lose(struct redis_client *client, const char *problem)
{
    assert(client->state != REDIS_CLOSED);
    log_problem(client, problem);
    rest(client);
    let_go(client);
    redis_ends_all(client, ERR_UNAVAILABLE);
    tell_state(client, false);
}

void redis_client_hurry(struct redis_client *client)
{
    if (client->state == REDIS_RESTING)
        loop_timer_start(client->pace, 0);
}

static bool has_sentinels(const struct redis_client *client)
{
    return client->options->sentinel_count > 0;
}

void redis_client_enter(struct redis_client *client)
{
    client->state = REDIS_READY;
    client->rest_ms = REST_FIRST_MS;
    client->problem[0] = '\0';
    loop_timer_stop(client->pace);
    if (has_sentinels(client))
        loop_timer_start(client->pace, LOOK_MS);
    if (client->was_ready && client->setup->reconnects != NULL)
        ++*client->setup->reconnects;
    client->was_ready = true;
    log_at(is_quiet(client) ? LOG_DEBUG : LOG_INFO, "redis ready", log_text("host", client->where),
           log_int("database", client->options->database));
    tell_state(client, true);
}

/* --- a try ----------------------------------------------------------------------------------- */

/* hiredis frees the context after this one. */
static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_client *client = context->data;
    if (status == REDIS_OK || client == NULL)
        return;
    redis_link_forget(&client->link);
    redis_client_lose(client, context->errstr);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_client *client = context->data;
    (void)status;
    if (client == NULL)
        return;
    redis_client_lose(client, redis_tls_reason(client->tls, context->err != 0
                                                                ? context->errstr
                                                                : "the connection was closed"));
}

/* False with the reason; the context is still the caller's then. */
static bool link_up(struct redis_client *client, redisAsyncContext *context, const char **ret_why)
{
    *ret_why = context->errstr;
    if (context->err != 0)
        return false;
    if (client->tls != NULL && !redis_tls_start(client->tls, &context->c, client->options, ret_why))
        return false;
    *ret_why = "out of memory";
    if (!redis_link_attach(&client->link, context))
        return false;
    context->data = client;
    redis_replies_use(&client->replies, &context->c);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    redisAsyncSetConnectCallback(context, on_connect);
    return true;
}

static void enter(struct redis_client *client, const char *address)
{
    const char *why = "out of memory";
    char problem[REDIS_PROBLEM_MAX];
    redisAsyncContext *context = redis_async_open(client->options, address, client->place.port);
    if (context != NULL && link_up(client, context, &why)) {
        client->state = REDIS_ENTERING;
        redis_session_start(client);
        return;
    }
    snprintf(problem, sizeof(problem), "%s", why); /* the text may be the context's */
    if (context != NULL)
        redisAsyncFree(context);
    redis_client_lose(client, problem);
}

static void on_resolved(void *arg, const char *address, const char *why)
{
    struct redis_client *client = arg;
    client->resolve = NULL;
    if (address != NULL)
        enter(client, address);
    else
        redis_client_lose(client, why);
}

static bool needs_resolving(const struct redis_client *client)
{
    unsigned char bytes[16];
    return client->options->unix_path[0] == '\0' &&
           inet_pton(AF_INET, client->place.host, bytes) != 1 &&
           inet_pton(AF_INET6, client->place.host, bytes) != 1;
}

void redis_client_go(struct redis_client *client)
{
    if (!needs_resolving(client)) {
        enter(client, client->place.host);
        return;
    }
    client->state = REDIS_RESOLVING;
    client->resolve = loop_resolve_start(client->loop, client->place.host, on_resolved, client);
    if (client->resolve == NULL)
        redis_client_lose(client, "out of memory");
}

static void try_to_connect(struct redis_client *client)
{
    loop_timer_start(client->pace, client->options->connect_timeout_ms);
    if (has_sentinels(client)) {
        client->state = REDIS_SEARCHING;
        redis_primary_find(client);
    } else {
        redis_client_go(client);
    }
}

static void on_pace(void *arg)
{
    struct redis_client *client = arg;
    switch (client->state) {
    case REDIS_RESTING:
        try_to_connect(client);
        break;
    case REDIS_SEARCHING:
        redis_client_lose(client, redis_sentinels_problem(client->sentinels));
        break;
    case REDIS_RESOLVING:
        redis_client_lose(client, "the name was not resolved in time");
        break;
    case REDIS_ENTERING:
        redis_client_lose(client, "no connection within the connect timeout");
        break;
    case REDIS_READY:
        loop_timer_start(client->pace, LOOK_MS);
        redis_primary_look(client);
        break;
    case REDIS_CLOSED:
        break;
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static bool prepare_tls(struct redis_client *client)
{
    const char *why;
    if (!client->options->tls)
        return true;
    client->tls = redis_tls_create(client->options, &why);
    if (client->tls == NULL)
        log_error("redis tls", log_text("host", client->where), log_text("reason", why));
    return client->tls != NULL;
}

struct redis_client *redis_client_create(struct loop *loop, const struct redis_options *options,
                                         const struct redis_client_setup *setup)
{
    struct redis_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return NULL;
    assert(setup->script_count <= REDIS_SCRIPTS_MAX);
    client->loop = loop;
    client->options = options;
    client->setup = setup;
    client->rest_ms = REST_FIRST_MS;
    memcpy(client->place.host, options->host, sizeof(options->host));
    client->place.port = options->port;
    redis_options_describe(options, client->where, sizeof(client->where));
    redis_link_init(&client->link, loop);
    client->link.listens = redis_client_listens(client);
    redis_commands_init(&client->commands, setup->scripts);
    client->pace = loop_timer_create(loop, on_pace, client);
    if (!redis_flow_init(client) || client->pace == NULL || !prepare_tls(client) ||
        !redis_primary_init(client)) {
        redis_client_destroy(client);
        return NULL;
    }
    loop_timer_start(client->pace, 0); /* RESTING: the first try is the loop's first turn */
    return client;
}

bool redis_client_is_ready(const struct redis_client *client)
{
    return client->state == REDIS_READY;
}

const char *redis_client_problem(const struct redis_client *client)
{
    return client->problem;
}

int64_t redis_client_id(const struct redis_client *client)
{
    return client->id;
}

void redis_client_close(struct redis_client *client)
{
    if (client->state == REDIS_CLOSED)
        return;
    client->state = REDIS_CLOSED;
    let_go(client);
    redis_sentinels_close(client->sentinels);
    if (client->pace != NULL)
        loop_timer_stop(client->pace);
    redis_ends_all(client, ERR_CANCELED);
}

void redis_client_destroy(struct redis_client *client)
{
    if (client == NULL)
        return;
    redis_client_close(client);
    redis_sentinels_destroy(client->sentinels);
    loop_timer_destroy(client->pace);
    loop_timer_destroy(client->deadline);
    redis_commands_finish(&client->commands);
    redis_tls_destroy(client->tls);
    free(client);
}
