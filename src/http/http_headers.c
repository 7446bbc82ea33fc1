#include "http/http_headers.h"

#include "http/http_request_id.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

void http_headers_init(struct http_headers *headers)
{
    *headers = (struct http_headers){.prefer_wait_s = -1};
    http_accept_init(&headers->accept);
}

/* What becomes of a field that comes again. */
enum again { FIRST_COUNTS, REFUSED, NONE_COUNTS };

static const struct field {
    const char *name;
    size_t len, offset; /* of its span in struct http_headers */
    enum again again;
} fields[] = {
#define FIELD(text, member, again)                                           \
    {                                                                        \
        text, sizeof(text) - 1, offsetof(struct http_headers, member), again \
    }
    FIELD("Host", host, REFUSED),
    FIELD("Origin", origin, REFUSED),
    FIELD("If-Match", if_match, REFUSED),
    FIELD("traceparent", traceparent, NONE_COUNTS),
    FIELD("Content-Type", content_type, REFUSED),
    FIELD(HTTP_REQUEST_ID, request_id, NONE_COUNTS),
    FIELD("Last-Event-ID", last_event_id, REFUSED),
    FIELD("If-None-Match", if_none_match, FIRST_COUNTS),
    FIELD("Sec-Fetch-Site", fetch_site, REFUSED),
    FIELD("Idempotency-Key", idempotency_key, REFUSED),
    FIELD("Content-Encoding", content_encoding, REFUSED),
    FIELD("Access-Control-Request-Method", request_method, REFUSED),
    FIELD("Access-Control-Request-Headers", request_headers, FIRST_COUNTS),
#undef FIELD
};

void http_headers_add(struct http_headers *headers, struct span name, struct span value)
{
    if (span_is_nocase(name, "Prefer") && headers->prefer_wait_s < 0)
        headers->prefer_wait_s = http_prefer_wait(value);
    if (span_is_nocase(name, "Accept"))
        http_accept_add(&headers->accept, value);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        const struct field *field = &fields[i];
        if (name.len != field->len || !span_is_nocase(name, field->name))
            continue;
        struct span *slot = (struct span *)(void *)((char *)headers + field->offset);
        if (slot->data == NULL)
            *slot = span_trim(value);
        else if (field->again == REFUSED)
            headers->repeated = field->name;
        else if (field->again == NONE_COUNTS)
            *slot = SPAN("");
    }
}

static struct span unquoted(struct span text)
{
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        return (struct span){text.data + 1, text.len - 2};
    return text;
}

bool http_is_json(struct span content_type)
{
    struct span rest = content_type, part, name;
    if (!span_split(&rest, ';', &part))
        return false;
    part = span_trim(part);
    bool json = span_is_nocase(part, "application/json");
    if (!json && part.len > 17 && span_is_nocase((struct span){part.data, 12}, "application/"))
        json = span_is_nocase((struct span){part.data + part.len - 5, 5}, "+json");
    while (json && span_split(&rest, ';', &part)) {
        span_split(&part, '=', &name);
        if (span_is_nocase(span_trim(name), "charset"))
            json = span_is_nocase(unquoted(span_trim(part)), "utf-8");
    }
    return json;
}

int http_prefer_wait(struct span value)
{
    struct span preference, name;
    while (span_split(&value, ',', &preference)) {
        struct span token;
        span_split(&preference, ';', &token); /* parameters mean nothing here */
        span_split(&token, '=', &name);
        if (!span_is_nocase(span_trim(name), "wait"))
            continue;
        struct span digits = token.data != NULL ? unquoted(span_trim(token)) : SPAN("");
        size_t valid = 0;
        while (valid < digits.len && digits.data[valid] >= '0' && digits.data[valid] <= '9')
            valid++;
        int64_t seconds;
        if (digits.len == 0 || valid != digits.len)
            return -1; /* the first one counts, and it is not valid */
        return span_to_int(digits, 0, INT_MAX, &seconds) ? (int)seconds : INT_MAX;
    }
    return -1;
}

/* RFC 9651: in a string only the quote and the backslash are escaped. */
static bool string_unescape(struct span inner, char *ret_text, size_t size, size_t *ret_len)
{
    size_t out = 0;
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.data[i];
        if (c == '"')
            return false;
        if (c == '\\' && ++i == inner.len)
            return false;
        if (c == '\\' && (c = inner.data[i]) != '"' && c != '\\')
            return false;
        if (out + 1 >= size)
            return false;
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    *ret_len = out;
    return true;
}

bool http_idempotency_key(struct span value, char ret_key[IDEMPOTENCY_KEY_MAX + 1])
{
    size_t len = value.len;
    if (value.len > 0 && value.data[0] == '"') {
        struct span inner = unquoted(value);
        if (inner.len == value.len ||
            !string_unescape(inner, ret_key, IDEMPOTENCY_KEY_MAX + 1, &len))
            return false;
    } else if (!text_copy(ret_key, IDEMPOTENCY_KEY_MAX + 1, value)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (ret_key[i] < ' ' || ret_key[i] > '~')
            return false;
    }
    return len > 0;
}

/* Takes the next entity-tag off the list: `[W/]"opaque"` or `*`. */
struct etag {
    bool any, weak;
    struct span opaque;
};

static bool etag_next(struct span *list, struct etag *ret_tag)
{
    while (list->len > 0 && strchr(" \t,", list->data[0]) != NULL)
        *list = (struct span){list->data + 1, list->len - 1};
    if (list->len == 0)
        return false;
    *ret_tag = (struct etag){.any = list->data[0] == '*'};
    if (ret_tag->any) {
        *list = (struct span){list->data + 1, list->len - 1};
        return true;
    }
    ret_tag->weak = span_starts(*list, "W/");
    size_t start = ret_tag->weak ? 3 : 1;
    if (list->len < start || list->data[start - 1] != '"')
        return false;
    const char *end = memchr(list->data + start, '"', list->len - start);
    if (end == NULL)
        return false;
    ret_tag->opaque = (struct span){list->data + start, (size_t)(end - list->data) - start};
    *list = (struct span){end + 1, list->len - (size_t)(end + 1 - list->data)};
    return true;
}

/* No leading zeros: the one way in which we write it. */
static bool tag_version(const struct etag *tag, int64_t *ret_version)
{
    return tag->opaque.len > 0 && tag->opaque.data[0] != '0' &&
           span_to_int(tag->opaque, 1, INT64_MAX - 1, ret_version);
}

bool http_etag_matches(struct span list, int64_t version)
{
    struct etag tag;
    int64_t named;
    while (etag_next(&list, &tag)) {
        if (tag.any || (tag_version(&tag, &named) && named == version))
            return true;
    }
    return false;
}

bool http_if_match_version(struct span list, int64_t *ret_version)
{
    struct etag tag, second;
    if (!etag_next(&list, &tag) || etag_next(&list, &second) || span_trim(list).len > 0)
        return false;
    if (tag.any)
        *ret_version = 0;
    else if (tag.weak || !tag_version(&tag, ret_version))
        *ret_version = INT64_MAX; /* If-Match compares strongly */
    return true;
}

/* By hand: these are in every answer. Returns the length. */
static size_t put_number(int64_t value, char *ret_text)
{
    char digits[20];
    size_t at = sizeof(digits), len = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (at < sizeof(digits))
        ret_text[len++] = digits[at++];
    return len;
}

void http_etag_format(int64_t version, char ret_text[HTTP_ETAG_SIZE])
{
    size_t len = 1 + put_number(version, ret_text + 1);
    ret_text[0] = ret_text[len++] = '"';
    ret_text[len] = '\0';
}

void http_retry_after_format(int64_t ms, char ret_text[HTTP_RETRY_AFTER_SIZE])
{
    ret_text[put_number((ms + 999) / 1000, ret_text)] = '\0';
}
