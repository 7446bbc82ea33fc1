/* The header fields that we act on, collected in one pass, and the readers of their values. The
 * spans point into the message and live as long as the call. Pure, any thread. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include "http/http_accept.h"
#include "proctrack/process.h"

struct http_headers {
    struct span content_type, content_encoding, idempotency_key, if_match, if_none_match, origin;
    struct span request_method, request_headers; /* of a CORS preflight */
    struct span host, fetch_site;                /* with origin: whose page sends it */
    struct span last_event_id;                   /* of an EventSource that has reconnected */
    struct span request_id, traceparent; /* as they came, to be checked; empty: came twice */
    struct http_accept accept;
    int prefer_wait_s;    /* -1: no (valid) Prefer: wait */
    const char *repeated; /* a field that came twice and must not */
};

void http_headers_init(struct http_headers *headers);
void http_headers_add(struct http_headers *headers, struct span name, struct span value);

/* Whether a Content-Type says JSON: application/json or application/<x>+json, UTF-8 if it has a
 * charset at all. */
bool http_is_json(struct span content_type);

/* The N of `wait=N` in a Prefer field (RFC 7240), capped at INT_MAX; -1 when there is none. */
int http_prefer_wait(struct span value);

/* Idempotency-Key: bare, or a string in quotes. False unless it is 1..IDEMPOTENCY_KEY_MAX printable
 * ASCII characters. */
bool http_idempotency_key(struct span value, char ret_key[IDEMPOTENCY_KEY_MAX + 1]);

/* Whether an If-None-Match list names this version (or any). */
bool http_etag_matches(struct span list, int64_t version);

/* The version that an If-Match asks for: 0 for `*`, INT64_MAX for a tag that none of ours equals.
 * False for a list of several tags, or none. */
bool http_if_match_version(struct span list, int64_t *ret_version);

#define HTTP_ETAG_SIZE 24
void http_etag_format(int64_t version, char ret_text[HTTP_ETAG_SIZE]);

/* The value of Retry-After: whole seconds (RFC 9110, 10.2.3), rounded up. */
#define HTTP_RETRY_AFTER_SIZE 24
void http_retry_after_format(int64_t ms, char ret_text[HTTP_RETRY_AFTER_SIZE]);

#endif
