/* GET /result/<id>: the bare result. */
#include "http/endpoints.h"
#include "http/http_call.h"

static void answer_result(struct http_call *call, const struct process *process)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    if (process->result.data != NULL)
        text_append_span(&body, process->result);
    else
        text_append_literal(&body, "null");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_etag(call, process->version);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
}

static void answer_completed(struct http_call *call, const struct process *process)
{
    if (!http_call_has_version(call, process->version)) {
        answer_result(call, process);
        return;
    }
    http_answer_empty(call, MHD_HTTP_NOT_MODIFIED);
    http_answer_etag(call, process->version);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
}

static void answer(struct http_call *call, const struct process *process)
{
    switch (process->status) {
    case PROCESS_PENDING:
    case PROCESS_RUNNING:
        http_answer_process(call, MHD_HTTP_ACCEPTED, process, false);
        http_answer_location(call, &process->id);
        break;
    case PROCESS_COMPLETED:
        answer_completed(call, process);
        break;
    case PROCESS_FAILED:
        http_answer_conflict(call, PROBLEM_UNSUCCESSFUL,
                             "The process failed: process.error says why.", process);
        break;
    case PROCESS_CANCELED:
        http_answer_conflict(call, PROBLEM_UNSUCCESSFUL, "The process was canceled.", process);
        break;
    }
}

static void on_got(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.get.op);
    http_server_show(call->server, &call->work.get);
    if (op->result == ERR_OK) {
        answer(call, &call->work.get.process);
    } else {
        http_answer_error(call, op->result);
    }
    http_call_finish(call);
}

void ep_result(struct http_call *call)
{
    struct process_id id;
    if (http_call_id(call, &id) && http_call_no_query(call))
        http_call_get(call, &id, false, on_got);
}
