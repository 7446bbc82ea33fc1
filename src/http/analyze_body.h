/* What starts a process: the body of POST /analyze, and each item of a batch. Pure, any thread. */
#ifndef HTTP_ANALYZE_BODY_H
#define HTTP_ANALYZE_BODY_H

#include "http/body_reader.h"
#include "proctrack/process.h"

/* The client's fields: 0, -1, BACKOFF_POLICY or absent where it left them out, as process_submit
 * wants them. */
struct analyze_draft {
    struct span type, group, input, metadata; /* into the body, or into the texts below */
    int priority, max_attempts;
    enum process_backoff backoff;
    int64_t retry_base_ms, retry_cap_ms;
    int64_t run_at, timeout_ms, queue_timeout_ms, deadline, retention_ms;
    char type_text[PROCESS_TYPE_MAX + 1];
    char group_text[PROCESS_GROUP_MAX + 1];
};

/* The draft's spans point into the body and into *ret_draft itself: it must not be copied. faults
 * must be initialised. */
enum body_verdict analyze_body_read(struct span body, struct analyze_draft *ret_draft,
                                    struct json_fault *ret_fault, struct http_faults *faults);
/* The same for an object within a body that was checked as a whole; `at`: see body_read_object. */
void analyze_object_read(struct span object, const char *at, struct analyze_draft *ret_draft,
                         struct http_faults *faults);
/* What is to be submitted. Borrows from the draft. */
struct process analyze_draft_process(const struct analyze_draft *draft);

#endif
