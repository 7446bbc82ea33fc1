/* What the memory repository keeps, as items: given out page by page, and taken over. */
#ifndef REPOSITORY_MEMORY_ITEMS_H
#define REPOSITORY_MEMORY_ITEMS_H

#include "repository/memory_calls.h"

struct memory_items {
    struct memory_array *array; /* holds the array and the timelines; the caller frees it */
    const struct repo_item *items;
    size_t count;
    uint64_t place; /* of the last change that they show */
    bool more;
};

/* The last place of each kind that is walked, at one moment: who knows what came after that from
 * elsewhere need not run after it. Of paused types all are walked. */
struct memory_items_end {
    struct repo_position last[REPO_ITEM_KINDS];
};
struct memory_items_end memory_items_end(const struct memory_store *store);

/* As a repo_dump; a zeroed position begins, and `end` or the last one, where that is NULL, ends it.
 * The items borrow from the store. False if no memory; nothing has moved then. */
bool memory_items_read(const struct memory_store *store, int64_t now,
                       const struct memory_items_end *end, struct repo_dump_position *position,
                       struct memory_items *ret_items);

/* Whether the item is to be taken over, by the rules of repo_restore. */
bool memory_item_is_wanted(const struct memory_store *store, const struct repo_item *item,
                           int64_t now);
/* Takes it over in place of what there is. False if no memory; nothing is changed then. */
bool memory_item_take(struct memory_store *store, const struct repo_item *item, int64_t now);

#endif
