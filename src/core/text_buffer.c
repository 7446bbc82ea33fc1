#include "proctrack/text.h"

#include "core/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void text_buffer_init(struct text_buffer *buffer, size_t max)
{
    /* One less than the largest size leaves room for the byte beyond the contents. */
    *buffer = (struct text_buffer){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void text_buffer_finish(struct text_buffer *buffer)
{
    free(buffer->data);
    text_buffer_init(buffer, buffer->max);
}

char *text_buffer_take(struct text_buffer *buffer)
{
    char *data = NULL;
    if (text_buffer_reserve(buffer, 0)) {
        data = buffer->data;
        data[buffer->len] = '\0';
        buffer->data = NULL;
    }
    text_buffer_finish(buffer);
    return data;
}

/* No room is left after a failure, so that no append needs to look for one. */
static bool fail(struct text_buffer *buffer)
{
    buffer->failed = true;
    buffer->capacity = buffer->len;
    return false;
}

/* One byte beyond the contents is always kept, for the zero of text_buffer_take() and vsnprintf. */
bool text_buffer_reserve(struct text_buffer *buffer, size_t more)
{
    if (buffer->failed)
        return false;
    if (more < buffer->capacity - buffer->len)
        return true;
    if (buffer->len > buffer->max || more > buffer->max - buffer->len) {
        buffer->full = true;
        return fail(buffer);
    }
    const size_t least = buffer->len + more + 1;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < least)
        capacity = capacity > SIZE_MAX / 2 ? least : capacity * 2;
    if (capacity > buffer->max + 1)
        capacity = buffer->max + 1;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return fail(buffer);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void text_append_int(struct text_buffer *buffer, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    text_append(buffer, digits + at, sizeof(digits) - at);
}

void text_append_format(struct text_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        fail(buffer);
        return;
    }
    if (!text_buffer_reserve(buffer, (size_t)len))
        return;
    va_start(args, format);
    vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

static void append_json_escape(struct text_buffer *buffer, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    /* What RFC 8259 names: quote, backslash, and five of the control characters. */
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = c != '\0' ? strchr(named, c) : NULL;
    if (found != NULL) {
        text_append(buffer, (const char[]){'\\', letters[found - named]}, 2);
        return;
    }
    text_append(buffer, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void text_append_json_string(struct text_buffer *buffer, struct span text)
{
    /* The usual case fits without growing again: nothing to escape. */
    if (text.len > SIZE_MAX - 2 || !text_buffer_reserve(buffer, text.len + 2)) {
        fail(buffer);
        return;
    }
    text_append_char(buffer, '"');
    size_t from = 0;
    const unsigned char *bytes = (const unsigned char *)text.data;
    for (size_t at = 0; at < text.len; at++) {
        while (text.len - at >= 8 && eight_json_specials(load_eight(bytes + at)) == 0)
            at += 8;
        if (at == text.len)
            break;
        const unsigned char c = bytes[at];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_append(buffer, text.data + from, at - from);
        append_json_escape(buffer, c);
        from = at + 1;
    }
    if (from < text.len)
        text_append(buffer, text.data + from, text.len - from);
    text_append_char(buffer, '"');
}
