#include "http/http_cors.h"

#include <string.h>

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

void http_cors_headers(struct span requested, char ret_allowed[HTTP_CORS_HEADERS_SIZE])
{
    static const char *const known[] = {"Accept",        "Content-Type", "Idempotency-Key",
                                        "If-None-Match", "If-Match",     "Prefer"};
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
