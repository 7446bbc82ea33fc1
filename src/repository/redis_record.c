#include "repository/redis_record.h"

#include "proctrack/json_scan.h"

#include <stddef.h>

/* --- out ------------------------------------------------------------------------------------- */

void redis_record_names(struct redis_commands *commands, enum process_field_count count)
{
    for (unsigned i = 0; i < count; i++)
        redis_arg_str(commands, process_fields[i].name);
}

static void add_text(struct redis_commands *commands, const char *name, struct span value)
{
    if (value.data == NULL)
        return;
    redis_arg_str(commands, name);
    redis_arg(commands, value);
}

static void add_number(struct redis_commands *commands, const struct process_field *field,
                       int64_t value)
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
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[i];
        switch (field->kind) {
        case FIELD_NAME:
        case FIELD_JSON:
        case FIELD_OBJECT:
            add_text(commands, field->name, process_field_text(field, process));
            break;
        case FIELD_STATUS:
            add_text(commands, field->name, span_of(process_status_name(process->status)));
            break;
        case FIELD_INT:
        case FIELD_LONG:
            add_number(commands, field, process_field_number(field, process));
            break;
        case FIELD_TIME:
            add_time(commands, field->name, process_field_time(field, process));
            break;
        }
    }
}

static const char *kind_in_lua(const struct process_field *field)
{
    if (process_field_is_number(field))
        return "'int',";
    return field->kind == FIELD_TIME ? "'time'," : "false,";
}

/* As constructors, since each run of a script makes the tables anew. */
void redis_record_describe(struct text_buffer *out)
{
    text_append_literal(out, "local FIELDS = {");
    for (int i = 0; i < PROCESS_FIELDS_BUT_INPUT; i++)
        text_append_format(out, "'%s',", process_fields[i].name);
    text_append_literal(out, "}\nlocal KINDS = {");
    for (int i = 0; i < PROCESS_FIELDS_BUT_INPUT; i++)
        text_append_str(out, kind_in_lua(&process_fields[i]));
    text_append_literal(out, "}\nlocal DEFAULT = {");
    for (int i = 0; i < PROCESS_FIELDS_BUT_INPUT; i++) {
        if (process_field_is_number(&process_fields[i]) &&
            process_fields[i].offset != offsetof(struct process, version))
            text_append_format(out, "%s=%d,", process_fields[i].name, process_fields[i].absent);
    }
    text_append_literal(out, "}\n");
}

/* --- in -------------------------------------------------------------------------------------- */

bool redis_record_is_json(struct span text, bool is_object)
{
    struct json_fault fault;
    struct span value;
    return json_check(text, &value, &fault) &&
           (!is_object || json_kind_of(value) == JSON_KIND_OBJECT);
}

/* Anybody may have made it or changed it. One that is no JSON would spoil every answer and every
 * export that it stands in, not only its own. */
static bool is_possible(const struct process_field *field, struct span value)
{
    if (field->kind == FIELD_NAME)
        return field->is_valid(value);
    return !process_field_is_json(field) ||
           redis_record_is_json(value, field->kind == FIELD_OBJECT);
}

static bool set_field(const struct process_field *field, struct span value, struct process *process)
{
    return is_possible(field, value) && process_field_set(field, value, process);
}

enum err redis_record_parse(struct redisReply *const *values, size_t count,
                            const struct process_id *id, struct process *ret_process)
{
    bool has_status = false, any = false;
    process_record_clear(ret_process);
    ret_process->id = *id;
    for (size_t i = 0; i < count && i < PROCESS_FIELDS; i++) {
        if (values[i]->type == REDIS_REPLY_NIL)
            continue;
        struct span value = {values[i]->str, values[i]->len};
        if (values[i]->type != REDIS_REPLY_STRING ||
            !set_field(&process_fields[i], value, ret_process))
            return ERR_CORRUPT;
        any = true;
        has_status = has_status || process_fields[i].kind == FIELD_STATUS;
    }
    if (!any)
        return ERR_NOT_FOUND;
    return has_status && process_record_is_whole(ret_process) ? ERR_OK : ERR_CORRUPT;
}

static const struct process_field *find_field(struct span name)
{
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (span_is(name, process_fields[i].name))
            return &process_fields[i];
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
        const struct process_field *field = find_field((struct span){name->str, name->len});
        if (field == NULL)
            continue;
        if (!set_field(field, (struct span){value->str, value->len}, process))
            return false;
        *has_status = *has_status || field->kind == FIELD_STATUS;
    }
    return true;
}

enum err redis_record_parse_pairs(const struct redisReply *pairs, const struct redisReply *changes,
                                  const struct process_id *id, struct process *ret_process)
{
    bool has_status = false;
    process_record_clear(ret_process);
    ret_process->id = *id;
    if (!parse_pairs(pairs, ret_process, &has_status) ||
        (changes != NULL && !parse_pairs(changes, ret_process, &has_status)))
        return ERR_CORRUPT;
    return has_status && process_record_is_whole(ret_process) ? ERR_OK : ERR_CORRUPT;
}
