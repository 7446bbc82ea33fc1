#include "http/http_acceptor.h"

#include "http/http_call.h"
#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_US   (20 * 1000) /* spent on it in one turn: the others are served in between */
#define LAST_US   (200 * 1000)
#define CLOCK_MAX 16 /* accepted without a look at the clock */
#define PAUSE_MS  50
#define WARN_MS   10000 /* that often at most */
#define SINK_SIZE 4096

/* --- at the limit ----------------------------------------------------------------------------- */

/* Without looking at its request: that may not even have come. */
static void refuse(struct http_server *server, int fd)
{
    char sink[SINK_SIZE], request_id[HTTP_REQUEST_ID_SIZE];
    http_request_ids_next(&server->request_ids, request_id);
    http_write_problem(fd, request_id, PROBLEM_OVERLOADED, NULL);
    shutdown(fd, SHUT_WR);
    (void)!recv(fd, sink, sizeof(sink), MSG_DONTWAIT); /* if it has come, a close is no reset */
    server->counters.refused++;
    server->counters.answers[5]++;
    http_tally_add(&server->tally, NULL, METHOD_OTHER, http_problem_status(PROBLEM_OVERLOADED), -1);
    http_linger_add(&server->linger, fd);
}

/* --- accepting -------------------------------------------------------------------------------- */

/* What it brings is read in this turn. */
static void take(struct http_server *server, int fd, const struct sockaddr *address, socklen_t len)
{
    if (server->connections >= server->options->max_connections)
        refuse(server, fd);
    else if (MHD_add_connection(server->daemon, fd, address, len) != MHD_YES)
        log_warn("a connection is dropped",
                 log_text("error", strerror(errno))); /* it has been closed */
}

/* There are no descriptors or no memory, and the socket stays readable. */
static void rest(struct http_acceptor *acceptor)
{
    int64_t now_ms = loop_now_ms(acceptor->server->loop);
    if (acceptor->warned_ms == 0 || now_ms - acceptor->warned_ms >= WARN_MS) {
        log_warn("cannot accept connections for a moment", log_text("error", strerror(errno)));
        acceptor->warned_ms = now_ms;
    }
    loop_watch_set(acceptor->watch, 0);
    loop_timer_start(acceptor->pause, PAUSE_MS);
}

/* False when there is none, or it cannot be accepted now. */
static bool accept_one(struct http_acceptor *acceptor)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    struct sockaddr *any = (struct sockaddr *)&address;
    int fd = accept4(acceptor->listen_fd, any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        take(acceptor->server, fd, any, len);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        rest(acceptor);
        return false;
    }
    return errno != EAGAIN && errno != EWOULDBLOCK; /* else a client has left already */
}

/* Those that are left wait unread, which nobody can refuse them in time. */
static void accept_for(struct http_acceptor *acceptor, int64_t for_us)
{
    int64_t end_us = clock_steady_us() + for_us;
    int count = 1;
    while (accept_one(acceptor) && (count++ % CLOCK_MAX != 0 || clock_steady_us() < end_us))
        ;
    http_server_wake(acceptor->server);
}

static void on_ready(void *arg, int events)
{
    (void)events;
    accept_for(arg, TURN_US);
}

static void on_pause_over(void *arg)
{
    struct http_acceptor *acceptor = arg;
    loop_watch_set(acceptor->watch, LOOP_READ);
}

bool http_acceptor_init(struct http_acceptor *acceptor, struct http_server *server, int listen_fd)
{
    *acceptor = (struct http_acceptor){.server = server, .listen_fd = listen_fd};
    acceptor->watch = loop_watch_create(server->loop, listen_fd, on_ready, acceptor);
    acceptor->pause = loop_timer_create(server->loop, on_pause_over, acceptor);
    if (acceptor->watch == NULL || acceptor->pause == NULL)
        return false;
    loop_watch_set(acceptor->watch, LOOP_READ);
    return true;
}

void http_acceptor_close(struct http_acceptor *acceptor)
{
    if (acceptor->listen_fd < 0)
        return;
    accept_for(acceptor, LAST_US);
    http_acceptor_finish(acceptor);
}

void http_acceptor_finish(struct http_acceptor *acceptor)
{
    loop_watch_destroy(acceptor->watch);
    loop_timer_destroy(acceptor->pause);
    acceptor->watch = NULL;
    acceptor->pause = NULL;
    if (acceptor->listen_fd >= 0)
        close(acceptor->listen_fd);
    acceptor->listen_fd = -1;
}
