#include "http/many_query.h"

static bool has_id(const struct many_query *query, const struct process_id *id)
{
    for (size_t i = 0; i < query->count; i++) {
        if (process_id_compare(&query->ids[i], id) == 0)
            return true;
    }
    return false;
}

const char *many_query_read_ids(struct span text, struct many_query *query)
{
    struct span part;
    query->count = 0;
    while (span_split(&text, ',', &part)) {
        struct process_id id;
        if (!process_id_parse(part, &id))
            return "must be 1 to 200 ids of processes with commas between; one is no UUID";
        if (query->count >= MANY_IDS_MAX)
            return "must be 1 to 200 ids of processes; these are more";
        if (has_id(query, &id))
            return "must name each process once; one comes twice";
        query->versions[query->count] = 0;
        query->ids[query->count++] = id;
    }
    return NULL;
}

static bool read_version(struct span text, int64_t *ret_version)
{
    *ret_version = MANY_REMOVED;
    return span_is(text, "-") || span_to_int(text, 0, INT64_MAX, ret_version);
}

const char *many_query_read_versions(struct span text, struct many_query *query)
{
    int64_t versions[MANY_IDS_MAX];
    struct span part;
    size_t count = 0;
    while (span_split(&text, ',', &part)) {
        if (count >= query->count)
            return "must be as many versions as there are ids; these are more";
        if (!read_version(part, &versions[count++]))
            return "must be versions (0 or more; - for one that was removed) with commas between";
    }
    if (count < query->count)
        return "must be as many versions as there are ids; these are fewer";
    memcpy(query->versions, versions, count * sizeof(*versions));
    return NULL;
}

void many_version_append(struct text_buffer *out, int64_t version)
{
    if (version == MANY_REMOVED)
        text_append_char(out, '-');
    else
        text_append_int(out, version);
}
