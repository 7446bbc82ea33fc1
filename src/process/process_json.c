/* The process resource as JSON: this is the one place that writes it. It is most of the work of a
 * poll, so the pieces are inline and their lengths constants. */
#include "proctrack/process.h"

#include <string.h>

#define USUAL_SIZE 1500 /* bytes, without result and metadata */

static inline void append_json(struct text_buffer *out, struct span key, struct span json)
{
    text_append_span(out, key);
    if (json.data != NULL)
        text_append_span(out, json);
    else
        text_append_literal(out, "null");
}

static inline void append_string(struct text_buffer *out, struct span key, struct span text)
{
    text_append_span(out, key);
    if (text.data != NULL)
        text_append_json_string(out, text);
    else
        text_append_literal(out, "null");
}

static inline void append_int(struct text_buffer *out, struct span key, int64_t value)
{
    text_append_span(out, key);
    text_append_int(out, value);
}

static inline void append_time(struct text_buffer *out, struct span key, int64_t time)
{
    text_append_span(out, key);
    if (time == TIME_NONE) {
        text_append_literal(out, "null");
        return;
    }
    char text[TIME_TEXT_SIZE];
    time_format(time, text);
    text_append_char(out, '"');
    text_append(out, text, TIME_TEXT_SIZE - 1);
    text_append_char(out, '"');
}

static inline void append_link(struct text_buffer *out, struct span key, const char *base_path,
                               const char *before, const char *id, const char *after)
{
    text_append_span(out, key);
    text_append_str(out, base_path);
    text_append_str(out, before);
    text_append(out, id, PROCESS_ID_TEXT_SIZE - 1);
    text_append_str(out, after);
    text_append_char(out, '"');
}

static void append_links(struct text_buffer *out, const char *id, const char *base_path)
{
    append_link(out, SPAN(",\"links\":{\"self\":\""), base_path, "/status/", id, "");
    append_link(out, SPAN(",\"result\":\""), base_path, "/result/", id, "");
    append_link(out, SPAN(",\"cancel\":\""), base_path, "/processes/", id, "/cancel");
    text_append_char(out, '}');
}

static void append_lease(struct text_buffer *out, const struct process *process)
{
    append_string(out, SPAN(",\"lease_token\":"), process->lease_token);
    append_time(out, SPAN(",\"lease_until\":"), process->lease_until);
    if (process->timeout_ms > 0)
        append_int(out, SPAN(",\"timeout_seconds\":"), process->timeout_ms / 1000);
    else
        text_append_literal(out, ",\"timeout_seconds\":null");
}

/* When to ask again, and when it should be done. */
static void append_pace(struct text_buffer *out, const struct process_view *view)
{
    if (view->retry_after_ms > 0)
        append_int(out, SPAN(",\"retry_after_ms\":"), view->retry_after_ms);
    else
        text_append_literal(out, ",\"retry_after_ms\":null");
    if (view->eta_p50 == TIME_NONE) {
        text_append_literal(out, ",\"eta\":null");
        return;
    }
    append_time(out, SPAN(",\"eta\":{\"p50\":"), view->eta_p50);
    append_time(out, SPAN(",\"p90\":"), view->eta_p90);
    text_append_char(out, '}');
}

/* What process_json_append() writes in front: a type holds nothing that is escaped. */
size_t process_json_reason_offset(const struct process *process)
{
    size_t done = process_status_is_final(process->status) ? strlen("true") : strlen("false");
    return strlen("{\"process_id\":\"\",\"type\":\"\",\"status\":\"\",\"done\":,\"reason\":") +
           PROCESS_ID_TEXT_SIZE - 1 + process->type.len +
           strlen(process_status_name(process->status)) + done;
}

void process_json_append(struct text_buffer *out, const struct process *process,
                         const struct process_view *view)
{
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&process->id, id);
    text_buffer_reserve(out, USUAL_SIZE + process->result.len + process->metadata.len);
    text_append_literal(out, "{\"process_id\":\"");
    text_append(out, id, sizeof(id) - 1);
    append_string(out, SPAN("\",\"type\":"), process->type);
    append_string(out, SPAN(",\"status\":"), span_of(process_status_name(process->status)));
    text_append_str(out, process_status_is_final(process->status) ? ",\"done\":true"
                                                                  : ",\"done\":false");
    append_string(out, SPAN(",\"reason\":"), span_of(view->reason));
    if (view->queue_position > 0)
        append_int(out, SPAN(",\"queue_position\":"), view->queue_position);
    else
        text_append_literal(out, ",\"queue_position\":null");
    append_pace(out, view);
    append_json(out, SPAN(",\"progress\":"), process->progress);
    append_json(out, SPAN(",\"result\":"), process->result);
    append_json(out, SPAN(",\"error\":"), process->error);
    append_json(out, SPAN(",\"usage\":"), process->usage);
    append_json(out, SPAN(",\"metadata\":"), process->metadata);
    append_string(out, SPAN(",\"group\":"), process->group);
    append_int(out, SPAN(",\"priority\":"), process->priority);
    append_int(out, SPAN(",\"attempt\":"), process->attempt);
    append_int(out, SPAN(",\"max_attempts\":"), process->max_attempts);
    append_int(out, SPAN(",\"version\":"), process->version);
    append_string(out, SPAN(",\"worker\":"), process->worker);
    append_string(out, SPAN(",\"traceparent\":"), process->traceparent);
    append_time(out, SPAN(",\"created_at\":"), process->created_at);
    append_time(out, SPAN(",\"run_at\":"), process->run_at);
    append_time(out, SPAN(",\"started_at\":"), process->started_at);
    append_time(out, SPAN(",\"updated_at\":"), process->updated_at);
    append_time(out, SPAN(",\"completed_at\":"), process->completed_at);
    append_time(out, SPAN(",\"expires_at\":"), process->expires_at);
    append_time(out, SPAN(",\"deadline\":"), process->deadline);
    if (view->for_worker)
        append_lease(out, process);
    if (view->with_input)
        append_json(out, SPAN(",\"input\":"), process->input);
    append_links(out, id, view->base_path);
    text_append_char(out, '}');
}

static void append_hundredths(struct text_buffer *out, double value)
{
    int hundredths = (int)(value * 100 + 0.5);
    text_append_int(out, hundredths / 100);
    if (hundredths % 100 == 0)
        return;
    text_append_char(out, '.');
    text_append_char(out, (char)('0' + hundredths % 100 / 10));
    if (hundredths % 10 != 0)
        text_append_char(out, (char)('0' + hundredths % 10));
}

static void append_count(struct text_buffer *out, struct span key, bool has, int64_t count)
{
    text_append_span(out, key);
    if (has)
        text_append_int(out, count);
    else
        text_append_literal(out, "null");
}

void process_progress_append(struct text_buffer *out, const struct process_progress *progress)
{
    text_append_literal(out, "{\"percent\":");
    if (progress->has_percent)
        append_hundredths(out, progress->percent);
    else
        text_append_literal(out, "null");
    append_string(out, SPAN(",\"message\":"), progress->message);
    append_count(out, SPAN(",\"step\":"), progress->has_step, progress->step);
    append_count(out, SPAN(",\"steps\":"), progress->has_steps, progress->steps);
    text_append_char(out, '}');
}

void process_usage_append(struct text_buffer *out, const struct process_usage *usage)
{
    append_int(out, SPAN("{\"exit_code\":"), usage->exit_code);
    append_int(out, SPAN(",\"signal\":"), usage->signal);
    append_int(out, SPAN(",\"wall_ms\":"), usage->wall_ms);
    append_int(out, SPAN(",\"cpu_ms\":"), usage->cpu_ms);
    append_int(out, SPAN(",\"peak_memory_kib\":"), usage->peak_memory_kib);
    text_append_char(out, '}');
}

void process_error_append(struct text_buffer *out, const char *code, struct span message,
                          bool retryable, int attempt, struct span log)
{
    append_string(out, SPAN("{\"code\":"), span_of(code));
    append_string(out, SPAN(",\"message\":"), message);
    text_append_str(out, retryable ? ",\"retryable\":true" : ",\"retryable\":false");
    append_int(out, SPAN(",\"attempt\":"), attempt);
    append_string(out, SPAN(",\"log\":"), log);
    text_append_char(out, '}');
}
