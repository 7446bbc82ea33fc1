/* restore: one script for all that a call brings. */
#include "repository/redis_calls.h"

#include <inttypes.h>
#include <stdio.h>

static struct repo_restore *restore_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_restore, op);
}

static void add_id(struct redis_commands *commands, const struct process_id *id)
{
    char text[PROCESS_ID_TEXT_SIZE];
    process_id_format(id, text);
    redis_arg_str(commands, text);
}

static void add_process(struct redis_commands *commands, const struct repo_item *item)
{
    redis_arg_str(commands, "process");
    add_id(commands, &item->process.id);
    redis_record_fields(commands, &item->process);
    redis_arg(commands, SPAN_NONE);
    redis_arg_int(commands, (int64_t)item->event_count);
    for (size_t i = 0; i < item->event_count; i++)
        redis_arg(commands, item->events[i]);
}

static void add_tombstone(struct redis_commands *commands, const struct repo_item *item,
                          int64_t now)
{
    redis_arg_str(commands, "removed");
    add_id(commands, &item->id);
    redis_arg_int(commands, item->until - now);
}

static void add_key(struct redis_commands *commands, const struct repo_item *item, int64_t now)
{
    char id[PROCESS_ID_TEXT_SIZE], value[PROCESS_ID_TEXT_SIZE + 32];
    process_id_format(&item->id, id);
    int len =
        snprintf(value, sizeof(value), "%s %016" PRIx64 REDIS_MARK_EITHER, id, item->fingerprint);
    redis_arg_str(commands, "key");
    redis_arg(commands, item->key);
    redis_arg(commands, (struct span){value, (size_t)len});
    redis_arg_int(commands, item->until - now);
}

static void add_item(struct redis_commands *commands, const struct repo_item *item, int64_t now)
{
    switch (item->kind) {
    case ITEM_PROCESS:
        add_process(commands, item);
        break;
    case ITEM_TOMBSTONE:
        add_tombstone(commands, item, now);
        break;
    case ITEM_KEY:
        add_key(commands, item, now);
        break;
    case ITEM_PAUSED_TYPE:
        redis_arg_str(commands, "paused");
        redis_arg(commands, item->type);
        break;
    }
}

static void build_restore(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_restore *restore = restore_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_RESTORE,
                      redis_key(&call->repository->keys, &key, KEY_IDS, SPAN_NONE), restore->now);
    redis_arg_int(commands, (int64_t)restore->count);
    for (size_t i = 0; i < restore->count; i++)
        add_item(commands, &restore->items[i], restore->now);
}

static void on_restore(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct redis_answer answer;
    const bool cut_off = err == ERR_CORRUPT; /* by an error: not all the others are stored */
    err = redis_answer_open(call, err, reply, 1, &answer);
    if (cut_off)
        err = ERR_UNAVAILABLE;
    if (answer.count > 0)
        restore_of(call)->stored = (size_t)redis_answer_int(&answer, 0);
    redis_call_finish(call, err);
}

void redis_restore(struct process_repository *base, struct repo_restore *restore)
{
    restore->stored = 0;
    redis_call_start(redis_repository(base), &restore->op, NULL, true, build_restore, on_restore);
}
