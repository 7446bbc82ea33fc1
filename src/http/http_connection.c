#include "http/http_connection.h"

#include "http/http_call.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TICK_MS     1000
#define LOOK_MS     1000 /* after the begin of a phase */
#define LATE_MS     2000
#define WATCH_MS    20          /* after parking: most find at once what they wait for */
#define WRITE_RATE  (64 * 1024) /* bytes a second that any client takes */
#define STOPPING_MS 5000        /* for what is still being sent when the server stops */

struct http_connection *http_connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* --- one connection --------------------------------------------------------------------------- */

static struct http_connection *connection_of(struct list_link *link)
{
    return container_of(link, struct http_connection, link);
}

static int64_t now(const struct http_connection *connection)
{
    return loop_now_ms(connection->all->loop);
}

void http_connection_enter(struct http_connection *connection, enum http_phase phase)
{
    list_remove(&connection->link);
    connection->phase = phase;
    connection->since = now(connection);
    connection->sending_since = -1;
    list_append(&connection->all->phases[phase].fresh, &connection->link);
}

static void end(struct http_connection *connection)
{
    http_connection_leave(connection);
    connection->ended = true;
    shutdown(connection->fd, SHUT_RDWR);
}

void http_connection_cut(struct http_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    end(connection);
}

void http_connection_hurry(struct http_connection *connection)
{
    http_connection_enter(connection, HTTP_PHASE_LATE);
}

enum incoming { INCOMING_NONE, INCOMING_DATA, INCOMING_END };

static enum incoming look(const struct http_connection *connection)
{
    char byte;
    ssize_t got = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0)
        return INCOMING_DATA;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? INCOMING_NONE : INCOMING_END;
}

bool http_connection_is_gone(const struct http_connection *connection)
{
    return look(connection) == INCOMING_END;
}

static int64_t deadline_of(const struct http_connection *connection)
{
    const struct http_connections *all = connection->all;
    int64_t deadline = connection->since + all->phases[connection->phase].limit_ms;
    if (all->quiesced_ms < 0)
        return deadline;
    int64_t began = connection->since > all->quiesced_ms ? connection->since : all->quiesced_ms;
    return deadline < began + all->stopping_ms ? deadline : began + all->stopping_ms;
}

static void expire(struct http_connection *connection)
{
    if (connection->phase != HTTP_PHASE_BODY) {
        end(connection);
        return;
    }
    http_call_expire(connection->call);
    http_connection_enter(connection, HTTP_PHASE_LATE);
}

void http_connection_time(struct http_connection *connection)
{
    if (connection->timed)
        return;
    connection->timed = true;
    MHD_set_connection_option(connection->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
                              connection->all->idle_timeout_s);
    http_server_wake(container_of(connection->all, struct http_server, deadlines));
}

/* --- all of them ------------------------------------------------------------------------------ */

static void look_at_fresh(struct http_connections *all, enum http_phase phase)
{
    int64_t entered = loop_now_ms(all->loop) - all->look_ms;
    list_for_each_safe (link, &all->phases[phase].fresh) {
        struct http_connection *connection = connection_of(link);
        if (connection->since > entered)
            return;
        if (look(connection) == INCOMING_END) {
            end(connection);
        } else {
            list_remove(link);
            list_append(&all->phases[phase].seen, link);
            if (phase == HTTP_PHASE_FIRST || phase == HTTP_PHASE_BODY)
                http_connection_time(connection);
        }
    }
}

static void expire_late(struct http_connections *all, enum http_phase phase)
{
    list_for_each_safe (link, &all->phases[phase].seen) {
        struct http_connection *connection = connection_of(link);
        if (now(connection) < deadline_of(connection))
            return;
        expire(connection);
    }
}

/* What has come but was not read yet is a request under way. */
static void end_idle(struct list_link *kept)
{
    list_for_each_safe (link, kept) {
        struct http_connection *connection = connection_of(link);
        if (connection->call == NULL && look(connection) != INCOMING_DATA)
            end(connection);
    }
}

static void end_all_idle(struct http_connections *all)
{
    end_idle(&all->phases[HTTP_PHASE_KEPT].fresh);
    end_idle(&all->phases[HTTP_PHASE_KEPT].seen);
}

static bool sends_too_long(const struct http_connection *connection)
{
    int64_t size_ms = (int64_t)(connection->call->answer_size / WRITE_RATE) * 1000;
    return connection->call->stream == NULL &&
           now(connection) - connection->sending_since >= connection->all->write_limit_ms + size_ms;
}

static void look_at_sending(struct http_connections *all)
{
    list_for_each (link, &all->every) {
        struct http_connection *connection = container_of(link, struct http_connection, in_every);
        if (connection->call == NULL || connection->call->state != CALL_SENT)
            continue;
        if (connection->sending_since < 0) {
            connection->sending_since = now(connection);
            continue;
        }
        http_connection_time(connection);
        if (sends_too_long(connection))
            http_connection_cut(connection);
    }
}

static void on_tick(void *arg)
{
    struct http_connections *all = arg;
    look_at_sending(all);
    for (int phase = 0; phase < HTTP_PHASE_COUNT; phase++) {
        look_at_fresh(all, (enum http_phase)phase);
        expire_late(all, (enum http_phase)phase);
    }
    if (all->quiesced_ms >= 0)
        end_all_idle(all);
    if (all->count > 0)
        loop_timer_start(all->timer, all->tick_ms);
}

/* --- parked ones ------------------------------------------------------------------------------ */

static void on_hangup(void *arg, int events)
{
    struct http_connection *connection = arg;
    (void)events;
    loop_watch_set(connection->watch, 0);
    connection->gone(connection->call);
}

/* Without memory for a watch it waits until its time is up. */
static void watch_parked(void *arg)
{
    struct http_connections *all = arg;
    struct list_link *link;
    while ((link = list_pop(&all->parked)) != NULL) {
        struct http_connection *connection = connection_of(link);
        connection->watch = loop_watch_create(all->loop, connection->fd, on_hangup, connection);
        if (connection->watch != NULL)
            loop_watch_set(connection->watch, LOOP_HANGUP);
    }
}

void http_connection_park(struct http_connection *connection, void (*gone)(struct http_call *call))
{
    struct http_connections *all = connection->all;
    connection->gone = gone;
    if (list_is_empty(&all->parked))
        loop_timer_start(all->watch_timer, WATCH_MS);
    list_append(&all->parked, &connection->link);
}

bool http_connection_unpark(struct http_connection *connection)
{
    if (connection->gone == NULL)
        return false;
    list_remove(&connection->link);
    loop_watch_destroy(connection->watch);
    connection->watch = NULL;
    connection->gone = NULL;
    return true;
}

/* --- making them ------------------------------------------------------------------------------ */

void http_connections_configure(struct http_connections *connections,
                                const struct http_options *options)
{
    connections->phases[HTTP_PHASE_FIRST].limit_ms = (int64_t)options->header_timeout_s * 1000;
    connections->phases[HTTP_PHASE_BODY].limit_ms = (int64_t)options->body_timeout_s * 1000;
    connections->phases[HTTP_PHASE_KEPT].limit_ms = (int64_t)options->idle_timeout_s * 1000;
    connections->phases[HTTP_PHASE_LATE].limit_ms = LATE_MS;
    connections->idle_timeout_s = options->idle_timeout_s;
    connections->write_limit_ms = (int64_t)options->write_timeout_s * 1000;
}

bool http_connections_init(struct http_connections *connections, struct loop *loop,
                           const struct http_options *options)
{
    *connections = (struct http_connections){.loop = loop,
                                             .tick_ms = TICK_MS,
                                             .look_ms = LOOK_MS,
                                             .stopping_ms = STOPPING_MS,
                                             .quiesced_ms = -1};
    for (int phase = 0; phase < HTTP_PHASE_COUNT; phase++) {
        list_init(&connections->phases[phase].fresh);
        list_init(&connections->phases[phase].seen);
    }
    list_init(&connections->parked);
    list_init(&connections->every);
    http_connections_configure(connections, options);
    connections->timer = loop_timer_create(loop, on_tick, connections);
    connections->watch_timer = loop_timer_create(loop, watch_parked, connections);
    return connections->timer != NULL && connections->watch_timer != NULL;
}

void http_connections_finish(struct http_connections *connections)
{
    loop_timer_destroy(connections->timer);
    loop_timer_destroy(connections->watch_timer);
    connections->timer = connections->watch_timer = NULL;
}

void http_connections_quiesce(struct http_connections *connections)
{
    connections->quiesced_ms = loop_now_ms(connections->loop);
}

struct http_connection *http_connection_create(struct http_connections *connections,
                                               struct MHD_Connection *mhd, int fd)
{
    struct http_connection *connection = malloc(sizeof(*connection));
    if (connection == NULL)
        return NULL;
    *connection = (struct http_connection){.all = connections, .mhd = mhd, .fd = fd};
    list_init(&connection->link);
    list_init(&connection->in_every);
    list_append(&connections->every, &connection->in_every);
    http_connection_enter(connection, HTTP_PHASE_FIRST);
    if (connections->count++ == 0 && connections->timer != NULL)
        loop_timer_start(connections->timer, connections->tick_ms);
    return connection;
}

void http_connection_destroy(struct http_connection *connection)
{
    if (connection == NULL)
        return;
    http_connection_leave(connection);
    list_remove(&connection->in_every);
    connection->all->count--;
    free(connection);
}
