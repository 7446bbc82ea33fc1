#include "storage/redis_replies.h"

#include "storage/redis_hiredis.h"

#include <stdlib.h>
#include <string.h>

/* Far more than any of our commands is answered with. The count comes before what it counts: a few
 * bytes must not make us take gigabytes. */
#define LIST_MAX (1 << 20)

struct redis_replies_more {
    struct redis_replies_more *next;
    max_align_t room[];
};

/* hiredis does not say whose reply it is that it drops. */
struct object {
    redisReply reply;
    struct redis_replies *owner;
};

static void *take_more(struct redis_replies *replies, size_t size)
{
    struct redis_replies_more *more = malloc(sizeof(*more) + size);
    if (more == NULL)
        return NULL;
    more->next = replies->more;
    replies->more = more;
    return more->room;
}

static void *take(struct redis_replies *replies, size_t size)
{
    const size_t step = alignof(max_align_t);
    if (size > sizeof(replies->room) - replies->used)
        return take_more(replies, size);
    void *taken = replies->room + replies->used;
    size_t end = replies->used + (size + step - 1) / step * step;
    replies->used = end < sizeof(replies->room) ? end : sizeof(replies->room);
    return taken;
}

static redisReply *add(const redisReadTask *task, size_t extra)
{
    struct object *object = take(task->privdata, sizeof(*object) + extra);
    if (object == NULL)
        return NULL;
    memset(&object->reply, 0, sizeof(object->reply));
    object->reply.type = task->type;
    object->owner = task->privdata;
    if (task->parent != NULL)
        ((redisReply *)task->parent->obj)->element[task->idx] = &object->reply;
    return &object->reply;
}

void *redis_replies_text(const redisReadTask *task, const char *text, size_t len)
{
    redisReply *reply = add(task, len + 1);
    if (reply == NULL)
        return NULL;
    reply->str = (char *)reply + sizeof(struct object);
    memcpy(reply->str, text, len);
    reply->str[len] = '\0';
    reply->len = len;
    return reply;
}

void *redis_replies_list(const redisReadTask *task, size_t count)
{
    if (count > LIST_MAX)
        return NULL;
    redisReply *reply = add(task, count * sizeof(redisReply *));
    if (reply == NULL)
        return NULL;
    if (count > 0)
        reply->element = (redisReply **)(void *)((char *)reply + sizeof(struct object));
    reply->elements = count;
    return reply;
}

void *redis_replies_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = add(task, 0);
    if (reply != NULL)
        reply->integer = value;
    return reply;
}

void *redis_replies_nil(const redisReadTask *task)
{
    redisReply *reply = add(task, 0);
    if (reply != NULL)
        reply->type = REDIS_REPLY_NIL; /* the task's is that of what is missing */
    return reply;
}

void redis_replies_drop(void *reply)
{
    struct object *object = reply; /* its first member */
    if (object == NULL)
        return;
    struct redis_replies *replies = object->owner;
    while (replies->more != NULL) {
        struct redis_replies_more *more = replies->more;
        replies->more = more->next;
        free(more);
    }
    replies->used = 0;
}

/* --- copies ---------------------------------------------------------------------------------- */

static bool keep_text(redisReply *copy, const redisReply *reply)
{
    copy->str = malloc(reply->len + 1);
    if (copy->str != NULL)
        memcpy(copy->str, reply->str, reply->len + 1);
    return copy->str != NULL;
}

static bool keep_elements(redisReply *copy, const redisReply *reply)
{
    copy->element = calloc(reply->elements, sizeof(redisReply *));
    if (copy->element == NULL)
        return false;
    for (copy->elements = 0; copy->elements < reply->elements; copy->elements++) {
        copy->element[copy->elements] = redis_replies_keep(reply->element[copy->elements]);
        if (copy->element[copy->elements] == NULL)
            return false;
    }
    return true;
}

redisReply *redis_replies_keep(const redisReply *reply)
{
    redisReply *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return NULL;
    *copy = *reply;
    copy->str = NULL;
    copy->element = NULL;
    copy->elements = 0;
    if ((reply->str != NULL && !keep_text(copy, reply)) ||
        (reply->elements > 0 && !keep_elements(copy, reply))) {
        freeReplyObject(copy);
        return NULL;
    }
    return copy;
}
