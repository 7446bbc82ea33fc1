#include "support/client_calls.h"

#include "proctrack/clock.h"
#include "support/patience.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

static void build(struct redis_request *request, struct redis_commands *commands)
{
    const struct client_call *call = container_of(request, struct client_call, request);
    for (const char *const *word = call->words; *word != NULL; word++) {
        redis_command(commands, *word);
        while (*++word != NULL)
            redis_arg_str(commands, *word);
    }
}

static void done(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct client_call *call = container_of(request, struct client_call, request);
    call->ends++;
    call->result = err;
    if (reply == NULL)
        return;
    call->number = reply->integer;
    if (reply->str != NULL)
        text_copy(call->text, sizeof(call->text), (struct span){reply->str, reply->len});
}

void client_call_start(struct redis_client *client, struct client_call *call,
                       const char *const *words)
{
    bool writes = call->request.writes;
    *call = (struct client_call){.request = {.build = build, .done = done, .writes = writes},
                                 .words = words};
    redis_client_submit(client, &call->request);
}

void client_call_wait(struct loop *loop, const struct client_call *call)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (call->ends == 0) {
        if (clock_steady_ms() > deadline)
            GIVE_UP("a command does not end");
        loop_turn(loop, 100);
    }
}

enum err client_call_run(struct loop *loop, struct redis_client *client, struct client_call *call,
                         const char *const *words)
{
    client_call_start(client, call, words);
    client_call_wait(loop, call);
    return call->result;
}

void client_wait_ready(struct loop *loop, const struct redis_client *client, bool ready)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (redis_client_is_ready(client) != ready) {
        if (clock_steady_ms() > deadline)
            GIVE_UP("the connection does not come, or go");
        loop_turn(loop, 100);
    }
}
