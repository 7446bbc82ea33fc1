/* Cuts checked JSON into spans. The text is known to be valid, so that finding an end means
 * counting brackets outside strings; bounds are kept all the same, so that a span that nobody
 * checked gives a wrong answer and never a wrong read. */
#include "core/json_private.h"

#include "core/utf8.h"

#include <math.h>
#include <stdlib.h>

/* --- strings ---------------------------------------------------------------------------------- */

struct json_bytes json_bytes_of(struct span string)
{
    const unsigned char *start = (const unsigned char *)string.data;
    if (string.len == 0)
        return (struct json_bytes){.at = start, .end = start};
    return (struct json_bytes){.at = start + 1, .end = start + string.len};
}

static uint32_t hex_unit(const unsigned char *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char c = digits[i];
        unit = unit * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

static unsigned char utf8_encode(uint32_t code, unsigned char ret_bytes[4])
{
    if (code < 0x80) {
        ret_bytes[0] = (unsigned char)code;
        return 1;
    }
    const unsigned char len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = len - 1; i > 0; i--) {
        ret_bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    ret_bytes[0] = (unsigned char)((0xf00 >> len) | code);
    return len;
}

/* At a \uXXXX, or at two that make one character. */
static int next_of_unicode(struct json_bytes *bytes)
{
    if (bytes->end - bytes->at < 6)
        return -1;
    uint32_t code = hex_unit(bytes->at + 2);
    bytes->at += 6;
    if (code >= 0xd800 && code <= 0xdbff && bytes->end - bytes->at >= 6) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex_unit(bytes->at + 2) - 0xdc00);
        bytes->at += 6;
    }
    bytes->pending_len = utf8_encode(code, bytes->pending);
    bytes->pending_at = 1;
    return bytes->pending[0];
}

static int next_of_escape(struct json_bytes *bytes)
{
    if (bytes->end - bytes->at < 2)
        return -1;
    const unsigned char c = bytes->at[1];
    if (c == 'u')
        return next_of_unicode(bytes);
    bytes->at += 2;
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

int json_bytes_next(struct json_bytes *bytes)
{
    if (bytes->pending_at < bytes->pending_len)
        return bytes->pending[bytes->pending_at++];
    if (bytes->at == bytes->end || *bytes->at == '"')
        return -1;
    if (*bytes->at == '\\')
        return next_of_escape(bytes);
    return *bytes->at++;
}

/* What stands between the quotes, when it means just that: there are no escapes in it. */
static bool plain_content(struct span string, struct span *ret_content)
{
    if (string.len < 2 || memchr(string.data, '\\', string.len) != NULL)
        return false;
    *ret_content = (struct span){string.data + 1, string.len - 2};
    return true;
}

bool json_string_is(struct span string, const char *text)
{
    if (json_kind_of(string) != JSON_KIND_STRING)
        return false;
    struct span content;
    if (plain_content(string, &content))
        return span_is(content, text);
    struct json_bytes bytes = json_bytes_of(string);
    for (;; text++) {
        const int byte = json_bytes_next(&bytes);
        if (byte < 0)
            return *text == '\0';
        if (*text == '\0' || byte != (unsigned char)*text)
            return false;
    }
}

bool json_string_copy(struct span string, char *ret_text, size_t size, size_t *ret_len)
{
    if (json_kind_of(string) != JSON_KIND_STRING)
        return false;
    size_t len = 0;
    struct span content;
    if (plain_content(string, &content)) {
        len = content.len;
        if (!text_copy(ret_text, size, content))
            return false;
    } else {
        struct json_bytes counted = json_bytes_of(string);
        while (json_bytes_next(&counted) >= 0)
            len++;
        if (len >= size)
            return false;
        struct json_bytes bytes = json_bytes_of(string);
        for (size_t i = 0; i < len; i++)
            ret_text[i] = (char)json_bytes_next(&bytes);
        ret_text[len] = '\0';
    }
    if (ret_len != NULL)
        *ret_len = len;
    return true;
}

/* --- members and items ------------------------------------------------------------------------ */

static size_t skip_blanks(struct span text, size_t at)
{
    while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\n' ||
                             text.data[at] == '\r' || text.data[at] == '\t'))
        at++;
    return at;
}

/* From the opening quote to behind the closing one. */
static size_t skip_string(struct span text, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    at++;
    while (at < text.len) {
        while (text.len - at >= 8) {
            const uint64_t found = eight_json_specials(load_eight(bytes + at));
            at += found != 0 ? eight_first(found) : 8;
            if (found != 0)
                break;
        }
        if (at == text.len || bytes[at] == '"')
            break;
        at += bytes[at] == '\\' ? 2 : 1;
    }
    return at < text.len ? at + 1 : text.len;
}

static size_t skip_container(struct span text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        switch (text.data[at]) {
        case '"':
            at = skip_string(text, at);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return at;
}

static size_t skip_value(struct span text, size_t at)
{
    switch (text.data[at]) {
    case '"':
        return skip_string(text, at);
    case '{':
    case '[':
        return skip_container(text, at);
    default:
        break;
    }
    static const char ends[] = {',', ']', '}', ' ', '\t', '\r', '\n'};
    while (at < text.len && memchr(ends, text.data[at], sizeof(ends)) == NULL)
        at++;
    return at;
}

/* To the next key or item, behind the opening bracket or the comma; false at the closing one. */
static bool next_begins(struct span container, size_t *at)
{
    size_t next = skip_blanks(container, *at == 0 ? 1 : *at);
    if (*at != 0 && next < container.len && container.data[next] == ',')
        next = skip_blanks(container, next + 1);
    if (next >= container.len || container.data[next] == '}' || container.data[next] == ']')
        return false;
    *at = next;
    return true;
}

bool json_object_next(struct span object, size_t *cursor, struct span *ret_key,
                      struct span *ret_value)
{
    size_t at = *cursor;
    if (json_kind_of(object) != JSON_KIND_OBJECT || !next_begins(object, &at) ||
        object.data[at] != '"')
        return false;
    const size_t key_end = skip_string(object, at);
    size_t value = skip_blanks(object, key_end);
    if (value >= object.len || object.data[value] != ':')
        return false;
    value = skip_blanks(object, value + 1);
    if (value >= object.len)
        return false;
    const size_t end = skip_value(object, value);
    *ret_key = (struct span){object.data + at, key_end - at};
    *ret_value = (struct span){object.data + value, end - value};
    *cursor = end;
    return true;
}

bool json_array_next(struct span array, size_t *cursor, struct span *ret_item)
{
    size_t at = *cursor;
    if (json_kind_of(array) != JSON_KIND_ARRAY || !next_begins(array, &at))
        return false;
    const size_t end = skip_value(array, at);
    *ret_item = (struct span){array.data + at, end - at};
    *cursor = end;
    return true;
}

/* --- single values ---------------------------------------------------------------------------- */

enum json_kind json_kind_of(struct span value)
{
    if (value.len == 0)
        return JSON_KIND_NONE;
    switch (value.data[0]) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_STRING;
    case 't':
    case 'f':
        return JSON_KIND_BOOL;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return JSON_KIND_NUMBER;
    }
}

bool json_to_int(struct span number, int64_t min, int64_t max, int64_t *ret_value)
{
    int64_t value;
    if (!span_to_int(number, INT64_MIN, INT64_MAX, &value) || value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

bool json_to_double(struct span number, double *ret_value)
{
    if (json_kind_of(number) != JSON_KIND_NUMBER)
        return false;
    /* strtod() needs a zero at the end; numbers that do not fit here exist, but are rare. */
    char few[64];
    char *text = number.len < sizeof(few) ? few : malloc(number.len + 1);
    if (text == NULL)
        return false;
    memcpy(text, number.data, number.len);
    text[number.len] = '\0';
    const double value = strtod(text, NULL);
    if (text != few)
        free(text);
    if (!isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool json_means_true(struct span value)
{
    return span_is(value, "true");
}
