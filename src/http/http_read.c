#include "http/http_call.h"

void http_call_get(struct http_call *call, const struct process_id *id, bool with_input,
                   void (*done)(struct process_op *op))
{
    struct process_manager *manager = call->server->manager;
    struct repo_get *get = &call->work.get;
    call->stamp = change_stamps_get(process_manager_stamps(manager), process_id_key(id));
    process_op_init(&get->op, done);
    get->id = *id;
    get->with_input = with_input;
    get->brief = true;
    get->watch = false;
    process_manager_get(manager, get);
}

void http_call_settle(struct http_call *call)
{
    const struct repo_get *get = &call->work.get;
    struct change_stamps *stamps = process_manager_stamps(call->server->manager);
    struct span key = process_id_key(&get->id);
    if (get->op.result != ERR_OK ||
        !change_stamps_settle(stamps, key, (uint64_t)get->process.version, &call->stamp))
        change_stamps_renew(stamps, key);
}
