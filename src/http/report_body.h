/* The bodies of the reports about one process. Pure, any thread. */
#ifndef HTTP_REPORT_BODY_H
#define HTTP_REPORT_BODY_H

#include "http/claim_body.h"

#define REPORT_CODE_MAX 64 /* characters, as of a type */

/* As of claim_draft: not to be copied, to be finished. */
struct report_draft {
    struct span token;
    int attempt; /* 0: not said */
    int64_t lease_ms, wait_ms;
    struct process_progress progress; /* its message lies in `message` */
    struct span result;               /* null where the worker says nothing */
    struct span code;
    struct text_buffer message, log; /* unescaped; log may be absent */
    bool retryable;
    int64_t retry_after_ms; /* -1: as the policy says */
    bool claims_next;
    struct claim_draft next; /* waits for nothing */
    bool says_progress;
    bool no_memory;
    char token_text[LEASE_TOKEN_TEXT_SIZE];
    char code_text[REPORT_CODE_MAX + 1];
};
/* report: EVENT_HEARTBEAT, PROGRESS, COMPLETE, FAIL or RELEASE. */
enum body_verdict report_body_read(struct span body, enum process_event report,
                                   struct report_draft *ret_draft, struct json_fault *ret_fault,
                                   struct http_faults *faults);
void report_draft_finish(struct report_draft *draft); /* twice is fine */

#endif
