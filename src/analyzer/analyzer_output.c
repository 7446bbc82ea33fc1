#include "analyzer/analyzer_output.h"

#include "proctrack/json_scan.h"

#include <string.h>

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes that a character starting with this byte has; 1 for what starts none. */
static size_t sequence_length(unsigned char lead)
{
    return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

static bool is_character(struct span bytes, size_t len)
{
    return len <= bytes.len && bytes.data[0] != '\0' && utf8_valid((struct span){bytes.data, len});
}

/* Bytes of one broken character: its lead and the continuations that belong to it. */
static size_t broken_length(struct span bytes, size_t expected)
{
    size_t len = 1;
    while (len < expected && len < bytes.len && is_continuation(bytes.data[len]))
        len++;
    return len;
}

void output_append_repaired(struct text_buffer *out, struct span bytes)
{
    while (bytes.len > 0) {
        size_t len = sequence_length((unsigned char)bytes.data[0]);
        if (is_character(bytes, len)) {
            text_append(out, bytes.data, len);
        } else {
            text_append_literal(out, "\xEF\xBF\xBD");
            len = broken_length(bytes, len);
        }
        bytes.data += len;
        bytes.len -= len;
    }
}

static bool is_clean(struct span bytes)
{
    return bytes.len == 0 || (memchr(bytes.data, '\0', bytes.len) == NULL && utf8_valid(bytes));
}

static void append_text_member(struct text_buffer *out, struct span text)
{
    text_append_literal(out, "{\"text\":");
    text_append_json_string(out, text);
    text_append_char(out, '}');
}

void output_append_result(struct text_buffer *out, struct span output)
{
    struct span value;
    struct json_fault fault;
    if (output.data == NULL)
        output = SPAN("");
    if (json_check(output, &value, &fault)) {
        text_append_span(out, value);
    } else if (is_clean(output)) {
        append_text_member(out, output);
    } else {
        struct text_buffer repaired;
        text_buffer_init(&repaired, 3 * output.len); /* at worst three bytes for each */
        output_append_repaired(&repaired, output);
        append_text_member(out, text_buffer_span(&repaired));
        out->failed |= repaired.failed;
        text_buffer_finish(&repaired);
    }
}

void log_tail_feed(struct log_tail *tail, struct span bytes)
{
    if (bytes.len > LOG_TAIL_MAX) {
        bytes.data += bytes.len - LOG_TAIL_MAX;
        bytes.len = LOG_TAIL_MAX;
        tail->cut = true;
    }
    if (tail->len + bytes.len > sizeof(tail->bytes)) {
        memmove(tail->bytes, tail->bytes + tail->len - LOG_TAIL_MAX, LOG_TAIL_MAX);
        tail->len = LOG_TAIL_MAX;
        tail->cut = true;
    }
    if (bytes.len > 0)
        memcpy(tail->bytes + tail->len, bytes.data, bytes.len);
    tail->len += bytes.len;
}

void log_tail_append(struct text_buffer *out, const struct log_tail *tail)
{
    struct span text = {tail->bytes, tail->len};
    bool cut = tail->cut;
    if (text.len > LOG_TAIL_MAX) {
        text.data += text.len - LOG_TAIL_MAX;
        text.len = LOG_TAIL_MAX;
        cut = true;
    }
    while (cut && text.len > 0 && is_continuation(text.data[0])) {
        text.data++;
        text.len--;
    }
    output_append_repaired(out, text);
}
