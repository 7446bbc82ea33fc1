/* An event loop: our thin name for what libuv gives. One thread owns a loop and all that hangs on
 * it; only loop_wakeup_send() may be called from other threads. No callback runs before the
 * loop runs, none after the thing it belongs to was destroyed. */
#ifndef PROCTRACK_LOOP_H
#define PROCTRACK_LOOP_H

#include "proctrack/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop *loop_create(void); /* NULL if no memory or no descriptors */
/* Everything made on the loop must have been destroyed before; tasks still deferred are dropped.
 * Waits for name lookups that were canceled under way, and for work, whose `done` runs then. NULL
 * is fine. */
void loop_destroy(struct loop *loop);
void loop_run(struct loop *loop);  /* returns after loop_stop() */
void loop_stop(struct loop *loop); /* from the loop's thread */

/* Lets one turn pass: waits for events at most timeout_ms, and not at all once a task or timer
 * has run. For tests and for draining. */
void loop_turn(struct loop *loop, int timeout_ms);

/* Milliseconds that only go forward, read once per turn: cheap. */
int64_t loop_now_ms(const struct loop *loop);
/* Microseconds that only go forward, read when they are first asked for in a turn: exact enough for
 * what waits at least once in between. */
int64_t loop_now_us(struct loop *loop);

/* The native loop (uv_loop_t), for the one floor beside core that is allowed libuv: analyzer/. */
void *loop_native(struct loop *loop);

/* --- once before the loop next waits -------------------------------------------------------- */

/* Work to be done at the end of the present turn, in the order it was deferred; deferring twice
 * does it once. Tasks that a task defers still run in the same turn. Embed it; init first. */
struct loop_task {
    struct list_link link;
    void (*run)(struct loop_task *task);
};
void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));
void loop_task_cancel(struct loop_task *task);
void loop_defer(struct loop *loop, struct loop_task *task);

/* --- timers ----------------------------------------------------------------------------------- */

struct loop_timer;
struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg);
void loop_timer_destroy(struct loop_timer *timer); /* NULL is fine */
/* Once, after delay_ms (0: in the next turn, without waiting). Starting again moves it. */
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer);

/* --- descriptors ------------------------------------------------------------------------------ */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

/* Level-triggered. `ready` gets the LOOP_* that hold; an error counts as all that were asked for.
 * LOOP_HANGUP: the other side closed, or ended at least its sending half. The descriptor stays the
 * caller's, becomes non-blocking, has at most one watch on the loop, and must stay open until
 * that is destroyed. NULL if no memory, or a descriptor that cannot be waited for (a file). */
struct loop_watch;
struct loop_watch *loop_watch_create(struct loop *loop, int fd,
                                     void (*ready)(void *arg, int events), void *arg);
void loop_watch_destroy(struct loop_watch *watch);         /* NULL is fine */
void loop_watch_set(struct loop_watch *watch, int events); /* 0 stops it */

/* --- other threads ---------------------------------------------------------------------------- */

/* Calls `woken` on the loop's thread soon after a send; several sends may give one call. */
struct loop_wakeup;
struct loop_wakeup *loop_wakeup_create(struct loop *loop, void (*woken)(void *arg), void *arg);
void loop_wakeup_destroy(struct loop_wakeup *wakeup); /* NULL is fine; no sender may be left */
void loop_wakeup_send(struct loop_wakeup *wakeup);    /* any thread */

/* --- names ------------------------------------------------------------------------------------ */

/* Resolves off the loop. `done` runs exactly once, later, on the loop: numeric address (IPv4 if
 * there is one), or NULL when there is none (`why` is a constant text then). Canceling makes
 * `done` never run; when it runs, the resolve is gone. NULL if no memory: then nothing runs. */
struct loop_resolve;
struct loop_resolve *
loop_resolve_start(struct loop *loop, const char *host,
                   void (*done)(void *arg, const char *address, const char *why), void *arg);
void loop_resolve_cancel(struct loop_resolve *resolve); /* NULL is fine */

/* --- work off the loop ------------------------------------------------------------------------ */

/* Runs `run` on a thread of a small pool, for calls that block, such as file I/O; then `done` on
 * the loop's thread, in a later turn. Embed it; it is the loop's until `done` runs, and the loop
 * must turn until then: there is no way to stop it. */
#define LOOP_WORK_NATIVE 128
struct loop_work {
    void (*run)(struct loop_work *work);
    void (*done)(struct loop_work *work);
    struct loop *loop;
    _Alignas(8) unsigned char native[LOOP_WORK_NATIVE]; /* so that starting it needs no memory */
};
void loop_work_start(struct loop *loop, struct loop_work *work);

/* --- signals ---------------------------------------------------------------------------------- */

struct loop_signal;
struct loop_signal *loop_signal_create(struct loop *loop, int signo, void (*got)(void *arg),
                                       void *arg);
void loop_signal_destroy(struct loop_signal *signal); /* NULL is fine */

#endif
