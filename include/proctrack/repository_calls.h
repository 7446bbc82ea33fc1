/* What a repository is asked for: a struct for each call, with what goes in and what comes out. The
 * contract for all of them stands in process_repository.h. */
#ifndef PROCTRACK_REPOSITORY_CALLS_H
#define PROCTRACK_REPOSITORY_CALLS_H

#include "proctrack/list.h"
#include "proctrack/process.h"

struct process_op {
    void (*done)(struct process_op *op);
    enum err result;       /* set before done() runs */
    struct list_link link; /* the repository's while the call is open */
    uint64_t place;        /* likewise */
};

void process_op_init(struct process_op *op, void (*done)(struct process_op *op));
/* Finishes the operation; it may be gone after this. A second finish stops at an assert. */
void process_op_finish(struct process_op *op, enum err result);

/* Stores a new process (version 1, pending), wholly or not at all.
 * With a key: OK with replayed = true and the stored process in `existing` when the key led to one
 * with the same fingerprint; KEY_REUSED when the fingerprint differs; GONE when it was removed. */
struct repo_create {
    struct process_op op;
    struct process process;      /* in: all of it */
    struct span idempotency_key; /* in: or absent */
    uint64_t fingerprint;        /* in: of the request's body */
    bool replayed;               /* out */
    struct process existing;     /* out, only when replayed (without input) */
};

/* Stores up to REPO_BATCH_MAX new processes, wholly or not at all; their ids are
 * process_id_nth(&base, index in the client's list). With a key as repo_create; when replayed,
 * `base` is the stored batch's, and nothing is stored. */
#define REPO_BATCH_MAX 1000
struct repo_create_batch {
    struct process_op op;
    struct process_id base;          /* in; out when replayed */
    const struct process *processes; /* in */
    size_t count;                    /* in */
    struct span idempotency_key;     /* in: or absent */
    uint64_t fingerprint;            /* in */
    int64_t now;                     /* in */
    bool replayed;                   /* out */
};

/* OK, NOT_FOUND (never existed), GONE (removed, tombstone still there), CORRUPT. */
struct repo_get {
    struct process_op op;
    struct process_id id;   /* in */
    bool with_input;        /* in */
    bool brief;             /* in: what the resource shows is enough */
    bool watch;             /* in: tell of the first change after this state, see on_changed */
    struct process process; /* out */
    bool watched; /* out, with OK: whether the store will tell. What on_changed told of this
                     process, or of all, while the call was open, has voided this state */
    int64_t forgets_in_ms; /* out, when watched: the store forgets it by itself after so long, and
                              may tell of that late; INT64_MAX: it does not */
};

/* One guarded change (process_apply). With OK, CONFLICT, LEASE_LOST and STALE `process` is the
 * record as it now is. NOT_FOUND, GONE, CORRUPT as in get. */
struct repo_transition {
    struct process_op op;
    struct process_id id;         /* in */
    struct process_change change; /* in */
    bool brief; /* in: with OK, only what a worker is told must be there: id, type, status, attempt,
                   version, created_at, started_at, updated_at, lease_until, cancel_requested_at */
    struct process process; /* out, without input */
    bool changed;           /* out: false when it had been made before */
    struct {                /* for a layer between the caller and the repository */
        void (*done)(struct process_op *op);
        void *arg;
    } outer;
};

/* A list's page and a claim end at about so many bytes of texts; one record is always given. It
 * bounds how long one call holds up the loop, and with Redis everybody else's answers. */
#define REPO_PAGE_BYTES (1024 * 1024)

/* Takes up to max due processes of the types that are not paused: highest priority first, then
 * oldest. OK with count = 0 when there is none. */
#define REPO_CLAIM_MAX       64
#define REPO_CLAIM_TYPES_MAX 1000
struct repo_claim {
    struct process_op op;
    const struct span *types; /* in; no type twice */
    size_t type_count;
    bool announce; /* in: note that this worker looks for these types, see repo_types, repo_workers
                    */
    bool listen;   /* in: when there is none, call on_work as soon as there may be one, if the store
                      can tell (once, and possibly without cause) */
    struct span worker;                                 /* in */
    int max;                                            /* in: 1..REPO_CLAIM_MAX */
    int64_t now, lease_ms;                              /* in */
    char tokens[REPO_CLAIM_MAX][LEASE_TOKEN_TEXT_SIZE]; /* in: max of them */
    const struct process *processes;                    /* out: with input and lease_token */
    size_t count;                                       /* out */
};

/* Removes one finished process and leaves a tombstone. CONFLICT while it is not finished, STALE on
 * if_version; `process` as in transition: the record as it was. */
struct repo_remove {
    struct process_op op;
    struct process_id id;   /* in */
    int64_t now;            /* in */
    int64_t if_version;     /* in, 0: any */
    struct process process; /* out */
    struct {                /* as in repo_transition */
        void (*done)(struct process_op *op);
        void *arg;
    } outer;
};

/* A place in an index: the next page starts after it. */
struct repo_position {
    int64_t score;
    struct process_id id;
};

/* A page, newest first: by creation time, or with a status by the time it entered that status.
 * A page examines a bounded number of records, so with filters it may come out short, even empty,
 * with more = true. Without input. */
#define REPO_LIST_MAX     200
#define REPO_LIST_EXAMINE 2000
struct repo_list {
    struct process_op op;
    bool by_status;                        /* in */
    enum process_status status;            /* in, when by_status */
    struct span type, group;               /* in: or absent; the members of a group have an index */
    int64_t created_after, created_before; /* in: exclusive; 0: open */
    int limit;                             /* in: 1..REPO_LIST_MAX */
    int examine;                           /* in: how many records at most; 0: REPO_LIST_EXAMINE */
    bool has_position;                     /* in */
    struct repo_position position;         /* in, when has_position; out, when more */
    const struct process *processes;       /* out */
    size_t count;                          /* out */
    bool more;                             /* out */
};

/* What time brings, and advance and sweep do: while nobody does it, it waits. */
enum repo_due {
    DUE_RELEASE, /* scheduled ones that are to become claimable */
    DUE_LAPSE,   /* leases that have lapsed */
    DUE_EXPIRE,  /* deadlines of pending ones that have passed */
    DUE_REMOVAL, /* finished ones whose retention is over */
};
#define REPO_DUE_KINDS 4

struct repo_counts {
    struct process_op op;
    int64_t now;                             /* in */
    int64_t by_status[PROCESS_STATUS_COUNT]; /* out */
    int64_t total;                           /* out */
    int64_t due[REPO_DUE_KINDS];             /* out: index entries that are due at `now` */
};

/* One bounded step of removing finished processes, each leaving a tombstone; nothing unfinished is
 * ever touched. Examines up to `limit` records of one index, oldest first:
 * SWEEP_EXPIRED: those whose expires_at <= before; SWEEP_FINISHED: those of `status` that ended
 * at or before `before`. Start with has_position = false and pass the call again while more. */
#define REPO_SWEEP_MAX 500
enum repo_sweep_kind { SWEEP_EXPIRED, SWEEP_FINISHED };
struct repo_sweep {
    struct process_op op;
    enum repo_sweep_kind kind;             /* in */
    enum process_status status;            /* in, SWEEP_FINISHED: a final one */
    struct span type;                      /* in: or absent */
    int64_t before, now;                   /* in */
    int limit;                             /* in: 1..REPO_SWEEP_MAX */
    bool dry_run;                          /* in: count only */
    bool has_position;                     /* in, out */
    struct repo_position position;         /* in, out */
    int64_t matched[PROCESS_STATUS_COUNT]; /* out: removed (or, dry, removable) in this step */
    bool more;                             /* out */
};

/* How pending processes stand: for the reason that they give. All of those that are asked for may
 * be in any state by now. */
#define REPO_STANDING_MAX REPO_LIST_MAX
struct repo_type_state {
    bool paused;
    int64_t running;         /* of this type */
    int64_t last_claimed_at; /* when a worker last looked for it (see announce); TIME_NONE: never */
};
struct repo_standing_item {
    struct process_id id;            /* in */
    char type[PROCESS_TYPE_MAX + 1]; /* in */
    int64_t position;                /* out: 1 is the next of its type; 0: not in the queue */
    struct repo_type_state state;    /* out */
};
struct repo_standing {
    struct process_op op;
    struct repo_standing_item *items; /* in: the caller's, until done */
    size_t count;                     /* in: 1..REPO_STANDING_MAX */
};

/* The members of a group, counted from the index of its members. OK with total = 0 when it has
 * none. */
#define REPO_GROUP_RUNNING_MAX 1000
struct repo_group {
    struct process_op op;
    struct span group;                       /* in */
    int64_t by_status[PROCESS_STATUS_COUNT]; /* out */
    int64_t total;                           /* out */
    double running_percent; /* out: mean of the running members' progress.percent (without one: 0),
                               over the first REPO_GROUP_RUNNING_MAX of them; 0 without running */
};

/* The types that are known: with processes waiting or running, paused, or looked for or created
 * not long ago. Ordered by name. */
#define REPO_TYPES_MAX 1000
struct repo_type {
    char type[PROCESS_TYPE_MAX + 1];
    struct repo_type_state state;
    int64_t waiting;       /* claimable */
    int64_t waiting_since; /* since when the oldest of them could be claimed; TIME_NONE: none */
    int64_t workers;       /* that looked for it since `workers_since` */
};
struct repo_types {
    struct process_op op;
    int64_t now, workers_since;    /* in */
    const struct repo_type *types; /* out */
    size_t count;                  /* out */
    bool more;                     /* out: there are more than REPO_TYPES_MAX */
};

/* Workers that looked for work or hold some, the one last seen first. */
#define REPO_WORKERS_MAX     500
#define REPO_WORKER_HELD_MAX 16
struct repo_worker {
    char worker[PROCESS_WORKER_MAX + 1];
    int64_t last_seen_at; /* looking for work, or claiming */
    int64_t held;         /* processes that it runs */
    struct {
        struct process_id id;
        int64_t claimed_at;
    } processes[REPO_WORKER_HELD_MAX]; /* the first of these, min(held, REPO_WORKER_HELD_MAX) */
};
struct repo_workers {
    struct process_op op;
    int64_t now;                       /* in */
    const struct repo_worker *workers; /* out */
    size_t count;                      /* out */
    bool more;                         /* out: there are more than REPO_WORKERS_MAX */
};

/* A paused type's processes stay in the queue: claims pass by them. */
struct repo_pause {
    struct process_op op;
    struct span type; /* in */
    bool paused;      /* in */
    bool changed;     /* out */
    struct {          /* as in repo_transition */
        void (*done)(struct process_op *op);
        void *arg;
    } outer;
};

/* A process's timeline as it is stored, oldest first (see process.h). As get otherwise. */
struct repo_events {
    struct process_op op;
    struct process_id id;      /* in */
    struct process process;    /* out, without input; process.events - count are no longer kept */
    const struct span *events; /* out: JSON objects */
    size_t count;              /* out */
};

/* What became of one whose lease had lapsed or whose deadline had passed. */
struct repo_settled {
    struct span type;
    enum process_event event;   /* LAPSE, EXPIRE */
    enum process_status status; /* that it has now */
    bool lease_lost;            /* see process_lapse_is_loss() */
    int64_t run_ms;             /* how long it has run, when that run was its last; else -1 */
};

/* One bounded step of what time brings: scheduled processes that are due become claimable; leases
 * that have lapsed are applied as EVENT_LAPSE, deadlines of pending ones that have passed as
 * EVENT_EXPIRE. Any instance may, several do no harm. */
#define REPO_ADVANCE_MAX 500
struct repo_advance {
    struct process_op op;
    int64_t now;                        /* in */
    int limit;                          /* in: of each kind, 1..REPO_ADVANCE_MAX */
    uint32_t jitter;                    /* in: random */
    int released;                       /* out: scheduled -> claimable */
    int lapsed;                         /* out */
    int expired;                        /* out */
    const struct repo_settled *settled; /* out: each that has lapsed or expired */
    size_t settled_count;               /* out: lapsed + expired */
    bool more;                          /* out: the limit was reached */
};

struct repo_ping {
    struct process_op op;
};

/* --- what is kept, as a whole ------------------------------------------------------------------
 */

/* One thing that a repository keeps; see repository_item.h for how it is written down. */
enum repo_item_kind { ITEM_PROCESS, ITEM_TOMBSTONE, ITEM_KEY, ITEM_PAUSED_TYPE };
#define REPO_ITEM_KINDS 4
struct repo_item {
    enum repo_item_kind kind;
    struct process process;    /* ITEM_PROCESS: all of it, with input and lease token */
    const struct span *events; /* ITEM_PROCESS: its timeline as stored, oldest first */
    size_t event_count;
    struct process_id id; /* ITEM_TOMBSTONE, ITEM_KEY: what it leads to */
    struct span key;      /* ITEM_KEY */
    uint64_t fingerprint; /* ITEM_KEY */
    int64_t until;        /* ITEM_TOMBSTONE, ITEM_KEY: wall ms */
    struct span type;     /* ITEM_PAUSED_TYPE */
};

/* A page of everything that is kept: the processes, oldest first, then tombstones, keys, paused
 * types. Start with a zeroed position, and pass the call again while more. Pages end at about
 * REPO_PAGE_BYTES, and may be empty. Each item is as it was at one moment; what changes or comes
 * while the pages are walked may be given as it was or as it is, and what is new may be left out.
 * Damaged records are counted and left out. */
#define REPO_DUMP_MAX 200
struct repo_dump_position {
    enum repo_item_kind kind;
    bool begun; /* within the kind */
    struct repo_position place;
    uint64_t cursor;
};
struct repo_dump {
    struct process_op op;
    int64_t now;                        /* in: tombstones and keys that are over by then are left
                                                out; a process is given until it is swept */
    struct repo_dump_position position; /* in, out */
    const struct repo_item *items;      /* out */
    size_t count;                       /* out: at most REPO_DUMP_MAX */
    size_t damaged;                     /* out: left out in this page */
    bool more;                          /* out */
};

/* Takes items over. A process is stored unless the same id is there with the same or a higher
 * version, or was removed; tombstones and keys unless there is one, or the process is there (for a
 * tombstone). Each item is one atomic step, so after an error some may be stored: passing the same
 * again does no harm. Those that may be claimed are told of (on_work), all that are stored
 * (on_changed). */
#define REPO_RESTORE_MAX REPO_DUMP_MAX
struct repo_restore {
    struct process_op op;
    const struct repo_item *items; /* in */
    size_t count;                  /* in: 1..REPO_RESTORE_MAX */
    int64_t now;                   /* in */
    size_t stored;                 /* out; the others were there before */
};

/* One bounded step of comparing records with the indexes over them, both ways. What is safe to
 * mend is mended: an entry that is missing is added, one that leads nowhere or to the wrong place
 * is removed. */
enum repo_audit_finding {
    AUDIT_MISSING, /* a record was not in an index where it belongs */
    AUDIT_STRAY,   /* an index entry without its record, or of a record that belongs elsewhere */
    AUDIT_MOVED,   /* an entry with another score than the record says */
    AUDIT_DAMAGED, /* a record that cannot be read: never mended */
};
#define REPO_AUDIT_FINDINGS 4
#define REPO_AUDIT_MAX      200
struct repo_audit {
    struct process_op op;
    int64_t now;                        /* in */
    int limit;                          /* in: records or entries looked at, 1..REPO_AUDIT_MAX */
    uint64_t part, cursor;              /* in, out: 0 at the start; the repository's own */
    int64_t examined;                   /* out: in this step */
    int64_t found[REPO_AUDIT_FINDINGS]; /* out: in this step */
    int64_t mended;                     /* out: in this step */
    bool more;                          /* out */
};

/* Writes all that is kept into the snapshot, so that the next start has no journal to replay.
 * UNSUPPORTED where the store does that by itself, CONFLICT while one is being written. */
struct repo_snapshot {
    struct process_op op;
    int64_t bytes; /* out: of the file */
};

#endif
