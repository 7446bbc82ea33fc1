/* Hearing of keys that others change: Redis' server-assisted client-side caching. What a client
 * reads as watched is noted by the server, and the first change of it, by anybody, is told, once;
 * then it must be read again to be watched again.
 *
 * It works over RESP2, so it takes a second connection, which lives as the client's does. Where
 * the server does not offer this (before Redis 6, or not to this user), nothing is ever on. */
#ifndef PROCTRACK_REDIS_TRACKING_H
#define PROCTRACK_REDIS_TRACKING_H

#include "proctrack/redis_client.h"

struct redis_tracking;

/* Tells of changes of what `client` reads. on_changed gets the name of a key that has changed, or
 * an absent one when all that was watched may have changed: what was noted is lost then, or can be
 * noted from now on. The options must outlive it. NULL if no memory. */
struct redis_tracking *redis_tracking_create(struct loop *loop, const struct redis_options *options,
                                             struct redis_client *client,
                                             void (*on_changed)(void *arg, struct span key),
                                             void *arg);
/* The client's on_state must be passed on. `tracking` may be NULL, so that the client can be made
 * first. */
void redis_tracking_client_state(struct redis_tracking *tracking, bool ready);
/* Before the client is closed. Both take NULL. */
void redis_tracking_close(struct redis_tracking *tracking);
void redis_tracking_destroy(struct redis_tracking *tracking); /* before the client */

/* Whether reads can be watched now. */
bool redis_tracking_is_on(const struct redis_tracking *tracking);
/* Within a request's build(), while it is on: the keys that the next command reads are watched. */
void redis_tracking_watch(struct redis_commands *commands);

#endif
