#include "proctrack/process_record.h"

#include "proctrack/trace_context.h"

#include <stddef.h>
#include <string.h>

#define WHY(name) "the member " #name " is not what it can be"

#define NAME(member, check, lives)                                                       \
    {                                                                                    \
        .name = #member, .kind = FIELD_NAME, .offset = offsetof(struct process, member), \
        .changes = (lives), .is_valid = (check), .why = WHY(member)                      \
    }
#define FIELD(member, what, lives)                                                   \
    {                                                                                \
        .name = #member, .kind = (what), .offset = offsetof(struct process, member), \
        .changes = (lives), .why = WHY(member)                                       \
    }
#define NUMBER(member, what, lives, usual, goes, least, most)                                 \
    {                                                                                         \
        .name = #member, .kind = (what), .offset = offsetof(struct process, member),          \
        .changes = (lives), .absent = (usual), .omit = (goes), .min = (least), .max = (most), \
        .why = WHY(member)                                                                    \
    }

/* Lower than what the types hold, so that what is counted on or added to a time from there never
 * leaves them; the version is as high as every reader of JSON holds it. */
#define VERSION_MAX   (INT64_C(1) << 53)
#define COUNT_MAX     1000000000
#define TIMEOUT_MAX   (PROCESS_TIMEOUT_MAX_S * INT64_C(1000))
#define RETENTION_MAX (PROCESS_RETENTION_MAX_S * INT64_C(1000))

enum { GIVEN = false, LIVES = true, KEPT = false, GOES = true };

const struct process_field process_fields[PROCESS_FIELDS] = {
    NAME(type, process_type_is_valid, GIVEN),
    FIELD(status, FIELD_STATUS, LIVES),
    NUMBER(version, FIELD_LONG, LIVES, 0, KEPT, 0, VERSION_MAX),
    NUMBER(priority, FIELD_INT, GIVEN, 0, KEPT, PROCESS_PRIORITY_MIN, PROCESS_PRIORITY_MAX),
    NUMBER(attempt, FIELD_INT, LIVES, 0, KEPT, 0, COUNT_MAX),
    NUMBER(max_attempts, FIELD_INT, GIVEN, 1, KEPT, 1, PROCESS_ATTEMPTS_MAX),
    NAME(group, process_group_is_valid, GIVEN),
    NAME(worker, process_worker_is_valid, LIVES),
    FIELD(metadata, FIELD_OBJECT, GIVEN),
    FIELD(progress, FIELD_OBJECT, LIVES),
    FIELD(result, FIELD_JSON, LIVES),
    FIELD(error, FIELD_OBJECT, LIVES),
    FIELD(usage, FIELD_OBJECT, LIVES),
    NAME(traceparent, traceparent_is_valid, GIVEN),
    FIELD(created_at, FIELD_TIME, GIVEN),
    FIELD(run_at, FIELD_TIME, LIVES),
    FIELD(started_at, FIELD_TIME, LIVES),
    FIELD(updated_at, FIELD_TIME, LIVES),
    FIELD(completed_at, FIELD_TIME, LIVES),
    FIELD(expires_at, FIELD_TIME, LIVES),
    FIELD(cancel_requested_at, FIELD_TIME, LIVES),
    FIELD(deadline, FIELD_TIME, LIVES),
    NUMBER(failures, FIELD_INT, LIVES, 0, KEPT, 0, COUNT_MAX),
    NUMBER(stalls, FIELD_INT, LIVES, 0, KEPT, 0, COUNT_MAX),
    NAME(lease_token, lease_token_is_valid, LIVES),
    FIELD(lease_until, FIELD_TIME, LIVES),
    FIELD(attempt_deadline, FIELD_TIME, LIVES),
    FIELD(cancel_deadline, FIELD_TIME, LIVES),
    FIELD(queue_deadline, FIELD_TIME, LIVES),
    NUMBER(events, FIELD_INT, LIVES, 0, GOES, 0, COUNT_MAX),
    NUMBER(backoff, FIELD_INT, GIVEN, BACKOFF_POLICY, GOES, BACKOFF_POLICY, BACKOFF_FIXED),
    NUMBER(retry_base_ms, FIELD_LONG, GIVEN, 0, GOES, 0, PROCESS_RETRY_MAX_MS),
    NUMBER(retry_cap_ms, FIELD_LONG, GIVEN, 0, GOES, 0, PROCESS_RETRY_MAX_MS),
    NUMBER(queue_timeout_ms, FIELD_LONG, GIVEN, 0, GOES, 0, TIMEOUT_MAX),
    NUMBER(timeout_ms, FIELD_LONG, GIVEN, 0, GOES, 0, TIMEOUT_MAX),
    NUMBER(retention_ms, FIELD_LONG, GIVEN, -1, GOES, -1, RETENTION_MAX),
    FIELD(input, FIELD_JSON, GIVEN),
};

static const void *place(const struct process_field *field, const struct process *process)
{
    return (const char *)process + field->offset;
}

static void *place_in(const struct process_field *field, struct process *process)
{
    return (char *)process + field->offset;
}

struct span process_field_text(const struct process_field *field, const struct process *process)
{
    return *(const struct span *)place(field, process);
}

int64_t process_field_number(const struct process_field *field, const struct process *process)
{
    const void *at = place(field, process);
    return field->kind == FIELD_INT ? *(const int *)at : *(const int64_t *)at;
}

int64_t process_field_time(const struct process_field *field, const struct process *process)
{
    return *(const int64_t *)place(field, process);
}

static void set_number(const struct process_field *field, int64_t number, struct process *process)
{
    if (field->kind == FIELD_INT)
        *(int *)place_in(field, process) = (int)number;
    else
        *(int64_t *)place_in(field, process) = number;
}

bool process_field_set(const struct process_field *field, struct span value,
                       struct process *process)
{
    int64_t number;
    switch (field->kind) {
    case FIELD_NAME:
    case FIELD_JSON:
    case FIELD_OBJECT:
        *(struct span *)place_in(field, process) = value;
        return true;
    case FIELD_STATUS:
        return process_status_parse(value, &process->status);
    case FIELD_INT:
    case FIELD_LONG:
        if (!span_to_int(value, field->min, field->max, &number))
            return false;
        set_number(field, number, process);
        return true;
    case FIELD_TIME:
        break;
    }
    return time_parse(value, place_in(field, process));
}

void process_field_clear(const struct process_field *field, struct process *process)
{
    if (process_field_is_text(field))
        *(struct span *)place_in(field, process) = SPAN_NONE;
    else if (process_field_is_number(field))
        set_number(field, field->absent, process);
    else if (field->kind == FIELD_TIME)
        *(int64_t *)place_in(field, process) = TIME_NONE;
}

void process_record_clear(struct process *ret_process)
{
    memset(ret_process, 0, sizeof(*ret_process));
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_field_is_number(&process_fields[i]))
            process_field_clear(&process_fields[i], ret_process);
    }
}

bool process_record_is_whole(const struct process *process)
{
    return process_type_is_valid(process->type) && process->version > 0 &&
           process->created_at != TIME_NONE;
}
