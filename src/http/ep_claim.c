/* POST /claim: takes work, and waits for it if the worker asks for that. */
#include "http/endpoints.h"
#include "http/http_call.h"
#include "proctrack/clock.h"

#include <stdlib.h>

#define SLOW_MS 20 /* of a repository: by then its client may have given up */

void http_append_claimed(const struct http_call *call, struct text_buffer *out,
                         const struct repo_claim *claim)
{
    const struct process_view view = {
        .base_path = call->target.base, .with_input = true, .for_worker = true};
    text_append_char(out, '[');
    for (size_t i = 0; i < claim->count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        process_json_append(out, &claim->processes[i], &view);
    }
    text_append_char(out, ']');
}

static void answer_claimed(struct http_call *call, const struct repo_claim *claim)
{
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_literal(&body, "{\"processes\":");
    http_append_claimed(call, &body, claim);
    text_append_char(&body, '}');
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
}

/* `flag`: it was not let wait, and should not come back at once. */
static void answer_none(struct http_call *call)
{
    http_answer_empty(call, MHD_HTTP_NO_CONTENT);
    if (call->flag)
        http_answer_header(call, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

/* Its socket may not have been watched: it did not wait, or not for long enough yet. */
static bool has_left(const struct http_call *call)
{
    const struct process_claim *claim = &call->work.claim->claim;
    bool took_long = claim->wait_ms > 0 || clock_wall_ms() - claim->claim.now >= SLOW_MS;
    return took_long && http_connection_is_gone(call->socket);
}

static void on_claimed(struct process_op *op)
{
    struct http_claim *made = container_of(op, struct http_claim, claim.op);
    struct http_call *call = made->call;
    const struct repo_claim *claim = &made->claim.claim;
    http_call_unpark(call);
    if (op->result == ERR_OK && claim->count > 0 && has_left(call)) {
        process_op_init(op, on_claimed);
        process_manager_claim_return(&made->claim);
        return;
    }
    if (op->result != ERR_OK)
        http_answer_error(call, op->result);
    else if (claim->count > 0)
        answer_claimed(call, claim);
    else
        answer_none(call);
    if (op->result == ERR_OK)
        http_server_note(call->server, ERR_OK, false);
    free(made);
    claim_draft_finish(&call->claim);
    http_call_finish(call);
}

static void on_gone(struct http_call *call)
{
    process_manager_claim_stop(call->server->manager, &call->work.claim->claim);
}

bool http_call_claim(struct http_call *call, const struct claim_draft *draft,
                     void (*done)(struct process_op *op))
{
    struct http_claim *made = malloc(sizeof(*made));
    if (made == NULL)
        return false;
    struct process_claim *claim = &made->claim;
    call->work.claim = made;
    made->call = call;
    process_op_init(&claim->op, done);
    claim->claim.types = draft->types;
    claim->claim.type_count = draft->type_count;
    claim->claim.worker = draft->worker;
    claim->claim.max = draft->max;
    claim->claim.lease_ms = draft->lease_ms;
    claim->claim.listen = false;
    claim->wait_ms = draft->wait_ms;
    process_manager_claim(call->server->manager, claim);
    return true;
}

static void start(struct http_call *call)
{
    struct claim_draft *draft = &call->claim;
    call->flag = draft->wait_ms > 0 && !http_call_may_wait(call);
    if (call->flag)
        draft->wait_ms = 0;
    if (draft->wait_ms > 0)
        http_call_park(call, on_gone);
    if (http_call_claim(call, draft, on_claimed))
        return;
    http_call_unpark(call);
    claim_draft_finish(draft);
    http_fail(call, PROBLEM_INTERNAL, NULL);
}

void ep_claim(struct http_call *call)
{
    struct json_fault fault;
    struct http_faults faults;
    if (!http_call_no_query(call) || !http_call_is_json(call))
        return;
    http_faults_init(&faults, "pointer");
    enum body_verdict verdict =
        claim_body_read(text_buffer_span(&call->body), &call->claim, &fault, &faults);
    bool complete = verdict == BODY_OK && !call->claim.no_memory;
    if (!complete)
        claim_draft_finish(&call->claim);
    if (!http_call_body_is_fine(call, verdict, &fault, &faults))
        return;
    if (complete)
        start(call);
    else
        http_fail(call, PROBLEM_INTERNAL, NULL);
}
