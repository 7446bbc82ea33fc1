/* Whether the instance can serve, and what stands in its way. Of the storage with patience:
 * instances that all leave at the first hiccup would make it worse. Pure, any thread. */
#ifndef HTTP_READINESS_H
#define HTTP_READINESS_H

#include "proctrack/err.h"
#include "proctrack/text.h"

#include <stdbool.h>
#include <stdint.h>

#define READY_PATIENCE_MS 3000

struct http_readiness {
    bool seen;             /* it has worked before */
    int64_t failing_since; /* -1: it works */
};

void http_readiness_init(struct http_readiness *readiness);
/* What a call to the storage came to. Only of a ping does every error mean a failure. */
void http_readiness_note(struct http_readiness *readiness, enum err err, bool was_ping,
                         int64_t now_ms);
bool http_readiness_judge(const struct http_readiness *readiness, int64_t now_ms);

/* All that is known at one moment. */
struct http_standing {
    bool stopping;
    bool loop_silent;
    bool storage_judged_ready; /* by http_readiness_judge() */
    enum err ping;             /* what the storage just answered */
    enum err writes;           /* what a write would come to */
    bool fell_back;            /* not on the repository that was asked for */
};

bool http_standing_is_ready(const struct http_standing *standing);
/* Appends a JSON array of what is amiss, also of what leaves it ready. The words are part of the
 * contract: they may be added, never renamed. */
void http_standing_reasons(const struct http_standing *standing, struct text_buffer *out);

#endif
