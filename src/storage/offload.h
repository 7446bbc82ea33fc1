/* A call that blocks, run off the loop, which its owner can wait for when it must. Used from the
 * loop's thread. */
#ifndef STORAGE_OFFLOAD_H
#define STORAGE_OFFLOAD_H

#include "proctrack/loop.h"

struct offload;

/* `run` is called on another thread, `done` later on the loop's. NULL if no memory. */
struct offload *offload_create(struct loop *loop, void (*run)(void *arg), void (*done)(void *arg),
                               void *arg);
/* Not while it is under way. */
void offload_start(struct offload *offload);
/* Blocks until `run` has come to its end, or runs it here when it has not begun. True when it was
 * under way: then `done` does not run any more. It cannot be started again. */
bool offload_settle(struct offload *offload);
void offload_destroy(struct offload *offload); /* settles; NULL is fine */

#endif
