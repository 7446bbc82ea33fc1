#include "http/report_body.h"

#include <assert.h>
#include <stdio.h>

#define SECOND_MS INT64_C(1000)

_Static_assert(REPORT_CODE_MAX == PROCESS_TYPE_MAX, "read_code() takes what a type may be");

/* Unescapes a string of at most max bytes. False: a fault was added, or there is no memory. */
static bool read_text(struct span value, const char *pointer, size_t max, struct text_buffer *text,
                      bool *no_memory, struct http_faults *faults)
{
    char detail[80];
    if (json_kind_of(value) == JSON_KIND_STRING) {
        size_t size = value.len <= max ? value.len : max + 1; /* with the zero; quotes go */
        if (!text_buffer_reserve(text, size)) {
            *no_memory = true;
            return false;
        }
        if (json_string_copy(value, text->data, size, &text->len))
            return true;
    }
    snprintf(detail, sizeof(detail), "must be a string of at most %zu bytes", max);
    http_faults_add(faults, span_of(pointer), detail);
    return false;
}

static void read_token(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct report_draft *draft = into;
    body_name(value, pointer, draft->token_text, sizeof(draft->token_text), lease_token_is_valid,
              "must be the lease_token of the claim, 32 hexadecimal digits in lower case",
              &draft->token, faults);
}

static void read_attempt(void *into, struct span value, const char *pointer,
                         struct http_faults *faults)
{
    struct report_draft *draft = into;
    int64_t number;
    if (body_integer(value, pointer, 1, INT32_MAX, &number, faults))
        draft->attempt = (int)number;
}

static void read_report_lease(void *into, struct span value, const char *pointer,
                              struct http_faults *faults)
{
    struct report_draft *draft = into;
    claim_read_lease(value, pointer, &draft->lease_ms, faults);
}

static void read_report_wait(void *into, struct span value, const char *pointer,
                             struct http_faults *faults)
{
    struct report_draft *draft = into;
    claim_read_wait(value, pointer, &draft->wait_ms, faults);
}

/* Of progress, null says that it is not known: that is something said. */
static bool says_something(struct report_draft *draft, struct span value)
{
    draft->says_progress = true;
    return json_kind_of(value) != JSON_KIND_NULL;
}

static void read_percent(void *into, struct span value, const char *pointer,
                         struct http_faults *faults)
{
    struct report_draft *draft = into;
    struct process_progress *progress = &draft->progress;
    if (!says_something(draft, value))
        return;
    progress->has_percent = json_kind_of(value) == JSON_KIND_NUMBER &&
                            json_to_double(value, &progress->percent) && progress->percent >= 0 &&
                            progress->percent <= 100;
    if (!progress->has_percent)
        http_faults_add(faults, span_of(pointer), "must be a number from 0 to 100, or null");
}

static void read_progress_message(void *into, struct span value, const char *pointer,
                                  struct http_faults *faults)
{
    struct report_draft *draft = into;
    if (says_something(draft, value) &&
        read_text(value, pointer, PROCESS_MESSAGE_MAX, &draft->message, &draft->no_memory, faults))
        draft->progress.message = text_buffer_span(&draft->message);
}

static void read_step(void *into, struct span value, const char *pointer,
                      struct http_faults *faults)
{
    struct report_draft *draft = into;
    draft->progress.has_step =
        says_something(draft, value) &&
        body_integer(value, pointer, 0, INT64_MAX, &draft->progress.step, faults);
}

static void read_steps(void *into, struct span value, const char *pointer,
                       struct http_faults *faults)
{
    struct report_draft *draft = into;
    draft->progress.has_steps =
        says_something(draft, value) &&
        body_integer(value, pointer, 0, INT64_MAX, &draft->progress.steps, faults);
}

static void read_result(void *into, struct span value, const char *pointer,
                        struct http_faults *faults)
{
    struct report_draft *draft = into;
    (void)pointer, (void)faults; /* any JSON will do */
    draft->result = value;
}

static void read_claim_next(void *into, struct span value, const char *pointer,
                            struct http_faults *faults)
{
    struct report_draft *draft = into;
    draft->claims_next = true;
    claim_next_read(value, pointer, &draft->next, faults);
}

static void read_code(void *into, struct span value, const char *pointer,
                      struct http_faults *faults)
{
    struct report_draft *draft = into;
    body_name(value, pointer, draft->code_text, sizeof(draft->code_text), process_type_is_valid,
              "must be a string of 1 to 64 characters out of A-Z a-z 0-9 _ . -", &draft->code,
              faults);
}

static void read_error_message(void *into, struct span value, const char *pointer,
                               struct http_faults *faults)
{
    struct report_draft *draft = into;
    read_text(value, pointer, PROCESS_MESSAGE_MAX, &draft->message, &draft->no_memory, faults);
}

static void read_log(void *into, struct span value, const char *pointer, struct http_faults *faults)
{
    struct report_draft *draft = into;
    read_text(value, pointer, PROCESS_LOG_MAX, &draft->log, &draft->no_memory, faults);
}

static void read_retryable(void *into, struct span value, const char *pointer,
                           struct http_faults *faults)
{
    struct report_draft *draft = into;
    body_boolean(value, pointer, &draft->retryable, faults);
}

static void read_retry_after(void *into, struct span value, const char *pointer,
                             struct http_faults *faults)
{
    struct report_draft *draft = into;
    body_seconds(value, pointer, 0, PROCESS_RETRY_MAX_MS / SECOND_MS, &draft->retry_after_ms,
                 faults);
}

#define LEASE_FIELDS                          \
    {"lease_token", read_token, false, true}, \
    {                                         \
        "attempt", read_attempt, true, false  \
    }

static const struct body_field heartbeat_fields[] = {
    LEASE_FIELDS,
    {"lease_seconds", read_report_lease, true, false},
    {"wait_seconds", read_report_wait, true, false},
};
static const struct body_field progress_fields[] = {
    LEASE_FIELDS,
    {"lease_seconds", read_report_lease, true, false},
    {"percent", read_percent, false, false},
    {"message", read_progress_message, false, false},
    {"step", read_step, false, false},
    {"steps", read_steps, false, false},
};
static const struct body_field complete_fields[] = {
    LEASE_FIELDS,
    {"result", read_result, false, false},
    {"claim_next", read_claim_next, true, false},
};
static const struct body_field fail_fields[] = {
    LEASE_FIELDS,
    {"code", read_code, true, false},
    {"message", read_error_message, true, false},
    {"log", read_log, true, false},
    {"retryable", read_retryable, true, false},
    {"retry_after_seconds", read_retry_after, true, false},
};
static const struct body_field release_fields[] = {LEASE_FIELDS};

static const struct {
    const struct body_field *fields;
    size_t count;
} reports[] = {
#define FIELDS(table)                             \
    {                                             \
        (table), sizeof(table) / sizeof(*(table)) \
    }
    [EVENT_HEARTBEAT] = FIELDS(heartbeat_fields), [EVENT_PROGRESS] = FIELDS(progress_fields),
    [EVENT_COMPLETE] = FIELDS(complete_fields),   [EVENT_FAIL] = FIELDS(fail_fields),
    [EVENT_RELEASE] = FIELDS(release_fields),
#undef FIELDS
};

static void report_draft_clear(struct report_draft *draft)
{
    draft->token = SPAN_NONE;
    draft->attempt = 0;
    draft->lease_ms = 0;
    draft->wait_ms = 0;
    draft->progress = (struct process_progress){.message = SPAN_NONE};
    draft->result = SPAN("null");
    draft->code = SPAN("worker_error");
    text_buffer_init(&draft->message, PROCESS_MESSAGE_MAX + 1);
    text_buffer_init(&draft->log, PROCESS_LOG_MAX + 1);
    draft->retryable = true;
    draft->retry_after_ms = -1;
    draft->claims_next = draft->says_progress = draft->no_memory = false;
    claim_draft_clear(&draft->next);
}

enum body_verdict report_body_read(struct span body, enum process_event report,
                                   struct report_draft *ret_draft, struct json_fault *ret_fault,
                                   struct http_faults *faults)
{
    assert(report < sizeof(reports) / sizeof(*reports));
    report_draft_clear(ret_draft);
    enum body_verdict verdict = body_read(body, false, reports[report].fields,
                                          reports[report].count, ret_draft, ret_fault, faults);
    ret_draft->no_memory |= ret_draft->next.no_memory;
    if (verdict != BODY_OK || report != EVENT_PROGRESS || ret_draft->says_progress)
        return verdict;
    http_faults_add(faults, SPAN(""), "one of percent, message, step and steps is required");
    return BODY_INVALID;
}

void report_draft_finish(struct report_draft *draft)
{
    text_buffer_finish(&draft->message);
    text_buffer_finish(&draft->log);
    claim_draft_finish(&draft->next);
}
