/* What the attributes of a process may be. */
#include "proctrack/process.h"

#include <string.h>

static const char *const status_names[PROCESS_STATUS_COUNT] = {
    [PROCESS_PENDING] = "pending",     [PROCESS_RUNNING] = "running",
    [PROCESS_COMPLETED] = "completed", [PROCESS_FAILED] = "failed",
    [PROCESS_CANCELED] = "canceled",
};

const char *process_status_name(enum process_status status)
{
    return status_names[status];
}

bool process_status_parse(struct span text, enum process_status *ret_status)
{
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        if (span_is(text, status_names[i])) {
            *ret_status = (enum process_status)i;
            return true;
        }
    }
    return false;
}

bool process_status_is_final(enum process_status status)
{
    return status >= PROCESS_COMPLETED;
}

static bool is_name(struct span text, size_t max, const char *extra)
{
    if (text.data == NULL || text.len == 0 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr(extra, c) == NULL))
            return false;
    }
    return true;
}

bool process_type_is_valid(struct span type)
{
    return is_name(type, PROCESS_TYPE_MAX, "_.-");
}

bool process_group_is_valid(struct span group)
{
    return is_name(group, PROCESS_GROUP_MAX, "_.-:");
}

bool process_worker_is_valid(struct span worker)
{
    if (worker.data == NULL || worker.len == 0 || worker.len > PROCESS_WORKER_MAX)
        return false;
    for (size_t i = 0; i < worker.len; i++) {
        if (worker.data[i] < ' ' || worker.data[i] > '~')
            return false;
    }
    return true;
}

size_t process_text_bytes(const struct process *process)
{
    return process->type.len + process->group.len + process->worker.len + process->input.len +
           process->metadata.len + process->progress.len + process->result.len +
           process->error.len + process->usage.len + process->traceparent.len +
           process->lease_token.len;
}
