/* For operations: /healthz, /readyz, /stats, /version, /openapi.json. */
#include "http/endpoints.h"
#include "http/http_build.h"
#include "http/http_call.h"
#include "http/http_mhd.h"
#include "http/openapi_json.h"

#include <string.h>

static void append_text(struct text_buffer *out, const char *key, const char *text)
{
    text_append_format(out, ",\"%s\":", key);
    if (text != NULL)
        text_append_json_string(out, span_of(text));
    else
        text_append_literal(out, "null");
}

static void append_count(struct text_buffer *out, const char *key, uint64_t count)
{
    text_append_format(out, ",\"%s\":%llu", key, (unsigned long long)count);
}

static const struct process_repository *repository_of(const struct http_call *call)
{
    return repository_serving(process_manager_repository(call->server->manager));
}

static const char *writes_name(enum err writes)
{
    if (writes == ERR_OK)
        return "ok";
    return writes == ERR_FULL ? "full" : "unavailable";
}

/* Where processes are kept, how well, and whether that is what was asked for. */
static void append_storage(const struct http_call *call, struct text_buffer *out)
{
    const struct process_repository *repository = repository_of(call);
    const struct repository_durability *durability = &repository->durability;
    append_text(out, "repository", repository->ops->name);
    text_append_format(out, ",\"durable\":%s",
                       strcmp(durability->mode, "none") != 0 ? "true" : "false");
    append_text(out, "durability", durability->mode);
    append_text(out, "writes", writes_name(durability->writes));
    const struct process_repository *asked = process_manager_repository(call->server->manager);
    append_text(out, "fallback_reason", asked->fallback_reason);
    append_text(out, "handover", asked->handover);
}

static void append_watching(const struct http_call *call, struct text_buffer *out)
{
    append_text(out, "watching", repository_of(call)->watching);
}

static void answer_json(struct http_call *call, struct text_buffer *take_body)
{
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, take_body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

/* --- alive, ready -------------------------------------------------------------------------------
 */

/* Asks nothing of the storage: a restart would not mend it. */
void ep_healthz(struct http_call *call)
{
    struct text_buffer body;
    if (!http_call_no_query(call))
        return;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"status\":\"ok\"");
    append_text(&body, "instance", call->server->options->instance);
    append_text(&body, "version", call->server->options->version);
    append_storage(call, &body);
    text_append_char(&body, '}');
    answer_json(call, &body);
}

static void answer_ready(struct http_call *call, enum err ping)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"status\":\"%s\"", ping == ERR_OK ? "ready" : "unsteady");
    append_storage(call, &body);
    text_append_char(&body, '}');
    answer_json(call, &body);
}

static void answer_not_ready(struct http_call *call, enum err ping)
{
    bool stopping = call->server->subject->leaving;
    enum http_problem problem = stopping ? PROBLEM_STOPPING : PROBLEM_UNAVAILABLE;
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    http_problem_open(&body, problem, NULL);
    text_append_literal(&body, ",\"reasons\":[");
    text_append_json_string(&body, span_of(stopping ? "stopping" : err_text(ping)));
    text_append_char(&body, ']');
    append_storage(call, &body);
    text_append_char(&body, '}');
    http_answer(call, http_problem_status(problem), HTTP_PROBLEM, &body);
    http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    http_call_finish(call);
}

static void on_pinged(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.ping.op);
    struct http_server *server = call->server->subject;
    http_server_note(server, op->result, true);
    if (!server->leaving && http_readiness_judge(&server->readiness, loop_now_ms(server->loop)))
        answer_ready(call, op->result);
    else
        answer_not_ready(call, op->result);
}

void ep_readyz(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.ping.op, on_pinged);
    process_manager_ping(call->server->manager, &call->work.ping);
}

/* --- numbers -------------------------------------------------------------------------------------
 */

static void append_processes(const struct http_call *call, struct text_buffer *out)
{
    const struct repo_counts *counts = &call->work.counts;
    text_append_format(out, "{\"total\":%lld", (long long)counts->total);
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++)
        append_count(out, process_status_name((enum process_status)status),
                     (uint64_t)counts->by_status[status]);
}

static void append_http(const struct http_server *server, struct text_buffer *out)
{
    const struct http_counters *counters = &server->counters;
    text_append_format(out,
                       ",\"http\":{\"connections\":%u,\"in_flight\":%u,\"waiting\":%u,"
                       "\"streams\":%u",
                       server->connections, server->open_calls, server->waiting_calls,
                       server->streams.count);
    append_count(out, "requests", counters->requests);
    append_count(out, "unreadable", counters->unreadable);
    append_count(out, "refused", counters->refused);
    append_count(out, "shed", counters->shed);
    for (int class = 2; class <= 5; class ++) {
        char key[] = "0xx";
        key[0] = (char)('0' + class);
        append_count(out, key, counters->answers[class]);
    }
    text_append_char(out, '}');
}

static void append_statuses(const struct http_server *server, struct text_buffer *out)
{
    struct status_cache_numbers numbers = status_cache_numbers(server->statuses);
    text_append_format(out, ",\"status_cache\":{\"entries\":%zu", numbers.entries);
    append_count(out, "bytes", numbers.bytes);
    append_count(out, "hits", numbers.hits);
    append_count(out, "misses", numbers.misses);
    append_count(out, "invalidations", numbers.invalidations);
    append_count(out, "evictions", numbers.evictions);
    text_append_char(out, '}');
}

/* Null where the store keeps no journal of ours. */
static void append_journal(const struct repository_durability *durability, struct text_buffer *out)
{
    text_append_literal(out, ",\"journal\":");
    if (strcmp(durability->mode, "none") == 0 || strcmp(durability->mode, "redis") == 0) {
        text_append_literal(out, "null");
        return;
    }
    text_append_format(out, "{\"bytes\":%lld,\"snapshot_bytes\":%lld,\"snapshot_at\":",
                       (long long)durability->journal_bytes, (long long)durability->snapshot_bytes);
    http_append_time(out, durability->snapshot_at);
    append_count(out, "failures", durability->failures);
    text_append_char(out, '}');
}

static void append_repository(const struct http_server *server, struct text_buffer *out)
{
    const struct repository_counters *counters =
        &repository_serving(process_manager_repository(server->manager))->counters;
    struct process_manager_totals totals = process_manager_totals(server->manager);
    text_append_format(out, ",\"storage\":{\"damaged\":%llu",
                       (unsigned long long)counters->damaged);
    append_count(out, "healed", counters->healed);
    append_count(out, "reconnects", counters->reconnects);
    append_count(out, "timeouts", counters->timeouts);
    text_append_format(out, "},\"sweeps\":{\"expired\":%llu", (unsigned long long)totals.expired);
    append_count(out, "lapsed", totals.lapsed);
    append_count(out, "released", totals.released);
    append_count(out, "overdue", totals.overdue);
    text_append_char(out, '}');
}

/* Of all threads together. */
static void append_audits(const struct process_audits *audits, struct text_buffer *out)
{
    text_append_format(out, ",\"audit\":{\"walks\":%llu", (unsigned long long)audits->walks);
    append_count(out, "examined", audits->examined);
    text_append_literal(out, ",\"found\":{");
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        text_append_format(out, "%s\"%s\":%llu", i > 0 ? "," : "",
                           process_audit_finding_name((enum repo_audit_finding)i),
                           (unsigned long long)audits->found[i]);
    text_append_char(out, '}');
    append_count(out, "mended", audits->mended);
    text_append_literal(out, ",\"walked_at\":");
    http_append_time(out, audits->walked_at);
    text_append_char(out, '}');
}

static void on_counted(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.counts.op);
    struct http_server *server = call->server->subject;
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_processes(call, &body);
    append_storage(call, &body);
    append_text(&body, "instance", server->options->instance);
    append_count(&body, "uptime_seconds",
                 (uint64_t)(loop_now_ms(server->loop) - server->started_ms) / 1000);
    append_http(server, &body);
    append_statuses(server, &body);
    append_watching(call, &body);
    append_repository(server, &body);
    append_audits(process_manager_audits(server->manager), &body);
    append_journal(&repository_of(call)->durability, &body);
    text_append_char(&body, '}');
    answer_json(call, &body);
}

void ep_stats(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.counts.op, on_counted);
    process_manager_counts(call->server->manager, &call->work.counts);
}

/* --- what this is ----------------------------------------------------------------------------- */

void ep_version(struct http_call *call)
{
    struct text_buffer body;
    if (!http_call_no_query(call))
        return;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"name\":\"proctrackd\"");
    append_text(&body, "version", call->server->options->version);
    append_watching(call, &body);
    text_append_format(&body, ",\"libraries\":{\"libmicrohttpd\":\"%s\"", http_mhd_version());
    append_text(&body, "hiredis", HTTP_BUILD_HIREDIS);
    append_text(&body, "jansson", HTTP_BUILD_JANSSON);
    append_text(&body, "libuv", HTTP_BUILD_LIBUV);
    append_text(&body, "uuid", HTTP_BUILD_UUID);
    text_append_literal(&body, "}}");
    answer_json(call, &body);
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
