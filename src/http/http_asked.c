/* Reading what was asked: by whom, the id, the query, If-Match, the body. */
#include "http/http_call.h"

#include <stdio.h>

const char *http_call_request_id(struct http_call *call)
{
    struct span given = call->headers.request_id;
    if (call->request_id[0] != '\0')
        return call->request_id;
    if (!http_request_id_is_valid(given) ||
        !text_copy(call->request_id, sizeof(call->request_id), given))
        http_request_ids_next(&call->server->request_ids, call->request_id);
    return call->request_id;
}

bool http_call_has_request_id(const struct http_call *call)
{
    return call->headers.request_id.data != NULL;
}

struct span http_call_traceparent(struct http_call *call)
{
    if (call->traceparent[0] == '\0' &&
        !traceparent_read(call->headers.traceparent, call->traceparent))
        return SPAN_NONE;
    return span_of(call->traceparent);
}

bool http_call_id(struct http_call *call, struct process_id *ret_id)
{
    if (process_id_parse(call->target.segments[1], ret_id))
        return true;
    http_fail(call, PROBLEM_BAD_ID, NULL);
    return false;
}

const char http_type_expected[] = "must be 1 to 64 characters out of A-Z a-z 0-9 _ . -";
const char http_group_expected[] = "must be 1 to 128 characters out of A-Z a-z 0-9 _ . - :";

static bool read_name(struct http_call *call, bool (*is_valid)(struct span name), const char *what,
                      const char *expected, struct span *ret_name)
{
    char detail[128];
    *ret_name = call->target.segments[1];
    if (is_valid(*ret_name))
        return true;
    if (ret_name->len == 0) {
        http_fail(call, PROBLEM_UNKNOWN_PATH, NULL);
        return false;
    }
    snprintf(detail, sizeof(detail), "The %s in the path %s.", what, expected);
    http_fail(call, PROBLEM_BAD_NAME, detail);
    return false;
}

bool http_call_type(struct http_call *call, struct span *ret_type)
{
    return read_name(call, process_type_is_valid, "type", http_type_expected, ret_type);
}

bool http_call_group(struct http_call *call, struct span *ret_group)
{
    return read_name(call, process_group_is_valid, "group", http_group_expected, ret_group);
}

bool http_call_no_body(struct http_call *call)
{
    struct json_fault fault;
    struct span root = SPAN_NONE, key, value;
    size_t cursor = 0;
    if (call->body.len == 0)
        return true;
    if (json_check(text_buffer_span(&call->body), &root, &fault) &&
        json_kind_of(root) == JSON_KIND_OBJECT && !json_object_next(root, &cursor, &key, &value))
        return true;
    http_fail(call, root.data != NULL ? PROBLEM_INVALID : PROBLEM_BAD_JSON,
              "This request takes no body; leave it out, or send {}.");
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

bool http_call_has_version(const struct http_call *call, int64_t version)
{
    return call->headers.if_none_match.data != NULL &&
           http_etag_matches(call->headers.if_none_match, version);
}

bool http_call_is_json(struct http_call *call)
{
    const struct http_headers *headers = &call->headers;
    if (http_is_json(headers->content_type) &&
        (headers->content_encoding.data == NULL ||
         span_is_nocase(headers->content_encoding, "identity")))
        return true;
    http_fail(call, PROBLEM_MEDIA_TYPE, NULL);
    return false;
}

bool http_call_key_is_fine(struct http_call *call)
{
    const struct http_headers *headers = &call->headers;
    if (headers->idempotency_key.data == NULL ||
        http_idempotency_key(headers->idempotency_key, call->idempotency_key))
        return true;
    http_fail(call, PROBLEM_BAD_HEADER,
              "Idempotency-Key must be 1 to 255 printable ASCII characters.");
    return false;
}

/* FNV-1a. It is stored beside the key, so it must stay the same for ever; a client can only fool
 * itself with it. */
static uint64_t fingerprint(struct span body)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < body.len; i++)
        hash = (hash ^ (unsigned char)body.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

struct span http_call_key(const struct http_call *call, uint64_t *ret_fingerprint)
{
    *ret_fingerprint = 0;
    if (call->headers.idempotency_key.data == NULL)
        return SPAN_NONE;
    *ret_fingerprint = fingerprint(text_buffer_span(&call->body));
    return span_of(call->idempotency_key);
}

bool http_call_body_is_fine(struct http_call *call, enum body_verdict verdict,
                            const struct json_fault *fault, struct http_faults *take_faults)
{
    switch (verdict) {
    case BODY_OK:
        http_faults_finish(take_faults);
        return true;
    case BODY_NOT_JSON:
        http_faults_finish(take_faults);
        http_answer_not_json(call, fault);
        break;
    case BODY_INVALID:
        http_answer_faults(call, PROBLEM_INVALID, take_faults);
        break;
    }
    http_call_finish(call);
    return false;
}
