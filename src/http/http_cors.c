#include "http/http_cors.h"

#include <string.h>
#include <strings.h>

const char *http_cors_allow(const char *const *origins, struct span origin, bool *ret_vary)
{
    *ret_vary = false;
    if (origins == NULL || origins[0] == NULL)
        return NULL;
    if (strcmp(origins[0], "*") == 0)
        return origin.data != NULL ? "*" : NULL;
    *ret_vary = true;
    for (; origin.data != NULL && *origins != NULL; origins++) {
        if (span_is(origin, *origins))
            return *origins;
    }
    return NULL;
}

/* Of an origin; not of "null", which has none. */
static struct span host_of(struct span origin)
{
    const char *mark = origin.data != NULL ? memmem(origin.data, origin.len, "://", 3) : NULL;
    if (mark == NULL)
        return SPAN_NONE;
    return (struct span){mark + 3, (size_t)(origin.data + origin.len - mark) - 3};
}

/* Browsers leave Sec-Fetch-Site out over plain HTTP to other machines, but never the origin of what
 * another site sends. */
bool http_cors_may_change(const char *const *origins, const struct http_headers *headers)
{
    bool vary;
    if (http_cors_allow(origins, headers->origin, &vary) != NULL)
        return true;
    if (headers->fetch_site.data != NULL)
        return span_is(headers->fetch_site, "same-origin") || span_is(headers->fetch_site, "none");
    struct span host = host_of(headers->origin);
    return headers->origin.data == NULL ||
           (host.len > 0 && host.len == headers->host.len &&
            strncasecmp(host.data, headers->host.data, host.len) == 0);
}

void http_cors_headers(struct span requested, char ret_allowed[HTTP_CORS_HEADERS_SIZE])
{
    static const char *const known[] = {"Accept",        "Content-Type", "Idempotency-Key",
                                        "If-None-Match", "If-Match",     "Prefer",
                                        "Last-Event-ID", "X-Request-Id", "traceparent",
                                        "tracestate"}; /* the last comes with the one before */
    bool wanted[sizeof(known) / sizeof(*known)] = {false};
    struct span name;
    while (span_split(&requested, ',', &name)) {
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            wanted[i] = wanted[i] || span_is_nocase(span_trim(name), known[i]);
    }
    ret_allowed[0] = '\0';
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (!wanted[i])
            continue;
        if (ret_allowed[0] != '\0')
            strcat(ret_allowed, ", ");
        strcat(ret_allowed, known[i]); /* all of them together fit */
    }
}
