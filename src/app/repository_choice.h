/* Which repository this run uses: the factory. Nothing above it knows which one it got. */
#ifndef APP_REPOSITORY_CHOICE_H
#define APP_REPOSITORY_CHOICE_H

#include "app/config.h"
#include "app/exit_code.h"
#include "app/handover.h"
#include "proctrack/disk.h"
#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

struct repository_choice {
    const struct config *config;
    bool redis;
    bool publishes;            /* this Redis does not tell of changes: instances do */
    char fallback_reason[512]; /* why it is not Redis although that was asked for; else empty */
    struct disk *disk;         /* that the memory repository stores on, once it is open; or NULL */
    struct handover handover;  /* where memory took Redis' place */
};

/* Decides, once, before any thread starts: asks Redis where it is wanted (blocking, within the
 * connect timeout) and logs what a person should know about the outcome. EXIT_OK, or
 * EXIT_REDIS_REQUIRED. The configuration must outlive the choice. */
enum exit_code repository_choose(const struct config *config, struct repository_choice *ret_choice);

/* One repository on a loop, as chosen; blocks where there is something to replay. NULL, having said
 * why, with *ret_code. */
struct process_repository *repository_open(struct repository_choice *choice, struct loop *loop,
                                           enum exit_code *ret_code);

/* After the repositories have been destroyed; twice is fine. */
void repository_choice_finish(struct repository_choice *choice);

/* On how many loops it can run: the memory repository lives on one. */
int repository_loops(const struct repository_choice *choice);

#endif
