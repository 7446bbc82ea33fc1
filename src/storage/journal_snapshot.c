/* Writing a snapshot, a part at a time: the loop gathers items, the other thread writes them to a
 * new file, the loop gathers more. Lines go to a new journal from the start on, so that the
 * snapshot and that journal are all there is to know, once what the last items showed is stored.
 * Until the new file has its name nothing has changed but the journal that lines go to. */
#include "storage/journal_private.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"
#include "proctrack/sealed_line.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A snapshot is worth writing when the journal has grown beyond this, and beyond the last one. */
enum { SNAPSHOT_AFTER_BYTES = 16 * 1024 * 1024 };
enum { REST_MS = 10000 };
/* Synced all at once, a large one would keep the journal waiting for that long. */
enum { SYNC_EVERY_BYTES = 8 * 1024 * 1024 };

bool journal_wants_snapshot(const struct journal *journal)
{
    const struct journal_numbers *numbers = &journal->numbers;
    if (journal->snapshot.caller != NULL || journal->state != ERR_OK ||
        loop_now_ms(journal->loop) < journal->snapshot_rest)
        return false;
    return journal->suspect || (numbers->journal_bytes >= SNAPSHOT_AFTER_BYTES &&
                                numbers->journal_bytes >= numbers->snapshot_bytes);
}

/* --- off the loop ------------------------------------------------------------------------------
 */

static void close_file(struct journal_writing *writing)
{
    if (writing->file >= 0)
        writing->disk->ops->close(writing->disk, writing->file);
    writing->file = -1;
}

static void drop_file(struct journal_writing *writing)
{
    close_file(writing);
    writing->disk->ops->remove(writing->disk, SNAPSHOT_NEW_NAME);
}

/* In the place of what an attempt may have left. */
static int write_items(struct journal_writing *writing)
{
    struct disk *disk = writing->disk;
    if (writing->file < 0) {
        writing->file = disk->ops->open(disk, SNAPSHOT_NEW_NAME, DISK_CREATE);
        if (writing->file == -EEXIST) {
            drop_file(writing);
            writing->file = disk->ops->open(disk, SNAPSHOT_NEW_NAME, DISK_CREATE);
        }
        if (writing->file < 0)
            return writing->file;
        writing->unsynced = 0;
    }
    const int error = journal_write_all(disk, writing->file, text_buffer_span(&writing->items));
    writing->unsynced += writing->items.len;
    if (error != 0 || writing->unsynced < SYNC_EVERY_BYTES)
        return error;
    writing->unsynced = 0;
    return disk->ops->sync(disk, writing->file);
}

static void put_away(const struct journal_writing *writing, uint64_t number)
{
    char name[JOURNAL_NAME_SIZE];
    journal_file_name(number, name);
    if (number < writing->first)
        writing->disk->ops->remove(writing->disk, name);
}

/* The snapshot stands by now: files that stay by mistake are removed at the next start. */
static void put_old_files_away(struct journal_writing *writing)
{
    struct journal_old *old = &writing->old;
    for (size_t i = 0; i < old->found_count; i++)
        put_away(writing, old->found[i]);
    for (uint64_t number = old->since; number < writing->first; number++)
        put_away(writing, number);
    old->found_count = 0;
    old->since = writing->first;
}

static int publish(struct journal_writing *writing)
{
    struct disk *disk = writing->disk;
    close_file(writing);
    int error = disk->ops->rename(disk, SNAPSHOT_NEW_NAME, SNAPSHOT_NAME);
    if (error == 0)
        error = disk->ops->sync_directory(disk);
    if (error == 0)
        put_old_files_away(writing);
    return error;
}

static void run_stage(void *arg)
{
    struct journal_writing *writing = &((struct journal *)arg)->snapshot;
    switch (writing->stage) {
    case SNAPSHOT_ITEMS:
        writing->error = write_items(writing);
        break;
    case SNAPSHOT_SYNC:
        writing->error = writing->disk->ops->sync(writing->disk, writing->file);
        break;
    case SNAPSHOT_PUBLISH:
        writing->error = publish(writing);
        break;
    case SNAPSHOT_DROP:
        drop_file(writing);
        break;
    case SNAPSHOT_WAIT:
        break;
    }
}

/* --- on the loop -------------------------------------------------------------------------------
 */

static void finish(struct journal *journal, enum err err)
{
    struct journal_writing *writing = &journal->snapshot;
    struct journal_snapshot *caller = writing->caller;
    if (err == ERR_OK) {
        journal->numbers.snapshot_bytes = writing->bytes;
        journal->numbers.snapshot_at = writing->at;
        journal->numbers.journal_bytes -= journal->old_bytes;
        journal->old_bytes = 0;
    } else {
        journal->suspect |= writing->was_suspect;
        journal->snapshot_rest = loop_now_ms(journal->loop) + REST_MS;
    }
    close_file(writing);
    text_buffer_finish(&writing->items);
    writing->caller = NULL;
    caller->done(caller, err);
}

static void go_off(struct journal_writing *writing)
{
    writing->busy = true;
    offload_start(writing->offload);
}

/* What there is of the file takes room, perhaps the last. */
static void fail(struct journal *journal, int error)
{
    struct journal_writing *writing = &journal->snapshot;
    log_warn("snapshot cannot be written", log_text("dir", journal->disk->path),
             log_text("error", strerror(-error)));
    writing->why = journal_err(error);
    writing->error = 0;
    writing->stage = SNAPSHOT_DROP;
    go_off(writing);
}

static void append_end(struct journal_writing *writing)
{
    const uint32_t crc = seal_crc(writing->crc, text_buffer_span(&writing->items));
    const size_t begin = sealed_line_begin(&writing->items);
    text_append_format(&writing->items, ",\"count\":%llu,\"all\":%lu",
                       (unsigned long long)writing->count, (unsigned long)crc);
    if (!sealed_line_end(&writing->items, begin))
        writing->error = -ENOMEM;
    text_append_literal(&writing->items, "]}\n");
}

/* Once there is no more, what has been shown so far must be stored before the snapshot may count:
 * else it could show half of what was changed in one go. */
static void gather(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    writing->complete = !writing->caller->more(writing->caller);
    if (writing->complete) {
        writing->needs = journal->last;
        append_end(writing);
    }
    if (writing->error == 0 && writing->items.failed)
        writing->error = -ENOMEM;
    if (writing->error != 0) {
        fail(journal, writing->error);
        return;
    }
    writing->crc = seal_crc(writing->crc, text_buffer_span(&writing->items));
    writing->bytes += (int64_t)writing->items.len;
    go_off(writing);
}

static void publish_when_stored(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    if (journal->synced >= writing->needs && !journal->new_file) {
        writing->stage = SNAPSHOT_PUBLISH;
        go_off(writing);
        return;
    }
    if (journal->state != ERR_OK) {
        fail(journal, journal->state == ERR_FULL ? -ENOSPC : -EIO);
        return;
    }
    journal->want_sync = true;
    journal_go_on(journal);
}

static void on_stage_run(void *arg)
{
    struct journal *journal = arg;
    struct journal_writing *writing = &journal->snapshot;
    writing->busy = false;
    if (writing->error != 0) {
        fail(journal, writing->error);
        return;
    }
    switch (writing->stage) {
    case SNAPSHOT_ITEMS:
        writing->items.len = 0;
        if (!writing->complete) {
            loop_defer(journal->loop, &writing->task);
            return;
        }
        writing->stage = SNAPSHOT_SYNC;
        go_off(writing);
        return;
    case SNAPSHOT_SYNC:
        writing->stage = SNAPSHOT_WAIT;
        publish_when_stored(journal);
        return;
    case SNAPSHOT_PUBLISH:
        finish(journal, ERR_OK);
        return;
    case SNAPSHOT_DROP:
        finish(journal, writing->why);
        return;
    case SNAPSHOT_WAIT:
        return;
    }
}

static void on_turn_end(struct loop_task *task)
{
    struct journal_writing *writing = container_of(task, struct journal_writing, task);
    gather(container_of(writing, struct journal, snapshot));
}

void journal_snapshot_news(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    if (writing->caller != NULL && writing->stage == SNAPSHOT_WAIT && !writing->busy)
        publish_when_stored(journal);
}

enum err journal_snapshot_start(struct journal *journal, struct journal_snapshot *snapshot)
{
    struct journal_writing *writing = &journal->snapshot;
    if (writing->caller != NULL)
        return ERR_CONFLICT;
    if (journal->state != ERR_OK)
        return journal->state;
    char at[TIME_TEXT_SIZE];
    writing->caller = snapshot;
    writing->stage = SNAPSHOT_ITEMS;
    writing->complete = false;
    writing->error = 0;
    writing->crc = 0;
    writing->count = 0;
    writing->bytes = 0;
    writing->at = clock_wall_ms();
    writing->was_suspect = journal->suspect;
    journal->suspect = false;
    if (!journal->new_file)
        journal->number++;
    journal->new_file = true;
    writing->first = journal->number;
    time_format(writing->at, at);
    text_append_format(&writing->items,
                       JOURNAL_SNAPSHOT_HEAD "%llu,\"created_at\":\"%s\",\"items\":[\n",
                       (unsigned long long)writing->first, at);
    loop_defer(journal->loop, &writing->task);
    journal_go_on(journal);
    return ERR_OK;
}

struct text_buffer *journal_item_begin(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    assert(writing->caller != NULL && !writing->busy);
    writing->item = sealed_line_begin(&writing->items);
    text_append_char(&writing->items, ',');
    return &writing->items;
}

void journal_item_end(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    if (!sealed_line_end(&writing->items, writing->item))
        writing->error = -ENOMEM;
    text_append_literal(&writing->items, ",\n");
    writing->count++;
}

void journal_item_fail(struct journal *journal)
{
    journal->snapshot.error = -ENOMEM;
}

/* --- life --------------------------------------------------------------------------------------
 */

bool journal_snapshot_init(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    writing->disk = journal->disk;
    writing->file = -1;
    text_buffer_init(&writing->items, LINE_MAX_BYTES);
    loop_task_init(&writing->task, on_turn_end);
    writing->offload = offload_create(journal->loop, run_stage, on_stage_run, journal);
    return writing->offload != NULL;
}

/* One that was being given its name is let do so. */
void journal_snapshot_cancel(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    const bool ran = offload_settle(writing->offload);
    loop_task_cancel(&writing->task);
    if (writing->caller == NULL)
        return;
    writing->busy = false;
    const bool published = ran && writing->stage == SNAPSHOT_PUBLISH && writing->error == 0;
    if (!published)
        drop_file(writing);
    finish(journal, published ? ERR_OK : ERR_CANCELED);
}

void journal_snapshot_finish(struct journal *journal)
{
    struct journal_writing *writing = &journal->snapshot;
    offload_destroy(writing->offload);
    close_file(writing);
    text_buffer_finish(&writing->items);
    free(writing->old.found);
}
