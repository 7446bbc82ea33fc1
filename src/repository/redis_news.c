/* Hearing of what others change, and telling them.
 *
 * What is read as watched, and the queues that claims found empty, Redis tells of itself. To follow
 * every process takes another client, whose notifications are of all keys that begin as those of
 * processes do; it lives while somebody follows. Where the server offers neither, each change is
 * published by whoever makes it, in the same step, as "<id> <status> <type>"; a text without an id
 * ("-") tells of a type's queue alone, and who removes one says "removed". */
#include "repository/redis_calls.h"

#include "proctrack/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAKE_AGAIN_MS 1000

static void tell_changed(struct redis_repository *repository, const struct process_id *id)
{
    if (repository->base.on_changed != NULL)
        repository->base.on_changed(repository->base.on_changed_arg, id);
}

static void tell_missed(struct redis_repository *repository)
{
    if (repository->base.on_missed != NULL)
        repository->base.on_missed(repository->base.on_missed_arg);
}

static void tell_work(struct redis_repository *repository, struct span type)
{
    if (repository->base.on_work != NULL)
        repository->base.on_work(repository->base.on_work_arg, type);
}

/* --- what is heard --------------------------------------------------------------------------- */

static void note_watching(struct redis_repository *repository)
{
    const char *watching = "none";
    if (redis_tracking_is_on(repository->news.tracking))
        watching = repository->publishes ? "publish" : "tracking";
    if (strcmp(watching, repository->base.watching) == 0)
        return;
    repository->base.watching = watching;
    log_at(repository->news.begun ? LOG_INFO : LOG_DEBUG, "redis watching",
           log_text("watching", watching));
    repository->news.begun = true; /* how it would begin was told at the start */
}

static void tell_all(struct redis_repository *repository)
{
    note_watching(repository);
    tell_changed(repository, NULL);
    if (repository->publishes)
        tell_missed(repository);
    tell_work(repository, SPAN_NONE);
}

static bool take_start(struct span *text, struct span start)
{
    if (text->len < start.len || memcmp(text->data, start.data, start.len) != 0)
        return false;
    *text = (struct span){text->data + start.len, text->len - start.len};
    return true;
}

/* False when it is none of a process. */
static bool hear_process_key(struct redis_repository *repository, struct span key)
{
    struct process_id id;
    if (!take_start(&key, span_of(repository->news.processes.text)))
        return false;
    if (process_id_parse(key, &id))
        tell_changed(repository, &id);
    return true;
}

static void on_key_changed(void *arg, struct span key)
{
    struct redis_repository *repository = arg;
    struct redis_key storage;
    if (key.data == NULL)
        tell_all(repository);
    else if (hear_process_key(repository, key))
        return;
    else if (take_start(&key, redis_key(&repository->keys, &storage, KEY_QUEUE, SPAN_NONE)))
        tell_work(repository, key);
    else
        tell_work(repository, SPAN_NONE);
}

/* Anybody may publish there, anything. */
static void on_published(void *arg, struct span text)
{
    struct redis_repository *repository = arg;
    struct process_id id;
    struct span word, status;
    if (text.data == NULL) {
        tell_all(repository);
        return;
    }
    if (!span_split(&text, ' ', &word) || !span_split(&text, ' ', &status))
        return;
    if (process_id_parse(word, &id))
        tell_changed(repository, &id);
    if (span_is(status, "pending") && process_type_is_valid(text))
        tell_work(repository, text);
}

/* --- following all --------------------------------------------------------------------------- */

struct redis_follower {
    struct redis_repository *repository;
    struct redis_client_setup setup;
    struct redis_client *client;
    struct redis_tracking *tracking;
    bool closed;
};

static void on_any_key(void *arg, struct span key)
{
    const struct redis_follower *follower = arg;
    if (key.data == NULL)
        tell_missed(follower->repository);
    else
        hear_process_key(follower->repository, key);
}

static void on_follower_state(void *arg, bool ready)
{
    redis_tracking_client_state(((struct redis_follower *)arg)->tracking, ready);
}

static void close_follower(struct redis_follower *follower)
{
    if (follower == NULL)
        return;
    follower->closed = true;
    redis_tracking_close(follower->tracking);
    if (follower->client != NULL)
        redis_client_close(follower->client);
}

static void destroy_follower(struct redis_follower *follower)
{
    if (follower == NULL)
        return;
    close_follower(follower);
    redis_tracking_destroy(follower->tracking);
    redis_client_destroy(follower->client);
    free(follower);
}

static struct redis_follower *create_follower(struct redis_repository *repository)
{
    struct redis_follower *follower = calloc(1, sizeof(*follower));
    if (follower == NULL)
        return NULL;
    follower->repository = repository;
    follower->setup = (struct redis_client_setup){.quiet = true,
                                                  .on_state = on_follower_state,
                                                  .beside = repository->client,
                                                  .arg = follower};
    const struct redis_tracking_setup tracking = {.way = REDIS_TRACK_PREFIX,
                                                  .name = repository->news.processes.text,
                                                  .on_changed = on_any_key,
                                                  .arg = follower};
    follower->client =
        redis_client_create(repository->news.loop, repository->news.options, &follower->setup);
    if (follower->client != NULL)
        follower->tracking = redis_tracking_create(repository->news.loop, repository->news.options,
                                                   follower->client, &tracking);
    if (follower->tracking != NULL)
        return follower;
    destroy_follower(follower);
    return NULL;
}

/* At the end of the turn: what asked for it may be a call of the follower's own. */
static void settle(struct loop_task *task)
{
    struct redis_news *news = container_of(task, struct redis_news, settle);
    if (news->follower != NULL && news->follower->closed) {
        destroy_follower(news->follower);
        news->follower = NULL;
    }
    if (!news->followed || news->follower != NULL)
        return;
    news->follower = create_follower(container_of(news, struct redis_repository, news));
    if (news->follower == NULL)
        loop_timer_start(news->again, MAKE_AGAIN_MS);
}

static void on_again(void *arg)
{
    struct redis_news *news = arg;
    loop_defer(news->loop, &news->settle);
}

void redis_follow(struct process_repository *base, bool on)
{
    struct redis_repository *repository = redis_repository(base);
    struct redis_news *news = &repository->news;
    if (repository->publishes)
        return; /* all is heard anyway */
    news->followed = on;
    if (!on)
        close_follower(news->follower);
    loop_defer(news->loop, &news->settle);
}

/* --- telling --------------------------------------------------------------------------------- */

void redis_publish(struct redis_commands *commands, const struct redis_repository *repository,
                   const char *id, const char *status, struct span type)
{
    char text[PROCESS_ID_TEXT_SIZE + 16 + PROCESS_TYPE_MAX];
    int len = snprintf(text, sizeof(text), "%s %s " SPAN_FMT, id, status, SPAN_ARG(type));
    redis_command(commands, "PUBLISH");
    redis_arg_str(commands, repository->news.channel.text);
    redis_arg(commands, (struct span){text, (size_t)len});
}

/* --- life ------------------------------------------------------------------------------------ */

bool redis_news_init(struct redis_repository *repository, struct loop *loop,
                     const struct redis_options *options)
{
    struct redis_news *news = &repository->news;
    bool publishes = repository->publishes;
    news->loop = loop;
    news->options = options;
    loop_task_init(&news->settle, settle);
    redis_key(&repository->keys, &news->processes, KEY_PROCESS, SPAN_NONE);
    redis_key(&repository->keys, &news->channel, KEY_CHANGES, SPAN_NONE);
    const struct redis_tracking_setup setup = {
        .way = publishes ? REDIS_TRACK_CHANNEL : REDIS_TRACK_READS,
        .name = publishes ? news->channel.text : NULL,
        .on_changed = publishes ? on_published : on_key_changed,
        .arg = repository,
    };
    news->again = loop_timer_create(loop, on_again, news);
    news->tracking = redis_tracking_create(loop, options, repository->client, &setup);
    return news->again != NULL && news->tracking != NULL;
}

void redis_news_close(struct redis_news *news)
{
    news->followed = false;
    loop_task_cancel(&news->settle);
    if (news->again != NULL)
        loop_timer_stop(news->again);
    close_follower(news->follower);
    redis_tracking_close(news->tracking);
}

void redis_news_finish(struct redis_news *news)
{
    destroy_follower(news->follower);
    redis_tracking_destroy(news->tracking);
    loop_timer_destroy(news->again);
}
