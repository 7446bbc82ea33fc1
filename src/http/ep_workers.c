/* GET /workers: who looks for work or holds some. */
#include "http/endpoints.h"
#include "http/http_call.h"

static void append_held(const struct repo_worker *worker, struct text_buffer *body)
{
    int64_t listed =
        worker->held < REPO_WORKER_HELD_MAX ? worker->held : (int64_t)REPO_WORKER_HELD_MAX;
    for (int64_t i = 0; i < listed; i++) {
        char id[PROCESS_ID_TEXT_SIZE];
        process_id_format(&worker->processes[i].id, id);
        text_append_format(body, "%s{\"process_id\":\"%s\",\"claimed_at\":", i > 0 ? "," : "", id);
        http_append_time(body, worker->processes[i].claimed_at);
        text_append_char(body, '}');
    }
}

static void append_worker(const struct repo_worker *worker, struct text_buffer *body)
{
    text_append_literal(body, "{\"worker\":");
    text_append_json_string(body, span_of(worker->worker));
    text_append_literal(body, ",\"last_seen_at\":");
    http_append_time(body, worker->last_seen_at);
    text_append_format(body, ",\"held\":%lld,\"processes\":[", (long long)worker->held);
    append_held(worker, body);
    text_append_literal(body, "]}");
}

static void on_listed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.workers.op);
    const struct repo_workers *workers = &call->work.workers;
    struct text_buffer body;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"workers\":[");
    for (size_t i = 0; i < workers->count; i++) {
        if (i > 0)
            text_append_char(&body, ',');
        append_worker(&workers->workers[i], &body);
    }
    text_append_format(&body, "],\"truncated\":%s}", workers->more ? "true" : "false");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_call_finish(call);
}

void ep_workers(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.workers.op, on_listed);
    process_manager_workers(call->server->manager, &call->work.workers);
}
