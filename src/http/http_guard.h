/* Framing: what the library would accept and we must not, because a proxy in front of us could
 * read it otherwise (RFC 9112). Pure, any thread. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "proctrack/text.h"

/* A refusal; status 0: none. */
struct http_verdict {
    unsigned status;
    const char *detail; /* constant text */
};

struct http_guard {
    struct http_verdict verdict; /* the first fault */
    unsigned hosts, lengths, encodings;
    bool chunked;
    bool expects_continue;
    uint64_t content_length;
};

void http_guard_init(struct http_guard *guard);
/* Looks at one header field, in the order of the message. */
void http_guard_header(struct http_guard *guard, struct span name, struct span value);
/* After the last field: what the message as a whole amounts to. */
struct http_verdict http_guard_judge(struct http_guard *guard, const char *http_version);

static inline bool http_guard_has_body(const struct http_guard *guard)
{
    return guard->chunked || guard->content_length > 0;
}

#endif
