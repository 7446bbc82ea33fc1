#include "app/handover.h"

#include "proctrack/handover_repository.h"
#include "proctrack/log.h"
#include "proctrack/memory_repository.h"
#include "proctrack/redis_repository.h"
#include "proctrack/repository_move.h"

#include <errno.h>
#include <string.h>

#define FIRST_PAUSE_MS 500

static bool on_disk(const struct config *config)
{
    return *config->data_dir != '\0';
}

static struct process_repository *open_redis(const struct config *config, struct loop *loop,
                                             bool publishes)
{
    return redis_repository_create(loop, &config->redis, config->redis_key_prefix, publishes,
                                   &config->policy);
}

/* NULL, having said why. *ret_disk is to be destroyed after it. */
static struct process_repository *open_left(const struct config *config, struct loop *loop,
                                            const char *path, struct disk **ret_disk)
{
    const struct memory_journal_options options = {
        .fsync = (enum journal_fsync)config->journal_fsync, .now = clock_wall_ms()};
    struct journal_report report = {.problem = ""};
    enum err err = ERR_INTERNAL;
    int wrong = 0;
    struct process_repository *repository = NULL;
    *ret_disk = disk_open_directory(path, &wrong);
    if (*ret_disk != NULL)
        repository =
            memory_repository_open(loop, &config->policy, *ret_disk, &options, &report, &err);
    if (repository == NULL)
        log_error("what DATA_DIR holds cannot be moved to Redis", log_text("path", path),
                  log_text("problem", *ret_disk == NULL           ? strerror(wrong)
                                      : report.problem[0] != '\0' ? report.problem
                                                                  : err_text(err)));
    return repository;
}

/* --- while serving --------------------------------------------------------------------------- */

static bool probe(void *arg)
{
    struct handover *handover = arg;
    const struct config *config = handover->config;
    char channel[REDIS_CHANNEL_SIZE] = "";
    struct redis_probe found = {0};
    redis_repository_channel(config->redis_key_prefix, channel, sizeof(channel));
    if (redis_probe(&config->redis, channel, &found) != ERR_OK)
        return false;
    handover->publishes = found.publishes;
    return true;
}

static struct process_repository *open_other(void *arg, struct loop *loop)
{
    const struct handover *handover = arg;
    return open_redis(handover->config, loop, handover->publishes);
}

static bool begin(void *arg)
{
    const struct config *config = ((struct handover *)arg)->config;
    return !on_disk(config) || handover_directory_begin(config->data_dir);
}

static void end(void *arg)
{
    struct handover *handover = arg;
    if (on_disk(handover->config))
        handover_directory_end(handover->config->data_dir);
    for (size_t i = 0; i < handover->left; i++)
        handover_directory_done(handover->paths[i]);
}

static void open_all_left(struct handover *handover, struct loop *loop,
                          struct handover_options *options)
{
    char paths[HANDOVER_LEFT_MAX][PATH_MAX];
    size_t count = handover_directory_left(handover->config->data_dir, paths);
    for (size_t i = 0; i < count; i++) {
        size_t at = handover->left;
        options->left[at] = open_left(handover->config, loop, paths[i], &handover->disks[at]);
        if (options->left[at] == NULL) {
            disk_destroy(handover->disks[at]);
            continue;
        }
        memcpy(handover->paths[at], paths[i], PATH_MAX);
        handover->left++;
    }
    options->left_count = handover->left;
}

struct process_repository *handover_start(struct handover *handover, const struct config *config,
                                          struct loop *loop, struct process_repository *take_memory,
                                          const char *reason)
{
    *handover = (struct handover){.config = config};
    struct handover_options options = {
        .moves = config->redis_on_recovery == ON_RECOVERY_HANDOVER,
        .reason = reason,
        .pause_ms = FIRST_PAUSE_MS,
        .probe = probe,
        .begin = begin,
        .end = end,
        .open = open_other,
        .arg = handover,
    };
    if (options.moves && on_disk(config))
        open_all_left(handover, loop, &options);
    return handover_repository_create(loop, take_memory, &options);
}

void handover_finish(struct handover *handover)
{
    for (size_t i = 0; i < handover->left; i++)
        disk_destroy(handover->disks[i]);
    handover->left = 0;
}

/* --- at the start ---------------------------------------------------------------------------- */

struct moving {
    struct repo_move move;
    struct repo_ping ping;
    bool open;
    enum err err;
};

static void on_moved(struct repo_move *move, enum err err)
{
    struct moving *moving = container_of(move, struct moving, move);
    moving->open = false;
    moving->err = err;
}

static void on_pinged(struct process_op *op)
{
    struct moving *moving = container_of(op, struct moving, ping.op);
    moving->open = false;
    moving->err = op->result;
}

static void turn(struct loop *loop, const struct moving *moving)
{
    while (moving->open)
        loop_turn(loop, 100);
}

static void connect(struct loop *loop, struct moving *moving, int64_t patience_ms)
{
    const int64_t deadline = clock_steady_ms() + patience_ms;
    do {
        moving->open = true;
        process_op_init(&moving->ping.op, on_pinged);
        repository_ping(moving->move.to, &moving->ping);
        turn(loop, moving);
        if (moving->err != ERR_OK)
            loop_turn(loop, 10);
    } while (moving->err != ERR_OK && clock_steady_ms() < deadline);
}

static enum err move_all(const struct config *config, struct loop *loop,
                         struct process_repository *from, struct process_repository *to,
                         const char *path)
{
    const int64_t began = clock_steady_ms();
    struct moving moving = {
        .move = {.from = from, .to = to, .done = on_moved, .now = clock_wall_ms()},
    };
    connect(loop, &moving, config->redis_connect_timeout_ms);
    if (moving.err == ERR_OK) {
        moving.open = true;
        repo_move_start(&moving.move);
        turn(loop, &moving);
    }
    repo_move_finish(&moving.move);
    if (moving.err != ERR_OK)
        log_warn("what DATA_DIR holds could not be moved to Redis", log_text("path", path),
                 log_text("error", err_text(moving.err)));
    else
        log_info("handover done", log_text("from", path), log_text("repository", "redis"),
                 log_int("moved", (int64_t)moving.move.moved),
                 log_int("new", (int64_t)moving.move.stored),
                 log_int("damaged", (int64_t)moving.move.damaged),
                 log_int("took_ms", clock_steady_ms() - began));
    return moving.err;
}

/* What cannot be read stays where it is, and does not keep Redis from being used. */
static bool move_left(const struct config *config, bool publishes, const char *path)
{
    struct disk *disk = NULL;
    struct loop *loop = loop_create();
    struct process_repository *from = loop != NULL ? open_left(config, loop, path, &disk) : NULL;
    struct process_repository *to = from != NULL ? open_redis(config, loop, publishes) : NULL;
    enum err err = to != NULL ? move_all(config, loop, from, to, path) : ERR_NO_MEMORY;
    bool unreadable = loop != NULL && from == NULL;
    repository_destroy(to);
    repository_destroy(from);
    disk_destroy(disk);
    loop_destroy(loop);
    if (err == ERR_OK)
        handover_directory_done(path);
    return err == ERR_OK || unreadable;
}

/* NULL when another instance uses it, or it cannot be had. */
static struct disk *lock(const char *data_dir)
{
    int wrong = 0;
    int64_t pid = 0;
    struct disk *disk = disk_open_directory(data_dir, &wrong);
    if (disk == NULL || disk->ops->lock(disk, "lock", &pid) == 0)
        return disk;
    disk_destroy(disk);
    return NULL;
}

static bool put_all_aside(const struct config *config)
{
    const char *data_dir = config->data_dir;
    if (!handover_directory_put_aside(data_dir))
        return false;
    if (config->redis_on_recovery != ON_RECOVERY_HANDOVER ||
        !handover_directory_has_files(data_dir))
        return true;
    return handover_directory_begin(data_dir) && handover_directory_put_aside(data_dir);
}

static bool move_all_left(const struct config *config, bool publishes)
{
    char paths[HANDOVER_LEFT_MAX][PATH_MAX];
    bool moved = true;
    put_all_aside(config);
    size_t count = handover_directory_left(config->data_dir, paths);
    for (size_t i = 0; i < count && moved; i++)
        moved = move_left(config, publishes, paths[i]);
    return moved;
}

bool handover_at_start(const struct config *config, bool publishes)
{
    char paths[HANDOVER_LEFT_MAX][PATH_MAX];
    if (!on_disk(config) || (!handover_directory_has_files(config->data_dir) &&
                             handover_directory_left(config->data_dir, paths) == 0))
        return true;
    struct disk *disk = lock(config->data_dir);
    if (disk == NULL) {
        log_warn(
            "DATA_DIR is in use by another instance, or cannot be used: nothing of it is moved to "
            "Redis",
            log_text("data_dir", config->data_dir));
        return true;
    }
    bool moved = move_all_left(config, publishes);
    disk_destroy(disk);
    return moved;
}

bool handover_put_aside(const struct config *config)
{
    if (!on_disk(config) || !handover_directory_is_noted(config->data_dir))
        return true;
    struct disk *disk = lock(config->data_dir);
    if (disk == NULL)
        return true; /* whoever opens it next says why it cannot be had */
    bool put = handover_directory_put_aside(config->data_dir);
    disk_destroy(disk);
    if (put)
        log_warn("a hand-over to Redis was cut off: what it was about to move is not served until "
                 "Redis can be used again",
                 log_text("data_dir", config->data_dir));
    return put;
}
