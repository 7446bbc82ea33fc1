/* standing. Each poll of a pending process asks for one, so one is a transaction, at a third of the
 * script's cost to Redis; but an older Redis that is out of memory refuses reads in transactions,
 * and then it is the script's too. */
#include "repository/redis_calls.h"

#include <string.h>

static struct repo_standing *standing_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_standing, op);
}

static struct span type_key(const struct redis_call *call, struct redis_key *storage,
                            const char *name, const char *type)
{
    return redis_key(&call->repository->keys, storage, name, span_of(type));
}

/* --- several --------------------------------------------------------------------------------- */

/* The first item of the same type: items of a page are mostly of few types. */
static size_t first_of_type(const struct repo_standing *standing, size_t item)
{
    size_t first = 0;
    while (strcmp(standing->items[first].type, standing->items[item].type) != 0)
        first++;
    return first;
}

/* What the script calls the type of each item; the number of types. */
static size_t number_types(const struct repo_standing *standing, size_t numbers[REPO_STANDING_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < standing->count; i++) {
        size_t first = first_of_type(standing, i);
        numbers[i] = first == i ? count++ : numbers[first];
    }
    return count;
}

static void build_standing(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_standing *standing = standing_of(call);
    size_t numbers[REPO_STANDING_MAX], types = number_types(standing, numbers), next = 0;
    struct redis_key key;
    redis_call_script(commands, SCRIPT_STANDING,
                      type_key(call, &key, KEY_QUEUE, standing->items[0].type), 0);
    redis_arg_int(commands, (int64_t)types);
    for (size_t i = 0; i < standing->count; i++) {
        if (numbers[i] != next)
            continue;
        redis_arg_str(commands, standing->items[i].type);
        next++;
    }
    for (size_t i = 0; i < standing->count; i++) {
        char id[PROCESS_ID_TEXT_SIZE];
        process_id_format(&standing->items[i].id, id);
        redis_arg_str(commands, id);
        redis_arg_int(commands, (int64_t)numbers[i]);
    }
}

static void on_standing(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_standing *standing = standing_of(call);
    size_t numbers[REPO_STANDING_MAX], types = number_types(standing, numbers);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 3 * types + standing->count, &answer);
    for (size_t i = 0; err == ERR_OK && i < standing->count; i++) {
        struct repo_standing_item *item = &standing->items[i];
        size_t at = 3 * numbers[i];
        item->position = redis_answer_int(&answer, 3 * types + i) + 1;
        item->state = (struct repo_type_state){
            .paused = redis_answer_int(&answer, at) != 0,
            .running = redis_answer_int(&answer, at + 1),
            .last_claimed_at = redis_answer_int(&answer, at + 2),
        };
    }
    redis_call_finish(call, err);
}

/* --- one ------------------------------------------------------------------------------------- */

static void build_one(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const char *type = standing_of(call)->items[0].type;
    struct redis_key key;
    redis_command(commands, "MULTI");
    redis_command(commands, "ZRANK");
    redis_arg(commands, type_key(call, &key, KEY_QUEUE, type));
    redis_arg_str(commands, call->id);
    redis_command(commands, "SISMEMBER");
    redis_arg(commands, type_key(call, &key, KEY_PAUSED, ""));
    redis_arg_str(commands, type);
    redis_command(commands, "ZCARD");
    redis_arg(commands, type_key(call, &key, KEY_RUNNING, type));
    redis_command(commands, "ZREVRANGE");
    redis_arg(commands, type_key(call, &key, KEY_LOOKERS, type));
    redis_arg_int(commands, 0);
    redis_arg_int(commands, 0);
    redis_arg_str(commands, "WITHSCORES");
    redis_command(commands, "EXEC");
}

static enum err take_one(const struct redisReply *reply, struct repo_standing_item *ret_item)
{
    const struct redis_answer answer = {reply->element, reply->elements};
    for (size_t i = 0; i < answer.count; i++) {
        enum err err = redis_reply_error(answer.values[i]);
        if (err != ERR_OK)
            return err;
    }
    if (answer.count != 4)
        return ERR_INTERNAL;
    const struct redis_answer seen = {answer.values[3]->element, answer.values[3]->elements};
    bool waits = answer.values[0]->type == REDIS_REPLY_INTEGER;
    ret_item->position = waits ? redis_answer_int(&answer, 0) + 1 : 0;
    ret_item->state = (struct repo_type_state){
        .paused = redis_answer_int(&answer, 1) != 0,
        .running = redis_answer_int(&answer, 2),
        .last_claimed_at = redis_answer_int(&seen, 1),
    };
    return ERR_OK;
}

static void on_one(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    if (err == ERR_FULL) {
        redis_call_next(call, build_standing, on_standing);
        return;
    }
    if (err == ERR_OK)
        err = take_one(reply, &standing_of(call)->items[0]);
    redis_call_finish(call, err);
}

void redis_standing(struct process_repository *base, struct repo_standing *standing)
{
    bool one = standing->count == 1;
    redis_call_start(redis_repository(base), &standing->op, &standing->items[0].id, false,
                     one ? build_one : build_standing, one ? on_one : on_standing);
}
