/* The daemon and its loop. The library neither waits nor has a thread: its epoll descriptor is
 * watched by the loop, and MHD_run() is called at the end of every turn in which that was
 * readable, a connection was resumed, or the library's own timeout has come. Its epoll set is
 * edge-triggered, so after each run MHD_get_timeout() must be obeyed, 0 included. */
#include "http/http_call.h"
#include "http/http_feed.h"
#include "http/http_mhd.h"
#include "http/http_wait.h"
#include "http/status_cache.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <assert.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Also the limit on header and URL: enough for 200 ids. The library clears all of it after each
 * request, so more costs throughput, and memory that a waiter then holds. */
#define CONNECTION_MEMORY (12 * 1024)
#define FLUSH_MS          2000

/* --- callbacks of the library ------------------------------------------------------------------
 */

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
    return http_call_create(arg, connection, uri);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **call_slot)
{
    struct http_call *call = *call_slot;
    (void)arg, (void)connection;
    if (call == NULL)
        return MHD_NO; /* no memory for it: the library closes the connection */
    if (call->state == CALL_NEW)
        return http_call_begin(call, url, method, version);
    if (*len == 0)
        return http_call_proceed(call);
    size_t got = *len;
    *len = 0;
    return http_call_collect(call, data, got);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **call_slot,
                         enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)connection, (void)why;
    if (*call_slot != NULL)
        http_call_completed(*call_slot);
    *call_slot = NULL;
}

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        server->connections++;
        *context =
            http_connection_create(&server->deadlines, connection, descriptor_of(connection));
        return;
    }
    http_connection_destroy(*context);
    server->connections--;
}

/* Everything stays as it came: cutting and decoding is ours (http_target.h). */
static size_t keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg, (void)connection;
    return strlen(text);
}

static void __attribute__((format(printf, 2, 0)))
on_message(void *arg, const char *format, va_list arguments)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("libmicrohttpd says", log_text("text", text)); /* mostly of clients that misbehave */
}

/* --- driving it --------------------------------------------------------------------------------
 */

static void run_daemon(struct loop_task *task)
{
    struct http_server *server = container_of(task, struct http_server, run);
    MHD_UNSIGNED_LONG_LONG wait_ms;
    int64_t began_us = clock_steady_us();
    server->clock_us = began_us;
    uint64_t before = server->counters.requests;
    http_admission_begin(&server->admission, began_us, began_us - loop_now_ms(server->loop) * 1000);
    MHD_run(server->daemon);
    http_admission_end(&server->admission, clock_steady_us(), server->counters.requests - before);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        loop_timer_start(server->timer, (int64_t)wait_ms);
    else
        loop_timer_stop(server->timer);
}

void http_server_wake(struct http_server *server)
{
    loop_defer(server->loop, &server->run);
}

static void on_readable(void *arg, int events)
{
    (void)events;
    http_server_wake(arg);
}

static void on_timeout(void *arg)
{
    http_server_wake(arg);
}

void http_server_note(struct http_server *server, enum err err, bool was_ping)
{
    http_readiness_note(&server->readiness, err, was_ping, loop_now_ms(server->loop));
}

static void on_changed(void *arg, const struct process_id *id)
{
    struct http_server *server = arg;
    status_cache_changed(server->statuses, id);
    http_feed_changed(server->feed, id);
}

/* --- life ---------------------------------------------------------------------------------------
 */

/* The acceptor keeps to the limit on connections. */
static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    return MHD_start_daemon(
        HTTP_MHD_ONE_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, server->options->max_connections + 1, MHD_OPTION_END);
}

static int epoll_fd(const struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info != NULL ? info->epoll_fd : -1;
}

static bool start(struct http_server *server)
{
    server->no_memory = http_problem_response(server->options, PROBLEM_INTERNAL, "out of memory");
    server->overloaded = http_problem_response(server->options, PROBLEM_OVERLOADED, NULL);
    server->timer = loop_timer_create(server->loop, on_timeout, server);
    server->daemon = start_daemon(server);
    if (server->no_memory == NULL || server->overloaded == NULL || server->timer == NULL ||
        server->daemon == NULL)
        return false;
    server->watch = loop_watch_create(server->loop, epoll_fd(server), on_readable, server);
    if (server->watch == NULL)
        return false;
    loop_watch_set(server->watch, LOOP_READ);
    return true;
}

/* Nobody is told of the operators' server. */
static bool join_peers(struct http_server *server)
{
    return server->subject != server || http_peer_join(&server->peer, server);
}

static struct http_server *create(struct loop *loop, struct process_manager *manager,
                                  const struct http_options *options, int listen_fd,
                                  struct http_server *subject)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        close(listen_fd);
        return NULL;
    }
    server->subject = subject != NULL ? subject : server;
    server->loop = loop;
    server->manager = manager;
    server->options = options;
    server->started_ms = loop_now_ms(loop);
    list_init(&server->waiting_lists);
    http_readiness_init(&server->readiness);
    http_linger_init(&server->linger, loop);
    http_admission_init(&server->admission, options->shed_wait_ms);
    bool listens = http_acceptor_init(&server->acceptor, server, listen_fd);
    list_init(&server->followers);
    loop_task_init(&server->run, run_daemon);
    bool has_streams = http_streams_init(&server->streams, loop);
    server->statuses = status_cache_create(loop, manager, options->status_cache_bytes);
    server->feed = http_feed_create(server);
    bool has_ids = http_request_ids_init(&server->request_ids);
    if (http_connections_init(&server->deadlines, loop, options) && has_streams && has_ids &&
        listens && server->statuses != NULL && server->feed != NULL &&
        http_tally_init(&server->tally) && start(server) && join_peers(server)) {
        if (server->subject == server)
            process_manager_on_changed(manager, on_changed, server);
        return server;
    }
    http_server_destroy(server);
    return NULL;
}

struct http_server *http_server_create(struct loop *loop, struct process_manager *manager,
                                       const struct http_options *options, int listen_fd)
{
    return create(loop, manager, options, listen_fd, NULL);
}

struct http_server *http_admin_create(struct http_server *of, const struct http_options *options,
                                      int listen_fd)
{
    return create(of->loop, of->manager, options, listen_fd, of);
}

void http_server_set_heartbeats(struct http_server *server,
                                const struct heartbeat_listener *listener, int64_t limit_ms)
{
    server->heartbeats = listener;
    server->silence_limit_ms = limit_ms;
}

void http_server_leave(struct http_server *server)
{
    server->leaving = true;
}

void http_server_quiesce(struct http_server *server)
{
    if (server->quiesced)
        return;
    server->leaving = server->quiesced = true;
    http_acceptor_close(&server->acceptor);
    http_connections_quiesce(&server->deadlines);
    http_wait_stop_all(server);
    status_cache_quiesce(server->statuses);
    http_server_wake(server);
}

unsigned http_server_open_calls(const struct http_server *server)
{
    return server->open_calls;
}

unsigned http_server_running_calls(const struct http_server *server)
{
    return server->running_calls;
}

/* Writes out the answers that are made, as long as clients take them, for a bounded time. */
static void flush(struct http_server *server)
{
    int64_t deadline = clock_steady_ms() + FLUSH_MS;
    MHD_run(server->daemon);
    while (server->ready_calls > 0 && clock_steady_ms() < deadline) {
        struct pollfd waiting = {.fd = epoll_fd(server), .events = POLLIN};
        MHD_UNSIGNED_LONG_LONG wait_ms;
        bool at_once = MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0;
        poll(&waiting, 1, at_once ? 0 : 50);
        MHD_run(server->daemon);
    }
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL)
        return;
    http_peer_leave(&server->subject->peer);
    assert(server->running_calls == 0);
    if (server->subject == server)
        process_manager_on_changed(server->manager, NULL, NULL);
    http_wait_stop_all(server); /* the library must not stop while a connection is suspended */
    http_acceptor_finish(&server->acceptor);
    loop_watch_destroy(server->watch);
    loop_timer_destroy(server->timer);
    http_connections_finish(&server->deadlines);
    if (server->daemon != NULL) {
        if (server->watch != NULL)
            flush(server);
        MHD_stop_daemon(server->daemon);
    }
    loop_task_cancel(&server->run);
    if (server->no_memory != NULL)
        MHD_destroy_response(server->no_memory);
    if (server->overloaded != NULL)
        MHD_destroy_response(server->overloaded);
    http_streams_finish(&server->streams);
    http_feed_destroy(server->feed);
    status_cache_destroy(server->statuses);
    http_linger_finish(&server->linger);
    http_call_free_spare(server);
    http_tally_finish(&server->tally);
    free(server);
}
