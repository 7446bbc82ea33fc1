/* An append-only journal and the snapshot that it goes on from, in one directory:
 *
 *   lock           held while the program runs; its text is the holder's process id
 *   snapshot.json  {"format":"proctrackd snapshot","version":1,"journal":N,"created_at":…,"items":[
 *                  then one line for each item, each sealed, and a last line with their number
 *   journal.N      what came after the snapshot with "journal":N, one sealed line for each record;
 *                  the first line says the format and the number of its file. The next files are
 *                  N+1 ...
 *
 * A sealed line is one JSON object on one line that begins with {"crc":"89abcdef", the CRC-32
 * (zlib) of what follows up to the line's end, in hexadecimal. The lines of the journal are
 * numbered without a gap ("seq"), over all its files.
 *
 * What a start makes of damage: a last line of the last journal that is incomplete (the file ends
 * within it, or reads as zeros from somewhere within it on) was never acknowledged: it is cut off,
 * with a warning. Whatever else is not as it was written ends the start, with file, offset and
 * advice; nothing is changed then.
 *
 * Writing is off the loop, one batch at a time: all lines that are committed while one batch is
 * under way make the next (group commit). When a batch cannot be stored, what is on disk behind the
 * last good batch is unknown: the journal accepts nothing more, and tries again and again to open
 * the file anew, to check all of it, to cut it to the last good batch, and to append what was
 * refused. Lines that were committed are kept for that: they may still be stored later. A disk
 * that does not answer for long is told of in the same way, until it does.
 *
 * One loop; journal_open() before it runs. */
#ifndef PROCTRACK_JOURNAL_H
#define PROCTRACK_JOURNAL_H

#include "proctrack/disk.h"
#include "proctrack/err.h"
#include "proctrack/loop.h"
#include "proctrack/metric.h"

enum journal_fsync {
    JOURNAL_FSYNC_ALWAYS,   /* a batch is stored when it has been fsynced */
    JOURNAL_FSYNC_EVERYSEC, /* ... when it has been written; fsynced within a second */
    JOURNAL_FSYNC_NO,       /* ... when it has been written */
};
const char *journal_fsync_name(enum journal_fsync fsync); /* "always", "everysec", "no" */

enum journal_source { JOURNAL_SNAPSHOT, JOURNAL_LINE };

struct journal_options {
    enum journal_fsync fsync;
    bool repair; /* take over what is intact: damaged files are kept under another name
                    (<name>.damaged-<time>), and a snapshot must be written at once */
    /* Each item of the snapshot, then each line of the journal, in order: the JSON object without
     * crc and seq. False, with a constant *ret_why, when it makes no sense: that is damage; with
     * NULL there: no memory. */
    bool (*replay)(void *replay_arg, enum journal_source source, struct span content,
                   const char **ret_why);
    void *replay_arg;    /* only needed while it is opened */
    int64_t patience_ms; /* after so long a batch that is not stored yet counts as one that cannot
                            be, for the time being; 0: 10 s */
    /* On the loop: more is stored, or the state has changed. */
    void (*on_progress)(void *arg);
    void *arg;
};

/* What opening found. */
struct journal_report {
    uint64_t items, lines; /* replayed */
    int64_t torn_bytes;    /* cut off the end */
    uint64_t damaged;      /* lines left out (repair) */
    char problem[768];     /* why it failed, or what was cut or left out: sentences for a person,
                              with file, offset and advice; else empty */
};

struct journal;

/* Blocks. Locks the directory, replays, and is ready to append. NULL with the reason in
 * report->problem, and *ret_err: CORRUPT (damage), CONFLICT (another instance holds it), NO_MEMORY,
 * UNAVAILABLE. The disk stays the caller's and must outlive the journal. */
struct journal *journal_open(struct loop *loop, struct disk *disk,
                             const struct journal_options *options,
                             struct journal_report *ret_report, enum err *ret_err);
/* Blocks until what was committed is stored and fsynced, in every mode, or cannot be (false). */
bool journal_close(struct journal *journal);
void journal_destroy(struct journal *journal); /* closes first; NULL is fine */

/* --- writing -------------------------------------------------------------------------------------
 */

/* OK, or why no line is accepted now: FULL (no space left), UNAVAILABLE. */
enum err journal_state(const struct journal *journal);

/* Begins a line: the caller appends members without braces ("a":1,"b":2), calls journal_ready(),
 * makes its change, and then commits the line, or abandons it. Only while journal_state() is OK. */
struct text_buffer *journal_begin(struct journal *journal);
/* False: no memory; the line is abandoned. After true commit cannot fail. */
bool journal_ready(struct journal *journal);
void journal_abandon(struct journal *journal);
/* The place of the line. It is handed to the disk at the end of the turn. */
uint64_t journal_commit(struct journal *journal);

uint64_t journal_last(const struct journal *journal);   /* the place of the last line committed */
uint64_t journal_stored(const struct journal *journal); /* up to here all are stored */

/* --- snapshots -----------------------------------------------------------------------------------
 */

/* Whether the journal has grown so that a snapshot should be written. */
bool journal_wants_snapshot(const struct journal *journal);

/* Writes a new snapshot in the background. From its start on lines go to a new file. `more` is
 * called on the loop again and again to add items: each by journal_item_begin(), appending members,
 * and journal_item_end(); it adds some 100 KiB, and returns false once there is no more. What it
 * adds may be newer than the start: replaying the journal over it must do no harm. The snapshot
 * takes effect when everything that was committed until then is stored; the files before it are
 * removed then. `done` runs once, later: CANCELED (closing), NO_MEMORY, FULL, UNAVAILABLE leave
 * everything as it was. Only one at a time: CONFLICT, and `done` does not run. */
struct journal_snapshot {
    bool (*more)(struct journal_snapshot *snapshot);
    void (*done)(struct journal_snapshot *snapshot, enum err err);
};
enum err journal_snapshot_start(struct journal *journal, struct journal_snapshot *snapshot);
struct text_buffer *journal_item_begin(struct journal *journal);
void journal_item_end(struct journal *journal);
void journal_item_fail(struct journal *journal); /* there is no memory for it: NO_MEMORY */

/* For /stats. */
struct journal_numbers {
    int64_t journal_bytes;  /* since the snapshot */
    int64_t snapshot_bytes; /* of the last one */
    int64_t snapshot_at;    /* wall ms; TIME_NONE: there is none */
    uint64_t batches, lines;
    uint64_t failures; /* batches that could not be stored */
    uint64_t written;  /* bytes, since start */
    struct metric_histogram sync_latency;
};
struct journal_numbers journal_numbers(const struct journal *journal);

#endif
