/* Redis where it is asked for and answers; where it does not, the program either refuses to start
 * (REDIS_REQUIRED) or says loudly, here and in every answer about its state, that memory took its
 * place. The decision falls once: later outages never switch repositories behind the user's back.
 */
#include "app/repository_choice.h"

#include "app/data_directory.h"
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
    choice->publishes = probe->publishes;
    log_info("repository=redis address=%s database=%d redis_version=%s watching=%s", where,
             choice->config->redis.database, probe->version[0] != '\0' ? probe->version : "unknown",
             watching_of(probe));
    warn_of_redis(probe);
    if (choice->config->repair)
        log_warn("--repair: nothing to do, as processes are kept in Redis");
}

static void fall_back(struct repository_choice *choice, const char *where, const char *problem)
{
    snprintf(choice->fallback_reason, sizeof(choice->fallback_reason),
             "Redis at %s cannot be used: %s", where, problem);
    log_warn("**********************************************************************");
    log_warn("%s", choice->fallback_reason);
    log_warn("falling back to memory: what Redis holds cannot be seen here, nor what is stored "
             "now there");
    log_warn("(REDIS_REQUIRED=true refuses to start instead)");
    log_warn("**********************************************************************");
}

static void tell_of_memory(const struct config *config)
{
    if (*config->data_dir != '\0')
        log_info("repository=memory durable=yes data_dir=%s fsync=%s", config->data_dir,
                 journal_fsync_name((enum journal_fsync)config->journal_fsync));
    else
        log_info("repository=memory durable=no");
    data_directory_warn(config);
}

enum exit_code repository_choose(const struct config *config, struct repository_choice *ret_choice)
{
    *ret_choice = (struct repository_choice){.config = config};
    if (!config->use_redis) {
        tell_of_memory(config);
        return EXIT_OK;
    }
    char where[300] = "", channel[REDIS_CHANNEL_SIZE] = "";
    struct redis_probe probe = {0};
    redis_options_describe(&config->redis, where, sizeof(where));
    redis_repository_channel(config->redis_key_prefix, channel, sizeof(channel));
    enum err err = redis_probe(&config->redis, channel, &probe);
    if (err == ERR_OK && !handover_at_start(config, probe.publishes)) {
        err = ERR_UNAVAILABLE;
        text_copy(probe.problem, sizeof(probe.problem),
                  SPAN("it failed while it was given what "
                       "had been kept for it"));
    }
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
    tell_of_memory(config);
    return EXIT_OK;
}

void repository_choice_finish(struct repository_choice *choice)
{
    disk_destroy(choice->disk);
    choice->disk = NULL;
    handover_finish(&choice->handover);
}

static struct process_repository *made(struct process_repository *repository,
                                       enum exit_code *ret_code)
{
    if (repository == NULL) {
        log_error("cannot start: no memory or no descriptors left");
        *ret_code = EXIT_SYSTEM;
    }
    return repository;
}

static struct process_repository *open_memory(struct repository_choice *choice, struct loop *loop,
                                              enum exit_code *ret_code)
{
    const struct config *config = choice->config;
    if (*config->data_dir == '\0')
        return made(memory_repository_create(&config->policy), ret_code);
    if (handover_put_aside(config))
        return data_directory_open(loop, config, &choice->disk, ret_code);
    *ret_code = EXIT_STORAGE;
    return NULL;
}

struct process_repository *repository_open(struct repository_choice *choice, struct loop *loop,
                                           enum exit_code *ret_code)
{
    const struct config *config = choice->config;
    if (choice->redis)
        return made(redis_repository_create(loop, &config->redis, config->redis_key_prefix,
                                            choice->publishes, &config->policy),
                    ret_code);
    struct process_repository *memory = open_memory(choice, loop, ret_code);
    if (memory == NULL || choice->fallback_reason[0] == '\0')
        return memory;
    return made(handover_start(&choice->handover, config, loop, memory, choice->fallback_reason),
                ret_code);
}

int repository_loops(const struct repository_choice *choice)
{
    return choice->redis ? (int)choice->config->io_threads : 1;
}
