/* GET /processes: a page, newest first. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "proctrack/clock.h"

static const char *read_type(struct http_call *call, struct span value)
{
    call->work.page.list.type = value;
    return process_type_is_valid(value) ? NULL : http_type_expected;
}

static const char *read_group(struct http_call *call, struct span value)
{
    call->work.page.list.group = value;
    return process_group_is_valid(value) ? NULL : http_group_expected;
}

static const char *read_time(struct span value, int64_t *ret_time)
{
    return time_parse(value, ret_time) ? NULL
                                       : "must be an RFC 3339 time such as 2025-11-08T10:00:00Z";
}

static const char *read_after(struct http_call *call, struct span value)
{
    return read_time(value, &call->work.page.list.created_after);
}

static const char *read_before(struct http_call *call, struct span value)
{
    return read_time(value, &call->work.page.list.created_before);
}

static const struct http_param_reader readers[] = {
    {"status", http_page_read_status},
    {"type", read_type},
    {"group", read_group},
    {"created_after", read_after},
    {"created_before", read_before},
    {"limit", http_page_read_limit},
    {"cursor", http_page_read_cursor},
};

static void append_nothing(const struct http_call *call, struct text_buffer *body)
{
    (void)call, (void)body; /* the page is all there is */
}

void ep_process_list(struct http_call *call)
{
    if (http_page_query(call, readers, sizeof(readers) / sizeof(*readers)))
        http_page_answer(call, append_nothing);
}
