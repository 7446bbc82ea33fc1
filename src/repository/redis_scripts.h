/* The scripts that Redis runs for us: src/repository/lua. */
#ifndef REPOSITORY_REDIS_SCRIPTS_H
#define REPOSITORY_REDIS_SCRIPTS_H

#include "proctrack/process.h"

enum redis_script {
    SCRIPT_CREATE,
    SCRIPT_GET,
    SCRIPT_EVENTS,
    SCRIPT_COUNTS,
    SCRIPT_TRANSITION,
    SCRIPT_CLAIM,
    SCRIPT_CLAIM_PLAIN,
    SCRIPT_COMPLETE_PLAIN,
    SCRIPT_REMOVE,
    SCRIPT_LIST,
    SCRIPT_SWEEP,
    SCRIPT_ADVANCE,
    SCRIPT_STANDING,
    SCRIPT_GROUP,
    SCRIPT_TYPES,
    SCRIPT_WORKERS,
    SCRIPT_DUMP,
    SCRIPT_SCAN,
    SCRIPT_RESTORE,
    SCRIPT_AUDIT,
};
#define REDIS_SCRIPT_COUNT 20

/* The files, as the build embeds them: what scripts share, */
extern const char redis_lua_head[], redis_lua_times[], redis_lua_records[], redis_lua_timeline[];
extern const char redis_lua_indexes[], redis_lua_changes[], redis_lua_heal[], redis_lua_removal[];
extern const char redis_lua_ranks[], redis_lua_places[];
/* and the scripts. */
extern const char redis_lua_create[], redis_lua_get[], redis_lua_events[], redis_lua_counts[];
extern const char redis_lua_transition[], redis_lua_claim[], redis_lua_remove[], redis_lua_list[];
extern const char redis_lua_sweep[], redis_lua_advance[], redis_lua_standing[], redis_lua_group[];
extern const char redis_lua_types[], redis_lua_workers[];
extern const char redis_lua_claim_plain[], redis_lua_complete_plain[];
extern const char redis_lua_dump[], redis_lua_scan[], redis_lua_restore[], redis_lua_audit[];

/* The scripts as they are sent: in front of each stands what it shares with others, and what does
 * not change while this program runs: the prefix of the keys, the policy, and whether changes are
 * published. */
struct redis_scripts {
    char *texts[REDIS_SCRIPT_COUNT];
    struct span spans[REDIS_SCRIPT_COUNT];
};
/* False: no memory; finish all the same. */
bool redis_scripts_init(struct redis_scripts *scripts, const struct process_policy *policy,
                        const char *prefix, bool publishes);
void redis_scripts_finish(struct redis_scripts *scripts);

#endif
