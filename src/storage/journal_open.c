/* Opening: lock, look at what is there, take it over, make sure that it is on the disk, and be
 * ready to append. Nothing is changed before all has been read. */
#include "storage/journal_private.h"

#include "proctrack/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ADVICE                                                                                \
    " Nothing was changed. Put the file back from a copy, or start once with --repair: that " \
    "takes "                                                                                  \
    "over what is intact, and keeps the damaged file under another name."

static void note_file(void *arg, const char *name)
{
    struct journal_files *files = arg;
    uint64_t number;
    if (strcmp(name, SNAPSHOT_NAME) == 0)
        files->snapshot = true;
    if (strcmp(name, SNAPSHOT_NEW_NAME) == 0)
        files->snapshot_new = true;
    if (files->no_memory || !journal_file_number(name, &number))
        return;
    if (files->count == files->room) {
        const size_t room = files->room * 2 + 16;
        uint64_t *numbers = reallocarray(files->numbers, room, sizeof(uint64_t));
        if (numbers == NULL) {
            files->no_memory = true;
            return;
        }
        files->numbers = numbers;
        files->room = room;
    }
    size_t at = files->count++;
    for (; at > 0 && files->numbers[at - 1] > number; at--)
        files->numbers[at] = files->numbers[at - 1];
    files->numbers[at] = number;
}

static bool list_files(struct journal_replay *replay)
{
    int error = replay->disk->ops->list(replay->disk, note_file, &replay->files);
    if (error == 0 && replay->files.no_memory)
        error = -ENOMEM;
    if (error == 0) {
        replay->damaged = calloc(replay->files.count + 1, sizeof(uint64_t));
        error = replay->damaged != NULL ? 0 : -ENOMEM;
    }
    return error == 0 || journal_replay_failed(replay, "listed", "", error);
}

static bool lock_directory(struct journal_replay *replay)
{
    int64_t pid = 0;
    const int error = replay->disk->ops->lock(replay->disk, "lock", &pid);
    if (error == 0)
        return true;
    if (error != -EBUSY)
        return journal_replay_failed(replay, "locked", "lock", error);
    replay->err = ERR_CONFLICT;
    struct journal_report *report = replay->report;
    char who[48] = "";
    if (pid > 0)
        snprintf(who, sizeof(who), " (process id %lld)", (long long)pid);
    snprintf(report->problem, sizeof(report->problem),
             "Another instance%s uses the directory %s: it holds the lock on the file \"lock\" "
             "there. Stop it, or give this one a directory of its own.",
             who, replay->disk->path);
    return false;
}

/* From the snapshot's journal on, without a gap. With damage in the snapshot, which may have been
 * any: from the oldest that is there. */
static bool replay_files(struct journal_replay *replay)
{
    const struct journal_files *files = &replay->files;
    char name[JOURNAL_NAME_SIZE];
    if (replay->snapshot_damaged && files->count > 0)
        replay->first = files->numbers[0];
    uint64_t next = replay->first;
    for (size_t i = 0; i < files->count; i++) {
        const uint64_t number = files->numbers[i];
        if (number < replay->first)
            continue;
        journal_file_name(next, name);
        if (number != next && !journal_replay_damage(replay, name, 0, "the file is missing"))
            return false;
        if (!journal_replay_file(replay, number, i + 1 == files->count))
            return false;
        next = number + 1;
    }
    if (next > replay->first || !replay->files.snapshot)
        return true;
    journal_file_name(next, name);
    return journal_replay_damage(replay, name, 0, "the file is missing");
}

static bool replay_all(struct journal_replay *replay)
{
    replay->first = 1;
    if (replay->files.snapshot && !journal_replay_snapshot(replay))
        return false;
    return replay_files(replay);
}

static int copy_file(struct disk *disk, int from, int to)
{
    char part[16384];
    int64_t at = 0, count;
    while ((count = disk->ops->read(disk, from, part, sizeof(part), at)) > 0) {
        const int error = journal_write_all(disk, to, (struct span){part, (size_t)count});
        if (error != 0)
            return error;
        at += count;
    }
    return count < 0 ? (int)count : disk->ops->sync(disk, to);
}

/* Of two copies of one millisecond the second takes the next one's name. */
static int create_kept(struct disk *disk, const char *name)
{
    char kept[JOURNAL_KEPT_SIZE];
    int64_t at = clock_wall_ms();
    int file;
    do {
        journal_kept_name(name, at++, kept);
        file = disk->ops->open(disk, kept, DISK_CREATE);
    } while (file == -EEXIST);
    return file;
}

/* The file itself may go once a snapshot holds what was intact in it. */
static int keep_file(struct disk *disk, const char *name)
{
    const int from = disk->ops->open(disk, name, DISK_READ);
    if (from < 0)
        return from;
    const int to = create_kept(disk, name);
    int error = to < 0 ? to : copy_file(disk, from, to);
    if (to >= 0)
        disk->ops->close(disk, to);
    disk->ops->close(disk, from);
    return error != 0 ? error : disk->ops->sync_directory(disk);
}

static bool keep_damaged(struct journal_replay *replay)
{
    char name[JOURNAL_NAME_SIZE] = SNAPSHOT_NAME;
    int error = replay->snapshot_damaged ? keep_file(replay->disk, name) : 0;
    for (size_t i = 0; error == 0 && i < replay->damaged_count; i++) {
        journal_file_name(replay->damaged[i], name);
        error = keep_file(replay->disk, name);
    }
    return error == 0 || journal_replay_failed(replay, "copied", name, error);
}

/* Behind damage nothing is appended, and no file that is missing is made: until there is a new
 * snapshot, the next start must find the same. */
static int ready_tail(struct journal *journal, const struct journal_replay *replay)
{
    const struct journal_files *files = &replay->files;
    struct journal_tail *tail = &journal->tail;
    const uint64_t highest = files->count > 0 ? files->numbers[files->count - 1] : 0;
    uint64_t number = highest > replay->first ? highest : replay->first;
    if (replay->report->damaged > 0)
        return journal_tail_begin(tail, number + 1, replay->last);
    if (replay->tail_size == 0)
        return journal_tail_begin(tail, number, replay->last);
    char name[JOURNAL_NAME_SIZE];
    journal_file_name(number, name);
    tail->file = journal->disk->ops->open(journal->disk, name, DISK_APPEND);
    tail->number = number;
    tail->after = replay->tail_after;
    tail->last = replay->last;
    tail->size = replay->tail_size;
    if (tail->file < 0)
        return tail->file;
    /* What was read may not be on the disk yet: from now on it counts. */
    int error = replay->report->torn_bytes > 0
                    ? journal->disk->ops->truncate(journal->disk, tail->file, tail->size)
                    : 0;
    if (error == 0)
        error = journal->disk->ops->sync(journal->disk, tail->file);
    return error == 0 ? journal->disk->ops->sync_directory(journal->disk) : error;
}

/* What an earlier run left half done. */
static void remove_leftovers(const struct journal_replay *replay)
{
    struct disk *disk = replay->disk;
    char name[JOURNAL_NAME_SIZE];
    if (replay->files.snapshot_new)
        disk->ops->remove(disk, SNAPSHOT_NEW_NAME);
    for (size_t i = 0; i < replay->files.count && replay->report->damaged == 0; i++) {
        journal_file_name(replay->files.numbers[i], name);
        if (replay->files.numbers[i] < replay->first)
            disk->ops->remove(disk, name);
    }
}

static void add_advice(const struct journal_replay *replay)
{
    struct journal_report *report = replay->report;
    const size_t len = strlen(report->problem);
    char *end = report->problem + len;
    const size_t room = sizeof(report->problem) - len;
    if (replay->err == ERR_CORRUPT)
        snprintf(end, room, "%s", ADVICE);
    else if (replay->err == ERR_OK && report->damaged > 0)
        snprintf(end, room, " %llu damaged parts were left out; the damaged files are kept.",
                 (unsigned long long)report->damaged);
}

static void take_over(struct journal *journal, struct journal_replay *replay)
{
    struct journal_old *old = &journal->snapshot.old;
    journal->last = journal->stored = journal->synced = replay->last;
    journal->number = journal->tail.number;
    journal->suspect = replay->report->damaged > 0;
    old->found = replay->files.numbers;
    old->found_count = replay->files.count;
    old->since = journal->tail.number;
    replay->files.numbers = NULL;
    journal->numbers.journal_bytes = replay->journal_bytes;
    journal->numbers.snapshot_bytes = replay->snapshot_bytes;
    journal->numbers.snapshot_at = replay->snapshot_at;
}

static bool open_all(struct journal *journal, struct journal_replay *replay)
{
    if (!lock_directory(replay) || !list_files(replay) || !replay_all(replay) ||
        !keep_damaged(replay))
        return false;
    const int error = ready_tail(journal, replay);
    if (error != 0) {
        char name[JOURNAL_NAME_SIZE];
        journal_file_name(journal->tail.number, name);
        return journal_replay_failed(replay, "written", name, error);
    }
    remove_leftovers(replay);
    take_over(journal, replay);
    return true;
}

struct journal *journal_open(struct loop *loop, struct disk *disk,
                             const struct journal_options *options,
                             struct journal_report *ret_report, enum err *ret_err)
{
    *ret_report = (struct journal_report){.items = 0};
    struct journal_replay replay = {
        .disk = disk, .options = options, .report = ret_report, .err = ERR_OK};
    struct journal *journal = journal_create(loop, disk, options);
    if (journal == NULL)
        journal_replay_failed(&replay, "used", "", -ENOMEM);
    const bool ok = journal != NULL && open_all(journal, &replay);
    add_advice(&replay);
    free(replay.files.numbers);
    free(replay.damaged);
    if (ok)
        return journal;
    *ret_err = replay.err;
    journal_destroy(journal);
    return NULL;
}
