/* Where a connection's replies are kept: a reply is dozens of small objects, which live together,
 * from the first byte read until its callback returns. There is never more than one of them, so its
 * objects lie one behind the other, and all are given up at once. On the loop's thread. */
#ifndef STORAGE_REDIS_REPLIES_H
#define STORAGE_REDIS_REPLIES_H

#include <hiredis/hiredis.h>

#include <stdalign.h>
#include <stddef.h>

#define REDIS_REPLIES_ROOM       (32 * 1024)
#define REDIS_REPLIES_UNREAD_MAX (1024 * 1024) /* kept of the buffer that is read into */

struct redis_replies {
    struct redis_replies_more *more; /* what did not fit; given back with the reply */
    size_t used;
    alignas(max_align_t) char room[REDIS_REPLIES_ROOM];
};

/* While the connection lives, `replies` must. */
void redis_replies_use(struct redis_replies *replies, redisContext *context);

/* What hiredis calls, in terms that all its versions have. NULL if no memory. */
void *redis_replies_text(const redisReadTask *task, const char *text, size_t len);
void *redis_replies_list(const redisReadTask *task, size_t count);
void *redis_replies_integer(const redisReadTask *task, long long value);
void *redis_replies_nil(const redisReadTask *task);
void redis_replies_drop(void *reply); /* NULL is fine */

/* A copy that outlives the callback, to be freed with freeReplyObject(). NULL if no memory. */
redisReply *redis_replies_keep(const redisReply *reply);

#endif
