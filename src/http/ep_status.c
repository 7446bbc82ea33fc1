/* GET /status/<id>: the resource. Here are the polls, mostly answered with what this loop knows. */
#include "http/endpoints.h"
#include "http/http_call.h"

static void answer_view(struct http_call *call, struct status_view *view)
{
    status_view_answer(view, call);
    http_call_finish(call);
}

static void on_state(struct status_follower *follower, enum err result, struct status_view *view)
{
    struct http_call *call = container_of(follower, struct http_call, work.follower);
    if (result != ERR_OK) {
        http_fail_error(call, result);
        return;
    }
    http_server_note(call->server, ERR_OK, false);
    answer_view(call, view);
}

static void ask(struct http_call *call, const struct process_id *id)
{
    struct status_follower *follower = &call->work.follower;
    status_follower_init(follower);
    follower->id = *id;
    follower->base = call->target.base;
    follower->on_state = on_state;
    status_cache_ask(call->server->statuses, follower);
}

/* --- past the cache -----------------------------------------------------------------------------
 */

static void answer_unchanged(struct http_call *call, const struct process *process)
{
    struct process_pace pace;
    process_manager_pace(call->server->manager, process, &pace);
    http_answer_empty(call, MHD_HTTP_NOT_MODIFIED);
    http_answer_etag(call, process->version);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    call->retry_after_ms = pace.retry_after_ms > 0 ? pace.retry_after_ms : 0;
    http_answer_retry_after(call);
    http_server_note(call->server, ERR_OK, false);
}

static void on_got(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.get.op);
    struct process_manager *manager = call->server->manager;
    const struct process *process = &call->work.get.process;
    http_server_show(call->server, &call->work.get);
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    if (http_call_has_version(call, process->version) &&
        !process_manager_reason_is_open(manager, process))
        answer_unchanged(call, process);
    else
        http_answer_process(call, MHD_HTTP_OK, process, call->flag);
    http_follow_answer_varies(call);
    http_follow_answer_applied(call);
    http_call_finish(call);
}

void http_status_read(struct http_call *call, const struct process_id *id)
{
    http_call_get(call, id, call->flag, on_got);
}

/* `?fields=+input`; a plus may have been turned into a blank on its way. */
static const char *read_fields(struct http_call *call, struct span value)
{
    call->flag = span_is(value, "+input") || span_is(value, " input");
    return call->flag ? NULL : "must be +input";
}

void ep_status(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"fields", read_fields},
        {"wait", http_follow_read_wait},
        {"after_version", http_follow_read_after_version},
    };
    struct process_id id;
    bool worth = false;
    call->flag = false;
    http_follow_begin(call);
    if (!http_call_id(call, &id) ||
        !http_call_query(call, readers, sizeof(readers) / sizeof(*readers)) || ep_follow(call, &id))
        return;
    struct status_view *view =
        call->flag ? NULL
                   : status_cache_find(call->server->statuses, &id, call->target.base, &worth);
    if (view != NULL)
        answer_view(call, view);
    else if (worth)
        ask(call, &id);
    else
        http_status_read(call, &id);
}
