/* Pages of other sites: CORS by allow-list (the Fetch standard's protocol). Pure, any thread. */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "http/http_headers.h"

#define HTTP_CORS_EXPOSED \
    "Location, ETag, Retry-After, Link, Idempotent-Replayed, Preference-Applied, X-Request-Id"
#define HTTP_CORS_MAX_AGE "600"

/* Access-Control-Allow-Origin for a request from this origin (absent: from none), or NULL: it may
 * not. Origins: exact, or a single "*"; NULL-ended, or NULL. *ret_vary: whether the answer depends
 * on the origin, which caches must know. */
const char *http_cors_allow(const char *const *origins, struct span origin, bool *ret_vary);

/* Whether a request that changes something may do so: no page of another site has sent it, or one
 * of an allowed origin. Without this any page could: a browser asks beforehand only for what a form
 * cannot send, and keeps but the answer from the page. */
bool http_cors_may_change(const char *const *origins, const struct http_headers *headers);

/* Access-Control-Allow-Headers for a preflight: those of the requested list that we know. */
#define HTTP_CORS_HEADERS_SIZE 160
void http_cors_headers(struct span requested, char ret_allowed[HTTP_CORS_HEADERS_SIZE]);

#endif
