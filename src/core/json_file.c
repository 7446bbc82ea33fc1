#include "proctrack/json_file.h"

#include "proctrack/json_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_only(struct span document, const char *member, struct span *ret_value)
{
    struct span key, other_key, other_value;
    size_t cursor = 0;
    return json_kind_of(document) == JSON_KIND_OBJECT &&
           json_object_next(document, &cursor, &key, ret_value) && json_string_is(key, member) &&
           !json_object_next(document, &cursor, &other_key, &other_value);
}

bool json_file_read(const char *path, const char *member, struct text_buffer *text,
                    struct span *ret_value, char *ret_why, size_t why_size)
{
    struct span document;
    struct json_fault fault;
    if (!text_append_file(text, path)) {
        snprintf(ret_why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    if (!json_check(text_buffer_span(text), &document, &fault)) {
        snprintf(ret_why, why_size, "%s: byte %zu: %s", path, fault.offset, fault.reason);
        return false;
    }
    if (has_only(document, member, ret_value))
        return true;
    snprintf(ret_why, why_size, "%s: must be an object with one member, \"%s\"", path, member);
    return false;
}
