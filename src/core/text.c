#include "proctrack/text.h"

#include "core/utf8.h"

#include <string.h>

struct span span_of(const char *text)
{
    if (text == NULL)
        return SPAN_NONE;
    return (struct span){text, strlen(text)};
}

/* Absent equals only absent: it differs from empty. */
bool span_equal(struct span a, struct span b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

/* The cases of a letter differ in one bit. */
bool span_is_nocase(struct span a, const char *text)
{
    if (a.data == NULL)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned char mine = (unsigned char)a.data[i], its = (unsigned char)text[i];
        bool letter = (unsigned)(its | 0x20) - 'a' < 26;
        if (mine != its && (!letter || (mine ^ its) != 0x20))
            return false;
        if (its == '\0')
            return false;
    }
    return text[a.len] == '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span a)
{
    while (a.len > 0 && is_blank(a.data[0])) {
        a.data++;
        a.len--;
    }
    while (a.len > 0 && is_blank(a.data[a.len - 1]))
        a.len--;
    return a;
}

bool span_starts(struct span a, const char *prefix)
{
    const size_t len = strlen(prefix);
    return a.data != NULL && a.len >= len && memcmp(a.data, prefix, len) == 0;
}

bool span_split(struct span *rest, char separator, struct span *ret_part)
{
    if (rest->data == NULL)
        return false;
    const char *cut = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
    if (cut == NULL) {
        *ret_part = *rest;
        *rest = SPAN_NONE;
        return true;
    }
    const size_t len = (size_t)(cut - rest->data);
    *ret_part = (struct span){rest->data, len};
    *rest = (struct span){cut + 1, rest->len - len - 1};
    return true;
}

bool span_to_int(struct span text, int64_t min, int64_t max, int64_t *ret_value)
{
    const bool negative = min < 0 && text.len > 0 && text.data[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at >= text.len)
        return false;
    int64_t value = 0; /* kept negative: only so does INT64_MIN fit */
    for (; at < text.len; at++) {
        const char c = text.data[at];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, c - '0', &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow(INT64_C(0), value, &value))
        return false;
    if (value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

bool text_copy(char *ret_text, size_t size, struct span text)
{
    if (text.len >= size)
        return false;
    if (text.len > 0)
        memcpy(ret_text, text.data, text.len);
    ret_text[text.len] = '\0';
    return true;
}

bool utf8_valid(struct span text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.len;
    while (left > 0) {
        if (left >= 8 && eight_beyond_ascii(load_eight(at)) == 0) {
            at += 8;
            left -= 8;
            continue;
        }
        const size_t len = utf8_sequence(at, left);
        if (len == 0)
            return false;
        at += len;
        left -= len;
    }
    return true;
}
