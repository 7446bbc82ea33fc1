/* The types file:
 *
 *   {"types": {"<type>": {"max_attempts": 3, "timeout_seconds": 60, "queue_timeout_seconds": 3600,
 *                         "retention_seconds": 3600,
 *                         "retry": {"backoff": "exponential", "delay_seconds": 2,
 *                                   "max_delay_seconds": 600}}}}
 *
 * No member is required. Whatever is not understood is refused: a misspelt member that was ignored
 * would be a rule that is silently not in force. */
#include "app/type_table.h"

#include "proctrack/json_file.h"
#include "proctrack/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  ((size_t)1024 * 1024)
#define TYPES_MAX 1000
#define SECOND_MS INT64_C(1000)

/* Where the reader is, for what it has to say about it. */
struct reading {
    const char *path;
    const char *type;   /* or NULL */
    const char *member; /* or NULL */
    const char *part;   /* of the member, or NULL */
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reading *reading,
                                                         const char *format, ...)
{
    char message[256];
    const char *parts[] = {reading->type, reading->member, reading->part};
    int len = snprintf(reading->why, reading->why_size, "%s: /types", reading->path);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && parts[i] != NULL; i++) {
        if (len >= 0 && (size_t)len < reading->why_size)
            len += snprintf(reading->why + len, reading->why_size - (size_t)len, "/%s", parts[i]);
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (len >= 0 && (size_t)len < reading->why_size)
        snprintf(reading->why + len, reading->why_size - (size_t)len, ": %s", message);
    return false;
}

static bool read_int(const struct reading *reading, struct span value, int64_t min, int64_t max,
                     int64_t *ret_value)
{
    if (json_kind_of(value) == JSON_KIND_NUMBER && json_to_int(value, min, max, ret_value))
        return true;
    return refuse(reading, "must be an integer from %lld to %lld", (long long)min, (long long)max);
}

static bool read_seconds(const struct reading *reading, struct span value, int64_t min, int64_t max,
                         int64_t *ret_ms)
{
    int64_t seconds = 0;
    if (!read_int(reading, value, min, max, &seconds))
        return false;
    *ret_ms = seconds * SECOND_MS;
    return true;
}

/* --- members ------------------------------------------------------------------------------------
 */

static bool read_max_attempts(struct reading *reading, struct span value,
                              struct process_type_defaults *type)
{
    int64_t number = 0;
    if (!read_int(reading, value, 1, PROCESS_ATTEMPTS_MAX, &number))
        return false;
    type->max_attempts = (int)number;
    return true;
}

static bool read_timeout(struct reading *reading, struct span value,
                         struct process_type_defaults *type)
{
    return read_seconds(reading, value, 1, PROCESS_TIMEOUT_MAX_S, &type->timeout_ms);
}

static bool read_queue_timeout(struct reading *reading, struct span value,
                               struct process_type_defaults *type)
{
    return read_seconds(reading, value, 1, PROCESS_TIMEOUT_MAX_S, &type->queue_timeout_ms);
}

static bool read_retention(struct reading *reading, struct span value,
                           struct process_type_defaults *type)
{
    return read_seconds(reading, value, 0, PROCESS_RETENTION_MAX_S, &type->retention_ms);
}

static bool read_backoff(struct reading *reading, struct span value,
                         struct process_type_defaults *type)
{
    if (json_kind_of(value) == JSON_KIND_STRING && json_string_is(value, "exponential"))
        type->backoff = BACKOFF_EXPONENTIAL;
    else if (json_kind_of(value) == JSON_KIND_STRING && json_string_is(value, "fixed"))
        type->backoff = BACKOFF_FIXED;
    else
        return refuse(reading, "must be \"exponential\" or \"fixed\"");
    return true;
}

static bool read_delay(struct reading *reading, struct span value,
                       struct process_type_defaults *type)
{
    return read_seconds(reading, value, 0, PROCESS_RETRY_MAX_MS / SECOND_MS, &type->retry_base_ms);
}

static bool read_max_delay(struct reading *reading, struct span value,
                           struct process_type_defaults *type)
{
    return read_seconds(reading, value, 0, PROCESS_RETRY_MAX_MS / SECOND_MS, &type->retry_cap_ms);
}

struct member {
    const char *name;
    bool (*read)(struct reading *reading, struct span value, struct process_type_defaults *type);
};

static const struct member *find_member(const struct member *members, size_t count, struct span key)
{
    for (size_t i = 0; i < count; i++) {
        if (json_string_is(key, members[i].name))
            return &members[i];
    }
    return NULL;
}

static bool check_retry(struct reading *reading, struct process_type_defaults *type, bool has_delay,
                        bool has_cap)
{
    if (type->backoff == BACKOFF_POLICY)
        return refuse(reading, "must say backoff: \"exponential\" or \"fixed\"");
    if (type->backoff == BACKOFF_FIXED && has_cap)
        return refuse(reading, "max_delay_seconds is for exponential backoff only");
    if (!has_delay)
        type->retry_base_ms = 2 * SECOND_MS;
    if (type->backoff == BACKOFF_EXPONENTIAL && !has_cap)
        type->retry_cap_ms =
            type->retry_base_ms > 600 * SECOND_MS ? type->retry_base_ms : 600 * SECOND_MS;
    if (type->backoff == BACKOFF_EXPONENTIAL && type->retry_cap_ms < type->retry_base_ms)
        return refuse(reading, "max_delay_seconds must not be less than delay_seconds");
    return true;
}

static bool read_retry(struct reading *reading, struct span value,
                       struct process_type_defaults *type)
{
    static const struct member parts[] = {
        {"backoff", read_backoff},
        {"delay_seconds", read_delay},
        {"max_delay_seconds", read_max_delay},
    };
    bool has[3] = {false, false, false};
    struct span key, part;
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return refuse(reading, "must be an object");
    for (size_t cursor = 0; json_object_next(value, &cursor, &key, &part);) {
        const struct member *known = find_member(parts, 3, key);
        if (known == NULL)
            return refuse(reading,
                          "unknown member " SPAN_FMT "; known are backoff, delay_seconds "
                          "and max_delay_seconds",
                          SPAN_ARG(key));
        reading->part = known->name;
        if (!known->read(reading, part, type))
            return false;
        has[known - parts] = true;
    }
    reading->part = NULL;
    return check_retry(reading, type, has[1], has[2]);
}

/* --- types --------------------------------------------------------------------------------------
 */

static bool read_members(struct reading *reading, struct span value,
                         struct process_type_defaults *type)
{
    static const struct member members[] = {
        {"max_attempts", read_max_attempts},
        {"timeout_seconds", read_timeout},
        {"queue_timeout_seconds", read_queue_timeout},
        {"retention_seconds", read_retention},
        {"retry", read_retry},
    };
    struct span key, member;
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return refuse(reading, "must be an object");
    for (size_t cursor = 0; json_object_next(value, &cursor, &key, &member);) {
        const struct member *known =
            find_member(members, sizeof(members) / sizeof(members[0]), key);
        if (known == NULL)
            return refuse(reading,
                          "unknown member " SPAN_FMT "; known are max_attempts, "
                          "timeout_seconds, queue_timeout_seconds, retention_seconds and "
                          "retry",
                          SPAN_ARG(key));
        reading->member = known->name;
        if (!known->read(reading, member, type))
            return false;
        reading->member = NULL;
    }
    return true;
}

static bool append(struct type_table *table, const struct process_type_defaults *type)
{
    struct process_type_defaults *items =
        realloc(table->items, (table->count + 1) * sizeof(*items));
    if (items == NULL)
        return false;
    table->items = items;
    char *name = malloc(type->type.len);
    if (name == NULL)
        return false;
    memcpy(name, type->type.data, type->type.len);
    items[table->count] = *type;
    items[table->count++].type.data = name;
    return true;
}

static bool read_type(struct reading *reading, struct span key, struct span value,
                      struct type_table *table)
{
    char name[PROCESS_TYPE_MAX + 1];
    struct process_type_defaults type = {.retention_ms = -1, .backoff = BACKOFF_POLICY};
    if (!json_string_copy(key, name, sizeof(name), &type.type.len) ||
        !process_type_is_valid((struct span){name, type.type.len}))
        return refuse(reading, SPAN_FMT " is no type: 1 to 64 letters, digits, '_', '.', '-'",
                      SPAN_ARG(key));
    type.type.data = name;
    reading->type = name;
    bool ok = read_members(reading, value, &type);
    reading->type = NULL;
    if (!ok)
        return false;
    if (table->count == TYPES_MAX)
        return refuse(reading, "holds more than %d types", TYPES_MAX);
    return append(table, &type) || refuse(reading, "out of memory");
}

static bool read_types(struct reading *reading, struct span value, struct type_table *table)
{
    struct span key, type;
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return refuse(reading, "must be an object that maps types to what they get");
    for (size_t cursor = 0; json_object_next(value, &cursor, &key, &type);) {
        if (!read_type(reading, key, type, table))
            return false;
    }
    return true;
}

bool type_table_load(struct type_table *table, const char *path, char *ret_why, size_t why_size)
{
    struct reading reading = {.path = path, .why = ret_why, .why_size = why_size};
    struct text_buffer text;
    struct span types;
    text_buffer_init(&text, FILE_MAX);
    bool ok = json_file_read(path, "types", &text, &types, ret_why, why_size) &&
              read_types(&reading, types, table);
    text_buffer_finish(&text);
    return ok;
}

void type_table_finish(struct type_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free((char *)table->items[i].type.data);
    free(table->items);
    table->items = NULL;
    table->count = 0;
}
