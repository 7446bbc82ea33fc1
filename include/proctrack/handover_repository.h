/* What stands before the memory repository when it took the place of another one that could not be
 * used at the start: passes all calls on to it, asks again and again whether the other can be used,
 * and then says so (`handover` of the base), or moves everything there and passes calls on to that
 * one from then on.
 *
 * What has ended is moved while calls are served. Then calls are held for as long as it takes to
 * move the rest and what has changed meanwhile: nobody is to find a process in both. Calls that
 * have been held for a while, and those that come later, finish with ERR_UNAVAILABLE. Once that has
 * begun there is no way back, since others may see the rest where it is moved to: it is tried again
 * until it succeeds, also by the next start. */
#ifndef PROCTRACK_HANDOVER_REPOSITORY_H
#define PROCTRACK_HANDOVER_REPOSITORY_H

#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

struct handover_options {
    bool moves;         /* false: only says so */
    const char *reason; /* why the other could not be used */
    int64_t pause_ms;   /* before it is asked for; then longer and longer */
    /* These may block; they run on another thread, one at a time. */
    bool (*probe)(void *arg); /* whether the other can be used */
    /* The rest is about to be moved: by the next start, nothing of what is here may be served again
     * from here. False (logged) when that cannot be noted: it is tried again later. */
    bool (*begin)(void *arg);
    /* All has been moved, and the first one is closed. Failures are logged. */
    void (*end)(void *arg);
    /* On the loop: the other one. NULL if no memory. */
    struct process_repository *(*open)(void *arg, struct loop *loop);
    void *arg;
    /* What a hand-over that was cut off has left: moved before all else. */
    struct process_repository *left[8];
    size_t left_count;
};

/* Takes `first` and those in `left`, whatever happens; they are destroyed when they are moved, or
 * with it. The options are copied. NULL if no memory. Destroying it waits for a probe that is under
 * way. */
struct process_repository *handover_repository_create(struct loop *loop,
                                                      struct process_repository *take_first,
                                                      const struct handover_options *options);

#endif
