/* Any request target: nothing is read outside it, and what comes out lies within. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    if (size == 0)
        return 0;
    parse_target(text.data, text.len);
    read_many(text);
    return 0;
}
