/* One I/O loop with all that hangs on it: repository, manager, HTTP server and, on the first, the
 * analyzer pool and the sweeps. Made and destroyed by the main thread, run by one thread. */
#ifndef APP_IO_LOOP_H
#define APP_IO_LOOP_H

#include "app/exit_code.h"
#include "app/service_settings.h"

struct io_loop;

/* Loop number `index`, from 0. `first` is the one that works through what comes in, NULL to make
 * that one. The loop shares the settings. NULL with *ret_code: EXIT_SYSTEM, or as
 * repository_open(), which has said why. */
struct io_loop *io_loop_create(struct service_settings *settings, int index, struct io_loop *first,
                               enum exit_code *ret_code);

/* Turns the loop, before it runs, until its repository answers or patience_ms have passed, so that
 * the first request finds it ready. */
bool io_loop_warm_up(struct io_loop *io, int64_t patience_ms);

/* Puts the server, the operators' one when admin_fd is not -1, and the pool on the loop; they begin
 * when it runs. Takes both descriptors, whatever happens. */
bool io_loop_equip(struct io_loop *io, int listen_fd, int admin_fd);

/* Serves until io_loop_stop(), then finishes what is under way. False when it gave up on something
 * at the deadline: then the loop must not be destroyed. */
bool io_loop_run(struct io_loop *io);

void io_loop_stop(struct io_loop *io); /* any thread */

/* The loop soon takes up these settings, which it shares, and lets go of the former. Any thread,
 * one at a time. A loop that stops keeps what it has. */
void io_loop_adopt(struct io_loop *io, struct service_settings *settings);

struct loop *io_loop_native(struct io_loop *io);
/* What it has heard of all loops: for its own thread. */
const struct heartbeat_listener *io_loop_heartbeats(const struct io_loop *io);

/* On the main thread, when no loop runs any more. NULL is fine. */
void io_loop_destroy(struct io_loop *io);

#endif
