/* A line is written into a buffer of its own size. Each value may take a part of it, and the end is
 * kept free for what closes the line, so that it is valid wherever it had to be cut. */
#include "core/log_private.h"

#include "core/utf8.h"
#include "proctrack/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define VALUE_MAX  1024 /* bytes of one value, as it is written */
#define NUMBER_MAX 32
#define CUT        "..."
#define CUT_LEN    3
#define END_SIZE   16 /* `,"cut":true}` and the line's end */

struct line {
    char *text;
    size_t len;
    enum log_format format;
    bool cut;
};

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        break;
    }
    return "error";
}

static void put(struct line *line, const char *data, size_t len)
{
    memcpy(line->text + line->len, data, len);
    line->len += len;
}

static void put_str(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* --- characters ------------------------------------------------------------------------------- */

/* Not only control characters end lines or steer a terminal: so do those of the second set, the
 * separators of lines and paragraphs, and those that turn the direction of writing. */
static bool is_steering(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static unsigned code_point(const unsigned char *at, size_t len)
{
    if (len == 1)
        return at[0];
    if (len == 2)
        return (at[0] & 0x1fU) << 6 | (at[1] & 0x3fU);
    if (len == 3)
        return (at[0] & 0x0fU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
    return 0x10000; /* none of those that matter */
}

struct piece {
    char text[8];
    size_t len;
};

static struct piece piece_of(const char *text, size_t len)
{
    struct piece piece = {.len = len};
    memcpy(piece.text, text, len);
    return piece;
}

static struct piece escape_of(unsigned c)
{
    static const char named[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    struct piece piece = {.len = 6};
    if (c < sizeof(named) && named[c] != '\0')
        return piece_of((const char[]){'\\', named[c]}, 2);
    snprintf(piece.text, sizeof(piece.text), "\\u%04x", c & 0xffff);
    return piece;
}

/* The next character as it stands between quotes; *ret_read are the bytes that it was. */
static struct piece next_piece(const unsigned char *at, size_t left, size_t *ret_read)
{
    const size_t len = utf8_sequence(at, left);
    *ret_read = len > 0 ? len : 1;
    if (len == 0 || at[0] == '\0')          /* valid as \u0000, but few who read JSON can keep it */
        return piece_of("\xef\xbf\xbd", 3); /* U+FFFD, also for a byte that is no UTF-8 */
    if (at[0] == '"' || at[0] == '\\')
        return piece_of((const char[]){'\\', (char)at[0]}, 2);
    const unsigned c = code_point(at, len);
    return is_steering(c) ? escape_of(c) : piece_of((const char *)at, len);
}

static void put_escaped(struct line *line, struct span value)
{
    const size_t room = LOG_LINE_SIZE - END_SIZE - 2 - line->len; /* 2: a quote, and one to spare */
    const size_t end = line->len + (room < VALUE_MAX ? room : VALUE_MAX);
    size_t cut_at = line->len, read;
    for (size_t at = 0; at < value.len; at += read) {
        const struct piece piece =
            next_piece((const unsigned char *)value.data + at, value.len - at, &read);
        if (line->len + piece.len > end) {
            line->len = cut_at;
            line->cut = true;
            put(line, CUT, CUT_LEN);
            return;
        }
        put(line, piece.text, piece.len);
        if (line->len + CUT_LEN <= end)
            cut_at = line->len;
    }
}

static void put_quoted(struct line *line, struct span value)
{
    put(line, "\"", 1);
    put_escaped(line, value);
    put(line, "\"", 1);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool needs_quotes(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return true;
    }
    return value.len == 0;
}

static void put_text(struct line *line, struct span value)
{
    if (line->format == LOG_FORMAT_JSON || needs_quotes(value))
        put_quoted(line, value);
    else
        put_escaped(line, value);
}

static void put_time(struct line *line, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    time_format(wall_ms, text);
    put_text(line, span_of(text));
}

/* Not in the form of printf's %g: tools differ over exponents. */
static void put_float(struct line *line, double value)
{
    char text[NUMBER_MAX];
    snprintf(text, sizeof(text), "%.3f", value);
    put_str(line, text);
}

static void put_int(struct line *line, int64_t value)
{
    char text[NUMBER_MAX];
    snprintf(text, sizeof(text), "%" PRId64, value);
    put_str(line, text);
}

static void put_value(struct line *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_END_OF_FIELDS:
        break;
    case LOG_TEXT:
        put_text(line, field->value.text);
        break;
    case LOG_INTEGER:
        put_int(line, field->value.integer);
        break;
    case LOG_FLOAT:
        put_float(line, field->value.real);
        break;
    case LOG_BOOLEAN:
        put_str(line, field->value.boolean ? "true" : "false");
        break;
    case LOG_TIME:
        put_time(line, field->value.integer);
        break;
    }
}

/* --- fields and lines ------------------------------------------------------------------------- */

static bool has_value(const struct log_field *field)
{
    switch (field->kind) {
    case LOG_TEXT:
        return field->value.text.data != NULL;
    case LOG_FLOAT: /* beyond it lies nothing that is measured here, but more digits than fit */
        return isfinite(field->value.real) && fabs(field->value.real) < 1e18;
    case LOG_TIME:
        return field->value.integer > TIME_NONE && field->value.integer <= TIME_MAX;
    case LOG_INTEGER:
    case LOG_BOOLEAN:
        return true;
    case LOG_END_OF_FIELDS:
        break;
    }
    return false;
}

static void put_field(struct line *line, const struct log_field *field)
{
    const size_t name_len = strlen(field->name);
    if (!has_value(field))
        return;
    if (line->len + name_len + NUMBER_MAX + 8 > LOG_LINE_SIZE - END_SIZE) {
        line->cut = true;
        return;
    }
    put_str(line, line->format == LOG_FORMAT_JSON ? ",\"" : " ");
    put(line, field->name, name_len);
    put_str(line, line->format == LOG_FORMAT_JSON ? "\":" : "=");
    put_value(line, field);
}

static void put_head(struct line *line, const struct log_event *event)
{
    const struct log_field lost = log_int("lines_lost", event->lost);
    const bool json = line->format == LOG_FORMAT_JSON;
    char time[TIME_TEXT_SIZE];
    time_format(event->wall_ms, time);
    put_str(line, json ? "{\"time\":\"" : "");
    put_str(line, time);
    put_str(line, json ? "\",\"level\":\"" : " level=");
    put_str(line, level_name(event->level));
    put_str(line, json ? "\",\"message\":" : " ");
    if (json)
        put_quoted(line, span_of(event->message));
    else
        put_escaped(line, span_of(event->message));
    if (event->lost > 0)
        put_field(line, &lost);
}

size_t log_format_line(enum log_format format, const struct log_event *event,
                       char ret_line[LOG_LINE_SIZE])
{
    struct line line = {.text = ret_line, .format = format};
    put_head(&line, event);
    for (const struct log_field *field = event->fields; field->kind != LOG_END_OF_FIELDS; field++)
        put_field(&line, field);
    if (line.cut)
        put_str(&line, format == LOG_FORMAT_JSON ? ",\"cut\":true" : " cut=true");
    put_str(&line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
    return line.len;
}
