/* get, events, counts, ping. Scripts are used where more than one key is read: in a MULTI, a Redis
 * that is out of memory refuses reads as well. */
#include "repository/redis_calls.h"

#include <stdlib.h>

#define PUBLISHED_GOOD_MS 10000

/* --- get: the fields; and only when there are none, whether the process was removed ---------- */

static struct repo_get *get_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_get, op);
}

static enum process_field_count fields_of(const struct repo_get *get)
{
    if (get->with_input)
        return PROCESS_FIELDS;
    return get->brief ? PROCESS_FIELDS_SHOWN : PROCESS_FIELDS_BUT_INPUT;
}

/* What expires is told of only when Redis comes upon it, which can take seconds. The time to live
 * is watched as well: it may be set between the two commands. */
static void ask_expiry(const struct redis_call *call, struct redis_commands *commands)
{
    struct redis_key key;
    redis_tracking_watch(commands);
    redis_command(commands, "PTTL");
    redis_arg(commands, redis_call_key(call, &key));
}

/* Where changes are published, what expires or is done by hand is not told at all. */
static int64_t forgets_in_ms(const struct redis_call *call)
{
    if (call->repository->publishes)
        return PUBLISHED_GOOD_MS;
    return call->request.number >= 0 ? call->request.number : INT64_MAX;
}

/* A refusal of the watch is not to cost the answer: then it is read once more without. */
static void build_get(struct redis_request *request, struct redis_commands *commands)
{
    struct redis_call *call = redis_call_of(request);
    const struct redis_repository *repository = call->repository;
    struct redis_key key;
    request->number = -1;
    call->round =
        get_of(call)->watch && !call->again ? redis_tracking_round(repository->news.tracking) : 0;
    if (call->round != 0 && !repository->publishes) {
        ask_expiry(call, commands);
        redis_tracking_watch(commands);
    }
    redis_command(commands, "HMGET");
    redis_arg(commands, redis_call_key(call, &key));
    redis_record_names(commands, fields_of(get_of(call)));
}

static void build_absent(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_GET, redis_call_key(call, &key), 0);
    redis_arg_str(commands, call->id);
}

static void on_absent(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_get *get = get_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 1, &answer);
    if (err == ERR_OK) {
        err = redis_answer_record(answer.values[0], &get->process);
        if (!get->with_input)
            get->process.input = SPAN_NONE;
        if (err == ERR_CORRUPT)
            redis_note_damage(call->repository, call->id);
    }
    redis_call_finish(call, err);
}

static bool may_be_refused_watch(const struct redis_call *call, enum err err)
{
    return err == ERR_UNAVAILABLE && call->round != 0 && !call->repository->publishes &&
           redis_client_is_ready(call->repository->client);
}

/* Since before it was sent. */
static bool is_watched(const struct redis_call *call)
{
    return call->round != 0 && call->round == redis_tracking_round(call->repository->news.tracking);
}

static void on_get(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_get *get = get_of(call);
    if (may_be_refused_watch(call, err)) {
        call->again = true;
        redis_call_next(call, build_get, on_get);
        return;
    }
    if (call->again && err == ERR_OK)
        redis_tracking_doubt(call->repository->news.tracking);
    if (err == ERR_OK)
        err = redis_record_parse(reply->element, reply->elements, &get->id, &get->process);
    get->watched = err == ERR_OK && is_watched(call);
    if (get->watched)
        get->forgets_in_ms = forgets_in_ms(call);
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
    get->watched = false;
    get->forgets_in_ms = INT64_MAX;
    redis_call_start(redis_repository(base), &get->op, &get->id, false, build_get, on_get);
}

/* --- events ---------------------------------------------------------------------------------- */

static void build_events(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_EVENTS, redis_call_key(call, &key), 0);
    redis_arg_str(commands, call->id);
}

bool redis_given_events(struct redis_given *given, size_t count)
{
    if (count <= given->event_room)
        return true;
    struct span *events = realloc(given->events, count * sizeof(*events));
    if (events == NULL)
        return false;
    given->events = events;
    given->event_room = count;
    return true;
}

static enum err take_events(struct redis_call *call, const struct redisReply *list,
                            struct repo_events *events)
{
    struct redis_given *given = &call->repository->given;
    if (list->type != REDIS_REPLY_ARRAY)
        return ERR_INTERNAL;
    if (!redis_given_events(given, list->elements))
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < list->elements; i++) {
        given->events[i] = redis_text_of(list->element[i]);
        if (!redis_record_is_json(given->events[i], true))
            return ERR_CORRUPT;
    }
    events->events = given->events;
    events->count = list->elements;
    return ERR_OK;
}

static void on_events(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_events *events = container_of(call->op, struct repo_events, op);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 2, &answer);
    if (err == ERR_OK) {
        err = redis_answer_record(answer.values[0], &events->process);
        if (err == ERR_OK)
            err = take_events(call, answer.values[1], events);
        if (err == ERR_CORRUPT)
            redis_note_damage(call->repository, call->id);
    }
    redis_call_finish(call, err);
}

void redis_events(struct process_repository *base, struct repo_events *events)
{
    events->count = 0;
    redis_call_start(redis_repository(base), &events->op, &events->id, false, build_events,
                     on_events);
}

/* --- counts ---------------------------------------------------------------------------------- */

static struct repo_counts *counts_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_counts, op);
}

static void build_counts(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_COUNTS,
                      redis_key(&call->repository->keys, &key, KEY_IDS, SPAN_NONE),
                      counts_of(call)->now);
}

static void on_counts(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_counts *counts = counts_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 1 + PROCESS_STATUS_COUNT + REPO_DUE_KINDS, &answer);
    if (err == ERR_OK) {
        counts->total = redis_answer_int(&answer, 0);
        for (size_t i = 0; i < PROCESS_STATUS_COUNT; i++)
            counts->by_status[i] = redis_answer_int(&answer, 1 + i);
        for (size_t i = 0; i < REPO_DUE_KINDS; i++)
            counts->due[i] = redis_answer_int(&answer, 1 + PROCESS_STATUS_COUNT + i);
    }
    redis_call_finish(call, err);
}

void redis_counts(struct process_repository *base, struct repo_counts *counts)
{
    redis_call_start(redis_repository(base), &counts->op, NULL, false, build_counts, on_counts);
}

/* --- ping ------------------------------------------------------------------------------------ */

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
