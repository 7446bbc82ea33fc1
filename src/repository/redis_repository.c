/* The repository on Redis: its life, and its calls under way.
 *
 * Whatever changes several keys is one transaction or one script, so that it is atomic and takes
 * one round trip. A call is one or two requests to the client; its private state comes from a list
 * of spare ones, so that in the long run nothing is allocated for a call. All calls end through
 * the client, on close too. */
#include "repository/redis_calls.h"

#include "proctrack/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUT              "1"
#define DAMAGE_LOG_PAUSE_MS 1000

static const struct process_repository_ops redis_ops;

struct redis_repository *redis_repository(struct process_repository *base)
{
    assert(base->ops == &redis_ops);
    return container_of(base, struct redis_repository, base);
}

/* --- calls ----------------------------------------------------------------------------------- */

static struct redis_call *take_call(struct redis_repository *repository)
{
    struct list_link *link = list_pop(&repository->spare);
    if (link != NULL)
        return container_of(link, struct redis_call, request.link);
    if (repository->call_count == REDIS_CALLS_MAX)
        return NULL;
    struct redis_call *call = malloc(sizeof(*call));
    if (call != NULL)
        repository->call_count++;
    return call;
}

void redis_call_start(struct redis_repository *repository, struct process_op *op,
                      const struct process_id *id, bool writes,
                      void (*build)(struct redis_request *, struct redis_commands *),
                      void (*done)(struct redis_request *, enum err, struct redisReply *))
{
    struct redis_call *call = take_call(repository);
    if (call == NULL) {
        process_op_finish(op, ERR_UNAVAILABLE);
        return;
    }
    memset(call, 0, sizeof(*call));
    call->repository = repository;
    call->op = op;
    call->request = (struct redis_request){.build = build, .done = done, .writes = writes};
    if (id != NULL)
        process_id_format(id, call->id);
    redis_client_submit(repository->client, &call->request);
}

void redis_call_next(struct redis_call *call,
                     void (*build)(struct redis_request *, struct redis_commands *),
                     void (*done)(struct redis_request *, enum err, struct redisReply *))
{
    call->request.build = build;
    call->request.done = done;
    redis_client_go_on(call->repository->client, &call->request);
}

void redis_call_finish(struct redis_call *call, enum err err)
{
    struct process_op *op = call->op;
    list_append(&call->repository->spare, &call->request.link);
    process_op_finish(op, err);
}

struct span redis_call_key(const struct redis_call *call, struct redis_key *storage)
{
    return redis_key(&call->repository->keys, storage, KEY_PROCESS, span_of(call->id));
}

/* --- damage ---------------------------------------------------------------------------------- */

static bool was_logged(const struct redis_repository *repository, const char *id)
{
    for (size_t i = 0; i < DAMAGE_REMEMBERED; i++) {
        if (strcmp(repository->damage[i], id) == 0)
            return true;
    }
    return false;
}

/* Each once, and never a flood. */
void redis_note_damage(struct redis_repository *repository, const char *id)
{
    const char *name = id[0] != '\0' ? id : "-";
    int64_t now = clock_steady_ms();
    bool too_soon = repository->damage_logged_at != 0 &&
                    now < repository->damage_logged_at + DAMAGE_LOG_PAUSE_MS;
    repository->base.counters.damaged++;
    if (too_soon || was_logged(repository, name))
        return;
    repository->damage_logged_at = now;
    text_copy(repository->damage[repository->damage_next], PROCESS_ID_TEXT_SIZE, span_of(name));
    repository->damage_next = (repository->damage_next + 1) % DAMAGE_REMEMBERED;
    log_error("redis damaged: a key of the wrong type, or fields missing or unreadable",
              log_text("process_id", name), log_text("prefix", repository->keys.prefix));
}

/* --- life ------------------------------------------------------------------------------------ */

/* What was announced may be gone with what another Redis did not get. */
static void on_state(void *arg, bool ready)
{
    struct redis_repository *repository = arg;
    repository->base.counters.links_up = ready;
    memset(repository->announced, 0, sizeof(repository->announced));
    redis_tracking_client_state(repository->news.tracking, ready);
    if (ready)
        redis_fullness_client_ready(&repository->fullness);
}

static void redis_close(struct process_repository *base)
{
    struct redis_repository *repository = redis_repository(base);
    redis_news_close(&repository->news);
    redis_fullness_close(&repository->fullness);
    redis_client_close(repository->client);
}

/* What Redis keeps, and when, is its own affair. */
static void redis_snapshot(struct process_repository *base, struct repo_snapshot *snapshot)
{
    (void)base;
    process_op_finish(&snapshot->op, ERR_UNSUPPORTED);
}

static void redis_destroy(struct process_repository *base)
{
    struct redis_repository *repository = redis_repository(base);
    struct list_link *link;
    redis_news_finish(&repository->news);
    redis_client_destroy(repository->client);
    redis_fullness_finish(&repository->fullness);
    free(repository->given.types);
    free(repository->given.workers);
    free(repository->given.events);
    free(repository->given.items);
    free(repository->given.settled);
    redis_scripts_finish(&repository->scripts);
    while ((link = list_pop(&repository->spare)) != NULL)
        free(container_of(link, struct redis_call, request.link));
    free(repository);
}

static const struct process_repository_ops redis_ops = {
    .name = "redis",
    .create = redis_create,
    .get = redis_get,
    .transition = redis_transition,
    .claim = redis_claim,
    .remove = redis_remove,
    .list = redis_list,
    .counts = redis_counts,
    .create_batch = redis_create_batch,
    .standing = redis_standing,
    .group = redis_group,
    .types = redis_types,
    .workers = redis_workers,
    .pause = redis_pause,
    .events = redis_events,
    .sweep = redis_sweep,
    .advance = redis_advance,
    .ping = redis_ping,
    .dump = redis_dump,
    .restore = redis_restore,
    .audit = redis_audit,
    .snapshot = redis_snapshot,
    .follow = redis_follow,
    .close = redis_close,
    .destroy = redis_destroy,
};

static bool set_up(struct redis_repository *repository, struct loop *loop,
                   const struct redis_options *redis, const char *key_prefix)
{
    if (!text_copy(repository->keys.prefix, sizeof(repository->keys.prefix), span_of(key_prefix))) {
        log_error("redis key prefix too long", log_int("limit", REDIS_PREFIX_MAX));
        return false;
    }
    if (!redis_scripts_init(&repository->scripts, repository->base.policy, repository->keys.prefix,
                            repository->publishes))
        return false;
    repository->setup = (struct redis_client_setup){
        .scripts = repository->scripts.spans,
        .script_count = REDIS_SCRIPT_COUNT,
        .layout_key =
            redis_key(&repository->keys, &repository->layout_key, KEY_LAYOUT, SPAN_NONE).data,
        .layout = LAYOUT,
        .reconnects = &repository->base.counters.reconnects,
        .timeouts = &repository->base.counters.timeouts,
        .commands = &repository->base.counters.commands,
        .latency = &repository->base.counters.command_latency,
        .on_state = on_state,
        .arg = repository,
    };
    repository->client = redis_client_create(loop, redis, &repository->setup);
    return repository->client != NULL && redis_fullness_init(repository, loop) &&
           redis_news_init(repository, loop, redis);
}

bool redis_repository_channel(const char *key_prefix, char *ret_channel, size_t size)
{
    int len = snprintf(ret_channel, size, "%s%s", key_prefix, KEY_CHANGES);
    return len > 0 && (size_t)len < size;
}

struct process_repository *redis_repository_create(struct loop *loop,
                                                   const struct redis_options *redis,
                                                   const char *key_prefix, bool publishes,
                                                   const struct process_policy *policy)
{
    struct redis_repository *repository = calloc(1, sizeof(*repository));
    if (repository == NULL)
        return NULL;
    process_repository_init(&repository->base, &redis_ops, policy);
    repository->base.durability.mode = "redis";
    repository->base.counters.links = 1;
    list_init(&repository->spare);
    repository->publishes = publishes;
    if (!set_up(repository, loop, redis, key_prefix)) {
        redis_destroy(&repository->base);
        return NULL;
    }
    return &repository->base;
}
