/* Views of processes that the store forgets by itself. It may tell of that late: a Redis that has
 * many keys with a time to live comes upon an expired one only after seconds, unless it is read. So
 * these views end by the clock. Those that nobody follows are looked at when they are asked for: a
 * finished process is mortal, and most that are kept are finished. A timer looks at the others. */
#include "http/status_cache_private.h"

#define LOOK_MS    250
#define LONGEST_MS 60000 /* then the time to live is read anew */

void status_entry_mind_end(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    if (entry->view_until == INT64_MAX || !list_is_empty(&entry->mortal))
        return;
    if (list_is_empty(&cache->mortal))
        loop_timer_start(cache->mortality, LOOK_MS);
    list_append(&cache->mortal, &entry->mortal);
}

void status_entry_limit(struct status_entry *entry, int64_t forgets_in_ms)
{
    list_remove(&entry->mortal);
    entry->view_until = INT64_MAX;
    if (forgets_in_ms == INT64_MAX)
        return;
    entry->view_until =
        loop_now_ms(entry->cache->loop) + (forgets_in_ms < LONGEST_MS ? forgets_in_ms : LONGEST_MS);
    if (!list_is_empty(&entry->followers))
        status_entry_mind_end(entry);
}

/* Voiding an entry takes it off the list, and frees none. */
void status_mortal_look(void *arg)
{
    struct status_cache *cache = arg;
    int64_t now = loop_now_ms(cache->loop);
    list_for_each_safe (link, &cache->mortal) {
        struct status_entry *entry = container_of(link, struct status_entry, mortal);
        if (now >= entry->view_until)
            status_entry_void(entry);
    }
    if (!list_is_empty(&cache->mortal))
        loop_timer_start(cache->mortality, LOOK_MS);
}
