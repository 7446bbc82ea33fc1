/* Redis makes every table and function of a script anew at each run, so each has only the parts
 * that it needs. */
#include "repository/redis_scripts.h"

#include "repository/redis_keys.h"
#include "repository/redis_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum part {
    PART_TIMES = 1 << 0,
    PART_RECORDS = 1 << 1,  /* needs times */
    PART_TIMELINE = 1 << 2, /* needs times */
    PART_INDEXES = 1 << 3,  /* needs records */
    PART_CHANGES = 1 << 4,  /* needs indexes and the timeline */
    PART_HEAL = 1 << 5,
    PART_REMOVAL = 1 << 6,
    PART_PLAIN = 1 << 7, /* nothing of the others */
    PART_RANKS = 1 << 8,
    PART_PLACES = 1 << 9, /* needs indexes */
};
#define READING  (PART_TIMES | PART_RECORDS)
#define CHANGING (READING | PART_TIMELINE | PART_INDEXES)

static const struct {
    const char *body;
    unsigned parts;
} bodies[REDIS_SCRIPT_COUNT] = {
    [SCRIPT_CREATE] = {redis_lua_create, READING},
    [SCRIPT_GET] = {redis_lua_get, READING},
    [SCRIPT_EVENTS] = {redis_lua_events, READING},
    [SCRIPT_COUNTS] = {redis_lua_counts, 0},
    [SCRIPT_TRANSITION] = {redis_lua_transition, CHANGING | PART_CHANGES},
    [SCRIPT_CLAIM] = {redis_lua_claim, CHANGING | PART_HEAL},
    [SCRIPT_CLAIM_PLAIN] = {redis_lua_claim_plain, PART_PLAIN},
    [SCRIPT_COMPLETE_PLAIN] = {redis_lua_complete_plain, PART_PLAIN},
    [SCRIPT_REMOVE] = {redis_lua_remove, READING | PART_REMOVAL},
    [SCRIPT_LIST] = {redis_lua_list, READING | PART_HEAL},
    [SCRIPT_SWEEP] = {redis_lua_sweep, READING | PART_HEAL | PART_REMOVAL | PART_RANKS},
    [SCRIPT_ADVANCE] = {redis_lua_advance, CHANGING | PART_CHANGES | PART_HEAL},
    [SCRIPT_STANDING] = {redis_lua_standing, 0},
    [SCRIPT_GROUP] = {redis_lua_group, 0},
    [SCRIPT_TYPES] = {redis_lua_types, 0},
    [SCRIPT_WORKERS] = {redis_lua_workers, 0},
    [SCRIPT_DUMP] = {redis_lua_dump, READING | PART_HEAL | PART_RANKS},
    [SCRIPT_SCAN] = {redis_lua_scan, 0},
    [SCRIPT_RESTORE] = {redis_lua_restore, READING | PART_INDEXES | PART_PLACES},
    [SCRIPT_AUDIT] = {redis_lua_audit, READING | PART_INDEXES | PART_PLACES | PART_HEAL},
};

/* Whatever bytes it has. CHANNEL is false where nothing is published. */
static void append_prefix(struct text_buffer *out, const char *prefix, bool publishes)
{
    text_append_literal(out, "local prefix = '");
    for (const char *at = prefix; *at != '\0'; at++)
        text_append_format(out, "\\%03u", (unsigned)(unsigned char)*at);
    text_append_literal(out, "'\n");
    text_append_str(out, publishes ? "local CHANNEL = prefix .. '" KEY_CHANGES "'\n"
                                   : "local CHANNEL = false\n");
}

static void append_policy(struct text_buffer *out, const struct process_policy *policy)
{
    text_append_format(
        out,
        "local POLICY = {lease=%" PRId64 ",events_max=%d,cancel_grace=%" PRId64
        ",retry_base=%" PRId64 ",retry_cap=%" PRId64 ",max_stalls=%d,retention={completed=%" PRId64
        ",failed=%" PRId64 ",canceled=%" PRId64 "},",
        PROCESS_LEASE_MS, policy->events_max, policy->cancel_grace_ms, policy->retry_base_ms,
        policy->retry_cap_ms, policy->max_stalls, policy->retention_ms[PROCESS_COMPLETED],
        policy->retention_ms[PROCESS_FAILED], policy->retention_ms[PROCESS_CANCELED]);
    text_append_format(out,
                       "timeout_error=[[%s]],lease_lost_error=[[%s]],queue_timeout_error=[[%s]],"
                       "deadline_error=[[%s]]}\n",
                       process_timeout_error, process_lease_lost_error, process_queue_timeout_error,
                       process_deadline_error);
}

static void append_part(struct text_buffer *out, unsigned parts, enum part part, const char *text)
{
    if ((parts & part) != 0)
        text_append_str(out, text);
}

static void append_script(struct text_buffer *out, int script, const struct process_policy *policy,
                          const char *prefix, bool publishes)
{
    unsigned parts = bodies[script].parts;
    append_prefix(out, prefix, publishes);
    if ((parts & PART_PLAIN) != 0) {
        text_append_format(out, "local EVENTS_MAX = %d\n", policy->events_max);
        text_append_str(out, bodies[script].body);
        return;
    }
    if ((parts & (PART_INDEXES | PART_CHANGES)) != 0)
        append_policy(out, policy);
    if ((parts & PART_RECORDS) != 0)
        redis_record_describe(out);
    text_append_str(out, redis_lua_head);
    append_part(out, parts, PART_TIMES, redis_lua_times);
    append_part(out, parts, PART_RECORDS, redis_lua_records);
    append_part(out, parts, PART_TIMELINE, redis_lua_timeline);
    append_part(out, parts, PART_INDEXES, redis_lua_indexes);
    append_part(out, parts, PART_CHANGES, redis_lua_changes);
    append_part(out, parts, PART_HEAL, redis_lua_heal);
    append_part(out, parts, PART_REMOVAL, redis_lua_removal);
    append_part(out, parts, PART_RANKS, redis_lua_ranks);
    append_part(out, parts, PART_PLACES, redis_lua_places);
    text_append_str(out, bodies[script].body);
}

bool redis_scripts_init(struct redis_scripts *scripts, const struct process_policy *policy,
                        const char *prefix, bool publishes)
{
    memset(scripts, 0, sizeof(*scripts));
    for (int i = 0; i < REDIS_SCRIPT_COUNT; i++) {
        struct text_buffer text;
        text_buffer_init(&text, (size_t)256 * 1024);
        append_script(&text, i, policy, prefix, publishes);
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
