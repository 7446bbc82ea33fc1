/* Any header section, cut into parts as the library cuts it: what the guard lets through is, byte
 * for byte, a message that nobody can read otherwise. */
#include "http/http_guard.h"
#include "http/http_mhd.h"
#include "http/http_target.h"
#include "requirements.h"

#include <ctype.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct section {
    char *raw, *end; /* in which the library writes; behind what has come */
    char *at;
};

/* The line at hand, ended by zeros where its line end stood; NULL: it is not complete. */
static char *next_line(struct section *section)
{
    char *line = section->at;
    char *end = memchr(line, '\n', (size_t)(section->end - line));
    if (end == NULL)
        return NULL;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    end++;
    section->at = end;
    return line;
}

static char *split_at(char *text, char separator)
{
    char *at = strchr(text, separator);
    if (at != NULL)
        *at++ = '\0';
    return at;
}

/* False when the section never ends, or the library refuses it: then no handler is called. */
static bool see_fields(struct section *section, struct http_guard *guard,
                       struct http_mhd_layout *layout)
{
    char *line, *value;
    while ((line = next_line(section)) != NULL) {
        if (line[0] == '\0')
            return true;
        if ((value = split_at(line, ':')) == NULL)
            return false;
        value += strspn(value, " \t");
        http_mhd_layout_field(layout, span_of(line), span_of(value));
        http_guard_header(guard, span_of(line), span_of(value));
    }
    return false;
}

/* --- the same bytes, read by the letter of RFC 9112 ------------------------------------------- */

struct reading {
    unsigned hosts, lengths, codings, fields;
    struct span length;
};

static bool is_token(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.data[i]) &&
            (name.data[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.data[i]) == NULL))
            return false;
    return name.len > 0;
}

/* In fields that are for tracing alone, and ignored when they are wrong, whatever does not end a
 * line; in all others nothing but text. */
static void require_value(struct span name, struct span value)
{
    bool may_be_wrong = span_is_nocase(name, "X-Request-Id") || span_is_nocase(name, "traceparent");
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        require(c != '\0' && c != '\r');
        require(may_be_wrong || (c >= ' ' ? c != 0x7f : c == '\t'));
    }
}

static void read_field(struct reading *reading, struct span line)
{
    struct span name;
    span_split(&line, ':', &name);
    require(line.data != NULL && is_token(name));
    require_value(name, line);
    reading->fields++;
    reading->hosts += span_is_nocase(name, "Host");
    if (span_is_nocase(name, "Content-Length")) {
        reading->lengths++;
        reading->length = span_trim(line);
    }
    if (span_is_nocase(name, "Transfer-Encoding")) {
        reading->codings++;
        require(span_is_nocase(span_trim(line), "chunked"));
    }
}

static struct reading read_section(struct span text)
{
    struct reading reading = {0};
    struct span line;
    span_split(&text, '\n', &line); /* the request line */
    while (span_split(&text, '\n', &line)) {
        /* The library makes zeros of a line's end, and so leaves no trace of zeros before it. */
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        while (line.len > 0 && line.data[line.len - 1] == '\0')
            line.len--;
        if (line.len == 0)
            break;
        read_field(&reading, line);
    }
    return reading;
}

static void require_plain(struct span text, const struct http_guard *guard, const char *version)
{
    struct reading reading = read_section(text);
    int64_t length = 0;
    require(reading.lengths + reading.codings <= 1);
    require(reading.hosts <= 1 && (reading.hosts == 1 || strcmp(version, "HTTP/1.0") == 0));
    require(reading.codings == 0 || strcmp(version, "HTTP/1.0") != 0);
    require(guard->chunked == (reading.codings == 1));
    if (reading.lengths == 1)
        require(span_to_int(reading.length, 0, INT64_MAX, &length));
    require(guard->content_length == (uint64_t)length);
}

static void judge(struct section *section, struct span text)
{
    struct http_guard guard;
    struct http_mhd_layout layout;
    char *method = next_line(section), *target, *version;
    if (method == NULL || (target = split_at(method, ' ')) == NULL ||
        (version = split_at(target, ' ')) == NULL)
        return;
    http_guard_init(&guard);
    http_mhd_layout_begin(&layout, span_of(target), version);
    if (!see_fields(section, &guard, &layout))
        return;
    size_t header_size = (size_t)(section->at - method);
    if (http_target_is_clean(target, strlen(target)) &&
        http_mhd_layout_judge(&layout, method, header_size) &&
        http_guard_judge(&guard, version).status == 0)
        require_plain((struct span){text.data, header_size}, &guard, version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct section section = {.raw = malloc(size + 1)};
    if (section.raw == NULL)
        return 0;
    memcpy(section.raw, data, size);
    section.raw[size] = '\0';
    section.at = section.raw;
    section.end = section.raw + size;
    judge(&section, (struct span){(const char *)data, size});
    free(section.raw);
    return 0;
}
