/* The names of the keys: each begins with the configured prefix. With a prefix such as "{pt03}" all
 * of them lie in one slot of a Redis Cluster. */
#ifndef REPOSITORY_REDIS_KEYS_H
#define REPOSITORY_REDIS_KEYS_H

#include "proctrack/process.h"

#define REDIS_PREFIX_MAX 128

/* What follows the prefix. */
#define KEY_PROCESS     "process:" /* + id */
#define KEY_IDS         "process_ids"
#define KEY_TIMES       "process_times"
#define KEY_STATUS      "process_status:" /* + status */
#define KEY_QUEUE       "process_queue:"  /* + type */
#define KEY_SCHEDULE    "process_schedule"
#define KEY_RETENTION   "process_retention"
#define KEY_GONE        "process_gone:"        /* + id */
#define KEY_IDEMPOTENCY "process_idempotency:" /* + what the client chose */
#define KEY_LAYOUT      "process_schema"
#define KEY_DEADLINES   "process_deadlines"
#define KEY_GROUP       "process_group:" /* + "all" or status, ':', group */
#define KEY_TYPES       "process_types"
#define KEY_WORKERS     "process_workers"
#define KEY_PAUSED      "process_paused"
#define KEY_RUNNING     "process_running:"      /* + type */
#define KEY_LOOKERS     "process_type_workers:" /* + type */
#define KEY_CHANGES     "process_changes"       /* no key, but a channel */
/* The scripts also know process_leases, process_events:<id> and process_held:<worker>. */

struct redis_keys {
    char prefix[REDIS_PREFIX_MAX + 1];
};

struct redis_key {
    char text[REDIS_PREFIX_MAX + 32 + PROCESS_GROUP_MAX];
};

/* `rest` is an id, a status, a type or absent. The key lies in the storage, ended by a zero. */
struct span redis_key(const struct redis_keys *keys, struct redis_key *storage, const char *name,
                      struct span rest);
/* The index of a group's members: of all (NULL) or of those in a status. */
struct span redis_group_key(const struct redis_keys *keys, struct redis_key *storage,
                            const char *status, struct span group);

#endif
