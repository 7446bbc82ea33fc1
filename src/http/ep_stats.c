/* GET /stats: numbers for people. */
#include "http/endpoints.h"
#include "http/ep_ops.h"
#include "http/http_call.h"

#include <string.h>

static void append_count(struct text_buffer *out, const char *key, uint64_t count)
{
    text_append_format(out, ",\"%s\":%llu", key, (unsigned long long)count);
}

static void append_processes(const struct http_call *call, struct text_buffer *out)
{
    const struct repo_counts *counts = &call->work.stats.counts;
    text_append_format(out, "{\"total\":%lld", (long long)counts->total);
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++)
        append_count(out, process_status_name((enum process_status)status),
                     (uint64_t)counts->by_status[status]);
}

static void append_http(const struct http_numbers *numbers, struct text_buffer *out)
{
    const struct http_counters *counters = &numbers->counters;
    text_append_format(out,
                       ",\"http\":{\"connections\":%u,\"in_flight\":%u,\"waiting\":%u,"
                       "\"streams\":%u",
                       numbers->connections, numbers->open_calls, numbers->waiting_calls,
                       numbers->streams);
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

static void append_statuses(const struct status_cache_numbers *numbers, struct text_buffer *out)
{
    text_append_format(out, ",\"status_cache\":{\"entries\":%zu", numbers->entries);
    append_count(out, "bytes", numbers->bytes);
    append_count(out, "hits", numbers->hits);
    append_count(out, "misses", numbers->misses);
    append_count(out, "invalidations", numbers->invalidations);
    append_count(out, "evictions", numbers->evictions);
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

/* Null where there is none, or where it is not known. */
static void append_bytes(struct text_buffer *out, const char *key, bool known, int64_t bytes)
{
    if (known)
        append_count(out, key, (uint64_t)bytes);
    else
        ops_append_text(out, key, NULL);
}

static void append_fullness(const struct repository_fullness *fullness, struct text_buffer *out)
{
    bool disk = fullness->disk_size > 0, limit = fullness->memory_max > 0;
    append_bytes(out, "disk_size_bytes", disk, fullness->disk_size);
    append_bytes(out, "disk_free_bytes", disk, fullness->disk_free);
    append_bytes(out, "redis_memory_used_bytes", fullness->memory_used > 0, fullness->memory_used);
    append_bytes(out, "redis_memory_max_bytes", limit, fullness->memory_max);
    if (disk || limit)
        text_append_format(out, ",\"used_ratio\":%.4f", fullness->used_ratio);
    else
        ops_append_text(out, "used_ratio", NULL);
}

static void append_repository(const struct http_numbers *numbers,
                              const struct repository_fullness *fullness, struct text_buffer *out)
{
    const struct repository_counters *counters = &numbers->storage;
    const struct process_sweep_numbers *swept = &numbers->processes.swept;
    text_append_format(out, ",\"storage\":{\"damaged\":%llu",
                       (unsigned long long)counters->damaged);
    append_count(out, "healed", counters->healed);
    append_count(out, "reconnects", counters->reconnects);
    append_count(out, "timeouts", counters->timeouts);
    append_fullness(fullness, out);
    text_append_format(out, "},\"sweeps\":{\"expired\":%llu", (unsigned long long)swept->expired);
    append_count(out, "lapsed", swept->lapsed);
    append_count(out, "released", swept->released);
    append_count(out, "overdue", swept->overdue);
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

static void append_config(const struct http_options *options, struct text_buffer *out)
{
    text_append_format(out, ",\"config\":{\"generation\":%llu,\"read_at\":",
                       (unsigned long long)options->config_generation);
    http_append_time(out, options->config_read_at);
    append_count(out, "refused", options->reloads != NULL ? options->reloads->refused : 0);
    text_append_char(out, '}');
}

static void on_gathered(struct http_gather *gather, const struct http_gathered *gathered)
{
    struct http_call *call = container_of(gather, struct http_call, work.stats.gather);
    const struct http_server *server = call->server->subject;
    if (gathered == NULL) {
        http_fail(call, PROBLEM_INTERNAL, NULL);
        return;
    }
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    append_processes(call, &body);
    ops_append_storage(call, &body);
    ops_append_text(&body, "instance", server->options->instance);
    append_count(&body, "uptime_seconds",
                 (uint64_t)(loop_now_ms(server->loop) - server->started_ms) / 1000);
    append_http(&gathered->sum, &body);
    append_statuses(&gathered->sum.statuses, &body);
    ops_append_watching(call, &body);
    append_repository(&gathered->sum, &ops_repository(call)->durability.fullness, &body);
    append_audits(process_manager_audits(server->manager), &body);
    append_config(call->server->options, &body);
    append_journal(&ops_repository(call)->durability, &body);
    text_append_char(&body, '}');
    ops_answer_json(call, &body);
}

static void on_counted(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.stats.counts.op);
    if (op->result != ERR_OK) {
        http_fail_error(call, op->result);
        return;
    }
    call->work.stats.gather.done = on_gathered;
    http_gather(call->server->subject, &call->work.stats.gather);
}

void ep_stats(struct http_call *call)
{
    if (!http_call_no_query(call))
        return;
    process_op_init(&call->work.stats.counts.op, on_counted);
    process_manager_counts(call->server->manager, &call->work.stats.counts);
}
