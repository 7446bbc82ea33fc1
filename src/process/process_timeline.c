/* What a process's timeline says. */
#include "proctrack/process.h"

#include <string.h>

#define PROGRESS_EVERY_MS 10000

/* A change of status, by what it led to. */
static const char *event_of_status(const struct process *before, const struct process *after,
                                   const struct process_change *change)
{
    switch (after->status) {
    case PROCESS_PENDING:
        if (change->event == EVENT_RETRY)
            return "retried";
        if (change->event == EVENT_RELEASE)
            return "released";
        return after->stalls > before->stalls ? "stalled" : "retry_scheduled";
    case PROCESS_RUNNING:
        break;
    case PROCESS_COMPLETED:
    case PROCESS_FAILED:
    case PROCESS_CANCELED:
        return process_status_name(after->status);
    }
    return NULL;
}

/* Sampled without a note of its own: the first of an attempt, then the first stored change in each
 * new stretch of the clock. */
static bool tells_progress(const struct process *before, const struct process_change *change)
{
    return before->progress.data == NULL ||
           change->now / PROGRESS_EVERY_MS > before->updated_at / PROGRESS_EVERY_MS;
}

static bool is_late_result(const struct process *before, const struct process_change *change,
                           enum err result)
{
    return (change->event == EVENT_COMPLETE || change->event == EVENT_FAIL) &&
           (result == ERR_LEASE_LOST || result == ERR_CONFLICT) && before->attempt > 0;
}

const char *process_timeline_event(const struct process *before, const struct process *after,
                                   const struct process_change *change, enum err result,
                                   bool changed)
{
    if (is_late_result(before, change, result))
        return "late_result_refused";
    if (result != ERR_OK || !changed)
        return NULL;
    if (before->status != after->status)
        return event_of_status(before, after, change);
    if (change->event == EVENT_CANCEL)
        return "cancel_requested";
    return change->event == EVENT_PROGRESS && tells_progress(before, change) ? "progress" : NULL;
}

/* --- entries ---------------------------------------------------------------------------------- */

struct entry {
    int64_t at;
    const char *event;
    struct span actor;
    int attempt;
    int64_t version;
    struct span error_code, progress;
};

static void append_text(struct text_buffer *out, struct span text)
{
    if (text.data != NULL)
        text_append_json_string(out, text);
    else
        text_append_literal(out, "null");
}

static void append_entry(struct text_buffer *out, const struct entry *entry)
{
    char at[TIME_TEXT_SIZE];
    time_format(entry->at, at);
    text_append_literal(out, "{\"at\":\"");
    text_append(out, at, TIME_TEXT_SIZE - 1);
    text_append_literal(out, "\",\"event\":\"");
    text_append_str(out, entry->event);
    text_append_literal(out, "\",\"actor\":");
    append_text(out, entry->actor);
    text_append_literal(out, ",\"attempt\":");
    text_append_int(out, entry->attempt);
    text_append_literal(out, ",\"version\":");
    text_append_int(out, entry->version);
    text_append_literal(out, ",\"error_code\":");
    append_text(out, entry->error_code);
    text_append_literal(out, ",\"progress\":");
    if (entry->progress.data != NULL)
        text_append_span(out, entry->progress);
    else
        text_append_literal(out, "null");
    text_append_char(out, '}');
}

static struct span actor_of(const struct process *before, const struct process_change *change)
{
    switch (change->event) {
    case EVENT_CANCEL:
    case EVENT_RETRY:
        return SPAN("client");
    case EVENT_LAPSE:
    case EVENT_EXPIRE:
        return SPAN("server");
    case EVENT_HEARTBEAT:
    case EVENT_PROGRESS:
    case EVENT_COMPLETE:
    case EVENT_FAIL:
    case EVENT_RELEASE:
    case EVENT_CANCELED:
        break;
    }
    return before->worker;
}

/* As process_error_append() writes it: the code comes first, and holds nothing that is escaped. */
static struct span code_of(struct span error)
{
    static const char front[] = "{\"code\":\"";
    const size_t skip = sizeof(front) - 1;
    if (error.data == NULL || error.len < skip || memcmp(error.data, front, skip) != 0)
        return SPAN_NONE;
    const char *end = memchr(error.data + skip, '"', error.len - skip);
    return end != NULL ? (struct span){error.data + skip, (size_t)(end - error.data) - skip}
                       : SPAN_NONE;
}

void process_timeline_append(struct text_buffer *out, const char *event,
                             const struct process *before, const struct process *after,
                             const struct process_change *change)
{
    bool late = strcmp(event, "late_result_refused") == 0;
    struct entry entry = {
        .at = late ? change->now : after->updated_at,
        .event = event,
        .actor = late ? SPAN_NONE : actor_of(before, change),
        .attempt = after->attempt,
        .version = after->version,
    };
    if (strcmp(event, "failed") == 0 || strcmp(event, "retry_scheduled") == 0)
        entry.error_code = code_of(after->error);
    else if (strcmp(event, "canceled") == 0)
        entry.error_code = code_of(change->error);
    if (!late && (process_status_is_final(after->status) || strcmp(event, "progress") == 0))
        entry.progress = after->progress;
    append_entry(out, &entry);
}

void process_timeline_append_claimed(struct text_buffer *out, const struct process *after)
{
    append_entry(out, &(struct entry){.at = after->started_at,
                                      .event = "claimed",
                                      .actor = after->worker,
                                      .attempt = after->attempt,
                                      .version = after->version});
}

void process_timeline_append_created(struct text_buffer *out, const struct process *process)
{
    append_entry(out, &(struct entry){.at = process->created_at,
                                      .event = "created",
                                      .actor = SPAN("client"),
                                      .attempt = 0,
                                      .version = 1});
}
