/* The loop's side of the journal. Lines gather in one buffer; at the end of a turn that becomes the
 * batch, which the writer stores off the loop while the next gathers. One batch is out at a time.
 *
 * A batch that cannot be stored stays the batch: state says why, no new line is taken, and the same
 * step is tried again after a while, and again, each after mending the file (journal_tail.c). What
 * had gathered behind it meanwhile was committed as well, and follows. */
#include "storage/journal_private.h"

#include "proctrack/log.h"
#include "proctrack/sealed_line.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A buffer larger than this is not kept for later. */
enum { BATCH_KEPT_BYTES = 4 * 1024 * 1024 };

enum { RETRY_FIRST_MS = 100, RETRY_LAST_MS = 1000, SYNC_AFTER_MS = 800, PATIENCE_MS = 10000 };

const char *journal_fsync_name(enum journal_fsync fsync)
{
    switch (fsync) {
    case JOURNAL_FSYNC_ALWAYS:
        return "always";
    case JOURNAL_FSYNC_EVERYSEC:
        return "everysec";
    case JOURNAL_FSYNC_NO:
        break;
    }
    return "no";
}

enum err journal_err(int error)
{
    switch (error) {
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        return ERR_FULL;
    case -ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* --- lines -------------------------------------------------------------------------------------
 */

enum err journal_state(const struct journal *journal)
{
    return journal->state;
}

struct text_buffer *journal_begin(struct journal *journal)
{
    assert(!journal->in_line && journal->state == ERR_OK);
    journal->in_line = true;
    journal->line = sealed_line_begin(&journal->gather);
    text_append_literal(&journal->gather, ",\"seq\":");
    text_append_int(&journal->gather, (int64_t)journal->last + 1);
    text_append_char(&journal->gather, ',');
    return &journal->gather;
}

bool journal_ready(struct journal *journal)
{
    assert(journal->in_line);
    text_buffer_reserve(&journal->gather, 2); /* the brace and the line's end */
    if (sealed_line_end(&journal->gather, journal->line)) {
        text_append_char(&journal->gather, '\n');
        return true;
    }
    journal->in_line = false;
    return false;
}

void journal_abandon(struct journal *journal)
{
    assert(journal->in_line);
    journal->in_line = false;
    sealed_line_abandon(&journal->gather, journal->line);
}

uint64_t journal_commit(struct journal *journal)
{
    assert(journal->in_line);
    journal->in_line = false;
    loop_defer(journal->loop, &journal->handover);
    journal->numbers.lines++;
    return ++journal->last;
}

uint64_t journal_last(const struct journal *journal)
{
    return journal->last;
}

uint64_t journal_stored(const struct journal *journal)
{
    return journal->stored;
}

/* --- batches -----------------------------------------------------------------------------------
 */

static void fill_batch(struct journal *journal)
{
    const struct text_buffer empty = journal->batch;
    if (journal->batch.len > 0)
        return;
    journal->batch = journal->gather;
    journal->gather = empty;
    journal->batch_last = journal->last;
}

/* False: there is nothing to do. */
static bool next_step(struct journal *journal)
{
    fill_batch(journal);
    const bool always = journal->options.fsync == JOURNAL_FSYNC_ALWAYS;
    journal->step = (struct journal_step){
        .lines = text_buffer_span(&journal->batch),
        .last = journal->batch_last,
        .new_file = journal->new_file,
        .sync = journal->want_sync || (always && journal->batch.len > 0),
    };
    return journal->step.lines.len > 0 || journal->step.new_file || journal->step.sync ||
           journal->broken;
}

/* Off the loop. */
static void run_step(void *arg)
{
    struct journal *journal = arg;
    journal->step_error = journal_tail_do(&journal->tail, &journal->step);
}

static void note_failure(struct journal *journal, int error)
{
    const bool again = journal->broken;
    const enum err err = journal_err(error);
    journal->broken = true;
    journal->state = err != ERR_NO_MEMORY ? err : ERR_UNAVAILABLE;
    journal->numbers.failures++;
    if (journal->synced < journal->stored && (journal->step.sync || journal->step.new_file))
        journal->suspect = true;
    journal->retry_ms = again ? journal->retry_ms * 2 : RETRY_FIRST_MS;
    if (journal->retry_ms > RETRY_LAST_MS)
        journal->retry_ms = RETRY_LAST_MS;
    loop_timer_start(journal->retry, journal->retry_ms);
    if (!again)
        log_error("journal cannot be written: changes are refused until it can",
                  log_text("dir", journal->disk->path), log_text("error", strerror(-error)));
}

static void empty_batch(struct journal *journal)
{
    if (journal->batch.capacity > BATCH_KEPT_BYTES)
        text_buffer_finish(&journal->batch);
    journal->batch.len = 0;
}

static void note_synced(struct journal *journal)
{
    if (journal->step.sync) {
        metric_observe(&journal->numbers.sync_latency, journal->step.sync_us);
        journal->synced = journal->stored;
        journal->want_sync = journal->sync_due = false;
        loop_timer_stop(journal->sync_timer);
    } else if (journal->options.fsync == JOURNAL_FSYNC_EVERYSEC && !journal->sync_due &&
               journal->synced < journal->stored) {
        journal->sync_due = true;
        loop_timer_start(journal->sync_timer, SYNC_AFTER_MS);
    }
}

static void note_success(struct journal *journal)
{
    if (journal->state != ERR_OK)
        log_warn("journal is written again", log_text("dir", journal->disk->path));
    journal->state = ERR_OK;
    journal->broken = false;
    if (journal->step.lines.len > 0) {
        journal->numbers.batches++;
        journal->numbers.journal_bytes += (int64_t)journal->step.lines.len;
        journal->numbers.written += journal->step.lines.len;
        journal->stored = journal->step.last;
        empty_batch(journal);
    }
    note_synced(journal);
}

/* A new file was begun even where what was to follow failed. */
static void take_result(struct journal *journal)
{
    journal->busy = false;
    loop_timer_stop(journal->patience);
    if (journal->step.begun) {
        journal->new_file = false;
        journal->old_bytes = journal->numbers.journal_bytes;
    }
    if (journal->step_error == 0)
        note_success(journal);
    else
        note_failure(journal, journal->step_error);
}

static void be_patient(struct journal *journal)
{
    const int64_t patience = journal->options.patience_ms;
    loop_timer_start(journal->patience, (patience > 0 ? patience : PATIENCE_MS) / 2);
}

/* In two halves: where all of the program stood still, the first one is over at once. */
static void on_late(void *arg)
{
    struct journal *journal = arg;
    if (!journal->is_late) {
        journal->is_late = true;
        be_patient(journal);
        return;
    }
    if (journal->state != ERR_OK)
        return;
    log_error("journal is not written: the disk does not answer, and changes are refused until it "
              "does",
              log_text("dir", journal->disk->path));
    journal->state = ERR_UNAVAILABLE;
    journal->options.on_progress(journal->options.arg);
}

static void start_step(struct journal *journal)
{
    journal->busy = true;
    journal->is_late = false;
    be_patient(journal);
    offload_start(journal->writer);
}

void journal_go_on(struct journal *journal)
{
    if (journal->busy || journal->closed || journal->state != ERR_OK || !next_step(journal))
        return;
    start_step(journal);
}

static void on_stepped(void *arg)
{
    struct journal *journal = arg;
    take_result(journal);
    journal_go_on(journal);
    journal_snapshot_news(journal);
    journal->options.on_progress(journal->options.arg);
}

static void on_turn_end(struct loop_task *task)
{
    journal_go_on(container_of(task, struct journal, handover));
}

static void on_retry(void *arg)
{
    struct journal *journal = arg;
    if (!journal->busy && next_step(journal))
        start_step(journal);
}

static void on_sync_due(void *arg)
{
    struct journal *journal = arg;
    journal->sync_due = false;
    journal->want_sync = true;
    journal_go_on(journal);
}

/* --- life --------------------------------------------------------------------------------------
 */

struct journal *journal_create(struct loop *loop, struct disk *disk,
                               const struct journal_options *options)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return NULL;
    journal->loop = loop;
    journal->disk = disk;
    journal->options = *options;
    text_buffer_init(&journal->gather, LINE_MAX_BYTES);
    text_buffer_init(&journal->batch, LINE_MAX_BYTES);
    loop_task_init(&journal->handover, on_turn_end);
    journal->writer = offload_create(loop, run_step, on_stepped, journal);
    journal->retry = loop_timer_create(loop, on_retry, journal);
    journal->sync_timer = loop_timer_create(loop, on_sync_due, journal);
    journal->patience = loop_timer_create(loop, on_late, journal);
    const bool tail = journal_tail_init(&journal->tail, disk);
    const bool snapshot = journal_snapshot_init(journal);
    journal->made = tail && snapshot && journal->writer != NULL && journal->retry != NULL &&
                    journal->sync_timer != NULL && journal->patience != NULL;
    if (journal->made)
        return journal;
    journal_destroy(journal);
    return NULL;
}

/* What was refused before gets one more chance, no more: nobody waits for a disk at the end. */
static void store_rest(struct journal *journal)
{
    int failures = 0;
    while (failures < 2) {
        journal->want_sync = journal->synced < journal->last;
        if (!next_step(journal))
            return;
        run_step(journal);
        take_result(journal);
        failures += journal->step_error != 0;
    }
}

bool journal_close(struct journal *journal)
{
    if (journal->closed)
        return journal->synced == journal->last;
    journal->closed = true;
    const uint64_t stored = journal->stored;
    loop_task_cancel(&journal->handover);
    journal_snapshot_cancel(journal);
    if (offload_settle(journal->writer))
        take_result(journal);
    store_rest(journal);
    loop_timer_stop(journal->retry);
    loop_timer_stop(journal->sync_timer);
    journal_tail_close(&journal->tail);
    journal->state = ERR_UNAVAILABLE;
    if (journal->stored != stored)
        journal->options.on_progress(journal->options.arg);
    return journal->synced == journal->last;
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->made)
        journal_close(journal);
    journal_snapshot_finish(journal);
    offload_destroy(journal->writer);
    loop_timer_destroy(journal->retry);
    loop_timer_destroy(journal->sync_timer);
    loop_timer_destroy(journal->patience);
    journal_tail_finish(&journal->tail);
    text_buffer_finish(&journal->gather);
    text_buffer_finish(&journal->batch);
    free(journal);
}

struct journal_numbers journal_numbers(const struct journal *journal)
{
    return journal->numbers;
}
