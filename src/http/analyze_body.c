#include "http/analyze_body.h"

#define SECOND_MS INT64_C(1000)

_Static_assert(PROCESS_METADATA_MAX == 65536, "as told in read_metadata()");

static void read_type(void *into, struct span value, const char *pointer,
                      struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_name(value, pointer, draft->type_text, sizeof(draft->type_text), process_type_is_valid,
              "must be a string of 1 to 64 characters out of A-Z a-z 0-9 _ . -", &draft->type,
              faults);
}

static void read_group(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_name(value, pointer, draft->group_text, sizeof(draft->group_text), process_group_is_valid,
              "must be a string of 1 to 128 characters out of A-Z a-z 0-9 _ . - :", &draft->group,
              faults);
}

static void read_input(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    (void)pointer, (void)faults; /* any JSON will do */
    draft->input = value;
}

static void read_metadata(void *into, struct span value, const char *pointer,
                          struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        http_faults_add(faults, span_of(pointer), "must be an object");
    else if (value.len > PROCESS_METADATA_MAX)
        http_faults_add(faults, span_of(pointer), "must not be longer than 65536 bytes");
    else
        draft->metadata = value;
}

static void read_priority(void *into, struct span value, const char *pointer,
                          struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    int64_t number;
    if (body_integer(value, pointer, PROCESS_PRIORITY_MIN, PROCESS_PRIORITY_MAX, &number, faults))
        draft->priority = (int)number;
}

static void read_max_attempts(void *into, struct span value, const char *pointer,
                              struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    int64_t number;
    if (body_integer(value, pointer, 1, PROCESS_ATTEMPTS_MAX, &number, faults))
        draft->max_attempts = (int)number;
}

static void read_timeout(void *into, struct span value, const char *pointer,
                         struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_seconds(value, pointer, 1, PROCESS_TIMEOUT_MAX_S, &draft->timeout_ms, faults);
}

static void read_queue_timeout(void *into, struct span value, const char *pointer,
                               struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_seconds(value, pointer, 1, PROCESS_TIMEOUT_MAX_S, &draft->queue_timeout_ms, faults);
}

static void read_retention(void *into, struct span value, const char *pointer,
                           struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_seconds(value, pointer, 0, PROCESS_RETENTION_MAX_S, &draft->retention_ms, faults);
}

static void read_run_at(void *into, struct span value, const char *pointer,
                        struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_time(value, pointer, &draft->run_at, faults);
}

static void read_deadline(void *into, struct span value, const char *pointer,
                          struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    if (body_time(value, pointer, &draft->deadline, faults) && draft->deadline == TIME_NONE)
        draft->deadline++; /* that very moment is long over, too */
}

/* --- retry ------------------------------------------------------------------------------------ */

#define DELAY_MS     (2 * SECOND_MS)
#define MAX_DELAY_MS (600 * SECOND_MS)
#define DELAY_MAX_S  (PROCESS_RETRY_MAX_MS / SECOND_MS)

static void read_backoff(void *into, struct span value, const char *pointer,
                         struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    bool is_string = json_kind_of(value) == JSON_KIND_STRING;
    if (is_string && json_string_is(value, "exponential"))
        draft->backoff = BACKOFF_EXPONENTIAL;
    else if (is_string && json_string_is(value, "fixed"))
        draft->backoff = BACKOFF_FIXED;
    else
        http_faults_add(faults, span_of(pointer), "must be \"exponential\" or \"fixed\"");
}

static void read_delay(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_seconds(value, pointer, 0, DELAY_MAX_S, &draft->retry_base_ms, faults);
}

static void read_max_delay(void *into, struct span value, const char *pointer,
                           struct http_faults *faults)
{
    struct analyze_draft *draft = into;
    body_seconds(value, pointer, 0, DELAY_MAX_S, &draft->retry_cap_ms, faults);
}

static void complete_retry(struct analyze_draft *draft, const char *max_delay,
                           struct http_faults *faults)
{
    bool has_cap = draft->retry_cap_ms >= 0;
    if (draft->retry_base_ms < 0)
        draft->retry_base_ms = DELAY_MS;
    if (!has_cap && draft->backoff == BACKOFF_FIXED)
        draft->retry_cap_ms = 0;
    else if (!has_cap)
        draft->retry_cap_ms =
            draft->retry_base_ms > MAX_DELAY_MS ? draft->retry_base_ms : MAX_DELAY_MS;
    else if (draft->backoff == BACKOFF_FIXED)
        http_faults_add(faults, span_of(max_delay), "is only for an exponential backoff");
    else if (draft->retry_cap_ms < draft->retry_base_ms)
        http_faults_add(faults, span_of(max_delay), "must not be less than delay_seconds");
}

static void read_retry(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    static const struct body_field fields[] = {
        {"backoff", read_backoff, false, true},
        {"delay_seconds", read_delay, true, false},
        {"max_delay_seconds", read_max_delay, true, false},
    };
    struct analyze_draft *draft = into;
    unsigned before = faults->count;
    char max_delay[BODY_POINTER_SIZE];
    draft->retry_base_ms = draft->retry_cap_ms = -1;
    body_read_object(value, pointer, fields, sizeof(fields) / sizeof(*fields), draft, faults);
    body_pointer(pointer, "max_delay_seconds", max_delay);
    if (faults->count == before)
        complete_retry(draft, max_delay, faults);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const struct body_field draft_fields[] = {
    {"input", read_input, false, true}, /* null is a value like any other */
    {"type", read_type, true, false},
    {"metadata", read_metadata, true, false},
    {"group", read_group, true, false},
    {"priority", read_priority, true, false},
    {"run_at", read_run_at, true, false},
    {"timeout_seconds", read_timeout, true, false},
    {"queue_timeout_seconds", read_queue_timeout, true, false},
    {"deadline", read_deadline, true, false},
    {"max_attempts", read_max_attempts, true, false},
    {"retry", read_retry, true, false},
    {"retention_seconds", read_retention, true, false},
};
#define DRAFT_FIELDS (sizeof(draft_fields) / sizeof(*draft_fields))

static void draft_clear(struct analyze_draft *draft)
{
    draft->type = draft->group = draft->input = draft->metadata = SPAN_NONE;
    draft->priority = draft->max_attempts = 0;
    draft->backoff = BACKOFF_POLICY;
    draft->retry_base_ms = draft->retry_cap_ms = 0;
    draft->run_at = draft->deadline = TIME_NONE;
    draft->timeout_ms = draft->queue_timeout_ms = 0;
    draft->retention_ms = -1;
}

enum body_verdict analyze_body_read(struct span body, struct analyze_draft *ret_draft,
                                    struct json_fault *ret_fault, struct http_faults *faults)
{
    draft_clear(ret_draft);
    return body_read(body, false, draft_fields, DRAFT_FIELDS, ret_draft, ret_fault, faults);
}

void analyze_object_read(struct span object, const char *at, struct analyze_draft *ret_draft,
                         struct http_faults *faults)
{
    draft_clear(ret_draft);
    body_read_object(object, at, draft_fields, DRAFT_FIELDS, ret_draft, faults);
}

struct process analyze_draft_process(const struct analyze_draft *draft)
{
    return (struct process){
        .type = draft->type,
        .group = draft->group,
        .input = draft->input,
        .metadata = draft->metadata,
        .priority = draft->priority,
        .max_attempts = draft->max_attempts,
        .run_at = draft->run_at,
        .timeout_ms = draft->timeout_ms,
        .queue_timeout_ms = draft->queue_timeout_ms,
        .deadline = draft->deadline,
        .backoff = (int)draft->backoff,
        .retry_base_ms = draft->retry_base_ms,
        .retry_cap_ms = draft->retry_cap_ms,
        .retention_ms = draft->retention_ms,
    };
}
