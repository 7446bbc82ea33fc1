/* Items, out. */
#include "proctrack/repository_item.h"

#include "proctrack/process_record.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- members ---------------------------------------------------------------------------------- */

static void append_name(struct text_buffer *out, const char *name, const char *more)
{
    if (out->len == 0 || out->data[out->len - 1] != '{')
        text_append_char(out, ',');
    text_append_char(out, '"');
    text_append_str(out, name);
    text_append_str(out, more);
    text_append_literal(out, "\":");
}

static void append_text(struct text_buffer *out, const char *name, struct span text)
{
    append_name(out, name, "");
    text_append_json_string(out, text);
}

static void append_time(struct text_buffer *out, const char *name, int64_t time)
{
    char text[TIME_TEXT_SIZE];
    time_format(time, text);
    append_name(out, name, "");
    text_append_char(out, '"');
    text_append(out, text, TIME_TEXT_SIZE - 1);
    text_append_char(out, '"');
}

static void append_id(struct text_buffer *out, const struct process_id *id)
{
    char text[PROCESS_ID_TEXT_SIZE];
    process_id_format(id, text);
    append_name(out, "process_id", "");
    text_append_char(out, '"');
    text_append(out, text, PROCESS_ID_TEXT_SIZE - 1);
    text_append_char(out, '"');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether it would not come back as it is: blanks around a value are nobody's. */
static bool needs_quotes(struct span json)
{
    return json.len == 0 || is_blank(json.data[0]) || is_blank(json.data[json.len - 1]) ||
           memchr(json.data, '\n', json.len) != NULL || memchr(json.data, '\r', json.len) != NULL;
}

static void append_json(struct text_buffer *out, const char *name, struct span json)
{
    const bool as_string = needs_quotes(json);
    append_name(out, name, as_string ? "_text" : "");
    if (as_string)
        text_append_json_string(out, json);
    else
        text_append_span(out, json);
}

/* --- processes -------------------------------------------------------------------------------- */

static void append_field(struct text_buffer *out, const struct process_field *field,
                         const struct process *process)
{
    switch (field->kind) {
    case FIELD_NAME:
        if (process_field_text(field, process).data != NULL)
            append_text(out, field->name, process_field_text(field, process));
        break;
    case FIELD_JSON:
    case FIELD_OBJECT:
        if (process_field_text(field, process).data != NULL)
            append_json(out, field->name, process_field_text(field, process));
        break;
    case FIELD_STATUS:
        append_text(out, field->name, span_of(process_status_name(process->status)));
        break;
    case FIELD_INT:
    case FIELD_LONG:
        if (process_field_number(field, process) == field->absent)
            break;
        append_name(out, field->name, "");
        text_append_int(out, process_field_number(field, process));
        break;
    case FIELD_TIME:
        if (process_field_time(field, process) != TIME_NONE)
            append_time(out, field->name, process_field_time(field, process));
        break;
    }
}

static void append_process(struct text_buffer *out, const struct process *process)
{
    text_append_char(out, '{');
    append_id(out, &process->id);
    for (int i = 0; i < PROCESS_FIELDS; i++)
        append_field(out, &process_fields[i], process);
    text_append_char(out, '}');
}

void process_change_append(struct text_buffer *out, const struct process *process)
{
    text_append_char(out, '{');
    append_id(out, &process->id);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_fields[i].changes)
            append_field(out, &process_fields[i], process);
    }
    text_append_char(out, '}');
}

static void append_events(struct text_buffer *out, const struct repo_item *item)
{
    bool as_strings = false;
    if (item->event_count == 0)
        return;
    for (size_t i = 0; i < item->event_count; i++)
        as_strings = as_strings || needs_quotes(item->events[i]);
    append_name(out, "events", as_strings ? "_text" : "");
    for (size_t i = 0; i < item->event_count; i++) {
        text_append_char(out, i == 0 ? '[' : ',');
        if (as_strings)
            text_append_json_string(out, item->events[i]);
        else
            text_append_span(out, item->events[i]);
    }
    text_append_char(out, ']');
}

/* --- items ------------------------------------------------------------------------------------ */

static void append_key(struct text_buffer *out, const struct repo_item *item)
{
    append_text(out, "key", item->key);
    append_id(out, &item->id);
    append_name(out, "fingerprint", "");
    text_append_format(out, "\"%016" PRIx64 "\"", item->fingerprint);
    append_time(out, "until", item->until);
}

void repo_item_append(struct text_buffer *out, const struct repo_item *item)
{
    switch (item->kind) {
    case ITEM_PROCESS:
        text_append_literal(out, "\"process\":");
        append_process(out, &item->process);
        append_events(out, item);
        return;
    case ITEM_TOMBSTONE:
        text_append_literal(out, "\"removed\":{");
        append_id(out, &item->id);
        append_time(out, "until", item->until);
        break;
    case ITEM_KEY:
        text_append_literal(out, "\"key\":{");
        append_key(out, item);
        break;
    case ITEM_PAUSED_TYPE:
        text_append_literal(out, "\"paused\":{");
        append_text(out, "type", item->type);
        break;
    }
    text_append_char(out, '}');
}

void repo_item_storage_finish(struct repo_item_storage *storage)
{
    text_buffer_finish(&storage->text);
    free(storage->events);
    *storage = (struct repo_item_storage){0};
}
