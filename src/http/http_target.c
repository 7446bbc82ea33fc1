#include "http/http_target.h"

#include <string.h>

bool http_target_is_clean(const char *raw, size_t len)
{
    unsigned found = 0; /* no way out in the middle: so the compiler takes many bytes at a time */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)raw[i];
        found |= (unsigned)(c <= ' ') | (unsigned)(c >= 0x7f);
    }
    return found == 0;
}

/* A part of the target while it is being cut: bounds within the writable text. */
struct part {
    char *data;
    size_t len;
};

static struct span part_span(struct part part)
{
    return (struct span){part.data, part.len};
}

/* Shortens the part in place; false at a `%` without two hexadecimal digits behind it. */
static bool percent_decode(struct part *part)
{
    if (memchr(part->data, '%', part->len) == NULL)
        return true;
    size_t out = 0;
    for (size_t in = 0; in < part->len; in++) {
        char c = part->data[in];
        if (c == '%') {
            if (part->len - in < 3)
                return false;
            int high = hex_digit(part->data[in + 1]), low = hex_digit(part->data[in + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            in += 2;
        }
        part->data[out++] = c;
    }
    part->len = out;
    return true;
}

/* The part of *rest before the first separator; *rest becomes what lies behind it, with
 * data == NULL when there was no separator. */
static struct part cut(struct part *rest, char separator)
{
    struct part first = *rest;
    char *end = first.len > 0 ? memchr(first.data, separator, first.len) : NULL;
    if (end == NULL) {
        *rest = (struct part){NULL, 0};
        return first;
    }
    first.len = (size_t)(end - first.data);
    *rest = (struct part){end + 1, rest->len - first.len - 1};
    return first;
}

static bool starts_nocase(struct span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && span_is_nocase((struct span){text.data, len}, prefix);
}

/* Leaves the path and query of `http://authority/path?query`. */
static bool strip_authority(struct part *target)
{
    struct span text = part_span(*target);
    if (text.len > 0 && text.data[0] == '/')
        return true;
    size_t scheme = starts_nocase(text, "http://") ? 7 : starts_nocase(text, "https://") ? 8 : 0;
    if (scheme == 0 || scheme == text.len)
        return false;
    size_t end = scheme;
    while (end < text.len && text.data[end] != '/' && text.data[end] != '?')
        end++;
    if (end == scheme)
        return false;
    *target = (struct part){target->data + end, target->len - end};
    return true;
}

/* Takes a base path off, if the client used it. */
static void strip_base(struct part *path, const char *base_path, struct http_target *target)
{
    size_t len = strlen(base_path);
    if (len == 0 || path->len < len || memcmp(path->data, base_path, len) != 0 ||
        (path->len > len && path->data[len] != '/'))
        return;
    target->base = base_path;
    *path = (struct part){path->data + len, path->len - len};
}

static bool cut_segments(struct part path, struct http_target *target)
{
    if (path.len > 0)
        path = (struct part){path.data + 1, path.len - 1}; /* the leading slash */
    while (path.data != NULL) {
        struct part segment = cut(&path, '/');
        if (target->segment_count == HTTP_SEGMENTS_MAX) {
            target->segment_count++;
            return true; /* no such path, whatever follows */
        }
        if (!percent_decode(&segment))
            return false;
        target->segments[target->segment_count++] = part_span(segment);
    }
    return true;
}

static const char *cut_params(struct part query, struct http_target *target)
{
    while (query.data != NULL) {
        struct part value = cut(&query, '&');
        if (value.len == 0)
            continue;
        struct part name = cut(&value, '=');
        if (value.data == NULL)
            value = (struct part){name.data + name.len, 0};
        if (!percent_decode(&name) || !percent_decode(&value))
            return "the query holds a % without two hexadecimal digits behind it";
        if (!utf8_valid(part_span(name)) || !utf8_valid(part_span(value)))
            return "the query is not UTF-8 once percent-decoded";
        if (target->param_count == HTTP_PARAMS_MAX)
            return "the query has too many parameters";
        target->params[target->param_count++] =
            (struct http_param){part_span(name), part_span(value)};
    }
    return NULL;
}

const char *http_target_parse(char *raw, size_t len, const char *base_path,
                              struct http_target *ret_target)
{
    struct part rest = {raw, len};
    ret_target->asterisk = false;
    ret_target->base = "";
    ret_target->path = SPAN("");
    ret_target->segment_count = ret_target->param_count = 0;
    if (span_is(part_span(rest), "*")) {
        ret_target->asterisk = true;
        return NULL;
    }
    if (!strip_authority(&rest))
        return "the request target must be a path such as /status/<id>, or an http URL";
    struct part path = cut(&rest, '?');
    strip_base(&path, base_path, ret_target);
    ret_target->path = part_span(path);
    if (!cut_segments(path, ret_target))
        return "the path holds a % without two hexadecimal digits behind it";
    return cut_params(rest, ret_target);
}

struct span http_target_param(const struct http_target *target, const char *name)
{
    for (int i = 0; i < target->param_count; i++) {
        if (span_is(target->params[i].name, name))
            return target->params[i].value;
    }
    return SPAN_NONE;
}
