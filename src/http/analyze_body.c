#include "http/analyze_body.h"

#include "proctrack/clock.h"

#include <stdio.h>

#define SECOND_MS INT64_C(1000)

_Static_assert(PROCESS_METADATA_MAX == 65536, "as told in read_metadata()");

typedef void field_reader(struct analyze_draft *draft, struct span value,
                          struct http_faults *faults);

/* A name of restricted characters: a plain JSON string, unescaped into text. */
static void read_name(struct span value, const char *where, char *text, size_t size,
                      bool (*is_valid)(struct span name), const char *expected,
                      struct span *ret_name, struct http_faults *faults)
{
    size_t len;
    if (json_kind_of(value) == JSON_KIND_STRING && json_string_copy(value, text, size, &len) &&
        is_valid((struct span){text, len}))
        *ret_name = (struct span){text, len};
    else
        http_faults_add(faults, span_of(where), expected);
}

static void read_type(struct analyze_draft *draft, struct span value, struct http_faults *faults)
{
    read_name(value, "/type", draft->type_text, sizeof(draft->type_text), process_type_is_valid,
              "must be a string of 1 to 64 characters out of A-Z a-z 0-9 _ . -", &draft->type,
              faults);
}

static void read_group(struct analyze_draft *draft, struct span value, struct http_faults *faults)
{
    read_name(value, "/group", draft->group_text, sizeof(draft->group_text), process_group_is_valid,
              "must be a string of 1 to 128 characters out of A-Z a-z 0-9 _ . - :", &draft->group,
              faults);
}

static void read_input(struct analyze_draft *draft, struct span value, struct http_faults *faults)
{
    (void)faults; /* any JSON will do */
    draft->input = value;
}

static void read_metadata(struct analyze_draft *draft, struct span value,
                          struct http_faults *faults)
{
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        http_faults_add(faults, SPAN("/metadata"), "must be an object");
    else if (value.len > PROCESS_METADATA_MAX)
        http_faults_add(faults, SPAN("/metadata"), "must not be longer than 65536 bytes");
    else
        draft->metadata = value;
}

/* False: a fault was added. */
static bool read_integer(struct span value, const char *where, int64_t min, int64_t max,
                         int64_t *ret_number, struct http_faults *faults)
{
    if (json_kind_of(value) == JSON_KIND_NUMBER && json_to_int(value, min, max, ret_number))
        return true;
    char detail[80];
    snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld", (long long)min,
             (long long)max);
    http_faults_add(faults, span_of(where), detail);
    return false;
}

static void read_priority(struct analyze_draft *draft, struct span value,
                          struct http_faults *faults)
{
    int64_t number;
    if (read_integer(value, "/priority", PROCESS_PRIORITY_MIN, PROCESS_PRIORITY_MAX, &number,
                     faults))
        draft->priority = (int)number;
}

static void read_max_attempts(struct analyze_draft *draft, struct span value,
                              struct http_faults *faults)
{
    int64_t number;
    if (read_integer(value, "/max_attempts", 1, PROCESS_ATTEMPTS_MAX, &number, faults))
        draft->max_attempts = (int)number;
}

static void read_timeout(struct analyze_draft *draft, struct span value, struct http_faults *faults)
{
    int64_t number;
    if (read_integer(value, "/timeout_seconds", 1, PROCESS_TIMEOUT_MAX_S, &number, faults))
        draft->timeout_ms = number * SECOND_MS;
}

static void read_retention(struct analyze_draft *draft, struct span value,
                           struct http_faults *faults)
{
    int64_t number;
    if (read_integer(value, "/retention_seconds", 0, PROCESS_RETENTION_MAX_S, &number, faults))
        draft->retention_ms = number * SECOND_MS;
}

static void read_run_at(struct analyze_draft *draft, struct span value, struct http_faults *faults)
{
    char text[64];
    size_t len;
    if (json_kind_of(value) != JSON_KIND_STRING ||
        !json_string_copy(value, text, sizeof(text), &len) ||
        !time_parse((struct span){text, len}, &draft->run_at))
        http_faults_add(faults, SPAN("/run_at"),
                        "must be an RFC 3339 time such as 2025-11-08T10:00:00Z");
}

static const struct {
    const char *name;
    field_reader *read;
    bool null_is_absent;
} fields[] = {
    {"input", read_input, false}, /* null is a value like any other */
    {"type", read_type, true},
    {"metadata", read_metadata, true},
    {"group", read_group, true},
    {"priority", read_priority, true},
    {"run_at", read_run_at, true},
    {"timeout_seconds", read_timeout, true},
    {"max_attempts", read_max_attempts, true},
    {"retention_seconds", read_retention, true},
};
#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

/* RFC 6901: `~` and `/` within a name are escaped. */
static bool pointer_to(struct span key, struct text_buffer *out)
{
    char name[256];
    size_t len;
    if (!json_string_copy(key, name, sizeof(name), &len))
        return false;
    text_append_char(out, '/');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '~')
            text_append_literal(out, "~0");
        else if (name[i] == '/')
            text_append_literal(out, "~1");
        else
            text_append_char(out, name[i]);
    }
    return !out->failed;
}

static void refuse_unknown(struct span key, struct http_faults *faults)
{
    static const char known[] = "unknown field; known are input, type, metadata, group, priority, "
                                "run_at, timeout_seconds, max_attempts, retention_seconds";
    struct text_buffer pointer;
    text_buffer_init(&pointer, 1024);
    if (pointer_to(key, &pointer))
        http_faults_add(faults, text_buffer_span(&pointer), known);
    else
        http_faults_add(faults, SPAN(""), "unknown field with a name of more than 255 bytes");
    text_buffer_finish(&pointer);
}

static void read_field(struct analyze_draft *draft, struct span key, struct span value,
                       struct http_faults *faults)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!json_string_is(key, fields[i].name))
            continue;
        if (!fields[i].null_is_absent || json_kind_of(value) != JSON_KIND_NULL)
            fields[i].read(draft, value, faults);
        return;
    }
    refuse_unknown(key, faults);
}

static void draft_clear(struct analyze_draft *draft)
{
    draft->type = draft->group = draft->input = draft->metadata = SPAN_NONE;
    draft->priority = draft->max_attempts = 0;
    draft->run_at = draft->timeout_ms = 0;
    draft->retention_ms = -1;
}

enum analyze_verdict analyze_body_read(struct span body, struct analyze_draft *ret_draft,
                                       struct json_fault *ret_fault, struct http_faults *faults)
{
    struct span root, key, value;
    draft_clear(ret_draft);
    if (!json_check(body, &root, ret_fault))
        return ANALYZE_NOT_JSON;
    if (json_kind_of(root) != JSON_KIND_OBJECT) {
        http_faults_add(faults, SPAN(""), "the body must be an object with the field input");
        return ANALYZE_INVALID;
    }
    size_t cursor = 0;
    while (json_object_next(root, &cursor, &key, &value))
        read_field(ret_draft, key, value, faults);
    if (ret_draft->input.data == NULL)
        http_faults_add(faults, SPAN("/input"), "is required, and may be any JSON value");
    return faults->count == 0 ? ANALYZE_OK : ANALYZE_INVALID;
}
