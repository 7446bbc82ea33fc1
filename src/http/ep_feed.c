/* GET /events: a stream of what happens to all processes, see http_feed.h. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "http/http_feed.h"

#define ALL_STATUSES ((1u << PROCESS_STATUS_COUNT) - 1)

static const char *read_type(struct http_call *call, struct span value)
{
    struct http_feed_filter *filter = call->work.feed_filter;
    if (!process_type_is_valid(value) || !text_copy(filter->type, sizeof(filter->type), value))
        return http_type_expected;
    return NULL;
}

static const char *read_group(struct http_call *call, struct span value)
{
    struct http_feed_filter *filter = call->work.feed_filter;
    if (!process_group_is_valid(value) || !text_copy(filter->group, sizeof(filter->group), value))
        return http_group_expected;
    return NULL;
}

static const char *read_statuses(struct http_call *call, struct span value)
{
    struct http_feed_filter *filter = call->work.feed_filter;
    struct span part;
    filter->statuses = 0;
    while (span_split(&value, ',', &part)) {
        enum process_status status;
        if (!process_status_parse(part, &status))
            return "must be pending, running, completed, failed, canceled, or several of them with "
                   "commas between";
        filter->statuses |= 1u << status;
    }
    return NULL;
}

/* What GET would answer. */
static void answer_head(struct http_call *call)
{
    http_answer_empty(call, MHD_HTTP_OK);
    http_answer_header(call, MHD_HTTP_HEADER_CONTENT_TYPE, HTTP_EVENT_STREAM);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

static bool is_told(struct http_call *call)
{
    return repository_tells(process_manager_repository(call->server->manager));
}

void ep_feed(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"type", read_type}, {"status", read_statuses}, {"group", read_group}};
    struct http_feed_filter filter = {.statuses = ALL_STATUSES};
    call->work.feed_filter = &filter;
    if (!http_call_query(call, readers, sizeof(readers) / sizeof(*readers)))
        return;
    if (!http_accept_allows_events(&call->headers.accept))
        http_fail(call, PROBLEM_NOT_ACCEPTABLE, NULL);
    else if (!is_told(call))
        http_fail(call, PROBLEM_NOT_WATCHING, NULL);
    else if (call->method == METHOD_HEAD)
        answer_head(call);
    else
        http_feed_listen(call->server->feed, call, &filter);
}
