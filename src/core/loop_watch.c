#include "core/loop_private.h"

#include <assert.h>
#include <stdlib.h>

struct loop_watch {
    uv_poll_t uv;
    struct loop *loop;
    struct list_link changed; /* in loop->changed while wanted may differ from applied */
    int wanted, applied;      /* LOOP_* */
    void (*ready)(void *arg, int events);
    void *arg;
};

struct loop_watch *loop_watch_create(struct loop *loop, int fd,
                                     void (*ready)(void *arg, int events), void *arg)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) { /* no handle was made: nothing to close */
        free(watch);
        return NULL;
    }
    watch->uv.data = watch;
    watch->loop = loop;
    watch->ready = ready;
    watch->arg = arg;
    list_init(&watch->changed);
    return watch;
}

void loop_watch_destroy(struct loop_watch *watch)
{
    if (watch == NULL)
        return;
    list_remove(&watch->changed);
    loop_close_handle((uv_handle_t *)&watch->uv);
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    watch->wanted = events;
    if (events != watch->applied && list_is_empty(&watch->changed))
        list_append(&watch->loop->changed, &watch->changed);
}

static int from_uv(int events)
{
    return ((events & UV_READABLE) != 0 ? LOOP_READ : 0) |
           ((events & UV_WRITABLE) != 0 ? LOOP_WRITE : 0) |
           ((events & UV_DISCONNECT) != 0 ? LOOP_HANGUP : 0);
}

static int to_uv(int events)
{
    return ((events & LOOP_READ) != 0 ? UV_READABLE : 0) |
           ((events & LOOP_WRITE) != 0 ? UV_WRITABLE : 0) |
           ((events & LOOP_HANGUP) != 0 ? UV_DISCONNECT : 0);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *watch = handle->data;
    int ready = watch->wanted;
    if (status == 0) {
        ready &= from_uv(events);
    } else {
        /* libuv has stopped the handle. Whoever still wants events is told again next turn. */
        watch->applied = 0;
        loop_watch_set(watch, watch->wanted);
    }
    if (ready == 0)
        return;
    loop_note_work(watch->loop);
    watch->ready(watch->arg, ready);
}

void loop_apply_watches(struct list_link *list)
{
    struct list_link *link;
    while ((link = list_pop(list)) != NULL) {
        struct loop_watch *watch = container_of(link, struct loop_watch, changed);
        if (watch->wanted == watch->applied)
            continue;
        watch->applied = watch->wanted;
        const int error = uv_poll_start(&watch->uv, to_uv(watch->wanted), on_poll);
        assert(error == 0); /* the one cause is a second watch on the descriptor */
        (void)error;
    }
}
