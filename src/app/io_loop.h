/* One I/O loop with all that hangs on it: repository, manager, HTTP server and, on the first, the
 * analyzer pool and the sweeps. Made and destroyed by the main thread, run by one thread. */
#ifndef APP_IO_LOOP_H
#define APP_IO_LOOP_H

#include "app/repository_choice.h"
#include "proctrack/analyzer_pool.h"
#include "proctrack/http_server.h"
#include "proctrack/process_manager.h"

struct io_loop;

/* Constant, shared by all loops; must outlive them. */
struct io_loop_options {
    struct repository_choice *repository;   /* not constant while loops are made */
    struct process_manager_options manager; /* its `sweeps` is set per loop */
    struct http_options http, admin;
    struct analyzer_pool_options pool; /* an empty set: no pool */
    int64_t shutdown_timeout_ms;       /* the delay included */
    int64_t shutdown_delay_ms;         /* no longer ready, but serving */
};

/* `first` is the loop that works through what comes in, NULL to make that one. NULL with
 * *ret_code: EXIT_SYSTEM, or as repository_open(), which has said why. */
struct io_loop *io_loop_create(const struct io_loop_options *options, struct io_loop *first,
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

struct loop *io_loop_native(struct io_loop *io);

/* On the main thread, when no loop runs any more. NULL is fine. */
void io_loop_destroy(struct io_loop *io);

#endif
