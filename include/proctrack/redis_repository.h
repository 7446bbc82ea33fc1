/* The repository on Redis: design §5's keys, one asynchronous connection per loop. */
#ifndef PROCTRACK_REDIS_REPOSITORY_H
#define PROCTRACK_REDIS_REPOSITORY_H

#include "proctrack/process_repository.h"
#include "proctrack/redis_client.h"

/* Where the server does not tell of changes, instances publish them: on this channel. False when
 * it does not fit. */
#define REDIS_CHANNEL_SIZE 160
bool redis_repository_channel(const char *key_prefix, char *ret_channel, size_t size);

/* NULL if no memory. Connects in the background and keeps at it; until then calls finish with
 * ERR_UNAVAILABLE. `redis` and `policy` must outlive it; key_prefix is copied.
 *
 * `publishes`: this server does not offer CLIENT TRACKING, see redis_probe(). All that share the
 * keys must be of one kind: who publishes hears of what is published, and of nothing else. */
struct process_repository *redis_repository_create(struct loop *loop,
                                                   const struct redis_options *redis,
                                                   const char *key_prefix, bool publishes,
                                                   const struct process_policy *policy);

#endif
