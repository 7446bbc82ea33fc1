/* The body of POST /analyze. Pure, any thread. */
#ifndef HTTP_ANALYZE_BODY_H
#define HTTP_ANALYZE_BODY_H

#include "http/http_problem.h"
#include "proctrack/json_scan.h"
#include "proctrack/process.h"

/* The client's fields: 0, -1 or absent where it left them out, as process_submit wants them. */
struct analyze_draft {
    struct span type, group, input, metadata; /* into the body, or into the texts below */
    int priority, max_attempts;
    int64_t run_at, timeout_ms, retention_ms;
    char type_text[PROCESS_TYPE_MAX + 1];
    char group_text[PROCESS_GROUP_MAX + 1];
};

enum analyze_verdict {
    ANALYZE_OK,
    ANALYZE_NOT_JSON, /* *ret_fault says where and why */
    ANALYZE_INVALID,  /* *faults names every one */
};

/* The draft's spans point into the body and into *ret_draft itself: it must not be copied. faults
 * must be initialised. */
enum analyze_verdict analyze_body_read(struct span body, struct analyze_draft *ret_draft,
                                       struct json_fault *ret_fault, struct http_faults *faults);

#endif
