#include "http/http_follow.h"

#include "http/http_call.h"

#include <stdio.h>

void http_follow_begin(struct http_call *call)
{
    const struct http_headers *headers = &call->headers;
    struct http_follow *follow = &call->follow;
    *follow = (struct http_follow){.after_version = -1};
    if (call->method == METHOD_HEAD)
        return;
    follow->stream = http_accept_prefers_events(&headers->accept);
    follow->is_preferred = headers->prefer_wait_s > 0 && !follow->stream;
    if (follow->is_preferred)
        follow->wait_s =
            headers->prefer_wait_s < HTTP_FOLLOW_MAX_S ? headers->prefer_wait_s : HTTP_FOLLOW_MAX_S;
}

const char *http_follow_read_wait(struct http_call *call, struct span value)
{
    int64_t seconds;
    if (!span_to_int(value, 0, HTTP_FOLLOW_MAX_S, &seconds))
        return "must be a whole number of seconds from 0 to 60";
    call->follow.has_wait = true;
    call->follow.is_preferred = false;
    call->follow.wait_s = call->method == METHOD_HEAD ? 0 : (int)seconds;
    return NULL;
}

const char *http_follow_read_after_version(struct http_call *call, struct span value)
{
    if (!span_to_int(value, 0, INT64_MAX - 1, &call->follow.after_version))
        return "must be a version: a whole number, 0 or more";
    return NULL;
}

bool http_follow_applies(const struct http_call *call)
{
    return call->follow.stream || call->follow.wait_s > 0;
}

void http_follow_answer_varies(struct http_call *call)
{
    http_answer_header(call, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
}

void http_follow_answer_applied(struct http_call *call)
{
    char applied[32];
    if (!call->follow.is_preferred)
        return;
    snprintf(applied, sizeof(applied), "wait=%d", call->follow.wait_s);
    http_answer_header(call, "Preference-Applied", applied);
}
