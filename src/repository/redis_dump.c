/* dump. Processes are walked along their index by time; tombstones and keys of clients stand in no
 * index, so that all names that there are have to be looked through. */
#include "repository/redis_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A step of Redis's own may come upon somewhat more than it was asked for. */
#define SCAN_COUNT 150

static struct repo_dump *dump_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_dump, op);
}

/* What is damaged was noted in the head of a script's answer, or is noted here. */
static void leave_out(struct redis_call *call, const char *id)
{
    redis_note_damage(call->repository, id);
    dump_of(call)->damaged++;
}

static void next_kind(struct repo_dump *dump)
{
    const enum repo_item_kind kind = dump->position.kind;
    dump->more = kind != ITEM_PAUSED_TYPE;
    dump->position = (struct repo_dump_position){.kind = dump->more ? kind + 1 : kind};
}

/* --- processes ------------------------------------------------------------------------------- */

static void build_processes(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_dump *dump = dump_of(call);
    const struct repo_dump_position *position = &dump->position;
    char id[PROCESS_ID_TEXT_SIZE] = "";
    struct redis_key key;
    if (position->begun)
        process_id_format(&position->place.id, id);
    redis_call_script(commands, SCRIPT_DUMP,
                      redis_key(&call->repository->keys, &key, KEY_TIMES, SPAN_NONE), dump->now);
    redis_arg_int(commands, REPO_DUMP_MAX);
    redis_arg_int(commands, REPO_PAGE_BYTES);
    redis_arg_int(commands, position->begun);
    redis_arg_int(commands, position->place.score);
    redis_arg_str(commands, id);
}

static bool is_pair(const struct redisReply *value)
{
    return value->type == REDIS_REPLY_ARRAY && value->elements == 2 &&
           value->element[0]->type == REDIS_REPLY_ARRAY &&
           value->element[1]->type == REDIS_REPLY_ARRAY;
}

static size_t count_events(const struct redisReply *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->elements; i++)
        count += is_pair(list->element[i]) ? list->element[i]->element[1]->elements : 0;
    return count;
}

static bool take_process(struct redis_call *call, const struct redisReply *value,
                         struct span **events)
{
    struct repo_dump *dump = dump_of(call);
    struct repo_item *item = &call->repository->given.items[dump->count];
    if (!is_pair(value) || redis_answer_record(value->element[0], &item->process) != ERR_OK)
        return false;
    const struct redisReply *entries = value->element[1];
    item->kind = ITEM_PROCESS;
    item->events = *events;
    item->event_count = entries->elements;
    for (size_t i = 0; i < entries->elements; i++) {
        **events = redis_text_of(entries->element[i]);
        if (!redis_record_is_json(*(*events)++, true))
            return false;
    }
    dump->count++;
    return true;
}

static void id_of_pair(const struct redisReply *value, char ret_id[PROCESS_ID_TEXT_SIZE])
{
    ret_id[0] = '\0';
    if (is_pair(value) && value->element[0]->elements > 0)
        text_copy(ret_id, PROCESS_ID_TEXT_SIZE, redis_text_of(value->element[0]->element[0]));
}

static enum err take_processes(struct redis_call *call, const struct redisReply *list)
{
    struct redis_given *given = &call->repository->given;
    if (list->type != REDIS_REPLY_ARRAY || list->elements > REPO_DUMP_MAX)
        return ERR_INTERNAL;
    if (!redis_given_events(given, count_events(list)))
        return ERR_NO_MEMORY;
    struct span *events = given->events;
    for (size_t i = 0; i < list->elements; i++) {
        char id[PROCESS_ID_TEXT_SIZE];
        if (take_process(call, list->element[i], &events))
            continue;
        id_of_pair(list->element[i], id);
        leave_out(call, id);
    }
    return ERR_OK;
}

static void on_processes(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_dump *dump = dump_of(call);
    struct repo_position *place = &dump->position.place;
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 5, &answer);
    if (err == ERR_OK) {
        dump->damaged = (size_t)redis_answer_int(&answer, 3);
        err = take_processes(call, answer.values[4]);
    }
    if (err == ERR_OK && redis_answer_int(&answer, 0) != 0 &&
        process_id_parse(redis_text_of(answer.values[2]), &place->id)) {
        place->score = redis_answer_int(&answer, 1);
        dump->position.begun = dump->more = true;
    } else if (err == ERR_OK) {
        next_kind(dump);
    }
    redis_call_finish(call, err);
}

/* --- the others ------------------------------------------------------------------------------ */

static const char *name_of(enum repo_item_kind kind)
{
    switch (kind) {
    case ITEM_PROCESS:
        return KEY_PROCESS;
    case ITEM_TOMBSTONE:
        return KEY_GONE;
    case ITEM_KEY:
        return KEY_IDEMPOTENCY;
    case ITEM_PAUSED_TYPE:
        break;
    }
    return KEY_PAUSED;
}

static void build_scan(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_dump_position *position = &dump_of(call)->position;
    char cursor[24];
    struct redis_key key;
    snprintf(cursor, sizeof(cursor), "%" PRIu64, position->cursor);
    redis_call_script(commands, SCRIPT_SCAN,
                      redis_key(&call->repository->keys, &key, name_of(position->kind), SPAN_NONE),
                      0);
    redis_arg_str(commands, position->kind == ITEM_PAUSED_TYPE ? "members" : "keys");
    redis_arg_str(commands, cursor);
    redis_arg_int(commands, SCAN_COUNT);
    if (position->begun && position->place.score >= 0)
        redis_arg_int(commands, position->place.score);
    else
        redis_arg(commands, SPAN_NONE);
}

static bool hex_parse(struct span text, uint64_t *ret_number)
{
    *ret_number = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        *ret_number = *ret_number << 4 | (unsigned)digit;
    }
    return text.len > 0 && text.len <= 16;
}

/* "<id> <fingerprint>", and perhaps what kind of call it came with. */
static bool take_key(struct span name, struct span value, struct repo_item *item)
{
    struct span id, fingerprint;
    if (name.len == 0 || name.len > IDEMPOTENCY_KEY_MAX || !utf8_valid(name) ||
        !span_split(&value, ' ', &id) || !span_split(&value, ' ', &fingerprint))
        return false;
    item->key = name;
    return process_id_parse(id, &item->id) && hex_parse(fingerprint, &item->fingerprint);
}

/* How long it stays; what was set by hand without an end has none yet. */
static int64_t until_of(const struct redis_call *call, enum repo_item_kind kind,
                        const struct redisReply *left)
{
    const struct process_policy *policy = call->repository->base.policy;
    const int64_t now = dump_of(call)->now;
    if (left->type == REDIS_REPLY_INTEGER && left->integer >= 0)
        return left->integer < TIME_MAX - now ? now + left->integer : TIME_MAX;
    return now + (kind == ITEM_KEY ? policy->idempotency_ms : policy->tombstone_ms);
}

static bool take_entry(struct redis_call *call, const struct redisReply *value)
{
    struct repo_dump *dump = dump_of(call);
    struct repo_item *item = &call->repository->given.items[dump->count];
    if (value->type != REDIS_REPLY_ARRAY || value->elements != 3)
        return false;
    const struct span name = redis_text_of(value->element[0]);
    memset(item, 0, sizeof(*item));
    item->kind = dump->position.kind;
    if (item->kind == ITEM_PAUSED_TYPE) {
        item->type = name;
        return process_type_is_valid(name);
    }
    item->until = until_of(call, item->kind, value->element[2]);
    if (item->kind == ITEM_KEY)
        return take_key(name, redis_text_of(value->element[1]), item);
    return process_id_parse(name, &item->id);
}

static enum err take_entries(struct redis_call *call, const struct redisReply *list)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements > REPO_DUMP_MAX)
        return ERR_INTERNAL;
    for (size_t i = 0; i < list->elements; i++) {
        if (take_entry(call, list->element[i]))
            dump_of(call)->count++;
        else
            leave_out(call, "");
    }
    return ERR_OK;
}

static bool cursor_parse(struct span text, uint64_t *ret_cursor)
{
    char digits[24];
    char *end = digits;
    if (!text_copy(digits, sizeof(digits), text) || text.len == 0)
        return false;
    *ret_cursor = strtoull(digits, &end, 10);
    return *end == '\0';
}

static void on_scan(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_dump *dump = dump_of(call);
    struct repo_dump_position next = dump->position;
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 4, &answer);
    if (err == ERR_OK && !cursor_parse(redis_text_of(answer.values[0]), &next.cursor))
        err = ERR_INTERNAL;
    if (err == ERR_OK) {
        dump->damaged = (size_t)redis_answer_int(&answer, 2);
        err = take_entries(call, answer.values[3]);
    }
    if (err == ERR_OK) {
        struct span order = redis_text_of(answer.values[1]);
        next.begun = dump->more = true;
        next.place.score = order.len > 0 ? redis_answer_int(&answer, 1) : -1;
        dump->position = next;
        if (next.cursor == 0 && order.len == 0)
            next_kind(dump);
    }
    redis_call_finish(call, err);
}

/* --------------------------------------------------------------------------------------------- */

void redis_dump(struct process_repository *base, struct repo_dump *dump)
{
    struct redis_repository *repository = redis_repository(base);
    struct redis_given *given = &repository->given;
    dump->count = dump->damaged = 0;
    dump->more = false;
    if (given->items == NULL)
        given->items = calloc(REPO_DUMP_MAX, sizeof(*given->items));
    dump->items = given->items;
    if (given->items == NULL)
        process_op_finish(&dump->op, ERR_NO_MEMORY);
    else if (dump->position.kind == ITEM_PROCESS)
        redis_call_start(repository, &dump->op, NULL, false, build_processes, on_processes);
    else
        redis_call_start(repository, &dump->op, NULL, false, build_scan, on_scan);
}
