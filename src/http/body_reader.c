#include "http/body_reader.h"

#include "proctrack/clock.h"

#include <assert.h>
#include <stdio.h>

#define FIELDS_MAX 64

/* RFC 6901: `~` and `/` within a name are escaped. */
static void append_escaped(struct text_buffer *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '~')
            text_append_literal(out, "~0");
        else if (name[i] == '/')
            text_append_literal(out, "~1");
        else
            text_append_char(out, name[i]);
    }
}

static bool pointer_to(struct span key, const char *at, struct text_buffer *out)
{
    char name[256];
    size_t len;
    if (!json_string_copy(key, name, sizeof(name), &len))
        return false;
    text_append_str(out, at);
    text_append_char(out, '/');
    append_escaped(out, name, len);
    return !out->failed;
}

static void refuse_unknown(struct span key, const char *at, const struct body_field *fields,
                           size_t count, struct http_faults *faults)
{
    struct text_buffer pointer, detail;
    text_buffer_init(&pointer, 1024);
    text_buffer_init(&detail, 1024);
    text_append_str(&detail, "unknown field; known are ");
    for (size_t i = 0; i < count; i++)
        text_append_format(&detail, "%s%s", i > 0 ? ", " : "", fields[i].name);
    if (!pointer_to(key, at, &pointer))
        http_faults_add(faults, span_of(at), "unknown field with a name of more than 255 bytes");
    else if (detail.failed || count == 0)
        http_faults_add(faults, text_buffer_span(&pointer), "unknown field");
    else
        http_faults_add(faults, text_buffer_span(&pointer), detail.data);
    text_buffer_finish(&pointer);
    text_buffer_finish(&detail);
}

static size_t find_field(struct span key, const struct body_field *fields, size_t count)
{
    size_t i = 0;
    while (i < count && !json_string_is(key, fields[i].name))
        i++;
    return i;
}

void body_pointer(const char *at, const char *name, char ret_pointer[BODY_POINTER_SIZE])
{
    int len = snprintf(ret_pointer, BODY_POINTER_SIZE, "%s/%s", at, name);
    assert(len < BODY_POINTER_SIZE);
    (void)len;
}

void body_read_object(struct span object, const char *at, const struct body_field *fields,
                      size_t count, void *into, struct http_faults *faults)
{
    struct span key, value;
    char pointer[BODY_POINTER_SIZE];
    bool seen[FIELDS_MAX] = {false};
    assert(count <= FIELDS_MAX);
    if (json_kind_of(object) != JSON_KIND_OBJECT) {
        http_faults_add(faults, span_of(at), "must be an object");
        return;
    }
    for (size_t cursor = 0; json_object_next(object, &cursor, &key, &value);) {
        size_t i = find_field(key, fields, count);
        if (i == count) {
            refuse_unknown(key, at, fields, count, faults);
            continue;
        }
        if (fields[i].null_is_absent && json_kind_of(value) == JSON_KIND_NULL)
            continue;
        seen[i] = true;
        body_pointer(at, fields[i].name, pointer);
        fields[i].read(into, value, pointer, faults);
    }
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].required || seen[i])
            continue;
        body_pointer(at, fields[i].name, pointer);
        http_faults_add(faults, span_of(pointer), "is required");
    }
}

enum body_verdict body_read(struct span body, bool may_be_empty, const struct body_field *fields,
                            size_t count, void *into, struct json_fault *ret_fault,
                            struct http_faults *faults)
{
    struct span root;
    if (body.len == 0 && may_be_empty)
        root = SPAN("{}");
    else if (!json_check(body, &root, ret_fault))
        return BODY_NOT_JSON;
    body_read_object(root, "", fields, count, into, faults);
    return faults->count == 0 ? BODY_OK : BODY_INVALID;
}

/* --- members ---------------------------------------------------------------------------------- */

bool body_integer(struct span value, const char *pointer, int64_t min, int64_t max,
                  int64_t *ret_number, struct http_faults *faults)
{
    if (json_kind_of(value) == JSON_KIND_NUMBER && json_to_int(value, min, max, ret_number))
        return true;
    char detail[80];
    snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld", (long long)min,
             (long long)max);
    http_faults_add(faults, span_of(pointer), detail);
    return false;
}

bool body_seconds(struct span value, const char *pointer, int64_t min, int64_t max, int64_t *ret_ms,
                  struct http_faults *faults)
{
    int64_t seconds;
    if (!body_integer(value, pointer, min, max, &seconds, faults))
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

bool body_boolean(struct span value, const char *pointer, bool *ret_value,
                  struct http_faults *faults)
{
    if (json_kind_of(value) != JSON_KIND_BOOL) {
        http_faults_add(faults, span_of(pointer), "must be true or false");
        return false;
    }
    *ret_value = json_means_true(value);
    return true;
}

bool body_time(struct span value, const char *pointer, int64_t *ret_time,
               struct http_faults *faults)
{
    char text[64];
    size_t len;
    if (json_kind_of(value) == JSON_KIND_STRING &&
        json_string_copy(value, text, sizeof(text), &len) &&
        time_parse((struct span){text, len}, ret_time))
        return true;
    http_faults_add(faults, span_of(pointer),
                    "must be an RFC 3339 time such as 2025-11-08T10:00:00Z");
    return false;
}

bool body_name(struct span value, const char *pointer, char *text, size_t size,
               bool (*is_valid)(struct span name), const char *expected, struct span *ret_name,
               struct http_faults *faults)
{
    size_t len;
    if (json_kind_of(value) == JSON_KIND_STRING && json_string_copy(value, text, size, &len) &&
        is_valid((struct span){text, len})) {
        *ret_name = (struct span){text, len};
        return true;
    }
    http_faults_add(faults, span_of(pointer), expected);
    return false;
}
