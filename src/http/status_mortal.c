/* Views of processes that the store forgets by itself. It may tell of that late: a Redis that has
 * many keys with a time to live comes upon an expired one only after seconds, unless it is read. So
 * these views end by the clock, and whoever follows the process has it read again. */
#include "http/status_cache_private.h"

#define LOOK_MS    250
#define LONGEST_MS 60000 /* then the time to live is read anew */

void status_entry_limit(struct status_entry *entry, int64_t forgets_in_ms)
{
    struct status_cache *cache = entry->cache;
    list_remove(&entry->mortal);
    if (forgets_in_ms == INT64_MAX)
        return;
    entry->view_until =
        loop_now_ms(cache->loop) + (forgets_in_ms < LONGEST_MS ? forgets_in_ms : LONGEST_MS);
    if (list_is_empty(&cache->mortal))
        loop_timer_start(cache->mortality, LOOK_MS);
    list_append(&cache->mortal, &entry->mortal);
}

bool status_entry_is_over(const struct status_entry *entry, int64_t now)
{
    return !list_is_empty(&entry->mortal) && now >= entry->view_until;
}

/* Voiding an entry takes it off the list, and frees none. */
void status_mortal_look(void *arg)
{
    struct status_cache *cache = arg;
    int64_t now = loop_now_ms(cache->loop);
    list_for_each_safe (link, &cache->mortal) {
        struct status_entry *entry = container_of(link, struct status_entry, mortal);
        if (status_entry_is_over(entry, now))
            status_entry_void(entry);
    }
    if (!list_is_empty(&cache->mortal))
        loop_timer_start(cache->mortality, LOOK_MS);
}
