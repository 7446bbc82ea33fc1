/* create with a key, and of several: one script, since it must look before it writes. */
#include "repository/redis_calls.h"

#include <inttypes.h>
#include <stdio.h>

/* --- what the script is given ---------------------------------------------------------------- */

struct note {
    struct span key; /* or absent */
    uint64_t fingerprint;
    const char *base; /* of a batch; else empty */
    size_t count;
};

static void add_note(const struct redis_call *call, struct redis_commands *commands,
                     const struct note *note)
{
    char fingerprint[17];
    snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, note->fingerprint);
    redis_arg(commands, note->key);
    redis_arg_str(commands, fingerprint);
    redis_arg_int(commands, call->repository->base.policy->idempotency_ms);
    redis_arg_str(commands, note->base);
    redis_arg_int(commands, (int64_t)note->count);
}

static void add_process(struct redis_commands *commands, const struct process *process,
                        bool announces)
{
    const struct redis_keys no_prefix = {""};
    const struct redis_place place = redis_first_place(process);
    const int64_t deadline = process_pending_deadline(process);
    char id[PROCESS_ID_TEXT_SIZE];
    struct redis_key key;
    process_id_format(&process->id, id);
    redis_arg_str(commands, id);
    redis_arg_int(commands, process->created_at);
    redis_arg(commands, redis_key(&no_prefix, &key, place.name, place.rest));
    redis_arg_int(commands, place.score);
    redis_arg(commands, announces ? process->type : SPAN_NONE);
    if (deadline != TIME_NONE)
        redis_arg_int(commands, deadline);
    else
        redis_arg(commands, SPAN_NONE);
    redis_arg(commands, process->group);
    redis_record_fields(commands, process);
    redis_arg(commands, SPAN_NONE);
}

/* --- one with a key -------------------------------------------------------------------------- */

static struct repo_create *create_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_create, op);
}

static void build_create_once(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_call *call = redis_call_of(request);
    const struct repo_create *create = create_of(call);
    const struct note note = {create->idempotency_key, create->fingerprint, "", 1};
    struct redis_key key;
    redis_call_script(commands, SCRIPT_CREATE, redis_call_key(call, &key),
                      create->process.created_at);
    add_note(call, commands, &note);
    if (!call->announces) /* this may be the second time that it is built */
        call->announces = redis_announce_due(call->repository, create->process.type);
    add_process(commands, &create->process, call->announces);
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
    if (call->announces && (err != ERR_OK || create->replayed))
        redis_announce_failed(call->repository, create->process.type);
    redis_call_finish(call, err);
}

void redis_create_once(struct redis_repository *repository, struct repo_create *create)
{
    redis_call_start(repository, &create->op, &create->process.id, true, build_create_once,
                     on_created_once);
}

/* --- several --------------------------------------------------------------------------------- */

static struct repo_create_batch *batch_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_create_batch, op);
}

static void build_batch(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_create_batch *batch = batch_of(call);
    const struct note note = {batch->idempotency_key, batch->fingerprint, call->id, batch->count};
    struct redis_key key;
    redis_call_script(commands, SCRIPT_CREATE, redis_call_key(call, &key), batch->now);
    add_note(call, commands, &note);
    for (size_t i = 0; i < batch->count; i++)
        add_process(commands, &batch->processes[i], true);
}

static void on_batch(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_create_batch *batch = batch_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 0, &answer);
    if (err == ERR_OK && answer.count > 0) {
        batch->replayed = process_id_parse(redis_text_of(answer.values[0]), &batch->base);
        if (!batch->replayed)
            err = ERR_CORRUPT;
    }
    redis_call_finish(call, err);
}

void redis_create_batch(struct process_repository *base, struct repo_create_batch *batch)
{
    batch->replayed = false;
    redis_call_start(redis_repository(base), &batch->op, &batch->base, true, build_batch, on_batch);
}
