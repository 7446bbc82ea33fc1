#include "http/feed_queue.h"

#include "proctrack/keyed_hash.h"

#include <assert.h>
#include <stdlib.h>

#define BUCKETS 4096
#define WAYS    8 /* places that a process's state may be remembered in */
#define SETS    (FEED_TOLD_MAX / WAYS)

struct told {
    struct process_id id;
    int64_t version; /* 0: none */
};

struct feed_queue {
    struct list_link waiting; /* feed_item.link */
    size_t waiting_count, taken_count;
    struct feed_item *buckets[BUCKETS]; /* of those that wait and those that are taken */
    struct told told[SETS][WAYS];       /* of each set the latest first */
};

struct feed_queue *feed_queue_create(void)
{
    struct feed_queue *queue = calloc(1, sizeof(*queue));
    if (queue != NULL)
        list_init(&queue->waiting);
    return queue;
}

void feed_queue_destroy(struct feed_queue *queue)
{
    if (queue == NULL)
        return;
    assert(queue->taken_count == 0);
    feed_queue_clear(queue);
    free(queue);
}

static uint64_t hash_of(const struct process_id *id)
{
    return keyed_hash(process_id_key(id));
}

/* The pointer to the process's item, or to the NULL where it belongs. */
static struct feed_item **find(struct feed_queue *queue, const struct process_id *id)
{
    struct feed_item **place = &queue->buckets[hash_of(id) % BUCKETS];
    while (*place != NULL && process_id_compare(&(*place)->id, id) != 0)
        place = &(*place)->next;
    return place;
}

static void wait_for_turn(struct feed_queue *queue, struct feed_item *item)
{
    list_append(&queue->waiting, &item->link);
    queue->waiting_count++;
    item->taken = item->again = false;
}

bool feed_queue_add(struct feed_queue *queue, const struct process_id *id)
{
    struct feed_item **place = find(queue, id);
    if (*place != NULL) {
        (*place)->again = (*place)->taken;
        return true;
    }
    struct feed_item *item = queue->waiting_count < FEED_WAITING_MAX ? malloc(sizeof(*item)) : NULL;
    if (item == NULL)
        return false;
    item->id = *id;
    item->next = NULL;
    *place = item;
    list_init(&item->link);
    wait_for_turn(queue, item);
    return true;
}

bool feed_queue_is_empty(const struct feed_queue *queue)
{
    return queue->waiting_count == 0;
}

struct feed_item *feed_queue_take(struct feed_queue *queue)
{
    struct list_link *first = list_pop(&queue->waiting);
    if (first == NULL)
        return NULL;
    struct feed_item *item = container_of(first, struct feed_item, link);
    queue->waiting_count--;
    queue->taken_count++;
    item->taken = true;
    return item;
}

static void forget(struct feed_queue *queue, struct feed_item *item)
{
    *find(queue, &item->id) = item->next;
    free(item);
}

void feed_queue_done(struct feed_queue *queue, struct feed_item *item)
{
    assert(item->taken);
    queue->taken_count--;
    if (item->again)
        wait_for_turn(queue, item);
    else
        forget(queue, item);
}

void feed_queue_clear(struct feed_queue *queue)
{
    struct list_link *first;
    while ((first = list_pop(&queue->waiting)) != NULL)
        forget(queue, container_of(first, struct feed_item, link));
    queue->waiting_count = 0;
    for (size_t i = 0; i < BUCKETS && queue->taken_count > 0; i++) {
        for (struct feed_item *item = queue->buckets[i]; item != NULL; item = item->next)
            item->again = false;
    }
}

bool feed_queue_is_news(struct feed_queue *queue, const struct process_id *id, int64_t version)
{
    struct told *set = queue->told[hash_of(id) % SETS];
    int way = 0;
    while (way < WAYS - 1 && process_id_compare(&set[way].id, id) != 0)
        way++;
    bool known = set[way].version == version && process_id_compare(&set[way].id, id) == 0;
    memmove(&set[1], &set[0], (size_t)way * sizeof(*set));
    set[0] = (struct told){*id, version};
    return !known;
}
