/* create: without a key one pipelined MULTI ... EXEC, which costs Redis least. EXEC does not roll
 * back, so when a command in it failed (somebody has put another type at a key) the rest is undone.
 *
 * Types in use are listed in an index of their own. A command for each creation would be dear, so
 * each is announced once in a while only; what is forgotten here is announced once more. */
#include "repository/redis_calls.h"

#include "proctrack/keyed_hash.h"

#define ANNOUNCE_EVERY_MS 60000
#define CREATE_REPLIES    5 /* of EXEC, for a process with nothing particular */

static struct repo_create *create_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_create, op);
}

struct redis_place redis_first_place(const struct process *process)
{
    if (process->run_at > process->created_at)
        return (struct redis_place){KEY_SCHEDULE, SPAN_NONE, process->run_at};
    return (struct redis_place){KEY_QUEUE, process->type, process_queue_score(process)};
}

/* --- announcing types ------------------------------------------------------------------------ */

bool redis_announce_due(struct redis_repository *repository, struct span type)
{
    uint64_t hash = keyed_hash(type);
    size_t slot = hash % ANNOUNCED_MAX;
    int64_t now = clock_steady_ms();
    if (repository->announced[slot].hash == hash && now < repository->announced[slot].until)
        return false;
    repository->announced[slot].hash = hash;
    repository->announced[slot].until = now + ANNOUNCE_EVERY_MS;
    return true;
}

void redis_announce_failed(struct redis_repository *repository, struct span type)
{
    repository->announced[keyed_hash(type) % ANNOUNCED_MAX].until = 0;
}

/* --- the transaction ------------------------------------------------------------------------- */

static void add_score(const struct redis_call *call, struct redis_commands *commands,
                      const char *name, struct span rest, int64_t score)
{
    struct redis_key key;
    redis_command(commands, "ZADD");
    redis_arg(commands, redis_key(&call->repository->keys, &key, name, rest));
    redis_arg_int(commands, score);
    redis_arg_str(commands, call->id);
}

static void add_to_group(const struct redis_call *call, struct redis_commands *commands,
                         const char *status, const struct process *process)
{
    struct redis_key key;
    redis_command(commands, "ZADD");
    redis_arg(commands, redis_group_key(&call->repository->keys, &key, status, process->group));
    redis_arg_int(commands, process->created_at);
    redis_arg_str(commands, call->id);
}

static void announce(const struct redis_call *call, struct redis_commands *commands,
                     const struct process *process)
{
    struct redis_key key;
    redis_command(commands, "ZADD");
    redis_arg(commands, redis_key(&call->repository->keys, &key, KEY_TYPES, SPAN_NONE));
    redis_arg_int(commands, process->created_at);
    redis_arg(commands, process->type);
}

/* What only some processes need. */
static size_t add_particulars(const struct redis_call *call, struct redis_commands *commands,
                              const struct process *process)
{
    size_t count = 0;
    if (process->group.data != NULL) {
        add_to_group(call, commands, NULL, process);
        add_to_group(call, commands, "pending", process);
        count += 2;
    }
    if (process_pending_deadline(process) != TIME_NONE) {
        add_score(call, commands, KEY_DEADLINES, SPAN_NONE, process_pending_deadline(process));
        count++;
    }
    if (call->announces) {
        announce(call, commands, process);
        count++;
    }
    return count;
}

static void build_create(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_call *call = redis_call_of(request);
    const struct process *process = &create_of(call)->process;
    struct redis_place place = redis_first_place(process);
    struct redis_key key;
    call->announces = redis_announce_due(call->repository, process->type);
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
    call->expected = CREATE_REPLIES + add_particulars(call, commands, process);
    if (call->repository->publishes) {
        redis_publish(commands, call->repository, call->id, "pending", process->type);
        call->expected++;
    }
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

static void remove_from_group(const struct redis_call *call, struct redis_commands *commands,
                              const char *status, struct span group)
{
    struct redis_key key;
    redis_command(commands, "ZREM");
    redis_arg(commands, redis_group_key(&call->repository->keys, &key, status, group));
    redis_arg_str(commands, call->id);
}

/* No transaction: what can be undone is, and what fails here failed before. */
static void build_undo(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct process *process = &create_of(call)->process;
    struct redis_place place = redis_first_place(process);
    struct redis_key key;
    add_removal(call, commands, "SREM", KEY_IDS, SPAN_NONE);
    add_removal(call, commands, "ZREM", KEY_TIMES, SPAN_NONE);
    add_removal(call, commands, "ZREM", KEY_STATUS, SPAN("pending"));
    add_removal(call, commands, "ZREM", place.name, place.rest);
    add_removal(call, commands, "ZREM", KEY_DEADLINES, SPAN_NONE);
    if (process->group.data != NULL) {
        remove_from_group(call, commands, NULL, process->group);
        remove_from_group(call, commands, "pending", process->group);
    }
    redis_command(commands, "DEL");
    redis_arg(commands, redis_call_key(call, &key));
    if (call->repository->publishes)
        redis_publish(commands, call->repository, call->id, "removed", process->type);
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
    if (err == ERR_OK && reply->elements != call->expected)
        err = ERR_INTERNAL;
    if (err != ERR_OK && call->announces)
        redis_announce_failed(call->repository, create_of(call)->process.type);
    if (err == ERR_CORRUPT) {
        redis_note_damage(call->repository, "");
        request->writes = false;
        redis_call_next(call, build_undo, on_undone);
        return;
    }
    redis_call_finish(call, err);
}

void redis_create(struct process_repository *base, struct repo_create *create)
{
    struct redis_repository *repository = redis_repository(base);
    create->replayed = false;
    if (create->idempotency_key.data != NULL)
        redis_create_once(repository, create);
    else
        redis_call_start(repository, &create->op, &create->process.id, true, build_create,
                         on_created);
}
