/* Redis where it is asked for and answers; where it does not, the program either refuses to start
 * (REDIS_REQUIRED) or says loudly, here and in every answer about its state, that memory took its
 * place. The decision falls once: later outages never switch repositories behind the user's back.
 */
#include "app/repository_choice.h"

#include "proctrack/log.h"
#include "proctrack/memory_repository.h"
#include "proctrack/redis_repository.h"

#include <stdio.h>
#include <string.h>

static void warn_of_redis(const struct redis_probe *probe)
{
    if (probe->maxmemory_policy[0] != '\0' && strcmp(probe->maxmemory_policy, "noeviction") != 0)
        log_warn("redis maxmemory_policy=%s: %s; set it to noeviction", probe->maxmemory_policy,
                 probe->has_maxmemory ? "Redis removes processes when its memory is full"
                                      : "Redis would remove processes once maxmemory is set");
    if (!probe->persists)
        log_warn(
            "redis persists nothing: neither an append-only file nor snapshots are on, so that "
            "a restart of Redis loses every process");
}

static const char *watching_of(const struct redis_probe *probe)
{
    if (probe->tracks)
        return "tracking";
    return probe->publishes ? "publish" : "none";
}

static void choose_redis(struct repository_choice *choice, const char *where,
                         const struct redis_probe *probe)
{
    choice->redis = true;
    choice->durable = true;
    choice->publishes = probe->publishes;
    log_info("repository=redis address=%s database=%d redis_version=%s watching=%s", where,
             choice->config->redis.database, probe->version[0] != '\0' ? probe->version : "unknown",
             watching_of(probe));
    warn_of_redis(probe);
}

static void fall_back(struct repository_choice *choice, const char *where, const char *problem)
{
    snprintf(choice->fallback_reason, sizeof(choice->fallback_reason),
             "Redis at %s cannot be used: %s", where, problem);
    log_warn("**********************************************************************");
    log_warn("%s", choice->fallback_reason);
    log_warn("falling back to memory: what is stored is lost when the program ends");
    log_warn("(REDIS_REQUIRED=true refuses to start instead)");
    log_warn("**********************************************************************");
    log_info("repository=memory durable=no");
}

enum exit_code repository_choose(const struct config *config, struct repository_choice *ret_choice)
{
    *ret_choice = (struct repository_choice){.config = config};
    if (!config->use_redis) {
        log_info("repository=memory durable=no");
        log_warn("memory only: what is stored is lost when the program ends; REDIS_URL=redis://... "
                 "keeps it");
        return EXIT_OK;
    }
    char where[300] = "", channel[REDIS_CHANNEL_SIZE] = "";
    struct redis_probe probe = {0};
    redis_options_describe(&config->redis, where, sizeof(where));
    redis_repository_channel(config->redis_key_prefix, channel, sizeof(channel));
    enum err err = redis_probe(&config->redis, channel, &probe);
    if (err == ERR_OK) {
        choose_redis(ret_choice, where, &probe);
        return EXIT_OK;
    }
    const char *problem = probe.problem[0] != '\0' ? probe.problem : err_text(err);
    if (config->redis_required) {
        log_error("Redis at %s cannot be used: %s; REDIS_REQUIRED is set, so that this ends here",
                  where, problem);
        return EXIT_REDIS_REQUIRED;
    }
    fall_back(ret_choice, where, problem);
    return EXIT_OK;
}

struct process_repository *repository_open(const struct repository_choice *choice,
                                           struct loop *loop)
{
    const struct config *config = choice->config;
    if (choice->redis)
        return redis_repository_create(loop, &config->redis, config->redis_key_prefix,
                                       choice->publishes, &config->policy);
    return memory_repository_create(&config->policy);
}

int repository_loops(const struct repository_choice *choice)
{
    return choice->redis ? (int)choice->config->io_threads : 1;
}
