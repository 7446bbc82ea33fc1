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
        log_warn(probe->has_maxmemory
                     ? "Redis removes processes when its memory is full; set its policy to "
                       "noeviction"
                     : "Redis would remove processes once maxmemory is set; set its policy to "
                       "noeviction",
                 log_text("maxmemory_policy", probe->maxmemory_policy));
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
    log_info("repository in use", log_text("repository", "redis"), log_text("address", where),
             log_int("database", choice->config->redis.database),
             log_text("redis_version", probe->version[0] != '\0' ? probe->version : "unknown"),
             log_text("watching", watching_of(probe)));
    warn_of_redis(probe);
    if (choice->config->repair)
        log_warn("--repair: nothing to do, as processes are kept in Redis");
}

static void fall_back(struct repository_choice *choice, const char *where, const char *problem)
{
    snprintf(choice->fallback_reason, sizeof(choice->fallback_reason),
             "Redis at %s cannot be used: %s", where, problem);
    log_warn("*** Redis cannot be used: falling back to memory ***", log_text("address", where),
             log_text("error", problem));
    log_warn("*** what Redis holds cannot be seen here, nor what is stored now there "
             "(REDIS_REQUIRED=true refuses to start instead) ***");
}

static void tell_of_memory(const struct config *config)
{
    if (*config->data_dir != '\0')
        log_info("repository in use", log_text("repository", "memory"), log_bool("durable", true),
                 log_text("data_dir", config->data_dir),
                 log_text("fsync", journal_fsync_name((enum journal_fsync)config->journal_fsync)));
    else
        log_info("repository in use", log_text("repository", "memory"), log_bool("durable", false));
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
        log_error("Redis cannot be used; REDIS_REQUIRED is set, so that this ends here",
                  log_text("address", where), log_text("error", problem));
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
