/* A timer with a delay is libuv's. One without is not: libuv would run a timer that restarts
 * itself without delay again and again before it looks at any descriptor. So these wait in the
 * loop's `due` list and run once a turn, and the idle hook keeps the loop from waiting for them. */
#include "core/loop_private.h"

#include <stdlib.h>

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    struct list_link due;
    void (*fire)(void *arg);
    void *arg;
};

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL)
        return NULL;
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    list_init(&timer->due);
    return timer;
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    loop_timer_stop(timer);
    loop_close_handle((uv_handle_t *)&timer->uv);
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    loop_note_work(timer->loop);
    timer->fire(timer->arg);
}

void loop_fire_due(uv_idle_t *idle)
{
    struct loop *loop = idle->data;
    /* Only those that are due now: what starts again meanwhile comes with the next turn. */
    struct list_link now;
    list_init(&now);
    struct list_link *link;
    while ((link = list_pop(&loop->due)) != NULL)
        list_append(&now, link);
    while ((link = list_pop(&now)) != NULL) {
        struct loop_timer *timer = container_of(link, struct loop_timer, due);
        loop_note_work(loop);
        timer->fire(timer->arg);
    }
    if (list_is_empty(&loop->due))
        uv_idle_stop(&loop->idle);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms)
{
    struct loop *loop = timer->loop;
    loop_timer_stop(timer);
    if (delay_ms <= 0) {
        list_append(&loop->due, &timer->due);
        uv_idle_start(&loop->idle, loop_fire_due);
        return;
    }
    /* Between runs libuv's clock stands still, and the delay would be counted from long ago. */
    if (!loop->running)
        uv_update_time(&loop->uv);
    uv_timer_start(&timer->uv, on_timer, (uint64_t)delay_ms, 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    list_remove(&timer->due);
    uv_timer_stop(&timer->uv);
}
