#include "analyzer/analyzer_progress.h"

#include "proctrack/json_scan.h"
#include "proctrack/process.h"

#include <string.h>

struct progress {
    struct process_progress known; /* its message lies in `message` */
    char message[PROGRESS_MESSAGE_MAX * 4 + 1];
};

static size_t count_characters(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static bool read_percent(struct process_progress *known, struct span value)
{
    known->has_percent = true;
    return json_kind_of(value) == JSON_KIND_NUMBER && json_to_double(value, &known->percent) &&
           known->percent >= 0 && known->percent <= 100;
}

static bool read_message(struct progress *progress, struct span value)
{
    size_t len;
    if (json_kind_of(value) != JSON_KIND_STRING ||
        !json_string_copy(value, progress->message, sizeof(progress->message), &len) ||
        count_characters(progress->message, len) > PROGRESS_MESSAGE_MAX)
        return false;
    progress->known.message = (struct span){progress->message, len};
    return true;
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
        return read_percent(&progress->known, value);
    if (json_string_is(key, "message"))
        return read_message(progress, value);
    if (json_string_is(key, "step"))
        return read_count(value, &progress->known.has_step, &progress->known.step);
    if (json_string_is(key, "steps"))
        return read_count(value, &progress->known.has_steps, &progress->known.steps);
    return true;
}

bool progress_parse(struct span line, struct text_buffer *out)
{
    struct span object, key, value;
    struct json_fault fault;
    if (!json_check(line, &object, &fault) || json_kind_of(object) != JSON_KIND_OBJECT)
        return false;
    struct progress progress = {.known = {.percent = 0}};
    for (size_t cursor = 0; json_object_next(object, &cursor, &key, &value);) {
        if (!read_member(&progress, key, value))
            return false;
    }
    process_progress_append(out, &progress.known);
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
