#include "http/http_readiness.h"

void http_readiness_init(struct http_readiness *readiness)
{
    *readiness = (struct http_readiness){.failing_since = -1};
}

void http_readiness_note(struct http_readiness *readiness, enum err err, bool was_ping,
                         int64_t now_ms)
{
    bool failed = err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || (was_ping && err != ERR_OK);
    if (err == ERR_OK) {
        readiness->seen = true;
        readiness->failing_since = -1;
    } else if (failed && readiness->failing_since < 0) {
        readiness->failing_since = now_ms;
    }
}

bool http_readiness_judge(const struct http_readiness *readiness, int64_t now_ms)
{
    return readiness->seen &&
           (readiness->failing_since < 0 || now_ms - readiness->failing_since < READY_PATIENCE_MS);
}
