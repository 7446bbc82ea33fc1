#include "http/http_linger.h"

#include "proctrack/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS    2000
#define LINGER_BYTES (16 * 1024 * 1024) /* a client that sends on and on is not worth more */

struct lingering {
    struct list_link link;
    struct http_linger *linger;
    struct loop_watch *watch;
    struct loop_timer *timer;
    int fd;
    size_t dropped;
};

/* Also of one that is not wholly made. */
static void end(struct lingering *socket)
{
    list_remove(&socket->link);
    socket->linger->count--;
    loop_watch_destroy(socket->watch);
    loop_timer_destroy(socket->timer);
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

static void on_timeout(void *arg)
{
    end(arg);
}

void http_linger_init(struct http_linger *linger, struct loop *loop)
{
    linger->loop = loop;
    linger->count = 0;
    list_init(&linger->sockets);
}

void http_linger_finish(struct http_linger *linger)
{
    list_for_each_safe (link, &linger->sockets)
        end(container_of(link, struct lingering, link));
}

void http_linger_add(struct http_linger *linger, int fd)
{
    struct lingering *socket = linger->count < HTTP_LINGERING_MAX ? malloc(sizeof(*socket)) : NULL;
    if (socket == NULL) {
        close(fd);
        return;
    }
    *socket = (struct lingering){.linger = linger, .fd = fd};
    list_append(&linger->sockets, &socket->link);
    linger->count++;
    socket->watch = loop_watch_create(linger->loop, fd, on_ready, socket);
    socket->timer = loop_timer_create(linger->loop, on_timeout, socket);
    if (socket->watch == NULL || socket->timer == NULL) {
        end(socket);
        return;
    }
    loop_watch_set(socket->watch, LOOP_READ);
    loop_timer_start(socket->timer, LINGER_MS);
}
