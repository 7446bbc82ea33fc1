/* A turn of the loop: due timers, tasks, then the wait and the callbacks of what it brought. Tasks
 * run in libuv's prepare hook, right before the wait, so that whatever a whole turn deferred (a
 * write to Redis, a run of the HTTP daemon) is done once; changes of watches are told to libuv
 * after them, so that an interest that came and went in one turn costs no system call. */
#include "core/loop_private.h"

#include "proctrack/clock.h"

#include <assert.h>
#include <stdlib.h>

static void run_tasks(struct loop *loop)
{
    struct list_link *link;
    while ((link = list_pop(&loop->tasks)) != NULL) {
        struct loop_task *task = container_of(link, struct loop_task, link);
        loop_note_work(loop);
        task->run(task);
    }
}

static void before_wait(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    run_tasks(loop);
    loop_apply_watches(&loop->changed);
    loop->now_us = 0;
    if (loop->turning && loop->worked)
        uv_stop(&loop->uv); /* the wait becomes a look */
}

static void on_turn_timer(uv_timer_t *timer)
{
    (void)timer; /* having ended the wait was all it had to do */
}

struct loop *loop_create(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return NULL;
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    list_init(&loop->tasks);
    list_init(&loop->due);
    list_init(&loop->changed);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->turn_timer);
    loop->prepare.data = loop;
    loop->idle.data = loop;
    uv_prepare_start(&loop->prepare, before_wait);
    return loop;
}

static void free_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_close_handle(uv_handle_t *handle)
{
    uv_close(handle, free_closed);
}

static void assert_closing(uv_handle_t *handle, void *arg)
{
    (void)arg;
    assert(uv_is_closing(handle)); /* somebody left something on the loop */
    (void)handle;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    loop->closing = true;
    while (list_pop(&loop->tasks) != NULL)
        ; /* unlinked, so that canceling one later touches no freed loop */
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->turn_timer, NULL);
    uv_walk(&loop->uv, assert_closing, NULL);
    /* Until the last close callback has run, and the last canceled resolve has come back. */
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    const int error = uv_loop_close(&loop->uv);
    assert(error == 0);
    (void)error;
    free(loop);
}

static void run_once(struct loop *loop, uv_run_mode mode)
{
    assert(!loop->running);
    loop->running = true;
    uv_run(&loop->uv, mode);
    loop->running = false;
    run_tasks(loop); /* what the last callbacks deferred */
    loop->now_us = 0;
}

void loop_run(struct loop *loop)
{
    while (!loop->stopping)
        run_once(loop, UV_RUN_DEFAULT);
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    if (loop->running)
        uv_stop(&loop->uv);
}

/* The timer goes off again and again: libuv before 1.45 looks at timers first and waits for events
 * then, so that one that is over when it gets to run would not end that wait. */
void loop_turn(struct loop *loop, int timeout_ms)
{
    const uint64_t timeout = timeout_ms > 0 ? (uint64_t)timeout_ms : 0;
    uv_update_time(&loop->uv);
    if (timeout > 0)
        uv_timer_start(&loop->turn_timer, on_turn_timer, timeout, timeout);
    loop->turning = true;
    loop->worked = false;
    run_once(loop, timeout > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    loop->turning = false;
    uv_timer_stop(&loop->turn_timer);
}

int64_t loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

int64_t loop_now_us(struct loop *loop)
{
    if (loop->now_us == 0)
        loop->now_us = clock_steady_us();
    return loop->now_us;
}

void *loop_native(struct loop *loop)
{
    return &loop->uv;
}

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
    list_init(&task->link);
    task->run = run;
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->link))
        list_append(&loop->tasks, &task->link);
}
