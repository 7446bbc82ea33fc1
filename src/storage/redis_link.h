/* A hiredis context on our loop. hiredis asks for a write with every command; here that becomes one
 * write at the end of the turn, and the socket is watched for room only when bytes are left. */
#ifndef STORAGE_REDIS_LINK_H
#define STORAGE_REDIS_LINK_H

#include "storage/redis_hiredis.h"

struct redis_link {
    struct loop *loop;
    redisAsyncContext *context; /* NULL: not linked */
    struct loop_watch *watch;
    struct loop_task flush;
    int events;    /* that are watched */
    bool listens;  /* replies may come that nobody asked for */
    bool writing;  /* within hiredis' write: asking again means that bytes are left */
    size_t unsent; /* at most so many bytes wait to be written */
};

void redis_link_init(struct redis_link *link, struct loop *loop);
/* Links a context that has just started to connect. False, with the context still the caller's,
 * if no memory. */
bool redis_link_attach(struct redis_link *link, redisAsyncContext *context);
/* Unlinks the context and returns it, or NULL. What hiredis still calls for it finds
 * context->data == NULL. */
redisAsyncContext *redis_link_forget(struct redis_link *link);
/* The same, and frees the context (within one of its reply callbacks: as soon as that returns). */
void redis_link_drop(struct redis_link *link);

#endif
