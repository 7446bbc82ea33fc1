/* The process resource as JSON: this is the one place that writes it. */
#include "proctrack/process.h"

static void append_json(struct text_buffer *out, const char *key, struct span json)
{
    text_append_str(out, key);
    if (json.data != NULL)
        text_append_span(out, json);
    else
        text_append_literal(out, "null");
}

static void append_string(struct text_buffer *out, const char *key, struct span text)
{
    text_append_str(out, key);
    if (text.data != NULL)
        text_append_json_string(out, text);
    else
        text_append_literal(out, "null");
}

static void append_int(struct text_buffer *out, const char *key, int64_t value)
{
    text_append_str(out, key);
    text_append_int(out, value);
}

static void append_time(struct text_buffer *out, const char *key, int64_t time)
{
    text_append_str(out, key);
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

static void append_link(struct text_buffer *out, const char *key, const char *base_path,
                        const char *before, const char *id, const char *after)
{
    text_append_str(out, key);
    text_append_str(out, base_path);
    text_append_str(out, before);
    text_append(out, id, PROCESS_ID_TEXT_SIZE - 1);
    text_append_str(out, after);
    text_append_char(out, '"');
}

static void append_links(struct text_buffer *out, const char *id, const char *base_path)
{
    append_link(out, ",\"links\":{\"self\":\"", base_path, "/status/", id, "");
    append_link(out, ",\"result\":\"", base_path, "/result/", id, "");
    append_link(out, ",\"cancel\":\"", base_path, "/processes/", id, "/cancel");
    text_append_char(out, '}');
}

void process_json_append(struct text_buffer *out, const struct process *process,
                         const struct process_view *view)
{
    char id[PROCESS_ID_TEXT_SIZE];
    process_id_format(&process->id, id);
    text_append_literal(out, "{\"process_id\":\"");
    text_append(out, id, sizeof(id) - 1);
    append_string(out, "\",\"type\":", process->type);
    append_string(out, ",\"status\":", span_of(process_status_name(process->status)));
    text_append_str(out, process_status_is_final(process->status) ? ",\"done\":true"
                                                                  : ",\"done\":false");
    append_string(out, ",\"reason\":", span_of(view->reason));
    append_json(out, ",\"progress\":", process->progress);
    append_json(out, ",\"result\":", process->result);
    append_json(out, ",\"error\":", process->error);
    append_json(out, ",\"usage\":", process->usage);
    append_json(out, ",\"metadata\":", process->metadata);
    append_string(out, ",\"group\":", process->group);
    append_int(out, ",\"priority\":", process->priority);
    append_int(out, ",\"attempt\":", process->attempt);
    append_int(out, ",\"max_attempts\":", process->max_attempts);
    append_int(out, ",\"version\":", process->version);
    append_string(out, ",\"worker\":", process->worker);
    append_time(out, ",\"created_at\":", process->created_at);
    append_time(out, ",\"run_at\":", process->run_at);
    append_time(out, ",\"started_at\":", process->started_at);
    append_time(out, ",\"updated_at\":", process->updated_at);
    append_time(out, ",\"completed_at\":", process->completed_at);
    append_time(out, ",\"expires_at\":", process->expires_at);
    if (view->with_input)
        append_json(out, ",\"input\":", process->input);
    append_links(out, id, view->base_path);
    text_append_char(out, '}');
}

void process_usage_append(struct text_buffer *out, const struct process_usage *usage)
{
    append_int(out, "{\"exit_code\":", usage->exit_code);
    append_int(out, ",\"signal\":", usage->signal);
    append_int(out, ",\"wall_ms\":", usage->wall_ms);
    append_int(out, ",\"cpu_ms\":", usage->cpu_ms);
    append_int(out, ",\"peak_memory_kib\":", usage->peak_memory_kib);
    text_append_char(out, '}');
}

void process_error_append(struct text_buffer *out, const char *code, struct span message,
                          bool retryable, int attempt, struct span log)
{
    append_string(out, "{\"code\":", span_of(code));
    append_string(out, ",\"message\":", message);
    text_append_str(out, retryable ? ",\"retryable\":true" : ",\"retryable\":false");
    append_int(out, ",\"attempt\":", attempt);
    append_string(out, ",\"log\":", log);
    text_append_char(out, '}');
}
