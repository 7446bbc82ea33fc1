/* Where the primary of a service is, as its sentinels say. Each of them is asked over a connection
 * of its own, in time that the loop has anyway; the newest word counts, by the epoch of the
 * configuration that a sentinel holds, since one that was cut off goes on naming the old primary.
 * On the loop's thread. */
#ifndef STORAGE_REDIS_SENTINELS_H
#define STORAGE_REDIS_SENTINELS_H

#include "proctrack/redis_client.h"

struct redis_sentinels;

struct redis_sentinels_setup {
    /* Ends a search: here is the primary. */
    void (*on_found)(void *arg, const struct redis_address *place);
    /* The newest word has come to name another place than was found last. While no search is on. */
    void (*on_moved)(void *arg);
    void *arg;
};

/* NULL if no memory. The options must outlive it; the setup is copied. */
struct redis_sentinels *redis_sentinels_create(struct loop *loop,
                                               const struct redis_options *options,
                                               const struct redis_sentinels_setup *setup);
/* Begins a search, anew if there is one; on_found comes later, or never if no sentinel knows. */
void redis_sentinels_search(struct redis_sentinels *all);
/* Ends the search, if there is one. */
void redis_sentinels_rest(struct redis_sentinels *all);
/* What stands in the way of the search; valid until the loop's next turn. */
const char *redis_sentinels_problem(const struct redis_sentinels *all);
/* Whether more than half of the sentinels have said of late that it is where it was found last. */
bool redis_sentinels_confirm(const struct redis_sentinels *all);
/* No callback comes from then on. Twice is fine, and so is NULL for both. */
void redis_sentinels_close(struct redis_sentinels *all);
void redis_sentinels_destroy(struct redis_sentinels *all);

/* The place in an answer to SENTINEL get-master-addr-by-name. False: there is none. */
bool redis_sentinels_place(const struct redisReply *reply, struct redis_address *ret_place);

#endif
