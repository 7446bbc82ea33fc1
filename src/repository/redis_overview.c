/* group, types, workers, pause: what is to be seen of the queues. */
#include "repository/redis_calls.h"

#include <stdlib.h>
#include <string.h>

/* For so long they are known when nothing is heard of them. */
#define TYPE_IDLE_MS   INT64_C(3600000)
#define WORKER_IDLE_MS INT64_C(86400000)

static struct span key_of(const struct redis_call *call, struct redis_key *storage,
                          const char *name, struct span rest)
{
    return redis_key(&call->repository->keys, storage, name, rest);
}

/* --- group ----------------------------------------------------------------------------------- */

static struct repo_group *group_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_group, op);
}

static void build_group(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_group *group = group_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_GROUP,
                      redis_group_key(&call->repository->keys, &key, NULL, group->group), 0);
    redis_arg(commands, group->group);
    redis_arg_int(commands, REPO_GROUP_RUNNING_MAX);
}

static double number_of(const struct redisReply *value)
{
    char text[32];
    return text_copy(text, sizeof(text), redis_text_of(value)) ? strtod(text, NULL) : 0;
}

static void on_group(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_group *group = group_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, PROCESS_STATUS_COUNT + 1, &answer);
    if (err == ERR_OK) {
        group->total = 0;
        for (size_t i = 0; i < PROCESS_STATUS_COUNT; i++)
            group->total += group->by_status[i] = redis_answer_int(&answer, i);
        group->running_percent = number_of(answer.values[PROCESS_STATUS_COUNT]);
    }
    redis_call_finish(call, err);
}

void redis_group(struct process_repository *base, struct repo_group *group)
{
    redis_call_start(redis_repository(base), &group->op, NULL, false, build_group, on_group);
}

/* --- types ----------------------------------------------------------------------------------- */

#define TYPE_VALUES 7

static struct repo_types *types_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_types, op);
}

static void build_types(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_types *types = types_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_TYPES, key_of(call, &key, KEY_TYPES, SPAN_NONE), types->now);
    redis_arg_int(commands, types->workers_since);
    redis_arg_int(commands, REPO_TYPES_MAX);
    redis_arg_int(commands, TYPE_IDLE_MS);
}

static bool take_type(const struct redisReply *value, struct repo_type *ret_type)
{
    struct redis_answer values = {value->element, value->elements};
    if (value->type != REDIS_REPLY_ARRAY || values.count != TYPE_VALUES)
        return false;
    struct span name = redis_text_of(values.values[0]);
    if (!process_type_is_valid(name) || !text_copy(ret_type->type, sizeof(ret_type->type), name))
        return false;
    ret_type->state = (struct repo_type_state){
        .paused = redis_answer_int(&values, 1) != 0,
        .running = redis_answer_int(&values, 2),
        .last_claimed_at = redis_answer_int(&values, 3),
    };
    ret_type->waiting = redis_answer_int(&values, 4);
    if (!time_parse(redis_text_of(values.values[5]), &ret_type->waiting_since))
        ret_type->waiting_since = TIME_NONE;
    ret_type->workers = redis_answer_int(&values, 6);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct repo_type *)a)->type, ((const struct repo_type *)b)->type);
}

static enum err take_types(struct redis_given *given, const struct redisReply *list,
                           struct repo_types *types)
{
    if (list->type != REDIS_REPLY_ARRAY)
        return ERR_INTERNAL;
    if (list->elements > given->type_room) {
        struct repo_type *grown = realloc(given->types, list->elements * sizeof(*grown));
        if (grown == NULL)
            return ERR_NO_MEMORY;
        given->types = grown;
        given->type_room = list->elements;
    }
    for (size_t i = 0; i < list->elements; i++) {
        if (take_type(list->element[i], &given->types[types->count]))
            types->count++;
    }
    if (types->count > 0)
        qsort(given->types, types->count, sizeof(given->types[0]), by_name);
    if (types->count > REPO_TYPES_MAX) {
        types->count = REPO_TYPES_MAX;
        types->more = true;
    }
    types->types = given->types;
    return ERR_OK;
}

static void on_types(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_types *types = types_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 2, &answer);
    if (err == ERR_OK) {
        types->more = redis_answer_int(&answer, 0) != 0;
        err = take_types(&call->repository->given, answer.values[1], types);
    }
    redis_call_finish(call, err);
}

void redis_types(struct process_repository *base, struct repo_types *types)
{
    types->count = 0;
    types->more = false;
    redis_call_start(redis_repository(base), &types->op, NULL, false, build_types, on_types);
}

/* --- workers --------------------------------------------------------------------------------- */

static struct repo_workers *workers_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_workers, op);
}

static void build_workers(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_WORKERS, key_of(call, &key, KEY_WORKERS, SPAN_NONE),
                      workers_of(call)->now);
    redis_arg_int(commands, REPO_WORKERS_MAX);
    redis_arg_int(commands, REPO_WORKER_HELD_MAX);
    redis_arg_int(commands, WORKER_IDLE_MS);
}

static bool take_worker(const struct redisReply *value, struct repo_worker *ret_worker)
{
    struct redis_answer values = {value->element, value->elements};
    if (value->type != REDIS_REPLY_ARRAY || values.count < 3 ||
        !text_copy(ret_worker->worker, sizeof(ret_worker->worker), redis_text_of(values.values[0])))
        return false;
    size_t shown = (values.count - 3) / 2;
    ret_worker->last_seen_at = redis_answer_int(&values, 1);
    ret_worker->held = redis_answer_int(&values, 2);
    if (shown > REPO_WORKER_HELD_MAX || ret_worker->held < (int64_t)shown)
        return false;
    for (size_t i = 0; i < shown; i++) {
        if (!process_id_parse(redis_text_of(values.values[3 + 2 * i]),
                              &ret_worker->processes[i].id))
            return false;
        ret_worker->processes[i].claimed_at = redis_answer_int(&values, 4 + 2 * i);
    }
    if (ret_worker->held > (int64_t)shown && shown < REPO_WORKER_HELD_MAX)
        ret_worker->held = (int64_t)shown; /* the rest has gone meanwhile */
    return true;
}

static enum err take_workers(struct redis_given *given, const struct redisReply *list,
                             struct repo_workers *workers)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements > REPO_WORKERS_MAX)
        return ERR_INTERNAL;
    if (list->elements > given->worker_room) {
        struct repo_worker *grown = realloc(given->workers, list->elements * sizeof(*grown));
        if (grown == NULL)
            return ERR_NO_MEMORY;
        given->workers = grown;
        given->worker_room = list->elements;
    }
    for (size_t i = 0; i < list->elements; i++) {
        if (take_worker(list->element[i], &given->workers[workers->count]))
            workers->count++;
    }
    workers->workers = given->workers;
    return ERR_OK;
}

static void on_workers(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_workers *workers = workers_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 2, &answer);
    if (err == ERR_OK) {
        workers->more = redis_answer_int(&answer, 0) != 0;
        err = take_workers(&call->repository->given, answer.values[1], workers);
    }
    redis_call_finish(call, err);
}

void redis_workers(struct process_repository *base, struct repo_workers *workers)
{
    workers->count = 0;
    workers->more = false;
    redis_call_start(redis_repository(base), &workers->op, NULL, false, build_workers, on_workers);
}

/* --- pause ----------------------------------------------------------------------------------- */

static struct repo_pause *pause_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_pause, op);
}

static void add_pause(const struct redis_call *call, struct redis_commands *commands)
{
    const struct repo_pause *pause = pause_of(call);
    struct redis_key key;
    redis_command(commands, pause->paused ? "SADD" : "SREM");
    redis_arg(commands, key_of(call, &key, KEY_PAUSED, SPAN_NONE));
    redis_arg(commands, pause->type);
}

static void build_pause(struct redis_request *request, struct redis_commands *commands)
{
    add_pause(redis_call_of(request), commands);
}

/* Whoever hears of it must find it done. */
static void build_pause_published(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    redis_command(commands, "MULTI");
    add_pause(call, commands);
    redis_publish(commands, call->repository, "-", "pending", pause_of(call)->type);
    redis_command(commands, "EXEC");
}

static void on_pause(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    const struct redisReply *done = reply;
    if (err == ERR_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0)
        done = reply->element[0];
    if (err == ERR_OK)
        err = redis_reply_error(done);
    if (err == ERR_OK)
        pause_of(call)->changed = done->integer == 1;
    redis_call_finish(call, err);
}

void redis_pause(struct process_repository *base, struct repo_pause *pause)
{
    struct redis_repository *repository = redis_repository(base);
    pause->changed = false;
    redis_call_start(repository, &pause->op, NULL, true,
                     repository->publishes ? build_pause_published : build_pause, on_pause);
}
