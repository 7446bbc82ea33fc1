/* POST /admin/snapshot: for operators. */
#include "http/endpoints.h"
#include "http/http_admin.h"
#include "http/http_call.h"

static void answer(struct http_call *call)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"bytes\":%lld}", (long long)call->work.snapshot.bytes);
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void on_written(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.snapshot.op);
    if (op->result == ERR_OK)
        answer(call);
    else if (op->result == ERR_CONFLICT)
        http_answer_problem(call, PROBLEM_SNAPSHOT_UNDER_WAY, NULL);
    else if (op->result == ERR_UNSUPPORTED)
        http_answer_problem(call, PROBLEM_UNSUPPORTED,
                            "Only the memory repository with a DATA_DIR writes snapshots here; "
                            "Redis has BGSAVE.");
    else
        http_answer_error(call, op->result);
    http_call_finish(call);
}

void ep_admin_snapshot(struct http_call *call)
{
    if (!http_admin_allowed(call) || !http_call_no_query(call) || !http_call_no_body(call))
        return;
    process_op_init(&call->work.snapshot.op, on_written);
    process_manager_snapshot(call->server->manager, &call->work.snapshot);
}
