/* The analyzers file:
 *
 *   {"analyzers": {"<type>": {"command": ["program", "argument"], "concurrency": 2,
 *                             "timeout_seconds": 60, "environment": ["NAME"],
 *                             "directory": "/some/where", "max_output_bytes": 1048576}}}
 *
 * Only `command` is required. Whatever is not understood is refused: a misspelt member that was
 * ignored would be a setting that is silently not in force. */
#include "analyzer/analyzer_environment.h"
#include "analyzer/analyzer_set.h"
#include "analyzer/analyzer_words.h"
#include "proctrack/json_file.h"
#include "proctrack/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1024 * 1024)

/* Where the reader is, for what it has to say about it. */
struct reading {
    const char *path;
    struct span type;   /* JSON string with its quotes; absent outside of an analyzer */
    struct span member; /* likewise; absent outside of a member */
    char *why;
    size_t why_size;
};

/* Appends "/name" of a JSON pointer (RFC 6901). */
static void append_pointer(struct text_buffer *out, struct span key)
{
    if (key.data == NULL)
        return;
    text_append_char(out, '/');
    for (size_t i = 1; i + 1 < key.len; i++) {
        if (key.data[i] == '~')
            text_append_literal(out, "~0");
        else if (key.data[i] == '/')
            text_append_literal(out, "~1");
        else
            text_append_char(out, key.data[i]);
    }
}

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reading *reading,
                                                         const char *format, ...)
{
    struct text_buffer pointer;
    text_buffer_init(&pointer, 512);
    text_append_literal(&pointer, "/analyzers");
    append_pointer(&pointer, reading->type);
    append_pointer(&pointer, reading->member);
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    snprintf(reading->why, reading->why_size, "%s: " SPAN_FMT ": %s", reading->path,
             SPAN_ARG(text_buffer_span(&pointer)), message);
    text_buffer_finish(&pointer);
    return false;
}

/* The unescaped copy of a string value; NULL if no memory. */
static char *copy_string(struct span string)
{
    char *copy = malloc(string.len);
    if (copy != NULL && !json_string_copy(string, copy, string.len, NULL)) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

static bool add_string(struct words *words, struct span item)
{
    char *text = copy_string(item);
    bool ok = text != NULL && words_add(words, span_of(text));
    free(text);
    return ok;
}

/* --- members ------------------------------------------------------------------------------------
 */

static bool read_strings(const struct reading *reading, struct span value, struct words *words)
{
    struct span item;
    if (json_kind_of(value) != JSON_KIND_ARRAY)
        return refuse(reading, "must be an array of strings");
    for (size_t cursor = 0; json_array_next(value, &cursor, &item);) {
        if (json_kind_of(item) != JSON_KIND_STRING)
            return refuse(reading, "must be an array of strings, and item %zu is none",
                          words->count);
        if (!add_string(words, item))
            return refuse(reading, "out of memory");
    }
    return true;
}

static bool read_command(const struct reading *reading, struct span value,
                         struct analyzer *analyzer)
{
    struct words words = {NULL, 0};
    bool ok = read_strings(reading, value, &words);
    analyzer->argv = words.items;
    if (ok && words.count == 0)
        return refuse(reading, "must name a program");
    return ok;
}

static bool read_environment(const struct reading *reading, struct span value,
                             struct analyzer *analyzer)
{
    struct words words = {NULL, 0};
    bool ok = read_strings(reading, value, &words);
    analyzer->environment = words.items;
    for (size_t i = 0; ok && i < words.count; i++) {
        if (!environment_name_is_valid(span_of(words.items[i])))
            ok = refuse(reading, "\"%s\" is no name of a variable that can be passed on",
                        words.items[i]);
    }
    return ok;
}

static bool read_directory(const struct reading *reading, struct span value,
                           struct analyzer *analyzer)
{
    if (json_kind_of(value) != JSON_KIND_STRING || value.len <= 2)
        return refuse(reading, "must be a path");
    analyzer->directory = copy_string(value);
    return analyzer->directory != NULL || refuse(reading, "out of memory");
}

static bool read_int(const struct reading *reading, struct span value, int64_t min, int64_t max,
                     int64_t *ret_value)
{
    if (json_kind_of(value) == JSON_KIND_NUMBER && json_to_int(value, min, max, ret_value))
        return true;
    return refuse(reading, "must be an integer from %lld to %lld", (long long)min, (long long)max);
}

static bool read_concurrency(const struct reading *reading, struct span value,
                             struct analyzer *analyzer)
{
    int64_t number = 0;
    if (!read_int(reading, value, 1, ANALYZER_CONCURRENCY_MAX, &number))
        return false;
    analyzer->concurrency = (int)number;
    return true;
}

static bool read_timeout(const struct reading *reading, struct span value,
                         struct analyzer *analyzer)
{
    int64_t number = 0;
    if (!read_int(reading, value, 0, PROCESS_TIMEOUT_MAX_S, &number))
        return false;
    analyzer->timeout_ms = number * 1000;
    return true;
}

static bool read_max_output(const struct reading *reading, struct span value,
                            struct analyzer *analyzer)
{
    int64_t number = 0;
    if (!read_int(reading, value, 1, (int64_t)ANALYZER_OUTPUT_MAX, &number))
        return false;
    analyzer->max_output_bytes = (size_t)number;
    return true;
}

static const struct member {
    const char *name;
    bool (*read)(const struct reading *reading, struct span value, struct analyzer *analyzer);
} members[] = {
    {"command", read_command},         {"concurrency", read_concurrency},
    {"timeout_seconds", read_timeout}, {"environment", read_environment},
    {"directory", read_directory},     {"max_output_bytes", read_max_output},
};

/* --- analyzers ----------------------------------------------------------------------------------
 */

static bool read_member(struct reading *reading, struct span key, struct span value,
                        struct analyzer *analyzer)
{
    reading->member = key;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (json_string_is(key, members[i].name))
            return members[i].read(reading, value, analyzer);
    }
    return refuse(reading, "is unknown; known are command, concurrency, timeout_seconds, "
                           "environment, directory and max_output_bytes");
}

static bool check(struct reading *reading, const struct analyzer_set *set,
                  const struct analyzer *analyzer)
{
    const char *member;
    char why[400], quoted[32];
    reading->member = SPAN_NONE;
    if (analyzer_check(set, analyzer, &member, why, sizeof(why)))
        return true;
    if (member[0] != '\0') {
        snprintf(quoted, sizeof(quoted), "\"%s\"", member);
        reading->member = span_of(quoted);
    }
    refuse(reading, "%s", why);
    reading->member = SPAN_NONE;
    return false;
}

static bool read_analyzer(struct reading *reading, struct span value, struct analyzer_set *set)
{
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return refuse(reading, "must be an object");
    struct analyzer analyzer;
    analyzer_init(&analyzer);
    analyzer.type = span_of(copy_string(reading->type));
    bool ok = analyzer.type.data != NULL || refuse(reading, "out of memory");
    struct span key, member;
    for (size_t cursor = 0; ok && json_object_next(value, &cursor, &key, &member);)
        ok = read_member(reading, key, member, &analyzer);
    ok = ok && check(reading, set, &analyzer);
    if (ok && !analyzer_set_append(set, &analyzer))
        ok = refuse(reading, "out of memory");
    if (!ok)
        analyzer_finish(&analyzer);
    return ok;
}

static bool read_analyzers(struct reading *reading, struct span value, struct analyzer_set *set)
{
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return refuse(reading, "must be an object that maps types to analyzers");
    bool ok = true;
    struct span member;
    for (size_t cursor = 0; ok && json_object_next(value, &cursor, &reading->type, &member);) {
        reading->member = SPAN_NONE;
        ok = read_analyzer(reading, member, set);
    }
    return ok;
}

bool analyzer_set_load(struct analyzer_set *set, const char *path, char *ret_why, size_t why_size)
{
    struct reading reading = {.path = path, .why = ret_why, .why_size = why_size};
    struct text_buffer text;
    struct span analyzers;
    text_buffer_init(&text, FILE_MAX);
    bool ok = json_file_read(path, "analyzers", &text, &analyzers, ret_why, why_size) &&
              read_analyzers(&reading, analyzers, set);
    text_buffer_finish(&text);
    return ok;
}
