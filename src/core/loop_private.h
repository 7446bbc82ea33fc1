/* What the files of the loop share. */
#ifndef CORE_LOOP_PRIVATE_H
#define CORE_LOOP_PRIVATE_H

#include "proctrack/loop.h"

#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;          /* runs the tasks before each wait; keeps the loop alive */
    uv_idle_t idle;                /* active while `due` is not empty: then nothing waits */
    uv_timer_t turn_timer;         /* ends the wait of loop_turn() */
    struct list_link tasks;        /* loop_task.link */
    struct list_link due;          /* loop_timer.due: timers without delay */
    struct list_link changed;      /* loop_watch.changed: events not yet told to libuv */
    int64_t now_us;                /* 0: not read in the present turn */
    bool running, turning, worked; /* worked: a callback ran in the present turn */
    bool stopping, closing;
};

/* Every callback of a user is announced: loop_turn() does not wait once there was one. */
static inline void loop_note_work(struct loop *loop)
{
    loop->worked = true;
}

/* Closes the handle, and frees handle->data when libuv lets go of it. */
void loop_close_handle(uv_handle_t *handle);

void loop_fire_due(uv_idle_t *idle);             /* loop_timer.c */
void loop_apply_watches(struct list_link *list); /* loop_watch.c */

#endif
