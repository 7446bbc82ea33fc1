/* Whether all I/O loops of this instance still turn. Each beats every HEARTBEAT_MS, and listens to
 * the others as it does: silence counts in beats of the one that listens, so that a machine that
 * was suspended, or a program that was stopped and goes on, is no silence of anybody. */
#ifndef PROCTRACK_HEARTBEATS_H
#define PROCTRACK_HEARTBEATS_H

#include <stdint.h>

#define HEARTBEAT_MS   250
#define HEARTBEATS_MAX 64 /* loops */

/* Shared by all loops; must outlive their listeners. */
struct heartbeats;

struct heartbeats *heartbeats_create(int loops);   /* 1..HEARTBEATS_MAX; NULL if no memory */
void heartbeats_destroy(struct heartbeats *beats); /* NULL is fine */
/* By the thread of that loop only, counted from 0. */
void heartbeats_beat(struct heartbeats *beats, int loop);
/* The loop has ended as it was told to: it is never silent again. */
void heartbeats_end(struct heartbeats *beats, int loop);

/* What one loop has heard of all. Belongs to that loop's thread. */
struct heartbeat_listener {
    const struct heartbeats *beats;
    int64_t listened_ms; /* when last; -1: not yet */
    unsigned heard[HEARTBEATS_MAX];
    int64_t silent_ms[HEARTBEATS_MAX];
};

void heartbeat_listener_init(struct heartbeat_listener *ret_listener,
                             const struct heartbeats *beats);
/* With each beat of the listener's own; now_ms is of a clock that only goes forward. */
void heartbeat_listen(struct heartbeat_listener *listener, int64_t now_ms);

int heartbeat_loops(const struct heartbeat_listener *listener);
/* For how long, as far as the listener can tell, the loop has not beaten. */
int64_t heartbeat_silent_ms(const struct heartbeat_listener *listener, int loop);
/* How many loops have been silent for limit_ms or longer; limit_ms 0: that is not judged, 0. */
int heartbeat_silent_loops(const struct heartbeat_listener *listener, int64_t limit_ms);

#endif
