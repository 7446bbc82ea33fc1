/* The repository on Redis: design §5's keys, one asynchronous connection per loop. */
#ifndef PROCTRACK_REDIS_REPOSITORY_H
#define PROCTRACK_REDIS_REPOSITORY_H

#include "proctrack/process_repository.h"
#include "proctrack/redis_client.h"

/* NULL if no memory. Connects in the background and keeps at it; until then calls finish with
 * ERR_UNAVAILABLE. `redis` and `policy` must outlive it; key_prefix is copied. */
struct process_repository *redis_repository_create(struct loop *loop,
                                                   const struct redis_options *redis,
                                                   const char *key_prefix,
                                                   const struct process_policy *policy);

#endif
