/* The body of POST /claim, and claim_next in a report. Pure, any thread. */
#ifndef HTTP_CLAIM_BODY_H
#define HTTP_CLAIM_BODY_H

#include "http/body_reader.h"
#include "proctrack/process.h"

/* Its spans point into memory of the draft, or into the draft itself: it must not be copied. Finish
 * it whatever came of reading. */
struct claim_draft {
    struct span *types; /* the draft's; sorted, none twice */
    size_t type_count;
    struct span worker;
    int max;
    int64_t lease_ms, wait_ms;
    bool no_memory; /* something is missing for want of it */
    char worker_text[PROCESS_WORKER_MAX + 1];
};
/* faults must be initialised. */
enum body_verdict claim_body_read(struct span body, struct claim_draft *ret_draft,
                                  struct json_fault *ret_fault, struct http_faults *faults);
void claim_draft_clear(struct claim_draft *draft); /* made ready to be read into */
/* An object within a body that was checked as a whole; it has no wait_seconds. */
void claim_next_read(struct span object, const char *at, struct claim_draft *draft,
                     struct http_faults *faults);
void claim_draft_finish(struct claim_draft *draft); /* twice is fine */

/* Members that reports have as well. */
void claim_read_lease(struct span value, const char *pointer, int64_t *ret_ms,
                      struct http_faults *faults);
void claim_read_wait(struct span value, const char *pointer, int64_t *ret_ms,
                     struct http_faults *faults);

#endif
