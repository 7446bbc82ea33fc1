/* GET /groups/<group>: how its members stand, counted from themselves, and a page of them. */
#include "http/endpoints.h"
#include "http/http_call.h"

static int64_t unfinished(const struct repo_group *group)
{
    return group->by_status[PROCESS_PENDING] + group->by_status[PROCESS_RUNNING];
}

/* Tenths of a percent: a member that has ended counts whole, a running one by its own progress.
 * 1000 means that all of it is done, so nothing less is rounded up to it. */
static int tenths_done(const struct repo_group *group)
{
    double ended = (double)(group->total - unfinished(group)) * 100.0;
    double running = (double)group->by_status[PROCESS_RUNNING] * group->running_percent;
    double percent = (ended + running) / (double)group->total;
    int tenths = (int)(percent * 10.0 + 0.5);
    return tenths >= 1000 && percent < 100.0 ? 999 : tenths;
}

static void append_group(const struct http_call *call, struct text_buffer *body)
{
    const struct repo_group *group = &call->work.page.group;
    int tenths = tenths_done(group);
    text_append_literal(body, "\"group\":");
    text_append_json_string(body, group->group);
    text_append_format(
        body, ",\"total\":%lld,\"done\":%s,\"percent\":%d.%d,\"counts\":", (long long)group->total,
        unfinished(group) == 0 ? "true" : "false", tenths / 10, tenths % 10);
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++)
        text_append_format(body, "%s\"%s\":%lld", status == 0 ? "{" : ",",
                           process_status_name((enum process_status)status),
                           (long long)group->by_status[status]);
    text_append_literal(body, "},");
}

static void on_counted(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.page.group.op);
    if (op->result != ERR_OK)
        http_fail_error(call, op->result);
    else if (call->work.page.group.total == 0)
        http_fail(call, PROBLEM_UNKNOWN_GROUP, NULL);
    else
        http_page_answer(call, append_group);
}

void ep_group(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"status", http_page_read_status},
        {"limit", http_page_read_limit},
        {"cursor", http_page_read_cursor},
    };
    struct http_page *page = &call->work.page;
    if (!http_call_group(call, &page->group.group) ||
        !http_page_query(call, readers, sizeof(readers) / sizeof(*readers)))
        return;
    page->list.group = page->group.group;
    process_op_init(&page->group.op, on_counted);
    process_manager_group(call->server->manager, &page->group);
}
