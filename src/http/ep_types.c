/* GET /types, POST /types/<type>/pause and /resume. */
#include "http/endpoints.h"
#include "http/http_call.h"

/* How many processes of this type the analyzers of this instance run at once. */
static int analyzer_slots(const struct http_options *options, const char *type)
{
    for (size_t i = 0; options->known_type_slots != NULL && i < options->known_type_count; i++) {
        if (span_is(options->known_types[i], type))
            return options->known_type_slots[i];
    }
    return 0;
}

static void append_age(struct text_buffer *body, int64_t since, int64_t now)
{
    if (since == TIME_NONE)
        text_append_literal(body, "null");
    else
        text_append_int(body, now > since ? (now - since) / 1000 : 0);
}

static void append_type(const struct http_call *call, const struct repo_type *type,
                        struct text_buffer *body)
{
    text_append_literal(body, "{\"type\":");
    text_append_json_string(body, span_of(type->type));
    text_append_format(body,
                       ",\"waiting\":%lld,\"oldest_waiting_seconds\":", (long long)type->waiting);
    append_age(body, type->waiting_since, call->work.types.now);
    text_append_format(body,
                       ",\"running\":%lld,\"paused\":%s,\"workers\":%lld,\"last_claimed_at\":",
                       (long long)type->state.running, type->state.paused ? "true" : "false",
                       (long long)type->workers);
    http_append_time(body, type->state.last_claimed_at);
    text_append_format(body, ",\"analyzers\":%d}",
                       analyzer_slots(call->server->options, type->type));
}

static void on_listed(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.types.op);
    const struct repo_types *types = &call->work.types;
    struct text_buffer body;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"types\":[");
    for (size_t i = 0; i < types->count; i++) {
        if (i > 0)
            text_append_char(&body, ',');
        append_type(call, &types->types[i], &body);
    }
    text_append_format(&body, "],\"truncated\":%s}", types->more ? "true" : "false");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_call_finish(call);
}

void ep_types(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.types.op, on_listed);
    process_manager_types(call->server->manager, &call->work.types);
}

/* --- pause and resume ------------------------------------------------------------------------- */

static void on_paused(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.pause.op);
    const struct repo_pause *pause = &call->work.pause;
    struct text_buffer body;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"type\":");
    text_append_json_string(&body, pause->type);
    text_append_format(&body, ",\"paused\":%s}", pause->paused ? "true" : "false");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_call_finish(call);
}

static void set_paused(struct http_call *call, bool paused)
{
    struct repo_pause *pause = &call->work.pause;
    if (!http_call_type(call, &pause->type) || !http_call_no_query(call) ||
        !http_call_no_body(call))
        return;
    pause->paused = paused;
    process_op_init(&pause->op, on_paused);
    process_manager_pause(call->server->manager, pause);
}

void ep_type_pause(struct http_call *call)
{
    set_paused(call, true);
}

void ep_type_resume(struct http_call *call)
{
    set_paused(call, false);
}
