#include "storage/redis_hiredis.h"

#include "storage/redis_replies.h"

redisAsyncContext *redis_async_open(const struct redis_options *options, const char *address,
                                    int port)
{
    if (options->unix_path[0] != '\0')
        return redisAsyncConnectUnix(options->unix_path);
    return redisAsyncConnect(address, port);
}

bool redis_has_unread(const redisContext *context)
{
    return context->reader->len > context->reader->pos;
}

/* Later versions know more kinds of replies. RESP2 has none of them, but whatever answers may send
 * them, and a kind without a function is no object at all. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;

static void *create_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)value;
    return redis_replies_text(task, text, len);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return redis_replies_integer(task, value);
}
#else
typedef int element_count;
#endif

static void *create_text(const redisReadTask *task, char *text, size_t len)
{
    return redis_replies_text(task, text, len);
}

static void *create_list(const redisReadTask *task, element_count count)
{
    return redis_replies_list(task, (size_t)count);
}

void redis_replies_use(struct redis_replies *replies, redisContext *context)
{
    static redisReplyObjectFunctions functions = {
        .createString = create_text,
        .createArray = create_list,
        .createInteger = redis_replies_integer,
        .createNil = redis_replies_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
        .freeObject = redis_replies_drop,
    };
    context->reader->fn = &functions;
    context->reader->privdata = replies;
    context->reader->maxbuf = REDIS_REPLIES_UNREAD_MAX;
}
