/* Hash map from byte strings to entries that embed their place in it. It grows a little with each
 * insertion, never all at once, so that no single call pays for a whole rehash. Clients choose some
 * of the keys, so the hash is keyed. One thread. */
#ifndef REPOSITORY_TEXT_MAP_H
#define REPOSITORY_TEXT_MAP_H

#include "proctrack/text.h"

struct text_map_entry {
    struct text_map_entry *next;
    uint64_t hash;
    struct span key; /* borrowed from the owner of the entry */
};

struct text_map_buckets {
    struct text_map_entry **heads;
    size_t count; /* a power of two, or 0 */
};

struct text_map {
    struct text_map_buckets now, old; /* old: still to be moved, from `moved` on */
    size_t moved, size;
};

bool text_map_init(struct text_map *map); /* false: no memory */
/* Frees the buckets; every entry that is still in it goes to `drop`, in any order. */
void text_map_finish(struct text_map *map, void (*drop)(struct text_map_entry *entry));
struct text_map_entry *text_map_find(const struct text_map *map, struct span key);
/* The key must not be there yet. Never fails: without memory to grow the chains get longer. */
void text_map_insert(struct text_map *map, struct text_map_entry *entry, struct span key);
void text_map_remove(struct text_map *map, struct text_map_entry *entry);

#endif
