/* Text: borrowed spans and growing buffers. */
#ifndef PROCTRACK_TEXT_H
#define PROCTRACK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not ended by a zero. data == NULL means absent, which differs from empty. */
struct span {
    const char *data;
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE     ((struct span){NULL, 0})
#define SPAN_FMT      "%.*s"
#define SPAN_ARG(s)   (int)(s).len, ((s).data != NULL ? (s).data : "")

struct span span_of(const char *text); /* NULL gives SPAN_NONE */
bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *text);
bool span_is_nocase(struct span a, const char *text); /* ASCII only */
struct span span_trim(struct span a);                 /* without blanks and tabs at both ends */
bool span_starts(struct span a, const char *prefix);

/* Cuts the part before the first `separator` off *rest; false when *rest is absent. The last part
 * leaves *rest absent. */
bool span_split(struct span *rest, char separator, struct span *ret_part);

/* Decimal digits only (a '-' in front is allowed for min < 0), within min..max; else false. */
bool span_to_int(struct span text, int64_t min, int64_t max, int64_t *ret_value);

/* Copies and ends with a zero. False, with nothing written, when it does not fit: never truncates.
 */
bool text_copy(char *ret_text, size_t size, struct span text);

/* The value of a hexadecimal digit, upper or lower case; -1 for any other character. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Valid UTF-8 (RFC 3629) without surrogates. */
bool utf8_valid(struct span text);

/* A growing buffer. The first failure (no memory, or over max) is remembered: appends after it do
 * nothing, so callers check `failed` once at the end. capacity is more than len, or there is no
 * room (none yet, or none any more). */
struct text_buffer {
    char *data;
    size_t len, capacity, max;
    bool failed;
    bool full; /* ... for it would have become larger than max */
};

void text_buffer_init(struct text_buffer *buffer, size_t max); /* max in bytes; allocates nothing */
void text_buffer_finish(struct text_buffer *buffer);           /* frees; may be called twice */
char *text_buffer_take(struct text_buffer *buffer); /* the caller frees; NULL when failed */
bool text_buffer_reserve(struct text_buffer *buffer, size_t more);

/* Inline, as answers are made of hundreds of small pieces. */
static inline void text_append(struct text_buffer *buffer, const void *data, size_t len)
{
    if (len == 0 || (len >= buffer->capacity - buffer->len && !text_buffer_reserve(buffer, len)))
        return;
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

static inline void text_append_span(struct text_buffer *buffer, struct span text)
{
    text_append(buffer, text.data, text.len);
}

static inline void text_append_str(struct text_buffer *buffer, const char *text)
{
    text_append(buffer, text, strlen(text));
}

static inline void text_append_char(struct text_buffer *buffer, char c)
{
    text_append(buffer, &c, 1);
}

void text_append_int(struct text_buffer *buffer, int64_t value);
void text_append_format(struct text_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* All that the file holds. False with errno set (EFBIG when the buffer cannot take it). Blocks. */
bool text_append_file(struct text_buffer *buffer, const char *path);

#define text_append_literal(buffer, literal) text_append((buffer), (literal), sizeof(literal) - 1)

/* A JSON string with its quotes. The text must be valid UTF-8. */
void text_append_json_string(struct text_buffer *buffer, struct span text);

static inline struct span text_buffer_span(const struct text_buffer *buffer)
{
    return (struct span){buffer->data, buffer->len};
}

#endif
