/* create: without a key one pipelined MULTI ... EXEC, which costs Redis least; with a key a script,
 * since it must look before it writes. EXEC does not roll back, so when a command in it failed
 * (somebody has put another type at a key) the rest is undone. */
#include "repository/redis_calls.h"

#include <inttypes.h>
#include <stdio.h>

static struct repo_create *create_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_create, op);
}

/* The index that moves a new process on, and its score there. */
struct first_place {
    const char *name;
    struct span rest;
    int64_t score;
};

static struct first_place first_place(const struct process *process)
{
    if (process->run_at > process->created_at)
        return (struct first_place){KEY_SCHEDULE, SPAN_NONE, process->run_at};
    return (struct first_place){KEY_QUEUE, process->type, process_queue_score(process)};
}

/* --- without a key --------------------------------------------------------------------------- */

static void add_score(const struct redis_call *call, struct redis_commands *commands,
                      const char *name, struct span rest, int64_t score)
{
    struct redis_key key;
    redis_command(commands, "ZADD");
    redis_arg(commands, redis_key(&call->repository->keys, &key, name, rest));
    redis_arg_int(commands, score);
    redis_arg_str(commands, call->id);
}

static void build_create(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct process *process = &create_of(call)->process;
    struct first_place place = first_place(process);
    struct redis_key key;
    redis_command(commands, "MULTI");
    redis_command(commands, "HSET");
    redis_arg(commands, redis_call_key(call, &key));
    redis_record_fields(commands, process);
    redis_command(commands, "SADD");
    redis_arg(commands, redis_key(&call->repository->keys, &key, KEY_IDS, SPAN_NONE));
    redis_arg_str(commands, call->id);
    add_score(call, commands, KEY_TIMES, SPAN_NONE, process->created_at);
    add_score(call, commands, KEY_STATUS, SPAN("pending"), process->created_at);
    add_score(call, commands, place.name, place.rest, place.score);
    redis_command(commands, "EXEC");
}

static void add_removal(const struct redis_call *call, struct redis_commands *commands,
                        const char *command, const char *name, struct span rest)
{
    struct redis_key key;
    redis_command(commands, command);
    redis_arg(commands, redis_key(&call->repository->keys, &key, name, rest));
    redis_arg_str(commands, call->id);
}

/* No transaction: what can be undone is, and what fails here failed before. */
static void build_undo(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct first_place place = first_place(&create_of(call)->process);
    struct redis_key key;
    add_removal(call, commands, "SREM", KEY_IDS, SPAN_NONE);
    add_removal(call, commands, "ZREM", KEY_TIMES, SPAN_NONE);
    add_removal(call, commands, "ZREM", KEY_STATUS, SPAN("pending"));
    add_removal(call, commands, "ZREM", place.name, place.rest);
    redis_command(commands, "DEL");
    redis_arg(commands, redis_call_key(call, &key));
}

static void on_undone(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)err;
    (void)reply;
    redis_call_finish(redis_call_of(request), ERR_CORRUPT);
}

static void on_created(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    for (size_t i = 0; err == ERR_OK && i < reply->elements; i++)
        err = redis_reply_error(reply->element[i]);
    if (err == ERR_OK && reply->elements != 5)
        err = ERR_INTERNAL;
    if (err == ERR_CORRUPT) {
        redis_note_damage(call->repository, "");
        request->writes = false;
        redis_call_next(call, build_undo, on_undone);
        return;
    }
    redis_call_finish(call, err);
}

/* --- with a key ------------------------------------------------------------------------------ */

static void build_create_once(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_create *create = create_of(call);
    struct first_place place = first_place(&create->process);
    char fingerprint[17];
    struct redis_key key;
    snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, create->fingerprint);
    redis_call_script(call, commands, SCRIPT_CREATE, redis_call_key(call, &key),
                      create->process.created_at);
    redis_arg_str(commands, call->id);
    redis_arg(commands, create->idempotency_key);
    redis_arg_str(commands, fingerprint);
    redis_arg_int(commands, call->repository->base.policy->idempotency_ms);
    redis_arg_int(commands, create->process.created_at);
    const struct redis_keys no_prefix = {""};
    redis_arg(commands, redis_key(&no_prefix, &key, place.name, place.rest));
    redis_arg_int(commands, place.score);
    redis_record_fields(commands, &create->process);
}

static void on_created_once(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_create *create = create_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 0, &answer);
    if (err == ERR_OK && answer.count > 0) {
        err = redis_answer_record(answer.values[0], &create->existing);
        create->replayed = err == ERR_OK;
        if (err == ERR_CORRUPT)
            redis_note_damage(call->repository, "");
    }
    redis_call_finish(call, err);
}

void redis_create(struct process_repository *base, struct repo_create *create)
{
    bool once = create->idempotency_key.data != NULL;
    create->replayed = false;
    redis_call_start(redis_repository(base), &create->op, &create->process.id, true,
                     once ? build_create_once : build_create, once ? on_created_once : on_created);
}
