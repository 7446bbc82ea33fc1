/* What the files of the status cache share: status_cache.c is what it offers, status_table.c where
 * entries stand and how long they stay, status_read.c how they are filled, status_mortal.c what the
 * store forgets by itself. On the loop's thread. */
#ifndef STATUS_CACHE_PRIVATE_H
#define STATUS_CACHE_PRIVATE_H

#include "http/status_cache.h"

#define STATUS_DOOR 16384     /* ids that are remembered to have been asked for once */
#define STATUS_ANY  INT64_MIN /* version of a follower that asks: whatever it is */

struct status_read;

/* A process as seen below one base path. It is kept, or someone follows it, or a read is out. */
struct status_entry {
    struct status_entry *next; /* of its bucket */
    struct list_link link;     /* in the cache's idle, due or failed; or in none */
    struct status_cache *cache;
    struct process_id id;
    const char *base;
    uint64_t hash;
    struct status_view *view; /* NULL: none that may be given again */
    struct change_stamp stamp;
    uint64_t doubts;                /* the cache's, when the view was read */
    struct change_stamp type_stamp; /* of its reason, while that is open ... */
    int64_t explained_at;           /* ... and when it was asked for, loop time */
    int64_t view_until;             /* how long its view may be given, loop time; INT64_MAX */
    struct list_link mortal;        /* in the cache's list, if that has an end and it is followed */
    struct list_link followers;
    struct list_link active;  /* in the cache's list of those that are not idle */
    struct status_read *read; /* the one that is out, or NULL */
    uint64_t sent, wanted;    /* reads so far; up to which number someone needs one */
    size_t bytes;             /* as counted */
    unsigned busy;            /* do not free it now, nor begin a read: who does is at work */
    bool idle;                /* on the cache's list of these */
    bool failed;              /* its last read brought nothing to go by: the timer looks again */
    bool missing;             /* there is no such process (any more) */
};

struct status_cache {
    struct loop *loop;
    struct process_manager *manager;
    struct change_stamps *stamps;
    size_t max_bytes, kept_bytes, kept_count; /* of idle ones */
    struct list_link idle;                    /* the one used longest ago first */
    struct list_link active;                  /* the others: followed, or a read is out */
    uint64_t doubts;                          /* how often all that was known became void */
    struct list_link due;                     /* told of: read at the end of the turn */
    struct list_link failed;
    struct loop_task look;
    struct loop_timer *timer; /* runs while any is `failed` */
    struct list_link mortal;
    struct loop_timer *mortality; /* runs while any is `mortal` */
    struct status_read *spare;
    bool quiesced;
    struct status_cache_numbers numbers;
    uint32_t door[STATUS_DOOR];
    size_t bucket_count; /* a power of two */
    struct status_entry *buckets[];
};

/* --- status_table.c --------------------------------------------------------------------------- */

struct status_entry *status_table_find(const struct status_cache *cache,
                                       const struct process_id *id, const char *base,
                                       uint64_t hash);
/* NULL if no memory. */
struct status_entry *status_table_add(struct status_cache *cache, const struct process_id *id,
                                      const char *base, uint64_t hash);
/* Whether it has been asked for before, not long ago. */
bool status_table_knock(struct status_cache *cache, uint64_t hash);
/* Gives the entry another view, or none (NULL); takes it. */
void status_entry_set_view(struct status_entry *entry, struct status_view *take_view);
/* Its view has grown, or was used. */
void status_entry_touch(struct status_entry *entry);
/* Someone follows it from now on. */
void status_entry_hold(struct status_entry *entry);
/* If nobody has to do with it any more it becomes idle, and may be gone after this. */
void status_entry_rest(struct status_entry *entry);
/* No follower and no read may be left. */
void status_table_clear(struct status_cache *cache);

/* --- status_mortal.c -------------------------------------------------------------------------- */

/* The store forgets the process by itself after so long (INT64_MAX: it does not): the view is given
 * no longer than that. */
void status_entry_limit(struct status_entry *entry, int64_t forgets_in_ms);
/* Someone follows the entry: he is to hear when that time has come. */
void status_entry_mind_end(struct status_entry *entry);
void status_mortal_look(void *arg); /* when the timer fires */

/* --- status_read.c ---------------------------------------------------------------------------- */

/* Sends the read that someone needs, if any; the entry may be gone after this. */
void status_entry_pump(struct status_entry *entry);
/* The number of the read whose state is good for one who asks now. */
uint64_t status_entry_next_read(const struct status_entry *entry);
/* The process has changed, or may have. */
void status_entry_void(struct status_entry *entry);
void status_read_free_spare(struct status_cache *cache);

#endif
