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

bool http_standing_is_ready(const struct http_standing *standing)
{
    return !standing->stopping && !standing->loop_silent && standing->storage_judged_ready;
}

static void append_word(struct text_buffer *out, bool holds, const char *word, bool *some)
{
    if (!holds)
        return;
    text_append_format(out, "%s\"%s\"", *some ? "," : "", word);
    *some = true;
}

void http_standing_reasons(const struct http_standing *standing, struct text_buffer *out)
{
    bool some = false, timeout = standing->ping == ERR_TIMEOUT;
    text_append_char(out, '[');
    append_word(out, standing->stopping, "stopping", &some);
    append_word(out, standing->loop_silent, "loop_silent", &some);
    append_word(out, timeout, "repository_timeout", &some);
    append_word(out, standing->ping != ERR_OK && !timeout, "repository_unavailable", &some);
    append_word(out, standing->writes == ERR_FULL, "storage_full", &some);
    append_word(out, standing->writes != ERR_OK && standing->writes != ERR_FULL,
                "storage_unavailable", &some);
    append_word(out, standing->fell_back, "fallback", &some);
    text_append_char(out, ']');
}
