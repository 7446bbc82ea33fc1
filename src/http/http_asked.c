/* Reading what was asked: the id, the query, If-Match. */
#include "http/http_call.h"

bool http_call_id(struct http_call *call, struct process_id *ret_id)
{
    if (process_id_parse(call->target.segments[1], ret_id))
        return true;
    http_fail(call, PROBLEM_BAD_ID, NULL);
    return false;
}

static bool came_before(const struct http_target *target, int i)
{
    for (int before = 0; before < i; before++) {
        if (span_equal(target->params[before].name, target->params[i].name))
            return true;
    }
    return false;
}

static void refuse_unknown(struct http_faults *faults, struct span name,
                           const struct http_param_reader *readers, size_t count)
{
    struct text_buffer detail;
    text_buffer_init(&detail, 1024);
    text_append_str(&detail, "unknown parameter; known here: ");
    for (size_t i = 0; i < count; i++)
        text_append_format(&detail, "%s%s", i > 0 ? ", " : "", readers[i].name);
    text_append_format(&detail, "%s", count == 0 ? "none" : "");
    http_faults_add(faults, name, detail.failed ? "unknown parameter" : detail.data);
    text_buffer_finish(&detail);
}

static void read_param(struct http_call *call, int i, const struct http_param_reader *readers,
                       size_t count, struct http_faults *faults)
{
    const struct http_param *param = &call->target.params[i];
    if (came_before(&call->target, i)) {
        http_faults_add(faults, param->name, "came twice");
        return;
    }
    for (size_t r = 0; r < count; r++) {
        if (!span_is(param->name, readers[r].name))
            continue;
        const char *wrong = readers[r].read(call, param->value);
        if (wrong != NULL)
            http_faults_add(faults, param->name, wrong);
        return;
    }
    refuse_unknown(faults, param->name, readers, count);
}

bool http_call_query(struct http_call *call, const struct http_param_reader *readers, size_t count)
{
    struct http_faults faults;
    if (call->target.param_count == 0)
        return true;
    http_faults_init(&faults, "parameter");
    for (int i = 0; i < call->target.param_count; i++)
        read_param(call, i, readers, count, &faults);
    if (faults.count == 0)
        return true;
    http_answer_faults(call, PROBLEM_BAD_QUERY, &faults);
    http_call_finish(call);
    return false;
}

bool http_call_no_query(struct http_call *call)
{
    return http_call_query(call, NULL, 0);
}

void http_fail_param(struct http_call *call, const char *name, const char *detail)
{
    struct http_faults faults;
    http_faults_init(&faults, "parameter");
    http_faults_add(&faults, span_of(name), detail);
    http_answer_faults(call, PROBLEM_BAD_QUERY, &faults);
    http_call_finish(call);
}

bool http_call_if_match(struct http_call *call, int64_t *ret_version)
{
    *ret_version = 0;
    if (call->headers.if_match.data == NULL ||
        http_if_match_version(call->headers.if_match, ret_version))
        return true;
    http_fail(call, PROBLEM_BAD_HEADER, "If-Match must be one entity-tag, such as \"7\", or *.");
    return false;
}
