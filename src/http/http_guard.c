#include "http/http_guard.h"

#include <string.h>

void http_guard_init(struct http_guard *guard)
{
    *guard = (struct http_guard){0};
}

static void refuse(struct http_guard *guard, unsigned status, const char *detail)
{
    if (guard->verdict.status == 0)
        guard->verdict = (struct http_verdict){status, detail};
}

/* RFC 9110, 5.6.2: the characters of a token. */
static bool is_token(struct span text)
{
    static const bool marks[128] = {
        ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true,
        ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true,
        ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true, ['\''] = true,
    };
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool alnum = (unsigned)(c | 0x20) - 'a' < 26 || (unsigned)c - '0' < 10;
        if (!alnum && (c >= sizeof(marks) || !marks[c]))
            return false;
    }
    return text.len > 0;
}

/* Without a way out in the middle, so that the compiler takes many bytes at a time. */
static bool has_controls(struct span value)
{
    unsigned found = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        found |= (unsigned)(c < ' ') & (unsigned)(c != '\t');
        found |= c == 0x7f;
    }
    return found != 0;
}

/* Host is `name[:port]`: nothing in it may look like another part of a URL, or like a list. */
static bool is_host(struct span value)
{
    static const bool wrong[256] = {
        ['\0'] = true, [' '] = true, ['\t'] = true, [','] = true,  ['/'] = true, ['?'] = true,
        ['#'] = true,  ['@'] = true, ['"'] = true,  ['\\'] = true, ['<'] = true, ['>'] = true,
    };
    unsigned found = 0;
    for (size_t i = 0; i < value.len; i++)
        found |= wrong[(unsigned char)value.data[i]];
    return found == 0;
}

static void see_length(struct http_guard *guard, struct span value)
{
    int64_t length;
    if (++guard->lengths > 1)
        refuse(guard, 400, "more than one Content-Length");
    else if (!span_to_int(value, 0, INT64_MAX, &length))
        refuse(guard, 400, "Content-Length is not a number");
    else
        guard->content_length = (uint64_t)length;
}

static void see_encoding(struct http_guard *guard, struct span value)
{
    if (++guard->encodings > 1)
        refuse(guard, 400, "more than one Transfer-Encoding");
    else if (!span_is_nocase(value, "chunked"))
        refuse(guard, 501, "the only Transfer-Encoding known here is chunked");
    else
        guard->chunked = true;
}

static void see_host(struct http_guard *guard, struct span value)
{
    if (++guard->hosts > 1)
        refuse(guard, 400, "more than one Host");
    else if (!is_host(value))
        refuse(guard, 400, "Host is not a host name");
}

static void see_expect(struct http_guard *guard, struct span value)
{
    if (span_is_nocase(value, "100-continue"))
        guard->expects_continue = true;
    else
        refuse(guard, 417, "the only expectation known here is 100-continue");
}

/* Tracing must not break what it looks at: a value of it that is wrong is ignored, unless it makes
 * the whole message doubtful. */
static bool may_be_wrong(struct span name, struct span value)
{
    return (span_is_nocase(name, "X-Request-Id") || span_is_nocase(name, "traceparent")) &&
           memchr(value.data, '\0', value.len) == NULL &&
           memchr(value.data, '\r', value.len) == NULL &&
           memchr(value.data, '\n', value.len) == NULL;
}

void http_guard_header(struct http_guard *guard, struct span name, struct span value)
{
    static const struct {
        const char *name;
        size_t len;
        void (*see)(struct http_guard *guard, struct span value);
    } seen[] = {
        {"Host", 4, see_host},
        {"Expect", 6, see_expect},
        {"Content-Length", 14, see_length},
        {"Transfer-Encoding", 17, see_encoding},
    };
    if (!is_token(name))
        refuse(guard, 400, "a header name is not a token");
    if (has_controls(value) && !may_be_wrong(name, value))
        refuse(guard, 400, "a header value holds a control character");
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
        if (name.len == seen[i].len && span_is_nocase(name, seen[i].name))
            seen[i].see(guard, span_trim(value));
    }
}

struct http_verdict http_guard_judge(struct http_guard *guard, const char *http_version)
{
    bool old = strcmp(http_version, "HTTP/1.0") == 0;
    if (guard->lengths > 0 && guard->encodings > 0)
        refuse(guard, 400, "both Content-Length and Transfer-Encoding");
    if (old && guard->encodings > 0)
        refuse(guard, 400, "Transfer-Encoding in HTTP/1.0");
    if (!old && guard->hosts == 0)
        refuse(guard, 400, "no Host");
    return guard->verdict;
}
