/* REDIS_ON_RECOVERY: what becomes of what was stored in memory, and in DATA_DIR, while Redis was
 * wanted but could not be used. */
#ifndef APP_HANDOVER_H
#define APP_HANDOVER_H

#include "app/config.h"
#include "app/handover_directory.h"
#include "proctrack/disk.h"
#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

/* Must outlive the repository. */
struct handover {
    const struct config *config;
    bool publishes; /* as the last probe found */
    char paths[HANDOVER_LEFT_MAX][PATH_MAX];
    struct disk *disks[HANDOVER_LEFT_MAX]; /* of what an earlier one has left */
    size_t left;
};

/* At a start with Redis in use, blocking: moves there what a hand-over that was cut off has left,
 * and with REDIS_ON_RECOVERY=handover all that DATA_DIR holds. False (logged): Redis failed
 * meanwhile, so that it cannot be used. */
bool handover_at_start(const struct config *config, bool publishes);

/* Before the memory repository is opened on DATA_DIR: what was on its way to Redis is not served
 * from there again. False (logged): DATA_DIR cannot be used. */
bool handover_put_aside(const struct config *config);

/* The memory repository, which takes Redis' place for `reason`, with what looks for Redis and moves
 * everything there. Takes it, whatever happens; NULL if no memory. */
struct process_repository *handover_start(struct handover *handover, const struct config *config,
                                          struct loop *loop, struct process_repository *take_memory,
                                          const char *reason);
void handover_finish(struct handover *handover); /* after the repository; twice is fine */

#endif
