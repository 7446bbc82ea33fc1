#include "storage/redis_link.h"

#include <stdio.h>

static void watch(struct redis_link *link, int events)
{
    if (link->watch == NULL || link->events == events)
        return;
    link->events = events;
    loop_watch_set(link->watch, events);
}

/* hiredis may free the context in here; then unlink() has run, and only `link` itself remains. */
static void handle_write(struct redis_link *link)
{
    link->writing = true;
    redisAsyncHandleWrite(link->context);
    link->writing = false;
}

static void flush(struct loop_task *task)
{
    struct redis_link *link = container_of(task, struct redis_link, flush);
    if (link->context != NULL)
        handle_write(link);
}

/* hiredis aborts the program at a reply that no request is waiting for, so it must never see one.
 */
static bool is_surprised(redisAsyncContext *context)
{
    redisContext *c = &context->c;
    if (context->replies.head != NULL || (c->flags & REDIS_CONNECTED) == 0)
        return false;
    return redisBufferRead(c) == REDIS_OK && redis_has_unread(c);
}

static void handle_read(const struct redis_link *link)
{
    redisAsyncContext *context = link->context;
    if (!link->listens && is_surprised(context)) {
        context->c.err = REDIS_ERR_PROTOCOL; /* with an error noted, hiredis ends the connection */
        snprintf(context->c.errstr, sizeof(context->c.errstr), "a reply to no request");
    }
    redisAsyncHandleRead(context);
}

static void on_ready(void *arg, int events)
{
    struct redis_link *link = arg;
    if ((events & LOOP_WRITE) != 0)
        handle_write(link);
    if ((events & LOOP_READ) != 0 && link->context != NULL)
        handle_read(link);
}

static void add_read(void *arg)
{
    struct redis_link *link = arg;
    watch(link, link->events | LOOP_READ);
}

static void del_read(void *arg)
{
    struct redis_link *link = arg;
    watch(link, link->events & ~LOOP_READ);
}

static void add_write(void *arg)
{
    struct redis_link *link = arg;
    bool connected = link->context != NULL && (link->context->c.flags & REDIS_CONNECTED) != 0;
    if (link->writing || !connected)
        watch(link, link->events | LOOP_WRITE);
    else
        loop_defer(link->loop, &link->flush);
}

static void del_write(void *arg)
{
    struct redis_link *link = arg;
    link->unsent = 0;
    watch(link, link->events & ~LOOP_WRITE);
}

/* The end of the context: whatever ended it, hiredis comes by here before it closes the socket. */
static void unlink_context(void *arg)
{
    struct redis_link *link = arg;
    loop_task_cancel(&link->flush);
    loop_watch_destroy(link->watch);
    link->watch = NULL;
    link->context = NULL;
}

void redis_link_init(struct redis_link *link, struct loop *loop)
{
    *link = (struct redis_link){.loop = loop};
    loop_task_init(&link->flush, flush);
}

bool redis_link_attach(struct redis_link *link, redisAsyncContext *context)
{
    link->watch = loop_watch_create(link->loop, context->c.fd, on_ready, link);
    if (link->watch == NULL)
        return false;
    link->context = context;
    link->events = 0;
    link->unsent = 0;
    context->ev.data = link;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = unlink_context;
    return true;
}

redisAsyncContext *redis_link_forget(struct redis_link *link)
{
    redisAsyncContext *context = link->context;
    if (context == NULL)
        return NULL;
    context->data = NULL;
    context->ev.addRead = context->ev.delRead = NULL;
    context->ev.addWrite = context->ev.delWrite = NULL;
    context->ev.cleanup = NULL; /* this link may serve another context by then */
    unlink_context(link);
    return context;
}

void redis_link_drop(struct redis_link *link)
{
    redisAsyncContext *context = redis_link_forget(link);
    if (context != NULL)
        redisAsyncFree(context);
}
