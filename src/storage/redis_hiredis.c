#include "storage/redis_hiredis.h"

#include <stdlib.h>

redisAsyncContext *redis_async_open(const struct redis_options *options, const char *address)
{
    if (options->unix_path[0] != '\0')
        return redisAsyncConnectUnix(options->unix_path);
    return redisAsyncConnect(address, options->port);
}

bool redis_has_unread(const redisContext *context)
{
    return context->reader->len > context->reader->pos;
}

redisReply *redis_reply_take(redisReply *reply)
{
    redisReply *taken = malloc(sizeof(*taken));
    if (taken == NULL)
        return NULL;
    *taken = *reply;
    reply->type = REDIS_REPLY_INTEGER; /* the one kind that owns nothing */
    reply->str = NULL;
    reply->element = NULL;
    reply->elements = 0;
    return taken;
}
