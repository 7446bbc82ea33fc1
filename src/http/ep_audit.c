/* POST /admin/audit: for operators. */
#include "http/endpoints.h"
#include "http/http_admin.h"
#include "http/http_call.h"

static void answer(struct http_call *call)
{
    const struct process_audit *audit = &call->work.audit;
    struct text_buffer body;
    text_buffer_init(&body, HTTP_ANSWER_MAX);
    text_append_format(&body, "{\"examined\":%lld,\"found\":{", (long long)audit->examined);
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        text_append_format(&body, "%s\"%s\":%lld", i > 0 ? "," : "",
                           process_audit_finding_name((enum repo_audit_finding)i),
                           (long long)audit->found[i]);
    text_append_format(&body, "},\"mended\":%lld,\"complete\":%s}", (long long)audit->mended,
                       audit->complete ? "true" : "false");
    http_answer(call, MHD_HTTP_OK, HTTP_JSON, &body);
    http_answer_header(call, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void on_audited(struct process_op *op)
{
    struct http_call *call = container_of(op, struct http_call, work.audit.op);
    call->server->auditing = false;
    if (op->result == ERR_OK)
        answer(call);
    else
        http_answer_error(call, op->result);
    http_call_finish(call);
}

void ep_admin_audit(struct http_call *call)
{
    if (!http_admin_allowed(call) || !http_call_no_query(call) || !http_call_no_body(call))
        return;
    if (call->server->auditing) { /* each keeps the store busy for up to AUDIT_BUDGET_MS */
        http_fail(call, PROBLEM_OVERLOADED,
                  "An audit is under way; repeat the request after a moment.");
        return;
    }
    call->server->auditing = true;
    process_op_init(&call->work.audit.op, on_audited);
    process_manager_audit(call->server->manager, &call->work.audit);
}
