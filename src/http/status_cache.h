/* What this loop knows of processes, ready to be sent. Every way to follow a process reads here:
 * the poll, the long poll and the streams.
 *
 * A state is read and rendered once, as a view, which all answers that are under way share. At most
 * one read a process is out at a time, for all who wait for it. A view may be given again as long
 * as nothing can have changed it unnoticed: the store will tell of the next change
 * (repo_get.watched), nothing was told since, and the process's stamp is the same
 * (change_stamps.h). Whatever voids a view has those who await another state look again. One loop,
 * on its thread. */
#ifndef HTTP_STATUS_CACHE_H
#define HTTP_STATUS_CACHE_H

#include "http/status_view.h"

struct status_cache;

struct status_cache_numbers {
    uint64_t hits, misses, invalidations, evictions; /* since start */
    size_t entries, bytes;                           /* now */
};

/* max_bytes: of what is kept though nobody follows it; 0 keeps nothing. The manager must outlive
 * it. NULL if no memory. */
struct status_cache *status_cache_create(struct loop *loop, struct process_manager *manager,
                                         size_t max_bytes);
/* When no follower is left and no read is out (the repository is closed). NULL is fine. */
void status_cache_destroy(struct status_cache *cache);
/* The manager stops: nobody tells any more what others change, so nothing is given from memory. */
void status_cache_quiesce(struct status_cache *cache);
struct status_cache_numbers status_cache_numbers(const struct status_cache *cache);

/* For process_manager_on_changed(): what it tells, also NULL. From inside any call of the
 * manager's. */
void status_cache_changed(struct status_cache *cache, const struct process_id *id);

/* One who wants to know. It is the caller's, and unused again before on_state runs. */
struct status_follower {
    struct process_id id; /* in */
    const char *base;     /* in: path in front of links, lives as long as the server */
    /* OK with the view, borrowed until this returns (status_view_share keeps it); or why there is
     * none: NOT_FOUND, GONE, CORRUPT, UNAVAILABLE, ... Runs once for each ask or await, perhaps
     * before that returns; it may ask or await again. */
    void (*on_state)(struct status_follower *follower, enum err result, struct status_view *view);
    /* private */
    struct list_link link;
    struct status_entry *entry; /* while it waits; else NULL */
    int64_t version;
    uint64_t read;
};
void status_follower_init(struct status_follower *follower);

/* For the state that the process has now: none that is older than this call. */
void status_cache_ask(struct status_cache *cache, struct status_follower *follower);
/* For a state of another version than this one (0: any), whenever it comes, or the process's end
 * (NOT_FOUND, GONE, CORRUPT, CANCELED; NO_MEMORY, at once). While the store cannot be read it waits
 * on. */
void status_cache_await(struct status_cache *cache, struct status_follower *follower,
                        int64_t version);
/* on_state will not run. Also of one that does not wait. */
void status_cache_leave(struct status_follower *follower);

/* The view, if it may be given now; else NULL. Borrowed until the loop turns. For the poll: it
 * counts as a hit; the first time that an id is asked for and is not known it is not worth
 * keeping, so *ret_worth says whether to ask here or to read past the cache. */
struct status_view *status_cache_find(struct status_cache *cache, const struct process_id *id,
                                      const char *base, bool *ret_worth);

#endif
