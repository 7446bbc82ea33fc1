/* Any values of the header fields that we act on: nothing is read outside them, and what comes out
 * keeps to its bounds. */
#include "http/http_cors.h"
#include "http/http_cursor.h"
#include "http/http_guard.h"
#include "http/http_headers.h"
#include "http/http_request_id.h"
#include "proctrack/trace_context.h"
#include "requirements.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_key(struct span value)
{
    char key[IDEMPOTENCY_KEY_MAX + 1];
    if (!http_idempotency_key(value, key))
        return;
    require(strlen(key) >= 1 && strlen(key) <= IDEMPOTENCY_KEY_MAX);
    for (const char *c = key; *c != '\0'; c++)
        require(*c >= ' ' && *c <= '~');
}

static void read_tags(struct span value)
{
    char tag[HTTP_ETAG_SIZE];
    int64_t version;
    if (!http_if_match_version(value, &version))
        return;
    require(version >= 0);
    if (version > 0 && version < INT64_MAX) {
        require(http_etag_matches(value, version));
        http_etag_format(version, tag);
        require(http_etag_matches(span_of(tag), version));
    }
}

static void read_values(struct span value)
{
    char allowed[HTTP_CORS_HEADERS_SIZE], cursor_text[HTTP_CURSOR_TEXT_SIZE];
    static const char *const origins[] = {"https://app.example", NULL};
    struct http_cursor cursor;
    bool vary;
    if (http_cursor_parse(value, &cursor)) {
        http_cursor_format(&cursor, cursor_text);
        require(span_is(value, cursor_text));
    }
    if (http_cors_allow(origins, value, &vary) != NULL)
        require(span_is(value, origins[0]));
    http_cors_headers(value, allowed);
    require(memchr(allowed, '\0', sizeof(allowed)) != NULL);
    require(strpbrk(allowed, "\r\n") == NULL);
    require(http_prefer_wait(value) >= -1);
    if (http_is_json(value))
        require(value.len >= strlen("application/json") || memchr(value.data, '+', value.len));
}

/* What is written again of it is harmless wherever it is put, and is read as it was. */
static void read_trace(struct span value)
{
    char text[TRACEPARENT_SIZE], again[TRACEPARENT_SIZE];
    if (http_request_id_is_valid(value)) {
        require(value.len >= 1 && value.len <= HTTP_REQUEST_ID_MAX);
        for (size_t i = 0; i < value.len; i++)
            require(value.data[i] > ' ' && value.data[i] <= 'z' &&
                    strchr("\"\\'<>;,%&", value.data[i]) == NULL);
    }
    if (!traceparent_read(value, text))
        return;
    require(strlen(text) == TRACEPARENT_SIZE - 1);
    require(strspn(text, "0123456789abcdef-") == TRACEPARENT_SIZE - 1);
    require(traceparent_read(span_of(text), again) && strcmp(text, again) == 0);
    require(traceparent_is_valid(span_of(text)));
    require(memcmp(text + 2, value.data + 2, 51) == 0);
}

static void read_fields(struct span text)
{
    struct http_headers headers;
    struct span line, name;
    http_headers_init(&headers);
    while (span_split(&text, '\n', &line)) {
        span_split(&line, ':', &name);
        http_headers_add(&headers, name, line.data != NULL ? line : SPAN(""));
    }
    require(headers.prefer_wait_s >= -1);
    read_trace(headers.request_id);
    read_trace(headers.traceparent);
    if (http_accept_prefers_events(&headers.accept))
        require(http_accept_allows_events(&headers.accept));
    const char *origins[] = {"*", NULL};
    http_cors_may_change(origins, &headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    if (size == 0)
        return 0;
    read_key(text);
    read_tags(text);
    read_values(text);
    read_trace(text);
    read_fields(text);
    return 0;
}
