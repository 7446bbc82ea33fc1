/* JSON (RFC 8259) checked and cut into spans of the text that came, without building a tree: what
 * a client sent is kept and returned byte for byte. */
#ifndef PROCTRACK_JSON_SCAN_H
#define PROCTRACK_JSON_SCAN_H

#include "proctrack/text.h"

#define JSON_MAX_DEPTH 64

enum json_kind {
    JSON_KIND_NONE,
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json_fault {
    size_t offset;      /* bytes from the start of the text */
    const char *reason; /* constant English text */
};

extern const char json_no_memory[]; /* the reason that says nothing of the text */
static inline bool json_fault_is_memory(const struct json_fault *fault)
{
    return fault->reason == json_no_memory;
}

/* True when the text is exactly one JSON value (blanks around it allowed), valid UTF-8, at most
 * JSON_MAX_DEPTH levels, no key twice in one object (compared unescaped), no lone surrogate
 * escape, no \u0000. *ret_value is the value without the blanks around it. On false *ret_fault
 * says where and why. Memory: O(depth + keys of the open objects); thread stack: bounded. */
bool json_check(struct span text, struct span *ret_value, struct json_fault *ret_fault);

/* The same for a text of our own, in which such values stand up to `around` levels deep. */
#define JSON_AROUND_MAX 8
bool json_check_around(struct span text, size_t around, struct span *ret_value,
                       struct json_fault *ret_fault);

/* All below expect spans that json_check() has accepted, or parts of such. */

enum json_kind json_kind_of(struct span value);

/* Walks an object's members or an array's items in order; key is the string with its quotes.
 * Start with *cursor = 0; false at the end. */
bool json_object_next(struct span object, size_t *cursor, struct span *ret_key,
                      struct span *ret_value);
bool json_array_next(struct span array, size_t *cursor, struct span *ret_item);

/* True when the string value (with quotes) means exactly `text`. */
bool json_string_is(struct span string, const char *text);

/* Unescapes a string value into the buffer, ended by a zero. False when it does not fit; *ret_len
 * may be NULL. */
bool json_string_copy(struct span string, char *ret_text, size_t size, size_t *ret_len);

/* An integer without fraction or exponent within min..max; else false. */
bool json_to_int(struct span number, int64_t min, int64_t max, int64_t *ret_value);
bool json_to_double(struct span number, double *ret_value);
bool json_means_true(struct span value);

#endif
