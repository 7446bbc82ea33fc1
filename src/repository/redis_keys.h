/* The names of the keys: each begins with the configured prefix. With a prefix such as "{pt03}" all
 * of them lie in one slot of a Redis Cluster. */
#ifndef REPOSITORY_REDIS_KEYS_H
#define REPOSITORY_REDIS_KEYS_H

#include "proctrack/process.h"

#define REDIS_PREFIX_MAX 128

/* What follows the prefix. */
#define KEY_PROCESS   "process:" /* + id */
#define KEY_IDS       "process_ids"
#define KEY_TIMES     "process_times"
#define KEY_STATUS    "process_status:" /* + status */
#define KEY_QUEUE     "process_queue:"  /* + type */
#define KEY_SCHEDULE  "process_schedule"
#define KEY_RETENTION "process_retention"
#define KEY_GONE      "process_gone:" /* + id */
#define KEY_LAYOUT    "process_schema"

struct redis_keys {
    char prefix[REDIS_PREFIX_MAX + 1];
};

struct redis_key {
    char text[REDIS_PREFIX_MAX + 32 + PROCESS_TYPE_MAX];
};

/* `rest` is an id, a status or a type, or absent. The key lies in the storage, ended by a zero. */
struct span redis_key(const struct redis_keys *keys, struct redis_key *storage, const char *name,
                      struct span rest);

#endif
