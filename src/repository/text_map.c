#include "repository/text_map.h"

#include "proctrack/keyed_hash.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS    64
#define MOVES_PER_INSERT 4

static bool buckets_init(struct text_map_buckets *buckets, size_t count)
{
    buckets->heads = calloc(count, sizeof(struct text_map_entry *));
    buckets->count = buckets->heads != NULL ? count : 0;
    return buckets->heads != NULL;
}

static struct text_map_entry **head_of(const struct text_map_buckets *buckets, uint64_t hash)
{
    return &buckets->heads[hash & (buckets->count - 1)];
}

bool text_map_init(struct text_map *map)
{
    memset(map, 0, sizeof(*map));
    return buckets_init(&map->now, FIRST_BUCKETS);
}

static void buckets_finish(struct text_map_buckets *buckets,
                           void (*drop)(struct text_map_entry *entry))
{
    for (size_t i = 0; i < buckets->count; i++) {
        struct text_map_entry *entry = buckets->heads[i], *next;
        for (; entry != NULL; entry = next) {
            next = entry->next;
            drop(entry);
        }
    }
    free(buckets->heads);
}

void text_map_finish(struct text_map *map, void (*drop)(struct text_map_entry *entry))
{
    buckets_finish(&map->now, drop);
    buckets_finish(&map->old, drop);
    memset(map, 0, sizeof(*map));
}

static struct text_map_entry *find_in(const struct text_map_buckets *buckets, uint64_t hash,
                                      struct span key)
{
    if (buckets->count == 0)
        return NULL;
    for (struct text_map_entry *entry = *head_of(buckets, hash); entry != NULL; entry = entry->next)
        if (entry->hash == hash && span_equal(entry->key, key))
            return entry;
    return NULL;
}

struct text_map_entry *text_map_find(const struct text_map *map, struct span key)
{
    uint64_t hash = keyed_hash(key);
    struct text_map_entry *entry = find_in(&map->now, hash, key);
    return entry != NULL ? entry : find_in(&map->old, hash, key);
}

static void push(struct text_map_buckets *buckets, struct text_map_entry *entry)
{
    struct text_map_entry **head = head_of(buckets, entry->hash);
    entry->next = *head;
    *head = entry;
}

static void move_some(struct text_map *map)
{
    for (int i = 0; i < MOVES_PER_INSERT && map->moved < map->old.count; i++) {
        struct text_map_entry *entry = map->old.heads[map->moved], *next;
        map->old.heads[map->moved++] = NULL;
        for (; entry != NULL; entry = next) {
            next = entry->next;
            push(&map->now, entry);
        }
    }
    if (map->old.count != 0 && map->moved == map->old.count) {
        free(map->old.heads);
        map->old = (struct text_map_buckets){NULL, 0};
    }
}

static void grow(struct text_map *map)
{
    struct text_map_buckets larger;
    if (map->old.count != 0 || !buckets_init(&larger, map->now.count * 2))
        return;
    map->old = map->now;
    map->now = larger;
    map->moved = 0;
}

void text_map_insert(struct text_map *map, struct text_map_entry *entry, struct span key)
{
    entry->key = key;
    entry->hash = keyed_hash(key);
    if (map->size >= map->now.count)
        grow(map);
    move_some(map);
    push(&map->now, entry);
    map->size++;
}

static bool unlink_from(struct text_map_buckets *buckets, struct text_map_entry *entry)
{
    if (buckets->count == 0)
        return false;
    struct text_map_entry **at = head_of(buckets, entry->hash);
    while (*at != NULL && *at != entry)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = entry->next;
    return true;
}

void text_map_remove(struct text_map *map, struct text_map_entry *entry)
{
    if (unlink_from(&map->now, entry) || unlink_from(&map->old, entry))
        map->size--;
}
