/* Whether the storage works, with patience: instances that all leave at the first hiccup would make
 * it worse. Pure, any thread. */
#ifndef HTTP_READINESS_H
#define HTTP_READINESS_H

#include "proctrack/err.h"

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

#endif
