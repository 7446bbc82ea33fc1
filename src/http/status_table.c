/* Where entries stand: a table of a fixed size, and a list of those that nobody follows, of which
 * the ones used longest ago make room. */
#include "http/status_cache_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 32 /* what the allocator adds to the blocks of an entry and its view */

struct status_entry *status_table_find(const struct status_cache *cache,
                                       const struct process_id *id, const char *base, uint64_t hash)
{
    struct status_entry *entry = cache->buckets[hash & (cache->bucket_count - 1)];
    while (entry != NULL && (entry->hash != hash || process_id_compare(&entry->id, id) != 0 ||
                             strcmp(entry->base, base) != 0))
        entry = entry->next;
    return entry;
}

static size_t bytes_of(const struct status_entry *entry)
{
    return sizeof(*entry) + BLOCK_BYTES +
           (entry->view != NULL ? status_view_bytes(entry->view) : 0);
}

static void count_bytes(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    size_t bytes = bytes_of(entry);
    cache->numbers.bytes += bytes - entry->bytes;
    if (entry->idle)
        cache->kept_bytes += bytes - entry->bytes;
    entry->bytes = bytes;
}

struct status_entry *status_table_add(struct status_cache *cache, const struct process_id *id,
                                      const char *base, uint64_t hash)
{
    struct status_entry **bucket = &cache->buckets[hash & (cache->bucket_count - 1)];
    struct status_entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    list_init(&entry->link);
    list_init(&entry->mortal);
    list_init(&entry->active);
    list_init(&entry->followers);
    entry->cache = cache;
    entry->id = *id;
    entry->base = base;
    entry->hash = hash;
    entry->view_until = INT64_MAX;
    entry->next = *bucket;
    *bucket = entry;
    cache->numbers.entries++;
    count_bytes(entry);
    return entry;
}

bool status_table_knock(struct status_cache *cache, uint64_t hash)
{
    uint32_t *place = &cache->door[(hash >> 32) % STATUS_DOOR], mark = (uint32_t)hash | 1;
    bool before = *place == mark;
    *place = mark;
    return before;
}

static void not_idle(struct status_entry *entry)
{
    list_remove(&entry->link);
    if (!entry->idle)
        return;
    entry->idle = false;
    entry->cache->kept_bytes -= entry->bytes;
    entry->cache->kept_count--;
}

static void destroy(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    struct status_entry **place = &cache->buckets[entry->hash & (cache->bucket_count - 1)];
    assert(entry->read == NULL && list_is_empty(&entry->followers));
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    not_idle(entry);
    list_remove(&entry->active);
    list_remove(&entry->mortal);
    cache->numbers.entries--;
    cache->numbers.bytes -= entry->bytes;
    status_view_release(entry->view);
    free(entry);
}

/* Not the last, which has just been used. */
static void make_room(struct status_cache *cache)
{
    while ((cache->kept_bytes > cache->max_bytes || cache->kept_count > cache->bucket_count) &&
           cache->idle.next != cache->idle.prev) {
        destroy(container_of(cache->idle.next, struct status_entry, link));
        cache->numbers.evictions++;
    }
}

void status_entry_set_view(struct status_entry *entry, struct status_view *take_view)
{
    status_view_release(entry->view);
    entry->view = take_view;
    if (take_view == NULL)
        status_entry_limit(entry, INT64_MAX);
    count_bytes(entry);
}

void status_entry_touch(struct status_entry *entry)
{
    count_bytes(entry);
    if (!entry->idle)
        return;
    list_remove(&entry->link);
    list_append(&entry->cache->idle, &entry->link);
    make_room(entry->cache);
}

void status_entry_hold(struct status_entry *entry)
{
    if (entry->idle)
        not_idle(entry);
    if (list_is_empty(&entry->active))
        list_append(&entry->cache->active, &entry->active);
    status_entry_mind_end(entry);
}

void status_entry_rest(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    if (entry->idle || entry->busy > 0 || entry->read != NULL || !list_is_empty(&entry->followers))
        return;
    list_remove(&entry->link);
    list_remove(&entry->active);
    list_remove(&entry->mortal);
    entry->failed = false;
    if (entry->missing || bytes_of(entry) > cache->max_bytes) {
        destroy(entry);
        return;
    }
    entry->idle = true;
    list_append(&cache->idle, &entry->link);
    count_bytes(entry);
    cache->kept_bytes += entry->bytes;
    cache->kept_count++;
    make_room(cache);
}

void status_table_clear(struct status_cache *cache)
{
    for (size_t i = 0; i < cache->bucket_count; i++) {
        while (cache->buckets[i] != NULL)
            destroy(cache->buckets[i]);
    }
}
