/* The scripts that Redis runs for us: src/repository/lua. */
#ifndef REPOSITORY_REDIS_SCRIPTS_H
#define REPOSITORY_REDIS_SCRIPTS_H

#include "proctrack/text.h"

enum redis_script {
    SCRIPT_CREATE,
    SCRIPT_GET,
    SCRIPT_COUNTS,
    SCRIPT_TRANSITION,
    SCRIPT_CLAIM,
    SCRIPT_REMOVE,
    SCRIPT_LIST,
    SCRIPT_SWEEP,
    SCRIPT_ADVANCE,
};
#define REDIS_SCRIPT_COUNT 9

/* The files, as the build embeds them. */
extern const char redis_lua_prelude[], redis_lua_changes[], redis_lua_create[];
extern const char redis_lua_get[], redis_lua_counts[];
extern const char redis_lua_transition[], redis_lua_claim[], redis_lua_remove[];
extern const char redis_lua_list[], redis_lua_sweep[], redis_lua_advance[];

/* The scripts as they are sent: what they share stands in front of each. */
struct redis_scripts {
    char *texts[REDIS_SCRIPT_COUNT];
    struct span spans[REDIS_SCRIPT_COUNT];
};
bool redis_scripts_init(struct redis_scripts *scripts); /* false: no memory; finish all the same */
void redis_scripts_finish(struct redis_scripts *scripts);

#endif
