/* What the files of the journal share. */
#ifndef STORAGE_JOURNAL_PRIVATE_H
#define STORAGE_JOURNAL_PRIVATE_H

#include "proctrack/journal.h"
#include "storage/line_reader.h"
#include "storage/offload.h"

#define JOURNAL_NAME_SIZE 32
#define SNAPSHOT_NAME     "snapshot.json"
#define SNAPSHOT_NEW_NAME "snapshot.json.new"
#define JOURNAL_KEPT_SIZE 80

/* How a snapshot begins; the journal's number follows. */
#define JOURNAL_SNAPSHOT_FORMAT "{\"format\":\"proctrackd snapshot\",\"version\":"
#define JOURNAL_SNAPSHOT_HEAD   JOURNAL_SNAPSHOT_FORMAT "1,\"journal\":"

void journal_file_name(uint64_t number, char ret_name[JOURNAL_NAME_SIZE]);
/* What a damaged file is called from then (wall ms) on. */
void journal_kept_name(const char *name, int64_t at, char ret_name[JOURNAL_KEPT_SIZE]);
bool journal_file_number(const char *name, uint64_t *ret_number);

/* --- one file (journal_file.c) -------------------------------------------------------------------
 */

/* The first line of each: {"crc":…,"format":"proctrackd journal","version":1,"journal":N,"after":S}
 * where S numbers the last line of the file before. */
struct journal_head {
    uint64_t version, number, after;
};
void journal_head_append(struct text_buffer *out, uint64_t number, uint64_t after);
bool journal_head_parse(struct span line, struct journal_head *ret_head);

/* `{"crc":…,"seq":N,…}`: the number and what follows it. Constant text that says what is wrong;
 * NULL: nothing. */
const char *journal_line_parse(struct span line, uint64_t *ret_seq, struct span *ret_members);

/* --- the end, where lines are appended (journal_tail.c) ------------------------------------------
 */

/* Used by one thread at a time: off the loop while the writer is under way. */
struct journal_tail {
    struct disk *disk;
    int file; /* -1: not open */
    uint64_t number;
    uint64_t after;          /* as its head says */
    uint64_t last;           /* the last line within `size` */
    int64_t size;            /* up to here everything is as it should be */
    bool broken;             /* what is behind that is not known */
    struct text_buffer head; /* with room for one, so that the next file needs no memory */
};
bool journal_tail_init(struct journal_tail *tail, struct disk *disk); /* false: no memory */
void journal_tail_finish(struct journal_tail *tail);

/* What is to be done in one go. On failure nothing of it counts as done, but the change of files,
 * and the tail is broken: the next call mends it first. */
struct journal_step {
    struct span lines; /* may be empty */
    uint64_t last;     /* the number of the last one */
    bool new_file;     /* they go to the next file */
    bool sync;
    bool begun;      /* out: the next file is there */
    int64_t sync_us; /* out, with sync: how long it took */
};
int journal_tail_do(struct journal_tail *tail, struct journal_step *step);
/* Begins a file, which may be there from an attempt before. */
int journal_tail_begin(struct journal_tail *tail, uint64_t number, uint64_t after);
void journal_tail_close(struct journal_tail *tail);
/* All of it, where write() may take less. */
int journal_write_all(struct disk *disk, int file, struct span data);

/* --- opening (journal_open.c, journal_replay*.c)
 * --------------------------------------------------
 */

/* The files of the directory that count, or counted. */
struct journal_files {
    uint64_t *numbers; /* of the journals, ascending */
    size_t count, room;
    bool snapshot, snapshot_new;
    bool no_memory;
};

struct journal_replay {
    struct disk *disk;
    const struct journal_options *options;
    struct journal_report *report;
    struct journal_files files;
    uint64_t first; /* the snapshot goes on there */
    uint64_t last;  /* the number of the last line */
    bool gap;       /* damage came before: the next line may have any higher number */
    int64_t snapshot_bytes, snapshot_at;
    int64_t journal_bytes; /* whole lines, in all files that count */
    int64_t tail_size;     /* ... in the last one */
    uint64_t tail_after;
    uint64_t *damaged; /* numbers of the journals that are; as many places as files.numbers */
    size_t damaged_count;
    bool snapshot_damaged;
    enum err err;
};

bool journal_replay_snapshot(struct journal_replay *replay);
bool journal_replay_file(struct journal_replay *replay, uint64_t number, bool is_last);
/* Notes damage. False: the start ends here. */
bool journal_replay_damage(struct journal_replay *replay, const char *name, int64_t offset,
                           const char *why);
/* Notes that the disk failed (an error of disk.h); false. */
bool journal_replay_failed(struct journal_replay *replay, const char *what, const char *name,
                           int error);
/* Hands an object over, of which the members come without the opening brace: that takes the place
 * of the comma before them. False: the start ends here. */
bool journal_replay_object(struct journal_replay *replay, enum journal_source source,
                           const char *name, int64_t offset, char *members, size_t len);

/* --- the journal itself (journal.c, journal_snapshot.c) ------------------------------------------
 */

/* Files that the next snapshot puts away. */
struct journal_old {
    uint64_t *found; /* when it was opened */
    size_t found_count;
    uint64_t since; /* and all from here on */
};

/* A snapshot on its way. */
struct journal_writing {
    struct journal_snapshot *caller; /* NULL: none is under way */
    struct disk *disk;
    struct offload *offload; /* runs the stage, but SNAPSHOT_WAIT */
    bool busy;               /* it is under way */
    enum { SNAPSHOT_ITEMS, SNAPSHOT_SYNC, SNAPSHOT_WAIT, SNAPSHOT_PUBLISH, SNAPSHOT_DROP } stage;
    int error;
    enum err why;             /* it is dropped */
    struct loop_task task;    /* asks for more items */
    struct text_buffer items; /* the next part of the file */
    size_t item;              /* where the item that is being written begins */
    bool complete;            /* there is no more */
    int file;                 /* -1: not begun */
    uint64_t first;           /* the journal that goes on from it */
    uint64_t count;
    uint32_t crc; /* of all parts so far */
    int64_t bytes, at;
    size_t unsynced; /* of what is written */
    uint64_t needs;  /* it may count when the lines up to here are synced */
    bool was_suspect;
    struct journal_old old;
};

struct journal {
    struct loop *loop;
    struct disk *disk;
    struct journal_options options;
    struct text_buffer gather; /* lines of this turn, and those that came while a batch was out */
    size_t line;               /* where the line that is being written begins */
    bool in_line;
    uint64_t last, stored, synced;
    struct text_buffer batch; /* under way, or refused */
    uint64_t batch_last;
    struct journal_tail tail;
    bool made;                /* all its parts are there */
    struct journal_step step; /* under way */
    int step_error;
    struct offload *writer;
    bool busy;         /* it is under way */
    bool broken;       /* the last step failed */
    uint64_t number;   /* of the file that lines go to, once new_file is done */
    bool new_file;     /* the next step begins that file */
    bool want_sync;    /* the next step syncs */
    bool sync_due;     /* sync_timer runs */
    bool suspect;      /* not all that was acknowledged is sure to be in the files */
    int64_t old_bytes; /* of the files before the present one */
    bool closed;
    enum err state;
    int64_t retry_ms;
    struct loop_task handover;
    struct loop_timer *retry, *sync_timer;
    struct loop_timer *patience; /* runs while a step is under way */
    bool is_late;                /* it has run out once, of two times */
    int64_t snapshot_rest;       /* no sooner (loop time) after one that failed */
    struct journal_writing snapshot;
    struct journal_numbers numbers;
};

/* Without a tail. NULL if no memory. */
struct journal *journal_create(struct loop *loop, struct disk *disk,
                               const struct journal_options *options);
enum err journal_err(int error); /* of an error of disk.h, not 0 */
void journal_go_on(struct journal *journal);

bool journal_snapshot_init(struct journal *journal);
void journal_snapshot_finish(struct journal *journal);
void journal_snapshot_cancel(struct journal *journal); /* blocks */
void journal_snapshot_news(struct journal *journal);   /* more is synced, or cannot be */

#endif
