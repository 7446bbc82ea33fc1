/* transition, remove: scripts, since they look before they write. */
#include "repository/redis_calls.h"

#include "proctrack/clock.h"

#include <stdio.h>

#define DAY_MS INT64_C(86400000)

/* OK, CONFLICT, LEASE_LOST and STALE come with whether something changed, and the record. */
static enum err take_record(struct redis_call *call, const struct redis_answer *answer,
                            enum err err, bool *ret_changed, struct process *ret_process)
{
    if (answer->count < 2)
        return err;
    enum err read = redis_answer_record(answer->values[1], ret_process);
    if (read == ERR_CORRUPT)
        redis_note_damage(call->repository, call->id);
    if (read != ERR_OK)
        return read;
    *ret_changed = redis_answer_int(answer, 0) != 0;
    return err;
}

/* --- transition ------------------------------------------------------------------------------ */

static struct repo_transition *transition_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_transition, op);
}

/* Their names, each between blanks. */
static void add_statuses(struct redis_commands *commands, unsigned from)
{
    char text[80]; /* holds all of them */
    int len = snprintf(text, sizeof(text), " ");
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        if ((from & (1u << i)) != 0)
            len += snprintf(text + len, sizeof(text) - (size_t)len, "%s ",
                            process_status_name((enum process_status)i));
    }
    redis_arg(commands, (struct span){text, (size_t)len});
}

static void add_brought(struct redis_commands *commands, const char *name, struct span value)
{
    if (value.data == NULL)
        return;
    redis_arg_str(commands, name);
    redis_arg(commands, value);
}

static void build_transition(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct process_change *change = &transition_of(call)->change;
    const struct process_rule *rule = &process_rules[change->event];
    struct redis_key key;
    redis_call_script(commands, SCRIPT_TRANSITION, redis_call_key(call, &key), change->now);
    redis_arg_str(commands, call->id);
    redis_arg_str(commands, rule->name);
    add_statuses(commands, rule->from);
    redis_arg_int(commands, rule->needs_token);
    redis_arg_int(commands, change->if_version);
    redis_arg(commands, change->token);
    redis_arg_int(commands, change->attempt);
    redis_arg_int(commands, change->lease_ms);
    redis_arg_int(commands, change->retryable);
    redis_arg_int(commands, change->retry_after_ms);
    redis_arg_int(commands, change->jitter);
    add_brought(commands, "progress", change->progress);
    add_brought(commands, "result", change->result);
    add_brought(commands, "error", change->error);
    add_brought(commands, "usage", change->usage);
}

static void on_transition(struct redis_request *request, enum err err, struct redisReply *reply);

/* A worker elsewhere that has done its work: by far the most frequent change. */
static bool is_plain_completion(const struct repo_transition *transition)
{
    const struct process_change *change = &transition->change;
    return transition->brief && change->event == EVENT_COMPLETE && change->if_version == 0 &&
           change->token.len > 0 && change->progress.data == NULL && change->error.data == NULL &&
           change->usage.data == NULL;
}

static void build_completion(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct process_change *change = &transition_of(call)->change;
    int64_t retention_ms = call->repository->base.policy->retention_ms[PROCESS_COMPLETED];
    struct redis_key key;
    redis_call_script(commands, SCRIPT_COMPLETE_PLAIN, redis_call_key(call, &key), change->now);
    redis_arg_time(commands, change->now);
    redis_arg_str(commands, call->id);
    redis_arg(commands, change->token);
    redis_arg_int(commands, change->attempt);
    redis_arg_int(commands, change->now + retention_ms);
    redis_arg_time(commands, change->now + retention_ms);
    redis_arg_int(commands, retention_ms + DAY_MS);
    if (change->result.data != NULL)
        redis_arg(commands, change->result);
}

static void on_completion(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_transition *transition = transition_of(call);
    struct redis_answer answer;
    if (redis_is_for_the_other(err, reply)) {
        redis_call_next(call, build_transition, on_transition);
        return;
    }
    err = redis_answer_open(call, err, reply, 1, &answer);
    if (err == ERR_OK)
        err =
            redis_record_parse_pairs(answer.values[0], NULL, &transition->id, &transition->process);
    transition->changed = err == ERR_OK;
    redis_call_finish(call, err);
}

static void on_transition(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_transition *transition = transition_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 2, &answer);
    err = take_record(call, &answer, err, &transition->changed, &transition->process);
    redis_call_finish(call, err);
}

void redis_transition(struct process_repository *base, struct repo_transition *transition)
{
    transition->changed = false;
    bool plain = is_plain_completion(transition);
    redis_call_start(redis_repository(base), &transition->op, &transition->id, true,
                     plain ? build_completion : build_transition,
                     plain ? on_completion : on_transition);
}

/* --- remove ---------------------------------------------------------------------------------- */

static struct repo_remove *remove_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_remove, op);
}

static void build_remove(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_remove *remove = remove_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_REMOVE, redis_call_key(call, &key), remove->now);
    redis_arg_str(commands, call->id);
    redis_arg_int(commands, remove->if_version);
    redis_arg_int(commands, call->repository->base.policy->tombstone_ms);
}

static void on_remove(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_remove *remove = remove_of(call);
    struct redis_answer answer;
    bool removed;
    err = redis_answer_open(call, err, reply, 2, &answer);
    err = take_record(call, &answer, err, &removed, &remove->process);
    redis_call_finish(call, err);
}

void redis_remove(struct process_repository *base, struct repo_remove *remove)
{
    redis_call_start(redis_repository(base), &remove->op, &remove->id, true, build_remove,
                     on_remove);
}
