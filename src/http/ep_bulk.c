/* Many at once: POST /processes/cancel and /retry, POST /groups/<group>/cancel and /retry. */
#include "http/endpoints.h"
#include "http/http_call.h"

#define CANCELABLE (1u << PROCESS_PENDING | 1u << PROCESS_RUNNING)
#define RETRIABLE  (1u << PROCESS_FAILED | 1u << PROCESS_CANCELED)

static const char *read_statuses(struct span list, unsigned legal, const char *expected,
                                 unsigned *ret_statuses)
{
    struct span name;
    unsigned statuses = 0;
    while (span_split(&list, ',', &name)) {
        enum process_status status;
        if (!process_status_parse(name, &status) || (legal & 1u << status) == 0)
            return expected;
        statuses |= 1u << status;
    }
    *ret_statuses = statuses;
    return NULL;
}

static const char *read_cancelable(struct http_call *call, struct span value)
{
    return read_statuses(value, CANCELABLE,
                         "must be a list with commas, out of pending, running: what has ended "
                         "cannot be canceled",
                         &call->work.bulk.statuses);
}

static const char *read_retriable(struct http_call *call, struct span value)
{
    return read_statuses(value, RETRIABLE,
                         "must be a list with commas, out of failed, canceled: nothing else can be "
                         "retried",
                         &call->work.bulk.statuses);
}

static const char *read_type(struct http_call *call, struct span value)
{
    call->work.bulk.type = value;
    return process_type_is_valid(value) ? NULL : http_type_expected;
}

static const char *read_group(struct http_call *call, struct span value)
{
    call->work.bulk.group = value;
    return process_group_is_valid(value) ? NULL : http_group_expected;
}

/* Each keeps the store busy for up to BULK_BUDGET_MS. Others are told to come back: their clients
 * might give up long before their turn. */
#define OPEN_BULKS_MAX 2

static void on_changed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.bulk.op);
    const struct process_bulk *bulk = &call->work.bulk;
    struct text_buffer body;
    call->server->open_bulks--;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"%s\":%lld,\"complete\":%s}",
                       bulk->event == EVENT_CANCEL ? "canceled" : "retried",
                       (long long)bulk->changed, bulk->complete ? "true" : "false");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_call_finish(call);
}

static void change_all(struct http_call *call, enum process_event event)
{
    struct process_bulk *bulk = &call->work.bulk;
    if (call->server->open_bulks >= OPEN_BULKS_MAX) {
        http_fail(call, PROBLEM_OVERLOADED,
                  "As many bulk changes as may run at a time are under way; repeat the request "
                  "after a moment.");
        return;
    }
    call->server->open_bulks++;
    bulk->event = event;
    process_op_init(&bulk->op, on_changed);
    process_manager_bulk(call->server->manager, bulk);
}

/* --- by a filter ------------------------------------------------------------------------------ */

static void change_found(struct http_call *call, enum process_event event,
                         const struct http_param_reader *readers, size_t count)
{
    struct process_bulk *bulk = &call->work.bulk;
    bulk->statuses = 0;
    bulk->type = bulk->group = SPAN_NONE;
    if (!http_call_query(call, readers, count) || !http_call_no_body(call))
        return;
    if (bulk->statuses != 0)
        change_all(call, event);
    else
        http_fail_param(call, "status", "is required: it says which of the processes are meant");
}

void ep_bulk_cancel(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"status", read_cancelable}, {"type", read_type}, {"group", read_group}};
    change_found(call, EVENT_CANCEL, readers, sizeof(readers) / sizeof(*readers));
}

void ep_bulk_retry(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"status", read_retriable}, {"type", read_type}, {"group", read_group}};
    change_found(call, EVENT_RETRY, readers, sizeof(readers) / sizeof(*readers));
}

/* --- a group ---------------------------------------------------------------------------------- */

static void change_group(struct http_call *call, enum process_event event, unsigned statuses)
{
    struct process_bulk *bulk = &call->work.bulk;
    if (!http_call_group(call, &bulk->group) || !http_call_no_query(call) ||
        !http_call_no_body(call))
        return;
    bulk->statuses = statuses;
    bulk->type = SPAN_NONE;
    change_all(call, event);
}

void ep_group_cancel(struct http_call *call)
{
    change_group(call, EVENT_CANCEL, CANCELABLE);
}

void ep_group_retry(struct http_call *call)
{
    change_group(call, EVENT_RETRY, RETRIABLE);
}
