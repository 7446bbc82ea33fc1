/* What reaches the loop from outside its thread: wakeups and signals. */
#include "core/loop_private.h"

#include <stdlib.h>

struct loop_wakeup {
    uv_async_t uv;
    struct loop *loop;
    void (*woken)(void *arg);
    void *arg;
};

static void on_async(uv_async_t *handle)
{
    struct loop_wakeup *wakeup = handle->data;
    loop_note_work(wakeup->loop);
    wakeup->woken(wakeup->arg);
}

struct loop_wakeup *loop_wakeup_create(struct loop *loop, void (*woken)(void *arg), void *arg)
{
    struct loop_wakeup *wakeup = calloc(1, sizeof(*wakeup));
    if (wakeup == NULL)
        return NULL;
    if (uv_async_init(&loop->uv, &wakeup->uv, on_async) != 0) {
        free(wakeup);
        return NULL;
    }
    wakeup->uv.data = wakeup;
    wakeup->loop = loop;
    wakeup->woken = woken;
    wakeup->arg = arg;
    return wakeup;
}

void loop_wakeup_destroy(struct loop_wakeup *wakeup)
{
    if (wakeup != NULL)
        loop_close_handle((uv_handle_t *)&wakeup->uv);
}

void loop_wakeup_send(struct loop_wakeup *wakeup)
{
    uv_async_send(&wakeup->uv);
}

struct loop_signal {
    uv_signal_t uv;
    struct loop *loop;
    void (*got)(void *arg);
    void *arg;
};

static void on_signal(uv_signal_t *handle, int signo)
{
    (void)signo;
    struct loop_signal *signal = handle->data;
    loop_note_work(signal->loop);
    signal->got(signal->arg);
}

struct loop_signal *loop_signal_create(struct loop *loop, int signo, void (*got)(void *arg),
                                       void *arg)
{
    struct loop_signal *signal = calloc(1, sizeof(*signal));
    if (signal == NULL)
        return NULL;
    if (uv_signal_init(&loop->uv, &signal->uv) != 0) {
        free(signal);
        return NULL;
    }
    signal->uv.data = signal;
    signal->loop = loop;
    signal->got = got;
    signal->arg = arg;
    if (uv_signal_start(&signal->uv, on_signal, signo) != 0) {
        loop_signal_destroy(signal);
        return NULL;
    }
    return signal;
}

void loop_signal_destroy(struct loop_signal *signal)
{
    if (signal != NULL)
        loop_close_handle((uv_handle_t *)&signal->uv);
}
