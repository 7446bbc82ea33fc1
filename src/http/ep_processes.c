/* DELETE /processes/<id>, POST /processes/<id>/cancel and /retry. */
#include "http/endpoints.h"
#include "http/http_call.h"

/* The answer to a change of one process, made or refused. */
static void answer_change(struct http_call *call, enum err result, const struct process *process,
                          const char *conflict)
{
    if (result == ERR_OK)
        http_answer_process(call, MHD_HTTP_OK, process, false);
    else if (result == ERR_CONFLICT)
        http_answer_conflict(call, PROBLEM_CONFLICT, conflict, process);
    else if (result == ERR_STALE)
        http_answer_conflict(call, PROBLEM_STALE, NULL, process);
    else
        http_answer_error(call, result);
    http_call_finish(call);
}

static void on_changed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.transition.op);
    answer_change(call, op->result, &call->work.transition.process,
                  call->work.transition.change.event == EVENT_CANCEL
                      ? "The process has ended; there is nothing to cancel."
                      : "Only a process that failed or was canceled can be retried.");
}

static void change(struct http_call *call, enum process_event event)
{
    struct repo_transition *transition = &call->work.transition;
    struct process_id id;
    int64_t if_version;
    if (!http_call_id(call, &id) || !http_call_no_query(call) || !http_call_no_body(call) ||
        !http_call_if_match(call, &if_version))
        return;
    transition->id = id;
    transition->brief = false;
    transition->change = (struct process_change){
        .event = event,
        .if_version = if_version,
        .retry_after_ms = -1,
    };
    process_op_init(&transition->op, on_changed);
    process_manager_change(call->server->manager, transition);
}

void ep_process_cancel(struct http_call *call)
{
    change(call, EVENT_CANCEL);
}

void ep_process_retry(struct http_call *call)
{
    change(call, EVENT_RETRY);
}

static void on_removed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.remove.op);
    answer_change(call, op->result, &call->work.remove.process,
                  "The process has not ended; cancel it first.");
}

void ep_process_remove(struct http_call *call)
{
    struct repo_remove *remove = &call->work.remove;
    struct process_id id;
    int64_t if_version;
    if (!http_call_id(call, &id) || !http_call_no_query(call) ||
        !http_call_if_match(call, &if_version))
        return;
    remove->id = id;
    remove->if_version = if_version;
    process_op_init(&remove->op, on_removed);
    process_manager_remove(call->server->manager, remove);
}
