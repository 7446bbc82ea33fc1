#include "app/transfer_private.h"

#include "app/data_directory.h"
#include "app/handover_directory.h"
#include "proctrack/disk.h"
#include "proctrack/log.h"
#include "proctrack/redis_repository.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

const char *const transfer_kind_names[REPO_ITEM_KINDS] = {
    [ITEM_PROCESS] = "processes",
    [ITEM_TOMBSTONE] = "removed",
    [ITEM_KEY] = "keys",
    [ITEM_PAUSED_TYPE] = "paused",
};

/* --- the command line ------------------------------------------------------------------------ */

static enum transfer_way way_of(const char *word)
{
    if (word != NULL && strcmp(word, "export") == 0)
        return TRANSFER_EXPORT;
    return word != NULL && strcmp(word, "import") == 0 ? TRANSFER_IMPORT : TRANSFER_NONE;
}

bool transfer_read(struct transfer_command *ret_command, char *argv[])
{
    *ret_command = (struct transfer_command){.rest = argv};
    if (argv[0] == NULL)
        return true;
    ret_command->way = way_of(argv[1]);
    if (ret_command->way == TRANSFER_NONE)
        return true;
    char **to = argv + 1;
    for (char **from = argv + 2; *from != NULL; from++) {
        if (strcmp(*from, "--file") == 0 && from[1] == NULL) {
            fprintf(stderr, "proctrackd: --file: needs a value\n");
            return false;
        }
        if (strcmp(*from, "--file") == 0)
            ret_command->file = *++from;
        else if (strncmp(*from, "--file=", 7) == 0)
            ret_command->file = *from + 7;
        else
            *to++ = *from;
    }
    *to = NULL;
    return true;
}

/* --- calls ----------------------------------------------------------------------------------- */

static void finish(struct transfer *transfer, enum err err)
{
    transfer->err = err;
    transfer->open = false;
}

static void on_pinged(struct process_op *op)
{
    finish(container_of(op, struct transfer, ping.op), op->result);
}

/* What a page holds lasts only until this returns. */
static void on_dumped(struct process_op *op)
{
    struct transfer *transfer = container_of(op, struct transfer, dump.op);
    if (op->result == ERR_OK)
        transfer->take(transfer->arg, &transfer->dump);
    finish(transfer, op->result);
}

static void on_restored(struct process_op *op)
{
    finish(container_of(op, struct transfer, restore.op), op->result);
}

static enum err wait_for(struct transfer *transfer)
{
    while (transfer->open)
        loop_turn(transfer->loop, 100);
    return transfer->err;
}

enum err transfer_ping(struct transfer *transfer)
{
    process_op_init(&transfer->ping.op, on_pinged);
    transfer->open = true;
    repository_ping(transfer->repository, &transfer->ping);
    return wait_for(transfer);
}

enum err transfer_dump(struct transfer *transfer,
                       void (*take)(void *arg, const struct repo_dump *page), void *arg)
{
    process_op_init(&transfer->dump.op, on_dumped);
    transfer->take = take;
    transfer->arg = arg;
    transfer->open = true;
    repository_dump(transfer->repository, &transfer->dump);
    return wait_for(transfer);
}

enum err transfer_restore(struct transfer *transfer)
{
    process_op_init(&transfer->restore.op, on_restored);
    transfer->open = true;
    repository_restore(transfer->repository, &transfer->restore);
    return wait_for(transfer);
}

/* --- the repository -------------------------------------------------------------------------- */

static enum exit_code refuse_redis(const char *where, const char *problem)
{
    log_error("Redis cannot be used", log_text("address", where), log_text("error", problem));
    return EXIT_REDIS_REQUIRED;
}

static enum exit_code open_redis(struct transfer *transfer, const struct config *config)
{
    char where[300] = "", channel[REDIS_CHANNEL_SIZE] = "";
    struct redis_probe probe = {0};
    redis_options_describe(&config->redis, where, sizeof(where));
    redis_repository_channel(config->redis_key_prefix, channel, sizeof(channel));
    enum err err = redis_probe(&config->redis, channel, &probe);
    if (err != ERR_OK)
        return refuse_redis(where, probe.problem[0] != '\0' ? probe.problem : err_text(err));
    transfer->repository = redis_repository_create(
        transfer->loop, &config->redis, config->redis_key_prefix, probe.publishes, &config->policy);
    if (transfer->repository == NULL) {
        log_error("no memory");
        return EXIT_SYSTEM;
    }
    const int64_t deadline = clock_steady_ms() + config->redis_connect_timeout_ms;
    while ((err = transfer_ping(transfer)) != ERR_OK && clock_steady_ms() < deadline)
        loop_turn(transfer->loop, 10);
    return err == ERR_OK ? EXIT_OK : refuse_redis(where, err_text(err));
}

static enum exit_code open_data_dir(struct transfer *transfer, const struct config *config,
                                    enum transfer_way way, struct disk **ret_disk)
{
    enum exit_code code = EXIT_STORAGE;
    if (*config->data_dir == '\0') {
        log_error("DATA_DIR is empty and Redis is not in use: there is nothing to read or write");
        return EXIT_CONFIG;
    }
    if (handover_directory_is_noted(config->data_dir)) {
        log_error("a hand-over to Redis was cut off; start the server to finish it",
                  log_text("data_dir", config->data_dir));
        return code;
    }
    if (way == TRANSFER_EXPORT && !handover_directory_has_files(config->data_dir)) {
        log_error("DATA_DIR: nothing is stored there", log_text("data_dir", config->data_dir));
        return code;
    }
    transfer->repository = data_directory_open(transfer->loop, config, ret_disk, &code);
    if (transfer->repository != NULL)
        return EXIT_OK;
    if (code == EXIT_LOCKED)
        log_error("while a server uses it: POST /admin/snapshot makes it write all that it keeps "
                  "into snapshot.json there");
    return code;
}

enum exit_code transfer_run(const struct transfer_command *command, const struct config *config)
{
    struct transfer transfer = {.loop = loop_create()};
    struct disk *disk = NULL;
    enum exit_code code = EXIT_SYSTEM;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a full disk */
    if (transfer.loop != NULL)
        code = config->use_redis ? open_redis(&transfer, config)
                                 : open_data_dir(&transfer, config, command->way, &disk);
    if (code == EXIT_OK)
        code = command->way == TRANSFER_EXPORT ? transfer_export(&transfer, command->file)
                                               : transfer_import(&transfer, command->file);
    repository_destroy(transfer.repository);
    disk_destroy(disk);
    loop_destroy(transfer.loop);
    return code;
}
