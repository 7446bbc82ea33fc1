/* For operations: /healthz, /readyz, /version, /openapi.json. */
#include "http/ep_ops.h"
#include "http/endpoints.h"
#include "http/http_build.h"
#include "http/http_call.h"
#include "http/http_mhd.h"
#include "http/openapi_json.h"

#include <string.h>

void ops_append_text(struct text_buffer *out, const char *key, const char *text)
{
    text_append_format(out, ",\"%s\":", key);
    if (text != NULL)
        text_append_json_string(out, span_of(text));
    else
        text_append_literal(out, "null");
}

const struct process_repository *ops_repository(const struct http_call *call)
{
    return repository_serving(process_manager_repository(call->server->manager));
}

static const char *writes_name(enum err writes)
{
    if (writes == ERR_OK)
        return "ok";
    return writes == ERR_FULL ? "full" : "unavailable";
}

void ops_append_storage(const struct http_call *call, struct text_buffer *out)
{
    const struct process_repository *repository = ops_repository(call);
    const struct repository_durability *durability = &repository->durability;
    ops_append_text(out, "repository", repository->ops->name);
    text_append_format(out, ",\"durable\":%s",
                       strcmp(durability->mode, "none") != 0 ? "true" : "false");
    ops_append_text(out, "durability", durability->mode);
    ops_append_text(out, "writes", writes_name(process_manager_writes(call->server->manager)));
    const struct process_repository *asked = process_manager_repository(call->server->manager);
    ops_append_text(out, "fallback_reason", asked->fallback_reason);
    ops_append_text(out, "handover", asked->handover);
}

void ops_append_watching(const struct http_call *call, struct text_buffer *out)
{
    ops_append_text(out, "watching", ops_repository(call)->watching);
}

void ops_answer_json(struct http_call *call, struct text_buffer *take_body)
{
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, take_body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

/* take_body: a problem without its end. */
static void answer_problem(struct http_call *call, enum http_problem problem,
                           struct text_buffer *take_body)
{
    http_answer_opened(call, problem, take_body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

/* --- alive, ready -------------------------------------------------------------------------------
 */

static bool a_loop_is_silent(const struct http_server *server)
{
    return server->heartbeats != NULL &&
           heartbeat_silent_loops(server->heartbeats, server->silence_limit_ms) > 0;
}

/* The problem, open. */
static void append_silent_loops(const struct http_server *server, struct text_buffer *out)
{
    bool some = false;
    http_problem_open(out, PROBLEM_LOOP_SILENT, NULL);
    text_append_literal(out, ",\"loops\":[");
    for (int i = 0; i < heartbeat_loops(server->heartbeats); i++) {
        int64_t silent_ms = heartbeat_silent_ms(server->heartbeats, i);
        if (silent_ms < server->silence_limit_ms)
            continue;
        text_append_format(out, "%s{\"loop\":%d,\"silent_ms\":%lld}", some ? "," : "", i,
                           (long long)silent_ms);
        some = true;
    }
    text_append_char(out, ']');
}

/* Asks nothing of the storage: a restart would not mend it. */
void ep_healthz(struct http_call *call)
{
    const struct http_server *server = call->server->subject;
    struct text_buffer body;
    if (!http_call_no_query(call))
        return;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    if (a_loop_is_silent(server)) {
        append_silent_loops(server, &body);
        answer_problem(call, PROBLEM_LOOP_SILENT, &body);
        return;
    }
    text_append_literal(&body, "{\"status\":\"ok\"");
    ops_append_text(&body, "instance", server->options->instance);
    ops_append_text(&body, "version", server->options->version);
    ops_append_storage(call, &body);
    text_append_char(&body, '}');
    ops_answer_json(call, &body);
}

struct http_standing http_server_standing(const struct http_server *server, enum err ping)
{
    return (struct http_standing){
        .stopping = server->leaving,
        .loop_silent = a_loop_is_silent(server),
        .storage_judged_ready = http_readiness_judge(&server->readiness, loop_now_ms(server->loop)),
        .ping = ping,
        .writes = process_manager_writes(server->manager),
        .fell_back = process_manager_repository(server->manager)->fallback_reason != NULL,
    };
}

static void append_standing(const struct http_call *call, const struct http_standing *standing,
                            struct text_buffer *out)
{
    text_append_literal(out, ",\"reasons\":");
    http_standing_reasons(standing, out);
    ops_append_storage(call, out);
}

static void answer_ready(struct http_call *call, const struct http_standing *standing)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"status\":\"%s\"",
                       standing->ping == ERR_OK ? "ready" : "unsteady");
    append_standing(call, standing, &body);
    text_append_char(&body, '}');
    ops_answer_json(call, &body);
}

static void answer_not_ready(struct http_call *call, const struct http_standing *standing)
{
    enum http_problem problem = standing->stopping      ? PROBLEM_STOPPING
                                : standing->loop_silent ? PROBLEM_LOOP_SILENT
                                                        : PROBLEM_UNAVAILABLE;
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    if (problem == PROBLEM_LOOP_SILENT)
        append_silent_loops(call->server->subject, &body);
    else
        http_problem_open(&body, problem, NULL);
    append_standing(call, standing, &body);
    answer_problem(call, problem, &body);
}

static void on_pinged(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.ping.op);
    http_server_note(call->server->subject, op->result, true);
    struct http_standing standing = http_server_standing(call->server->subject, op->result);
    if (http_standing_is_ready(&standing))
        answer_ready(call, &standing);
    else
        answer_not_ready(call, &standing);
}

void ep_readyz(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.ping.op, on_pinged);
    process_manager_ping(call->server->manager, &call->work.ping);
}

/* --- what this is ----------------------------------------------------------------------------- */

void ep_version(struct http_call *call)
{
    struct text_buffer body;
    if (!http_call_no_query(call))
        return;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"name\":\"proctrackd\"");
    ops_append_text(&body, "version", call->server->options->version);
    ops_append_watching(call, &body);
    text_append_format(&body, ",\"libraries\":{\"libmicrohttpd\":\"%s\"", http_mhd_version());
    ops_append_text(&body, "hiredis", HTTP_BUILD_HIREDIS);
    ops_append_text(&body, "jansson", HTTP_BUILD_JANSSON);
    ops_append_text(&body, "libuv", HTTP_BUILD_LIBUV);
    ops_append_text(&body, "uuid", HTTP_BUILD_UUID);
    text_append_literal(&body, "}}");
    ops_answer_json(call, &body);
}

void ep_openapi(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    http_answer_constant(call, MHD_HTTP_OK, HTTP_JSON,
                         (struct span){openapi_json, openapi_json_len});
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    http_call_finish(call);
}
