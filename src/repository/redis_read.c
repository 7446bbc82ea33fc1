/* get, counts, ping: commands only, since nothing is decided. */
#include "repository/redis_calls.h"

/* --- get: the fields; and only when there are none, whether the process was removed -------------
 */

static struct repo_get *get_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_get, op);
}

static void build_get(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_command(commands, "HMGET");
    redis_arg(commands, redis_call_key(call, &key));
    redis_record_names(commands, get_of(call)->with_input);
}

/* A record of which none of the fields is left is damaged, not absent. */
static void build_absent(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_command(commands, "MULTI");
    redis_command(commands, "EXISTS");
    redis_arg(commands, redis_call_key(call, &key));
    redis_command(commands, "EXISTS");
    redis_arg(commands, redis_key(&call->repository->keys, &key, KEY_GONE, span_of(call->id)));
    redis_command(commands, "EXEC");
}

static void on_absent(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    if (err == ERR_OK) {
        struct redis_answer found = {reply->element, reply->elements};
        if (redis_answer_int(&found, 0) > 0) {
            redis_note_damage(call->repository, call->id);
            err = ERR_CORRUPT;
        } else {
            err = redis_answer_int(&found, 1) > 0 ? ERR_GONE : ERR_NOT_FOUND;
        }
    }
    redis_call_finish(call, err);
}

static void on_get(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_get *get = get_of(call);
    if (err == ERR_OK)
        err = redis_record_parse(reply->element, reply->elements, &get->id, &get->process);
    if (err == ERR_NOT_FOUND) {
        redis_call_next(call, build_absent, on_absent);
        return;
    }
    if (err == ERR_CORRUPT)
        redis_note_damage(call->repository, call->id);
    redis_call_finish(call, err);
}

void redis_get(struct process_repository *base, struct repo_get *get)
{
    redis_call_start(redis_repository(base), &get->op, &get->id, false, build_get, on_get);
}

/* --- counts
 * --------------------------------------------------------------------------------------- */

static void build_counts(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_keys *keys = &redis_call_of(request)->repository->keys;
    struct redis_key key;
    redis_command(commands, "MULTI");
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        struct span status = span_of(process_status_name((enum process_status)i));
        redis_command(commands, "ZCARD");
        redis_arg(commands, redis_key(keys, &key, KEY_STATUS, status));
    }
    redis_command(commands, "SCARD");
    redis_arg(commands, redis_key(keys, &key, KEY_IDS, SPAN_NONE));
    redis_command(commands, "EXEC");
}

static void on_counts(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_counts *counts = container_of(call->op, struct repo_counts, op);
    for (size_t i = 0; err == ERR_OK && i < reply->elements; i++)
        err = redis_reply_error(reply->element[i]);
    if (err == ERR_CORRUPT)
        redis_note_damage(call->repository, "");
    if (err == ERR_OK) {
        struct redis_answer numbers = {reply->element, reply->elements};
        for (size_t i = 0; i < PROCESS_STATUS_COUNT; i++)
            counts->by_status[i] = redis_answer_int(&numbers, i);
        counts->total = redis_answer_int(&numbers, PROCESS_STATUS_COUNT);
    }
    redis_call_finish(call, err);
}

void redis_counts(struct process_repository *base, struct repo_counts *counts)
{
    redis_call_start(redis_repository(base), &counts->op, NULL, false, build_counts, on_counts);
}

/* --- ping
 * ----------------------------------------------------------------------------------------- */

static void build_ping(struct redis_request *request, struct redis_commands *commands)
{
    (void)request;
    redis_command(commands, "PING");
}

static void on_ping(struct redis_request *request, enum err err, struct redisReply *reply)
{
    (void)reply;
    redis_call_finish(redis_call_of(request), err);
}

void redis_ping(struct process_repository *base, struct repo_ping *ping)
{
    redis_call_start(redis_repository(base), &ping->op, NULL, false, build_ping, on_ping);
}
