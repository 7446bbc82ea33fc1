/* GET /processes/<id>/events: the timeline. */
#include "http/endpoints.h"
#include "http/http_call.h"

static void append_timeline(const struct repo_events *events, struct text_buffer *body)
{
    const struct process *process = &events->process;
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&process->id, id);
    text_append_format(body, "{\"process_id\":\"%s\",\"events\":[", id);
    process_timeline_append_created(body, process);
    for (size_t i = 0; i < events->count; i++) {
        text_append_char(body, ',');
        text_append_span(body, events->events[i]);
    }
    text_append_literal(body, "],\"dropped\":");
    text_append_int(body, process->events - (int64_t)events->count);
    text_append_char(body, '}');
}

static void on_got(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.events.op);
    struct text_buffer body;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    change_stamps_show(process_manager_stamps(call->server->manager),
                       process_id_key(&call->work.events.id),
                       (uint64_t)call->work.events.process.version);
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_timeline(&call->work.events, &body);
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_call_finish(call);
}

void ep_process_events(struct http_call *call)
{
    struct repo_events *events = &call->work.events;
    if (!http_call_id(call, &events->id) || !http_call_no_query(call))
        return;
    process_op_init(&events->op, on_got);
    process_manager_events(call->server->manager, events);
}
