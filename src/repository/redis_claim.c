/* claim. When there is nothing, and the caller wants to hear of work that others bring, the keys
 * that could bring it are read once more as watched ones: from then on Redis tells when one of them
 * changes. What came between the first look and that reading is found by a second look. Where
 * changes are published, all of that comes by itself. */
#include "repository/redis_calls.h"

static struct repo_claim *claim_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_claim, op);
}

static void on_claim(struct redis_request *request, enum err err, struct redisReply *reply);
static void finish_claim(struct redis_call *call, enum err err);

static void build_claim(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_claim *claim = claim_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_CLAIM,
                      redis_key(&call->repository->keys, &key, KEY_QUEUE, claim->types[0]),
                      claim->now);
    redis_arg(commands, claim->worker);
    redis_arg_int(commands, claim->lease_ms);
    redis_arg_int(commands, claim->max);
    redis_arg_int(commands, REPO_PAGE_BYTES);
    redis_arg_int(commands, claim->announce && !call->again);
    redis_arg_int(commands, (int64_t)claim->type_count);
    for (size_t i = 0; i < claim->type_count; i++)
        redis_arg(commands, claim->types[i]);
    for (int i = 0; i < claim->max; i++)
        redis_arg_str(commands, claim->tokens[i]);
}

/* A printable ASCII text as a JSON string. */
static struct span quoted(struct span text, char storage[2 * PROCESS_WORKER_MAX + 2])
{
    char *out = storage;
    *out++ = '"';
    for (size_t i = 0; i < text.len && i < PROCESS_WORKER_MAX; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            *out++ = '\\';
        *out++ = text.data[i];
    }
    *out++ = '"';
    return (struct span){storage, (size_t)(out - storage)};
}

static void build_claim_plain(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_claim *claim = claim_of(call);
    struct redis_key key;
    char actor[2 * PROCESS_WORKER_MAX + 2];
    redis_call_script(commands, SCRIPT_CLAIM_PLAIN,
                      redis_key(&call->repository->keys, &key, KEY_QUEUE, claim->types[0]),
                      claim->now);
    redis_arg_time(commands, claim->now);
    redis_arg(commands, claim->worker);
    redis_arg(commands, quoted(claim->worker, actor));
    redis_arg_int(commands, claim->now + claim->lease_ms);
    redis_arg_time(commands, claim->now + claim->lease_ms);
    redis_arg_str(commands, claim->tokens[0]);
    for (size_t i = 0; i < claim->type_count; i++)
        redis_arg(commands, claim->types[i]);
}

/* The one process that was claimed: id, what it was, what changed. */
static enum err take_plain(struct redis_call *call, const struct redis_answer *answer)
{
    struct process *process = &call->repository->page[0];
    struct process_id id;
    if (answer->count == 0)
        return ERR_OK;
    if (answer->count < 3 || !process_id_parse(redis_text_of(answer->values[0]), &id))
        return ERR_INTERNAL;
    enum err err = redis_record_parse_pairs(answer->values[1], answer->values[2], &id, process);
    if (err != ERR_OK) {
        text_copy(call->id, sizeof(call->id), redis_text_of(answer->values[0]));
        redis_note_damage(call->repository, call->id);
        return ERR_OK; /* its lease runs out, and the other script puts it aside */
    }
    process->progress = process->usage = SPAN_NONE;
    claim_of(call)->count = 1;
    return ERR_OK;
}

static void on_claim_plain(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct redis_answer answer;
    if (redis_is_for_the_other(err, reply)) {
        redis_call_next(call, build_claim, on_claim);
        return;
    }
    err = redis_answer_open(call, err, reply, 0, &answer);
    if (err == ERR_OK)
        err = take_plain(call, &answer);
    finish_claim(call, err);
}

/* The one read of the queues comes last: its answer is the request's. */
static void build_watch(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_claim *claim = claim_of(call);
    const struct redis_keys *keys = &call->repository->keys;
    struct redis_key key;
    redis_tracking_watch(commands);
    redis_command(commands, "EXISTS");
    redis_arg(commands, redis_key(keys, &key, KEY_PAUSED, SPAN_NONE));
    redis_tracking_watch(commands);
    redis_command(commands, "EXISTS");
    for (size_t i = 0; i < claim->type_count; i++)
        redis_arg(commands, redis_key(keys, &key, KEY_QUEUE, claim->types[i]));
}

/* Whatever became of it, the claim itself was answered: there was nothing. Without the watch none
 * is to rely on hearing of more. */
static void on_watch(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    if (err == ERR_OK && reply->integer > 0) {
        call->again = true;
        call->request.writes = true;
        redis_call_next(call, build_claim, on_claim);
        return;
    }
    if (err != ERR_OK && redis_client_is_ready(call->repository->client))
        redis_tracking_doubt(call->repository->news.tracking);
    redis_call_finish(call, err == ERR_CANCELED ? err : ERR_OK);
}

static bool is_to_listen(const struct redis_call *call)
{
    const struct repo_claim *claim = claim_of(call);
    return claim->listen && claim->count == 0 && !call->again && !call->repository->publishes &&
           redis_tracking_is_on(call->repository->news.tracking);
}

static void finish_claim(struct redis_call *call, enum err err)
{
    claim_of(call)->processes = call->repository->page;
    if (err == ERR_OK && is_to_listen(call)) {
        call->request.writes = false;
        redis_call_next(call, build_watch, on_watch);
        return;
    }
    redis_call_finish(call, err);
}

static void on_claim(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_claim *claim = claim_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 1, &answer);
    if (err == ERR_OK)
        err = redis_answer_page(call->repository, answer.values[0], &claim->count);
    finish_claim(call, err);
}

void redis_claim(struct process_repository *base, struct repo_claim *claim)
{
    claim->count = 0;
    if (claim->type_count == 0) {
        process_op_finish(&claim->op, ERR_OK);
        return;
    }
    bool plain = claim->max == 1 && !claim->announce;
    redis_call_start(redis_repository(base), &claim->op, NULL, true,
                     plain ? build_claim_plain : build_claim, plain ? on_claim_plain : on_claim);
}
