/* list, sweep, advance: bounded steps along an index, each one script. */
#include "repository/redis_calls.h"

#include <stdlib.h>

static struct span index_key(const struct redis_call *call, struct redis_key *storage,
                             enum process_status status)
{
    return redis_key(&call->repository->keys, storage, KEY_STATUS,
                     span_of(process_status_name(status)));
}

static void add_position(struct redis_commands *commands, bool has_position,
                         const struct repo_position *position)
{
    char id[PROCESS_ID_TEXT_SIZE] = "";
    if (has_position)
        process_id_format(&position->id, id);
    redis_arg_int(commands, has_position);
    redis_arg_int(commands, has_position ? position->score : 0);
    redis_arg_str(commands, id);
}

/* Score and id stand at i; false when there was no entry. */
static bool take_position(const struct redis_answer *answer, size_t i,
                          struct repo_position *ret_position)
{
    const struct redisReply *id = answer->values[i + 1];
    if (id->type != REDIS_REPLY_STRING ||
        !process_id_parse((struct span){id->str, id->len}, &ret_position->id))
        return false;
    ret_position->score = redis_answer_int(answer, i);
    return true;
}

/* --- list ------------------------------------------------------------------------------------ */

static struct repo_list *list_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_list, op);
}

static struct span list_index(const struct redis_call *call, const struct repo_list *list,
                              struct redis_key *storage)
{
    const char *status = list->by_status ? process_status_name(list->status) : NULL;
    if (list->group.data != NULL)
        return redis_group_key(&call->repository->keys, storage, status, list->group);
    if (list->by_status)
        return index_key(call, storage, list->status);
    return redis_key(&call->repository->keys, storage, KEY_TIMES, SPAN_NONE);
}

static void build_list(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_list *list = list_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_LIST, list_index(call, list, &key), 0);
    redis_arg_str(commands, list->by_status ? process_status_name(list->status) : "");
    redis_arg(commands, list->type);
    redis_arg(commands, list->group);
    redis_arg_int(commands, list->created_after);
    redis_arg_int(commands, list->created_before);
    redis_arg_int(commands, list->limit);
    redis_arg_int(commands, list->examine > 0 ? list->examine : REPO_LIST_EXAMINE);
    redis_arg_int(commands, REPO_PAGE_BYTES);
    add_position(commands, list->has_position, &list->position);
}

static void on_list(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_list *list = list_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 4, &answer);
    if (err == ERR_OK)
        err = redis_answer_page(call->repository, answer.values[3], &list->count);
    if (err == ERR_OK)
        list->more =
            redis_answer_int(&answer, 0) != 0 && take_position(&answer, 1, &list->position);
    list->processes = call->repository->page;
    redis_call_finish(call, err);
}

void redis_list(struct process_repository *base, struct repo_list *list)
{
    list->count = 0;
    list->more = false;
    redis_call_start(redis_repository(base), &list->op, NULL, false, build_list, on_list);
}

/* --- sweep ----------------------------------------------------------------------------------- */

static struct repo_sweep *sweep_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_sweep, op);
}

static void build_sweep(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_sweep *sweep = sweep_of(call);
    struct redis_key key;
    struct span index = sweep->kind == SWEEP_FINISHED
                            ? index_key(call, &key, sweep->status)
                            : redis_key(&call->repository->keys, &key, KEY_RETENTION, SPAN_NONE);
    redis_call_script(commands, SCRIPT_SWEEP, index, sweep->now);
    redis_arg(commands, sweep->type);
    redis_arg_int(commands, sweep->before);
    redis_arg_int(commands, sweep->limit);
    redis_arg_int(commands, sweep->dry_run);
    add_position(commands, sweep->has_position, &sweep->position);
    redis_arg_int(commands, call->repository->base.policy->tombstone_ms);
}

static void on_sweep(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_sweep *sweep = sweep_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 6, &answer);
    if (err == ERR_OK) {
        sweep->more = redis_answer_int(&answer, 0) != 0;
        sweep->has_position = take_position(&answer, 1, &sweep->position);
        sweep->matched[PROCESS_COMPLETED] = redis_answer_int(&answer, 3);
        sweep->matched[PROCESS_FAILED] = redis_answer_int(&answer, 4);
        sweep->matched[PROCESS_CANCELED] = redis_answer_int(&answer, 5);
    }
    redis_call_finish(call, err);
}

void redis_sweep(struct process_repository *base, struct repo_sweep *sweep)
{
    sweep->more = false;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        sweep->matched[i] = 0;
    redis_call_start(redis_repository(base), &sweep->op, NULL, !sweep->dry_run, build_sweep,
                     on_sweep);
}

/* --- advance --------------------------------------------------------------------------------- */

#define SETTLED_VALUES 5

static struct repo_advance *advance_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_advance, op);
}

static void build_advance(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_advance *advance = advance_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_ADVANCE,
                      redis_key(&call->repository->keys, &key, KEY_SCHEDULE, SPAN_NONE),
                      advance->now);
    redis_arg_int(commands, advance->limit);
    redis_arg_int(commands, advance->jitter);
}

static bool take_one_settled(const struct redisReply *value, struct repo_settled *ret_settled)
{
    const struct redis_answer values = {value->element, value->elements};
    if (value->type != REDIS_REPLY_ARRAY || values.count != SETTLED_VALUES)
        return false;
    ret_settled->type = redis_text_of(values.values[0]);
    ret_settled->event = redis_answer_int(&values, 1) != 0 ? EVENT_EXPIRE : EVENT_LAPSE;
    ret_settled->lease_lost = redis_answer_int(&values, 3) != 0;
    ret_settled->run_ms = redis_answer_int(&values, 4);
    return process_type_is_valid(ret_settled->type) &&
           process_status_parse(redis_text_of(values.values[2]), &ret_settled->status);
}

static enum err take_settled(struct redis_given *given, const struct redisReply *list,
                             struct repo_advance *advance)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements > 2 * (size_t)advance->limit)
        return ERR_INTERNAL;
    if (list->elements > given->settled_room) {
        struct repo_settled *grown = realloc(given->settled, list->elements * sizeof(*grown));
        if (grown == NULL)
            return ERR_NO_MEMORY;
        given->settled = grown;
        given->settled_room = list->elements;
    }
    for (size_t i = 0; i < list->elements; i++) {
        if (!take_one_settled(list->element[i], &given->settled[i]))
            return ERR_INTERNAL;
    }
    advance->settled = given->settled;
    advance->settled_count = list->elements;
    return ERR_OK;
}

static void on_advance(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_advance *advance = advance_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 5, &answer);
    if (err == ERR_OK) {
        advance->released = (int)redis_answer_int(&answer, 0);
        advance->lapsed = (int)redis_answer_int(&answer, 1);
        advance->expired = (int)redis_answer_int(&answer, 2);
        advance->more = redis_answer_int(&answer, 3) != 0;
        err = take_settled(&call->repository->given, answer.values[4], advance);
    }
    redis_call_finish(call, err);
}

void redis_advance(struct process_repository *base, struct repo_advance *advance)
{
    advance->released = advance->lapsed = advance->expired = 0;
    advance->more = false;
    advance->settled = NULL;
    advance->settled_count = 0;
    redis_call_start(redis_repository(base), &advance->op, NULL, true, build_advance, on_advance);
}
