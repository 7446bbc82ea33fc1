/* GET /status/<id>: the resource. */
#include "http/endpoints.h"
#include "http/http_call.h"

static void on_got(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.get.op);
    const struct process *process = &call->work.get.process;
    if (op->result != ERR_OK) {
        http_answer_error(call, op->result);
    } else if (call->headers.if_none_match.data != NULL &&
               http_etag_matches(call->headers.if_none_match, process->version) &&
               /* why it waits, and behind how many, changes without a new version */
               !process_manager_reason_is_open(call->server->manager, process)) {
        http_answer_empty(call, MHD_HTTP_NOT_MODIFIED);
        http_answer_etag(call, process->version);
        http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    } else {
        http_answer_process(call, MHD_HTTP_OK, process, call->flag);
    }
    http_call_finish(call);
}

/* `?fields=+input`; a plus may have been turned into a blank on its way. */
static const char *read_fields(struct http_call *call, struct span value)
{
    call->flag = span_is(value, "+input") || span_is(value, " input");
    return call->flag ? NULL : "must be +input";
}

void ep_status(struct http_call *call)
{
    static const struct http_param_reader readers[] = {{"fields", read_fields}};
    struct repo_get *get = &call->work.get;
    call->flag = false;
    if (!http_call_id(call, &get->id) || !http_call_query(call, readers, 1))
        return;
    process_op_init(&get->op, on_got);
    get->with_input = call->flag;
    get->watch = get->brief = false;
    process_manager_get(call->server->manager, get);
}
