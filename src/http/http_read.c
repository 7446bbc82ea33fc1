#include "http/http_call.h"

void http_call_get(struct http_call *call, const struct process_id *id, bool with_input,
                   void (*done)(struct process_op *op))
{
    struct repo_get *get = &call->work.get;
    process_op_init(&get->op, done);
    get->id = *id;
    get->with_input = with_input;
    get->brief = true;
    get->watch = false;
    process_manager_get(call->server->manager, get);
}

void http_server_show(const struct http_server *server, const struct repo_get *get)
{
    struct change_stamps *stamps = process_manager_stamps(server->manager);
    struct span key = process_id_key(&get->id);
    if (get->op.result == ERR_OK)
        change_stamps_show(stamps, key, (uint64_t)get->process.version);
    else
        change_stamps_renew(stamps, key);
}
