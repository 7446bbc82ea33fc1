#include "repository/redis_scripts.h"

#include "repository/redis_record.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *body;
    bool changes;
} bodies[REDIS_SCRIPT_COUNT] = {
    [SCRIPT_CREATE] = {redis_lua_create, false},
    [SCRIPT_GET] = {redis_lua_get, false},
    [SCRIPT_COUNTS] = {redis_lua_counts, false},
    [SCRIPT_TRANSITION] = {redis_lua_transition, true},
    [SCRIPT_CLAIM] = {redis_lua_claim, false},
    [SCRIPT_REMOVE] = {redis_lua_remove, false},
    [SCRIPT_LIST] = {redis_lua_list, false},
    [SCRIPT_SWEEP] = {redis_lua_sweep, false},
    [SCRIPT_ADVANCE] = {redis_lua_advance, true},
};

bool redis_scripts_init(struct redis_scripts *scripts)
{
    memset(scripts, 0, sizeof(*scripts));
    for (int i = 0; i < REDIS_SCRIPT_COUNT; i++) {
        struct text_buffer text;
        text_buffer_init(&text, (size_t)256 * 1024);
        redis_record_describe(&text);
        text_append_str(&text, redis_lua_prelude);
        if (bodies[i].changes)
            text_append_str(&text, redis_lua_changes);
        text_append_str(&text, bodies[i].body);
        scripts->spans[i].len = text.len;
        scripts->spans[i].data = scripts->texts[i] = text_buffer_take(&text);
        if (scripts->texts[i] == NULL)
            return false;
    }
    return true;
}

void redis_scripts_finish(struct redis_scripts *scripts)
{
    for (int i = 0; i < REDIS_SCRIPT_COUNT; i++) {
        free(scripts->texts[i]);
        scripts->texts[i] = NULL;
    }
}
