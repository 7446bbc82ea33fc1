#include "http/http_linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS    2000
#define LINGER_BYTES (16 * 1024 * 1024) /* a client that sends on and on is not worth more */
#define LINGER_MAX   256

struct lingering {
    struct list_link link;
    struct http_linger *linger;
    struct loop_watch *watch;
    int fd;
    int64_t deadline;
    size_t dropped;
};

static void end(struct lingering *socket)
{
    list_remove(&socket->link);
    socket->linger->count--;
    loop_watch_destroy(socket->watch);
    close(socket->fd);
    free(socket);
}

static void on_ready(void *arg, int events)
{
    struct lingering *socket = arg;
    char sink[16384];
    ssize_t got = recv(socket->fd, sink, sizeof(sink), MSG_DONTWAIT);
    (void)events;
    if (got > 0)
        socket->dropped += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
        socket->dropped > LINGER_BYTES)
        end(socket);
}

static void start_timer(struct http_linger *linger)
{
    if (list_is_empty(&linger->sockets))
        return;
    struct lingering *oldest = container_of(linger->sockets.next, struct lingering, link);
    int64_t left = oldest->deadline - loop_now_ms(linger->loop);
    loop_timer_start(linger->timer, left > 0 ? left : 0);
}

static void on_timer(void *arg)
{
    struct http_linger *linger = arg;
    int64_t now = loop_now_ms(linger->loop);
    list_for_each_safe (link, &linger->sockets) {
        struct lingering *socket = container_of(link, struct lingering, link);
        if (socket->deadline > now)
            break;
        end(socket);
    }
    start_timer(linger);
}

bool http_linger_init(struct http_linger *linger, struct loop *loop)
{
    linger->loop = loop;
    linger->count = 0;
    list_init(&linger->sockets);
    linger->timer = loop_timer_create(loop, on_timer, linger);
    return linger->timer != NULL;
}

void http_linger_finish(struct http_linger *linger)
{
    list_for_each_safe (link, &linger->sockets) {
        end(container_of(link, struct lingering, link));
    }
    loop_timer_destroy(linger->timer);
    linger->timer = NULL;
}

void http_linger_add(struct http_linger *linger, int fd)
{
    struct lingering *socket = linger->count < LINGER_MAX ? malloc(sizeof(*socket)) : NULL;
    if (socket == NULL) {
        close(fd);
        return;
    }
    *socket = (struct lingering){
        .linger = linger, .fd = fd, .deadline = loop_now_ms(linger->loop) + LINGER_MS};
    socket->watch = loop_watch_create(linger->loop, fd, on_ready, socket);
    if (socket->watch == NULL) {
        close(fd);
        free(socket);
        return;
    }
    loop_watch_set(socket->watch, LOOP_READ);
    list_append(&linger->sockets, &socket->link);
    linger->count++;
    if (linger->count == 1)
        start_timer(linger);
}
