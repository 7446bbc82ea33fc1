/* DELETE /cleanup: removes finished processes by the time they finished. */
#include "http/endpoints.h"
#include "http/http_call.h"

#include <stdlib.h>

#define HOUR_MS        INT64_C(3600000)
#define HOURS_DEFAULT  24
#define HOURS_MAX      87840.0 /* ten years, as the longest retention */
#define STATUSES_FINAL (1u << PROCESS_COMPLETED | 1u << PROCESS_FAILED | 1u << PROCESS_CANCELED)

_Static_assert(PROCESS_RETENTION_MAX_S == 87840 * 3600, "as told in read_hours()");

static bool is_decimal(struct span text)
{
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9')
            digits++;
        else if (text.data[i] == '.')
            points++;
        else
            return false;
    }
    return digits > 0 && points <= 1;
}

static const char *read_hours(struct http_call *call, struct span value)
{
    static const char expected[] =
        "must be a decimal number of hours from 0 to 87840 (ten years), such as 24 or 0.5";
    char text[32];
    if (!is_decimal(value) || !text_copy(text, sizeof(text), value))
        return expected;
    double hours = strtod(text, NULL);
    if (hours > HOURS_MAX)
        return expected;
    call->work.cleanup.older_than_ms = (int64_t)(hours * (double)HOUR_MS);
    return NULL;
}

static const char *read_statuses(struct http_call *call, struct span value)
{
    struct span name;
    unsigned statuses = 0;
    while (span_split(&value, ',', &name)) {
        enum process_status status;
        if (!process_status_parse(name, &status))
            return "must be a list with commas, out of completed, failed, canceled";
        if (!process_status_is_final(status))
            return "a process that is pending or running is never cleaned up: cancel it first";
        statuses |= 1u << status;
    }
    call->work.cleanup.statuses = statuses;
    return NULL;
}

static const char *read_type(struct http_call *call, struct span value)
{
    call->work.cleanup.type = value;
    return process_type_is_valid(value) ? NULL : http_type_expected;
}

static const char *read_dry_run(struct http_call *call, struct span value)
{
    call->work.cleanup.dry_run = span_is(value, "true");
    return call->work.cleanup.dry_run || span_is(value, "false") ? NULL : "must be true or false";
}

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

static void answer(struct http_call *call)
{
    const struct process_cleanup *cleanup = &call->work.cleanup;
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(
        &body,
        "{\"cleaned\":%lld,\"by_status\":{\"completed\":%lld,\"failed\":%lld,\"canceled\":%lld},"
        "\"remaining\":%lld,\"dry_run\":%s,\"complete\":%s}",
        (long long)cleanup->total_cleaned, (long long)cleanup->cleaned[PROCESS_COMPLETED],
        (long long)cleanup->cleaned[PROCESS_FAILED], (long long)cleanup->cleaned[PROCESS_CANCELED],
        (long long)cleanup->remaining, json_bool(cleanup->dry_run), json_bool(cleanup->complete));
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
}

static void on_cleaned(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.cleanup.op);
    if (op->result == ERR_OK)
        answer(call);
    else
        http_answer_error(call, op->result);
    http_call_finish(call);
}

void ep_cleanup(struct http_call *call)
{
    static const struct http_param_reader readers[] = {
        {"older_than_hours", read_hours},
        {"status", read_statuses},
        {"type", read_type},
        {"dry_run", read_dry_run},
    };
    struct process_cleanup *cleanup = &call->work.cleanup;
    cleanup->older_than_ms = HOURS_DEFAULT * HOUR_MS;
    cleanup->statuses = STATUSES_FINAL;
    cleanup->type = SPAN_NONE;
    cleanup->dry_run = false;
    if (!http_call_query(call, readers, sizeof(readers) / sizeof(*readers)))
        return;
    process_op_init(&cleanup->op, on_cleaned);
    process_manager_cleanup(call->server->manager, cleanup);
}
