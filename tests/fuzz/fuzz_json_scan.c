/* libFuzzer target: whatever bytes come, the scanner reads nothing beyond them, and what it accepts
 * it can walk, down to values that it accepts alone. */
#include "proctrack/json_scan.h"

#include <stdlib.h>

/* Not assert(): a target must stop in every build. */
#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_accepted(struct span text)
{
    struct span value;
    struct json_fault fault;
    MUST(json_check(text, &value, &fault));
    MUST(span_equal(text, value));
}

/* What a string means, written as JSON again, means the same. */
static void walk_string(struct span string)
{
    char *text = malloc(string.len);
    size_t len;
    MUST(text != NULL);
    MUST(json_string_copy(string, text, string.len, &len));
    MUST(utf8_valid((struct span){text, len}));
    MUST(json_string_is(string, text));
    struct text_buffer again;
    text_buffer_init(&again, 6 * len + 2);
    text_append_json_string(&again, (struct span){text, len});
    MUST(!again.failed);
    must_be_accepted(text_buffer_span(&again));
    MUST(json_string_is(text_buffer_span(&again), text));
    text_buffer_finish(&again);
    free(text);
}

static void walk_number(struct span number)
{
    double real;
    int64_t integer;
    const bool is_real = json_to_double(number, &real);
    if (json_to_int(number, INT64_MIN, INT64_MAX, &integer))
        MUST(is_real);
}

/* As deep as json_check() allows, no deeper. */
static void walk(struct span value)
{
    size_t cursor = 0;
    struct span key, item;
    must_be_accepted(value);
    switch (json_kind_of(value)) {
    case JSON_KIND_NONE:
        abort();
    case JSON_KIND_NULL:
    case JSON_KIND_BOOL:
        break;
    case JSON_KIND_NUMBER:
        walk_number(value);
        break;
    case JSON_KIND_STRING:
        walk_string(value);
        break;
    case JSON_KIND_ARRAY:
        while (json_array_next(value, &cursor, &item))
            walk(item);
        break;
    case JSON_KIND_OBJECT:
        while (json_object_next(value, &cursor, &key, &item)) {
            walk_string(key);
            walk(item);
        }
        break;
    }
}

/* Spans that nobody checked: any answer is right that reads only what is there. */
static void walk_unchecked(struct span text)
{
    size_t cursor = 0;
    struct span key, item;
    char few[8];
    double real;
    for (size_t steps = 0; json_object_next(text, &cursor, &key, &item); steps++)
        MUST(steps <= text.len);
    cursor = 0;
    for (size_t steps = 0; json_array_next(text, &cursor, &item); steps++)
        MUST(steps <= text.len);
    json_string_is(text, "abc");
    json_string_copy(text, few, sizeof(few), NULL);
    json_to_double(text, &real);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    struct span value;
    struct json_fault fault;
    if (json_check(text, &value, &fault)) {
        MUST(utf8_valid(text));
        walk(value);
    } else {
        MUST(fault.offset <= size && fault.reason != NULL);
        walk_unchecked(text);
    }
    return 0;
}
