/* How much of the memory that it may use Redis has taken: asked every few seconds, since it refuses
 * every write once that is all. */
#include "repository/redis_calls.h"

#define ASK_EVERY_MS 2000

static int64_t number_in(struct span info, const char *name)
{
    struct span text;
    int64_t number = 0;
    if (!redis_info_find(info, name, &text) || !span_to_int(text, 0, INT64_MAX, &number))
        return 0;
    return number;
}

/* What is not counted (buffers for replicas and for the append-only file) does not make it full. */
static void take(struct repository_fullness *fullness, struct span info)
{
    int64_t used = number_in(info, "used_memory");
    int64_t not_counted = number_in(info, "mem_not_counted_for_evict");
    int64_t max = number_in(info, "maxmemory");
    fullness->memory_used = used > not_counted ? used - not_counted : 0;
    fullness->memory_max = max;
    fullness->used_ratio = max > 0 ? (double)fullness->memory_used / (double)max : 0.0;
    if (fullness->used_ratio > 1.0)
        fullness->used_ratio = 1.0;
}

static void build_question(struct redis_request *request, struct redis_commands *commands)
{
    (void)request;
    redis_command(commands, "INFO");
    redis_arg_str(commands, "memory");
}

/* Where INFO is refused nothing is known. While Redis cannot be reached, what was known stays. */
static void on_answer(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_repository *repository =
        container_of(request, struct redis_repository, fullness.request);
    repository->fullness.open = false;
    if (err == ERR_CANCELED)
        return;
    if (err == ERR_OK)
        take(&repository->base.durability.fullness, redis_text_of(reply));
    loop_timer_start(repository->fullness.timer, ASK_EVERY_MS);
}

static void on_time(void *arg)
{
    struct redis_repository *repository = arg;
    struct redis_fullness *fullness = &repository->fullness;
    if (fullness->open || !redis_client_is_ready(repository->client))
        return;
    fullness->open = true;
    fullness->request =
        (struct redis_request){.build = build_question, .done = on_answer, .quiet = true};
    redis_client_submit(repository->client, &fullness->request);
}

bool redis_fullness_init(struct redis_repository *repository, struct loop *loop)
{
    repository->fullness.timer = loop_timer_create(loop, on_time, repository);
    return repository->fullness.timer != NULL;
}

void redis_fullness_client_ready(struct redis_fullness *fullness)
{
    if (fullness->timer != NULL)
        loop_timer_start(fullness->timer, 0);
}

void redis_fullness_close(struct redis_fullness *fullness)
{
    if (fullness->timer != NULL)
        loop_timer_stop(fullness->timer);
}

void redis_fullness_finish(struct redis_fullness *fullness)
{
    loop_timer_destroy(fullness->timer);
}
