/* Any body of a worker's call: read into what the manager may be given, or refused with a problem
 * that is itself JSON. The first byte chooses the call. */
#include "requirements.h"

#include "http/report_body.h"
#include "proctrack/process_repository.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_lease(int64_t lease_ms)
{
    require(lease_ms >= PROCESS_LEASE_MIN_MS && lease_ms <= PROCESS_LEASE_MAX_MS);
}

static void require_claim(const struct claim_draft *claim)
{
    require(claim->type_count >= 1 && claim->type_count <= REPO_CLAIM_TYPES_MAX);
    for (size_t i = 0; i < claim->type_count; i++) {
        require(process_type_is_valid(claim->types[i]));
        for (size_t other = 0; other < i; other++)
            require(!span_equal(claim->types[other], claim->types[i]));
    }
    require(process_worker_is_valid(claim->worker));
    require(claim->max >= 1 && claim->max <= REPO_CLAIM_MAX);
    require(claim->wait_ms >= 0);
    require_lease(claim->lease_ms);
}

static void require_report(const struct report_draft *report)
{
    struct text_buffer text;
    text_buffer_init(&text, 1 << 20);
    require(lease_token_is_valid(report->token) && report->attempt >= 0 && report->wait_ms >= 0);
    if (report->lease_ms != 0) /* 0: nothing was said */
        require_lease(report->lease_ms);
    require_json(report->result);
    process_progress_append(&text, &report->progress);
    require_json(text_buffer_span(&text));
    text.len = 0;
    process_error_append(&text, report->code.data, text_buffer_span(&report->message),
                         report->retryable, report->attempt, text_buffer_span(&report->log));
    require_json(text_buffer_span(&text));
    require(report->retry_after_ms >= -1 && report->retry_after_ms <= PROCESS_RETRY_MAX_MS);
    if (report->claims_next)
        require_claim(&report->next);
    text_buffer_finish(&text);
}

static void require_verdict(enum body_verdict verdict, struct span body,
                            const struct json_fault *fault, const struct http_faults *faults)
{
    if (verdict == BODY_INVALID)
        require_problem(faults);
    if (verdict == BODY_NOT_JSON)
        require(fault->offset <= body.len && fault->reason != NULL);
}

static void try_claim(struct span body)
{
    struct claim_draft claim;
    struct json_fault fault;
    struct http_faults faults;
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict = claim_body_read(body, &claim, &fault, &faults);
    require_verdict(verdict, body, &fault, &faults);
    if (verdict == BODY_OK)
        require_claim(&claim);
    claim_draft_finish(&claim);
    http_faults_finish(&faults);
}

static void try_report(struct span body, enum process_event event)
{
    struct report_draft report;
    struct json_fault fault;
    struct http_faults faults;
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict = report_body_read(body, event, &report, &fault, &faults);
    require_verdict(verdict, body, &fault, &faults);
    if (verdict == BODY_OK)
        require_report(&report);
    report_draft_finish(&report);
    http_faults_finish(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned which = data[0] % (EVENT_RELEASE + 2);
    struct span body = {(const char *)data + 1, size - 1};
    if (which > EVENT_RELEASE)
        try_claim(body);
    else
        try_report(body, (enum process_event)which);
    return 0;
}
