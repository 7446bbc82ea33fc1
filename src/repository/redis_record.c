#include "repository/redis_record.h"

#include <stddef.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_STATUS, KIND_INT, KIND_LONG, KIND_TIME };

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    int absent; /* KIND_INT, KIND_LONG: what a number without a field means, */
    bool omit;  /*     and whether it is stored all the same */
};

#define FIELD(name, kind)                                     \
    {                                                         \
#name, kind, offsetof(struct process, name), 0, false \
    }
#define NUMBER(name, kind, value)                                 \
    {                                                             \
#name, kind, offsetof(struct process, name), value, false \
    }
#define OPTION(name, kind, value)                                \
    {                                                            \
#name, kind, offsetof(struct process, name), value, true \
    }

/* First what the resource shows; input is the last, since it is seldom read. */
static const struct field fields[REDIS_RECORD_ALL] = {
    FIELD(type, KIND_TEXT),
    FIELD(status, KIND_STATUS),
    NUMBER(version, KIND_LONG, 0),
    NUMBER(priority, KIND_INT, 0),
    NUMBER(attempt, KIND_INT, 0),
    NUMBER(max_attempts, KIND_INT, 1),
    FIELD(group, KIND_TEXT),
    FIELD(worker, KIND_TEXT),
    FIELD(metadata, KIND_TEXT),
    FIELD(progress, KIND_TEXT),
    FIELD(result, KIND_TEXT),
    FIELD(error, KIND_TEXT),
    FIELD(usage, KIND_TEXT),
    FIELD(created_at, KIND_TIME),
    FIELD(run_at, KIND_TIME),
    FIELD(started_at, KIND_TIME),
    FIELD(updated_at, KIND_TIME),
    FIELD(completed_at, KIND_TIME),
    FIELD(expires_at, KIND_TIME),
    FIELD(cancel_requested_at, KIND_TIME),
    FIELD(deadline, KIND_TIME),
    NUMBER(failures, KIND_INT, 0),
    NUMBER(stalls, KIND_INT, 0),
    FIELD(lease_token, KIND_TEXT),
    FIELD(lease_until, KIND_TIME),
    FIELD(attempt_deadline, KIND_TIME),
    FIELD(cancel_deadline, KIND_TIME),
    FIELD(queue_deadline, KIND_TIME),
    OPTION(events, KIND_INT, 0),
    OPTION(backoff, KIND_INT, BACKOFF_POLICY),
    OPTION(retry_base_ms, KIND_LONG, 0),
    OPTION(retry_cap_ms, KIND_LONG, 0),
    OPTION(queue_timeout_ms, KIND_LONG, 0),
    OPTION(timeout_ms, KIND_LONG, 0),
    OPTION(retention_ms, KIND_LONG, -1),
    FIELD(input, KIND_TEXT),
};

/* --- out ------------------------------------------------------------------------------------- */

void redis_record_names(struct redis_commands *commands, enum redis_record_count count)
{
    for (unsigned i = 0; i < count; i++)
        redis_arg_str(commands, fields[i].name);
}

static void add_text(struct redis_commands *commands, const char *name, struct span value)
{
    if (value.data == NULL)
        return;
    redis_arg_str(commands, name);
    redis_arg(commands, value);
}

static void add_number(struct redis_commands *commands, const struct field *field, int64_t value)
{
    if (field->omit && value == field->absent)
        return;
    redis_arg_str(commands, field->name);
    redis_arg_int(commands, value);
}

static void add_time(struct redis_commands *commands, const char *name, int64_t value)
{
    char text[TIME_TEXT_SIZE];
    if (value == TIME_NONE)
        return;
    time_format(value, text);
    add_text(commands, name, (struct span){text, sizeof(text) - 1});
}

void redis_record_fields(struct redis_commands *commands, const struct process *process)
{
    for (int i = 0; i < REDIS_RECORD_ALL; i++) {
        const struct field *field = &fields[i];
        const void *at = (const char *)process + field->offset;
        switch (field->kind) {
        case KIND_TEXT:
            add_text(commands, field->name, *(const struct span *)at);
            break;
        case KIND_STATUS:
            add_text(commands, field->name, span_of(process_status_name(process->status)));
            break;
        case KIND_INT:
            add_number(commands, field, *(const int *)at);
            break;
        case KIND_LONG:
            add_number(commands, field, *(const int64_t *)at);
            break;
        case KIND_TIME:
            add_time(commands, field->name, *(const int64_t *)at);
            break;
        }
    }
}

static bool is_number(const struct field *field)
{
    return field->kind == KIND_INT || field->kind == KIND_LONG;
}

static const char *kind_in_lua(const struct field *field)
{
    if (is_number(field))
        return "'int',";
    return field->kind == KIND_TIME ? "'time'," : "false,";
}

/* As constructors, since each run of a script makes the tables anew. */
void redis_record_describe(struct text_buffer *out)
{
    text_append_literal(out, "local FIELDS = {");
    for (int i = 0; i < REDIS_RECORD_FIELDS; i++)
        text_append_format(out, "'%s',", fields[i].name);
    text_append_literal(out, "}\nlocal KINDS = {");
    for (int i = 0; i < REDIS_RECORD_FIELDS; i++)
        text_append_str(out, kind_in_lua(&fields[i]));
    text_append_literal(out, "}\nlocal DEFAULT = {");
    for (int i = 0; i < REDIS_RECORD_FIELDS; i++) {
        if (is_number(&fields[i]) && fields[i].offset != offsetof(struct process, version))
            text_append_format(out, "%s=%d,", fields[i].name, fields[i].absent);
    }
    text_append_literal(out, "}\n");
}

/* --- in -------------------------------------------------------------------------------------- */

static bool parse_field(const struct field *field, struct span value, struct process *process)
{
    void *at = (char *)process + field->offset;
    int64_t number;
    switch (field->kind) {
    case KIND_TEXT:
        *(struct span *)at = value;
        return true;
    case KIND_STATUS:
        return process_status_parse(value, &process->status);
    case KIND_INT:
        if (!span_to_int(value, INT32_MIN, INT32_MAX, &number))
            return false;
        *(int *)at = (int)number;
        return true;
    case KIND_LONG:
        return span_to_int(value, -1, INT64_MAX, at);
    case KIND_TIME:
        break;
    }
    return time_parse(value, at);
}

static void set_absent(struct process *process)
{
    memset(process, 0, sizeof(*process)); /* absent texts and times are zero */
    process->max_attempts = 1;
    process->retention_ms = -1;
}

static bool is_whole(const struct process *process)
{
    return process_type_is_valid(process->type) && process->version > 0 &&
           process->created_at != TIME_NONE;
}

enum err redis_record_parse(struct redisReply *const *values, size_t count,
                            const struct process_id *id, struct process *ret_process)
{
    bool has_status = false, any = false;
    set_absent(ret_process);
    ret_process->id = *id;
    for (size_t i = 0; i < count && i < REDIS_RECORD_ALL; i++) {
        if (values[i]->type == REDIS_REPLY_NIL)
            continue;
        struct span value = {values[i]->str, values[i]->len};
        if (values[i]->type != REDIS_REPLY_STRING || !parse_field(&fields[i], value, ret_process))
            return ERR_CORRUPT;
        any = true;
        has_status = has_status || fields[i].kind == KIND_STATUS;
    }
    if (!any)
        return ERR_NOT_FOUND;
    return has_status && is_whole(ret_process) ? ERR_OK : ERR_CORRUPT;
}

static const struct field *find_field(struct span name)
{
    for (int i = 0; i < REDIS_RECORD_ALL; i++) {
        if (span_is(name, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

static bool parse_pairs(const struct redisReply *pairs, struct process *process, bool *has_status)
{
    if (pairs->type != REDIS_REPLY_ARRAY || pairs->elements % 2 != 0)
        return false;
    for (size_t i = 0; i < pairs->elements; i += 2) {
        const struct redisReply *name = pairs->element[i], *value = pairs->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
            return false;
        const struct field *field = find_field((struct span){name->str, name->len});
        if (field == NULL)
            continue;
        if (!parse_field(field, (struct span){value->str, value->len}, process))
            return false;
        *has_status = *has_status || field->kind == KIND_STATUS;
    }
    return true;
}

enum err redis_record_parse_pairs(const struct redisReply *pairs, const struct redisReply *changes,
                                  const struct process_id *id, struct process *ret_process)
{
    bool has_status = false;
    set_absent(ret_process);
    ret_process->id = *id;
    if (!parse_pairs(pairs, ret_process, &has_status) ||
        (changes != NULL && !parse_pairs(changes, ret_process, &has_status)))
        return ERR_CORRUPT;
    return has_status && is_whole(ret_process) ? ERR_OK : ERR_CORRUPT;
}
