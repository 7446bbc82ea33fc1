#include "analyzer/analyzer_progress.h"

#include "proctrack/json_scan.h"

#include <string.h>

struct progress {
    bool has_percent, has_step, has_steps;
    double percent;
    int64_t step, steps;
    bool has_message;
    size_t message_len;
    char message[PROGRESS_MESSAGE_MAX * 4 + 1];
};

static size_t count_characters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static bool read_percent(struct progress *progress, struct span value)
{
    progress->has_percent = true;
    return json_kind_of(value) == JSON_KIND_NUMBER && json_to_double(value, &progress->percent) &&
           progress->percent >= 0 && progress->percent <= 100;
}

static bool read_message(struct progress *progress, struct span value)
{
    progress->has_message = true;
    return json_kind_of(value) == JSON_KIND_STRING &&
           json_string_copy(value, progress->message, sizeof(progress->message),
                            &progress->message_len) &&
           count_characters(progress->message, progress->message_len) <= PROGRESS_MESSAGE_MAX;
}

static bool read_count(struct span value, bool *ret_has, int64_t *ret_count)
{
    *ret_has = true;
    return json_kind_of(value) == JSON_KIND_NUMBER && json_to_int(value, 0, INT64_MAX, ret_count);
}

static bool read_member(struct progress *progress, struct span key, struct span value)
{
    if (json_kind_of(value) == JSON_KIND_NULL)
        return true;
    if (json_string_is(key, "percent"))
        return read_percent(progress, value);
    if (json_string_is(key, "message"))
        return read_message(progress, value);
    if (json_string_is(key, "step"))
        return read_count(value, &progress->has_step, &progress->step);
    if (json_string_is(key, "steps"))
        return read_count(value, &progress->has_steps, &progress->steps);
    return true;
}

static void append_hundredths(struct text_buffer *out, double value)
{
    int hundredths = (int)(value * 100 + 0.5);
    text_append_int(out, hundredths / 100);
    if (hundredths % 100 == 0)
        return;
    text_append_char(out, '.');
    text_append_char(out, (char)('0' + hundredths % 100 / 10));
    if (hundredths % 10 != 0)
        text_append_char(out, (char)('0' + hundredths % 10));
}

static void append_count(struct text_buffer *out, bool has, int64_t count)
{
    if (has)
        text_append_int(out, count);
    else
        text_append_literal(out, "null");
}

static void append_canonical(struct text_buffer *out, const struct progress *progress)
{
    text_append_literal(out, "{\"percent\":");
    if (progress->has_percent)
        append_hundredths(out, progress->percent);
    else
        text_append_literal(out, "null");
    text_append_literal(out, ",\"message\":");
    if (progress->has_message)
        text_append_json_string(out, (struct span){progress->message, progress->message_len});
    else
        text_append_literal(out, "null");
    text_append_literal(out, ",\"step\":");
    append_count(out, progress->has_step, progress->step);
    text_append_literal(out, ",\"steps\":");
    append_count(out, progress->has_steps, progress->steps);
    text_append_char(out, '}');
}

bool progress_parse(struct span line, struct text_buffer *out)
{
    struct span object, key, value;
    struct json_fault fault;
    if (!json_check(line, &object, &fault) || json_kind_of(object) != JSON_KIND_OBJECT)
        return false;
    struct progress progress = {.percent = 0};
    for (size_t cursor = 0; json_object_next(object, &cursor, &key, &value);) {
        if (!read_member(&progress, key, value))
            return false;
    }
    append_canonical(out, &progress);
    return true;
}

void progress_lines_init(struct progress_lines *lines)
{
    memset(lines, 0, sizeof(*lines));
    text_buffer_init(&lines->line, PROGRESS_LINE_MAX);
    text_buffer_init(&lines->latest, PROGRESS_TEXT_MAX);
}

void progress_lines_finish(struct progress_lines *lines)
{
    text_buffer_finish(&lines->line);
    text_buffer_finish(&lines->latest);
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

static bool take_line(struct progress_lines *lines, struct span line)
{
    if (is_blank(line))
        return false;
    struct text_buffer parsed;
    text_buffer_init(&parsed, PROGRESS_TEXT_MAX);
    bool good = progress_parse(line, &parsed) && !parsed.failed;
    if (good) {
        text_buffer_finish(&lines->latest);
        lines->latest = parsed;
    } else {
        text_buffer_finish(&parsed);
        lines->ignored++;
    }
    return good;
}

/* The line's end has come. Lines that began in an earlier read are put together in `line`. */
static bool end_line(struct progress_lines *lines, struct span rest)
{
    bool good = false;
    if (lines->line_too_long || lines->line.len + rest.len > PROGRESS_LINE_MAX) {
        lines->ignored++;
    } else if (lines->line.len == 0) {
        good = take_line(lines, rest);
    } else {
        text_append_span(&lines->line, rest);
        good = !lines->line.failed && take_line(lines, text_buffer_span(&lines->line));
    }
    lines->line.len = 0;
    lines->line_too_long = false;
    return good;
}

static void keep_start(struct progress_lines *lines, struct span start)
{
    if (lines->line.len + start.len > PROGRESS_LINE_MAX) {
        lines->line_too_long = true;
        lines->line.len = 0;
    }
    if (!lines->line_too_long)
        text_append_span(&lines->line, start);
}

bool progress_lines_feed(struct progress_lines *lines, struct span bytes)
{
    bool good = false;
    while (bytes.len > 0) {
        const char *end = memchr(bytes.data, '\n', bytes.len);
        if (end == NULL) {
            keep_start(lines, bytes);
            break;
        }
        size_t len = (size_t)(end - bytes.data);
        good |= end_line(lines, (struct span){bytes.data, len});
        bytes.data += len + 1;
        bytes.len -= len + 1;
    }
    return good;
}

bool progress_lines_end(struct progress_lines *lines)
{
    if (lines->line.len == 0 && !lines->line_too_long)
        return false;
    return end_line(lines, SPAN(""));
}
