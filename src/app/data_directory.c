#include "app/data_directory.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"
#include "proctrack/memory_repository.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TURN_MS 10

void data_directory_warn(const struct config *config)
{
    if (*config->data_dir == '\0') {
        log_warn("memory only, as DATA_DIR is empty: what is stored is lost when the program ends");
        return;
    }
    switch ((enum journal_fsync)config->journal_fsync) {
    case JOURNAL_FSYNC_ALWAYS:
        break;
    case JOURNAL_FSYNC_EVERYSEC:
        log_warn(
            "JOURNAL_FSYNC=everysec: when the machine stops (not when the program does), what was "
            "answered in the last second may be lost");
        break;
    case JOURNAL_FSYNC_NO:
        log_warn("JOURNAL_FSYNC=no: when the machine stops (not when the program does), what was "
                 "answered since the system last wrote its buffers may be lost: often half a "
                 "minute");
        break;
    }
}

int64_t data_directory_size(const char *data_dir)
{
    DIR *directory = *data_dir != '\0' ? opendir(data_dir) : NULL;
    int64_t size = 0;
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            size += status.st_size;
    }
    closedir(directory);
    return size;
}

static enum exit_code exit_code_of(enum err err)
{
    if (err == ERR_CORRUPT)
        return EXIT_DAMAGED;
    if (err == ERR_CONFLICT)
        return EXIT_LOCKED;
    return err == ERR_NO_MEMORY ? EXIT_SYSTEM : EXIT_STORAGE;
}

struct counting {
    struct repo_counts counts;
    bool counted;
};

static void on_counted(struct process_op *op)
{
    container_of(op, struct counting, counts.op)->counted = op->result == ERR_OK;
}

static long long count_of(const struct counting *counting, enum process_status status)
{
    return (long long)counting->counts.by_status[status];
}

static void tell_of_contents(struct process_repository *repository,
                             const struct journal_report *report, int64_t took_ms)
{
    struct counting counting = {.counted = false};
    process_op_init(&counting.counts.op, on_counted);
    repository_counts(repository, &counting.counts); /* memory answers at once */
    if (!counting.counted)
        return;
    log_info("replayed", log_int("items", (int64_t)report->items),
             log_int("lines", (int64_t)report->lines), log_int("took_ms", took_ms),
             log_int("total", counting.counts.total),
             log_int("pending", count_of(&counting, PROCESS_PENDING)),
             log_int("running", count_of(&counting, PROCESS_RUNNING)),
             log_int("completed", count_of(&counting, PROCESS_COMPLETED)),
             log_int("failed", count_of(&counting, PROCESS_FAILED)),
             log_int("canceled", count_of(&counting, PROCESS_CANCELED)));
}

struct snapshot_wait {
    struct repo_snapshot snapshot;
    bool open;
};

static void on_snapshot(struct process_op *op)
{
    container_of(op, struct snapshot_wait, snapshot.op)->open = false;
}

/* What was repaired is only safe once it is in a snapshot: the next start would find the damaged
 * files again. Opening has begun to write one, so that another has to wait for that. */
static void store_what_was_repaired(struct loop *loop, struct process_repository *repository)
{
    struct snapshot_wait wait;
    do {
        loop_turn(loop, TURN_MS);
        wait.open = true;
        process_op_init(&wait.snapshot.op, on_snapshot);
        repository_snapshot(repository, &wait.snapshot);
        while (wait.open)
            loop_turn(loop, TURN_MS);
    } while (wait.snapshot.op.result == ERR_CONFLICT);
    if (wait.snapshot.op.result != ERR_OK)
        log_warn(
            "what was repaired could not be stored yet; the next start may need --repair again",
            log_text("error", err_text(wait.snapshot.op.result)));
}

static struct process_repository *open_on(struct loop *loop, const struct config *config,
                                          struct disk *disk, enum exit_code *ret_code)
{
    const struct memory_journal_options options = {
        .fsync = (enum journal_fsync)config->journal_fsync,
        .repair = config->repair,
        .now = clock_wall_ms(),
    };
    struct journal_report report = {.problem = ""};
    enum err err = ERR_INTERNAL;
    int64_t began = clock_steady_ms();
    struct process_repository *repository =
        memory_repository_open(loop, &config->policy, disk, &options, &report, &err);
    if (repository == NULL) {
        log_error("DATA_DIR cannot be used", log_text("data_dir", config->data_dir),
                  log_text("problem", report.problem[0] != '\0' ? report.problem : err_text(err)));
        *ret_code = exit_code_of(err);
        return NULL;
    }
    if (report.problem[0] != '\0')
        log_warn("what is stored was not as it should be", log_text("problem", report.problem));
    if (config->repair)
        store_what_was_repaired(loop, repository);
    tell_of_contents(repository, &report, clock_steady_ms() - began);
    return repository;
}

struct process_repository *data_directory_open(struct loop *loop, const struct config *config,
                                               struct disk **ret_disk, enum exit_code *ret_code)
{
    int wrong = 0;
    *ret_disk = disk_open_directory(config->data_dir, &wrong);
    if (*ret_disk != NULL)
        return open_on(loop, config, *ret_disk, ret_code);
    log_error("DATA_DIR cannot be used (DATA_DIR= goes without, and forgets all at its end)",
              log_text("data_dir", config->data_dir), log_text("error", strerror(wrong)));
    *ret_code = EXIT_STORAGE;
    return NULL;
}
