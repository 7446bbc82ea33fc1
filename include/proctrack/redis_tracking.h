/* Hearing of what others change, in one of three ways:
 *   READS    Redis' server-assisted client-side caching: what a client reads as watched is noted by
 *            the server, and the first change of it, by anybody, is told, once; then it must be
 *            read again to be watched again
 *   PREFIX   likewise, but every change of any key whose name begins with `name` is told
 *   CHANNEL  what others publish on the channel `name`, where the server does not offer the others
 *
 * It works over RESP2, so it takes a second connection, which lives as the client's does. Where
 * the server does not offer this (before Redis 6, or not to this user), nothing is ever on. */
#ifndef PROCTRACK_REDIS_TRACKING_H
#define PROCTRACK_REDIS_TRACKING_H

#include "proctrack/redis_client.h"

struct redis_tracking;

enum redis_tracking_way { REDIS_TRACK_READS, REDIS_TRACK_PREFIX, REDIS_TRACK_CHANNEL };

struct redis_tracking_setup {
    enum redis_tracking_way way;
    const char *name; /* must outlive it; NULL with READS */
    /* Gets the name of a key that has changed, or the text that was published; or an absent one
     * when all may have changed: what was noted is lost then, or can be noted from now on. */
    void (*on_changed)(void *arg, struct span what);
    void *arg;
};

/* Tells of changes of what `client` reads, or on the same server as it. The options must outlive
 * it; the setup is copied. NULL if no memory. */
struct redis_tracking *redis_tracking_create(struct loop *loop, const struct redis_options *options,
                                             struct redis_client *client,
                                             const struct redis_tracking_setup *setup);
/* The client's on_state must be passed on. `tracking` may be NULL, so that the client can be made
 * first. */
void redis_tracking_client_state(struct redis_tracking *tracking, bool ready);
/* Before the client is closed; may be called from on_changed. Both take NULL. */
void redis_tracking_close(struct redis_tracking *tracking);
/* After the client was closed, and before it is destroyed. */
void redis_tracking_destroy(struct redis_tracking *tracking);

/* Whether it hears of changes now. */
bool redis_tracking_is_on(const struct redis_tracking *tracking);
/* 0 while it is off; else a number that differs each time that it begins: nothing was missed
 * between two looks that show the same. */
uint64_t redis_tracking_round(const struct redis_tracking *tracking);
/* READS, within a request's build(), while it is on: the keys that the next command reads are
 * watched. */
void redis_tracking_watch(struct redis_commands *commands);
/* READS: a request that asked for a watch was refused, perhaps because of that. It is begun anew;
 * with the second doubt within a minute it is off for that long, as what is wrong does not show
 * when it begins. */
void redis_tracking_doubt(struct redis_tracking *tracking);

#endif
