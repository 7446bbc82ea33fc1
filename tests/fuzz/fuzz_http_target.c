/* Any request target and header values: nothing read outside them, and what comes out lies within.
 */
#include "http/http_cors.h"
#include "http/http_cursor.h"
#include "http/http_guard.h"
#include "http/http_headers.h"
#include "http/http_target.h"
#include "http/many_query.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_within(struct span part, const char *text, size_t len)
{
    require(part.len == 0 || (part.data >= text && part.data + part.len <= text + len));
}

static void parse_target(const char *data, size_t len)
{
    char *raw = malloc(len + 1);
    struct http_target target;
    if (raw == NULL)
        return;
    memcpy(raw, data, len);
    if (http_target_parse(raw, len, "/api", &target) == NULL) {
        for (int i = 0; i < target.segment_count && i < HTTP_SEGMENTS_MAX; i++)
            require_within(target.segments[i], raw, len);
        for (int i = 0; i < target.param_count; i++) {
            require_within(target.params[i].name, raw, len);
            require_within(target.params[i].value, raw, len);
            require(utf8_valid(target.params[i].value));
        }
    }
    free(raw);
}

static void read_values(struct span value)
{
    char key[IDEMPOTENCY_KEY_MAX + 1], allowed[HTTP_CORS_HEADERS_SIZE];
    char cursor_text[HTTP_CURSOR_TEXT_SIZE];
    struct http_cursor cursor;
    int64_t version;
    if (http_idempotency_key(value, key))
        require(strlen(key) >= 1 && strlen(key) <= IDEMPOTENCY_KEY_MAX);
    if (http_if_match_version(value, &version))
        require(version >= 0);
    if (http_cursor_parse(value, &cursor)) {
        http_cursor_format(&cursor, cursor_text);
        require(span_is(value, cursor_text));
    }
    http_etag_matches(value, 7);
    http_is_json(value);
    http_cors_headers(value, allowed);
    require(http_prefer_wait(value) >= -1);
}

/* The ids before a semicolon, then what the client has of each. */
static void read_many(struct span text)
{
    struct many_query query;
    struct span ids;
    span_split(&text, ';', &ids);
    if (many_query_read_ids(ids, &query) != NULL)
        return;
    require(query.count >= 1 && query.count <= MANY_IDS_MAX);
    if (text.data == NULL || many_query_read_versions(text, &query) != NULL)
        return;
    for (size_t i = 0; i < query.count; i++)
        require(query.versions[i] >= 0 || query.versions[i] == MANY_REMOVED);
}

static void see_fields(struct span text)
{
    struct http_guard guard;
    struct http_headers headers;
    struct span line, name;
    http_guard_init(&guard);
    http_headers_init(&headers);
    while (span_split(&text, '\n', &line)) {
        span_split(&line, ':', &name);
        if (line.data == NULL)
            line = SPAN("");
        http_guard_header(&guard, name, line);
        http_headers_add(&headers, name, line);
    }
    if (http_accept_prefers_events(&headers.accept))
        require(http_accept_allows_events(&headers.accept));
    if (http_guard_judge(&guard, "HTTP/1.1").status == 0)
        require(guard.hosts == 1 && guard.lengths + guard.encodings <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    if (size == 0)
        return 0;
    parse_target(text.data, text.len);
    read_values(text);
    read_many(text);
    see_fields(text);
    return 0;
}
