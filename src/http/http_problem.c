#include "http/http_problem.h"

#define FAULT_ITEMS_MAX (128 * 1024)

static const struct {
    unsigned status;
    const char *slug, *title, *advice;
} problems[] = {
#define X(name, status, slug, title, advice) {status, slug, title, advice},
    HTTP_PROBLEM_MAP(X)
#undef X
};

unsigned http_problem_status(enum http_problem problem)
{
    return problems[problem].status;
}

bool http_problem_is_passing(enum http_problem problem)
{
    return problems[problem].status == 503 || problem == PROBLEM_IN_PROGRESS ||
           problem == PROBLEM_STORAGE_FULL;
}

enum http_problem http_problem_of(enum err err)
{
    switch (err) { /* no default label: an error without a problem fails to build */
    case ERR_NOT_FOUND:
        return PROBLEM_NOT_FOUND;
    case ERR_GONE:
        return PROBLEM_GONE;
    case ERR_CONFLICT:
        return PROBLEM_CONFLICT;
    case ERR_STALE:
        return PROBLEM_STALE;
    case ERR_LEASE_LOST:
        return PROBLEM_LEASE_LOST;
    case ERR_IN_PROGRESS:
        return PROBLEM_IN_PROGRESS;
    case ERR_KEY_REUSED:
        return PROBLEM_KEY_REUSED;
    case ERR_INVALID:
        return PROBLEM_BAD_REQUEST;
    case ERR_UNKNOWN_TYPE:
        return PROBLEM_UNKNOWN_TYPE;
    case ERR_TOO_LARGE:
        return PROBLEM_TOO_LARGE;
    case ERR_UNAVAILABLE:
        return PROBLEM_UNAVAILABLE;
    case ERR_TIMEOUT:
        return PROBLEM_TIMEOUT;
    case ERR_FULL:
        return PROBLEM_STORAGE_FULL;
    case ERR_TOO_MANY_TYPES:
        return PROBLEM_TOO_MANY_TYPES;
    case ERR_CORRUPT:
        return PROBLEM_CORRUPT;
    case ERR_UNSUPPORTED:
        return PROBLEM_UNSUPPORTED;
    case ERR_CANCELED:
        return PROBLEM_STOPPING;
    case ERR_OK:
    case ERR_NO_MEMORY:
    case ERR_INTERNAL:
        break;
    }
    return PROBLEM_INTERNAL;
}

void http_faults_init(struct http_faults *faults, const char *kind)
{
    text_buffer_init(&faults->items, FAULT_ITEMS_MAX);
    faults->count = 0;
    faults->kind = kind;
    faults->first[0] = '\0';
}

void http_faults_finish(struct http_faults *faults)
{
    text_buffer_finish(&faults->items);
}

void http_faults_add(struct http_faults *faults, struct span where, const char *detail)
{
    struct text_buffer *out = &faults->items;
    if (faults->count++ >= HTTP_FAULTS_MAX)
        return;
    if (faults->count == 1 && !text_copy(faults->first, sizeof(faults->first), where))
        faults->first[0] = '\0';
    text_append_format(out, "%s{\"%s\":", faults->count > 1 ? "," : "", faults->kind);
    text_append_json_string(out, where);
    text_append_literal(out, ",\"detail\":");
    text_append_json_string(out, span_of(detail));
    text_append_char(out, '}');
}

void http_problem_open(struct text_buffer *out, enum http_problem problem, const char *detail)
{
    text_append_format(out, "{\"type\":\"/problems/%s\",\"title\":", problems[problem].slug);
    text_append_json_string(out, span_of(problems[problem].title));
    text_append_format(out, ",\"status\":%u,\"detail\":", problems[problem].status);
    text_append_json_string(out, span_of(detail != NULL ? detail : problems[problem].advice));
}

void http_problem_close(struct text_buffer *out, const char *request_id)
{
    if (request_id != NULL)
        text_append_format(out, ",\"request_id\":\"%s\"", request_id);
    text_append_char(out, '}');
}

void http_problem_faults(struct text_buffer *out, const struct http_faults *faults)
{
    text_append_format(out, ",\"%s\":", faults->kind);
    text_append_json_string(out, span_of(faults->first));
    text_append_literal(out, ",\"errors\":[");
    text_append_span(out, text_buffer_span(&faults->items));
    text_append_char(out, ']');
    if (faults->count > HTTP_FAULTS_MAX)
        text_append_format(out, ",\"more_errors\":%u", faults->count - HTTP_FAULTS_MAX);
}
