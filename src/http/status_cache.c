#include "http/status_cache_private.h"

#include "proctrack/keyed_hash.h"

#include <assert.h>
#include <stdlib.h>

#define USUAL_BYTES  1024 /* less than what an entry with its view takes */
#define BUCKETS_MIN  ((size_t)1 << 8)
#define BUCKETS_MAX  ((size_t)1 << 20)
#define EXPLAINED_MS 1000 /* so long the reason why a process waits may be given again */

/* --- looking again ----------------------------------------------------------------------------
 */

/* Those whom a read serves may leave other entries of the list: one is taken at a time. */
static void pump_all(struct list_link *list)
{
    struct list_link *link;
    while ((link = list_pop(list)) != NULL) {
        struct status_entry *entry = container_of(link, struct status_entry, link);
        entry->failed = false;
        status_entry_pump(entry);
    }
}

static void look_at_due(struct loop_task *task)
{
    pump_all(&container_of(task, struct status_cache, look)->due);
}

/* What fails once more comes on the list again, and is left for the next time. */
static void look_at_failed(void *arg)
{
    struct status_cache *cache = arg;
    struct list_link all, *link;
    list_init(&all);
    while ((link = list_pop(&cache->failed)) != NULL)
        list_append(&all, link);
    pump_all(&all);
}

/* Of idle ones there may be many: they notice when they are asked for. */
static void doubt_all(struct status_cache *cache)
{
    cache->doubts++;
    list_for_each (link, &cache->active)
        status_entry_void(container_of(link, struct status_entry, active));
}

void status_cache_changed(struct status_cache *cache, const struct process_id *id)
{
    if (id == NULL) {
        doubt_all(cache);
        return;
    }
    uint64_t hash = keyed_hash(process_id_key(id));
    struct status_entry *entry = cache->buckets[hash & (cache->bucket_count - 1)];
    for (; entry != NULL; entry = entry->next) {
        if (entry->hash == hash && process_id_compare(&entry->id, id) == 0)
            status_entry_void(entry);
    }
}

/* --- life --------------------------------------------------------------------------------------
 */

static size_t buckets_for(size_t max_bytes)
{
    size_t count = BUCKETS_MIN;
    while (count < max_bytes / USUAL_BYTES && count < BUCKETS_MAX)
        count *= 2;
    return count;
}

struct status_cache *status_cache_create(struct loop *loop, struct process_manager *manager,
                                         size_t max_bytes)
{
    size_t count = buckets_for(max_bytes);
    struct status_cache *cache = calloc(1, sizeof(*cache) + count * sizeof(struct status_entry *));
    if (cache == NULL)
        return NULL;
    cache->loop = loop;
    cache->manager = manager;
    cache->stamps = process_manager_stamps(manager);
    cache->max_bytes = max_bytes;
    cache->bucket_count = count;
    list_init(&cache->idle);
    list_init(&cache->active);
    list_init(&cache->due);
    list_init(&cache->failed);
    list_init(&cache->mortal);
    loop_task_init(&cache->look, look_at_due);
    cache->timer = loop_timer_create(loop, look_at_failed, cache);
    cache->mortality = loop_timer_create(loop, status_mortal_look, cache);
    if (cache->timer != NULL && cache->mortality != NULL)
        return cache;
    status_cache_destroy(cache);
    return NULL;
}

void status_cache_destroy(struct status_cache *cache)
{
    if (cache == NULL)
        return;
    loop_task_cancel(&cache->look);
    loop_timer_destroy(cache->timer);
    loop_timer_destroy(cache->mortality);
    status_table_clear(cache);
    status_read_free_spare(cache);
    free(cache);
}

void status_cache_quiesce(struct status_cache *cache)
{
    cache->quiesced = true;
}

struct status_cache_numbers status_cache_numbers(const struct status_cache *cache)
{
    return cache->numbers;
}

/* --- giving from memory ----------------------------------------------------------------------- */

/* Whether the reason that the view shows may still be given: it can change without the process, and
 * one that was to start later becomes due. */
static bool reason_holds(const struct status_entry *entry)
{
    const struct status_view *view = entry->view;
    const struct status_cache *cache = entry->cache;
    if (!status_view_reason_is_open(view))
        return true;
    return loop_now_ms(cache->loop) - entry->explained_at < EXPLAINED_MS &&
           change_stamp_equal(entry->type_stamp,
                              change_stamps_get(cache->stamps, status_view_type(view)));
}

/* The view that may be given now, or NULL. */
static struct status_view *usable_view(struct status_entry *entry)
{
    struct status_cache *cache = entry->cache;
    int64_t now = loop_now_ms(cache->loop);
    if (entry->view == NULL)
        return NULL;
    if (cache->quiesced || entry->doubts != cache->doubts || now >= entry->view_until ||
        !change_stamp_equal(entry->stamp, change_stamps_get_hashed(cache->stamps, entry->hash))) {
        status_entry_void(entry);
        return NULL;
    }
    if (!reason_holds(entry))
        status_entry_set_view(entry, NULL);
    else if (status_view_is_stale(entry->view, now))
        status_entry_set_view(entry, status_view_renew(entry->view, now));
    return entry->view;
}

struct status_view *status_cache_find(struct status_cache *cache, const struct process_id *id,
                                      const char *base, bool *ret_worth)
{
    uint64_t hash = keyed_hash(process_id_key(id));
    struct status_entry *entry = status_table_find(cache, id, base, hash);
    struct status_view *view = entry != NULL ? usable_view(entry) : NULL;
    if (view != NULL) {
        cache->numbers.hits++;
        status_entry_touch(entry);
        return view;
    }
    *ret_worth = entry != NULL || (cache->max_bytes > 0 && status_table_knock(cache, hash));
    if (!*ret_worth)
        cache->numbers.misses++;
    return NULL;
}

/* --- followers ----------------------------------------------------------------------------------
 */

void status_follower_init(struct status_follower *follower)
{
    list_init(&follower->link);
    follower->entry = NULL;
}

static void give(struct status_follower *follower, struct status_view *view)
{
    status_view_share(view);
    follower->on_state(follower, ERR_OK, view);
    status_view_release(view);
}

static void join(struct status_entry *entry, struct status_follower *follower)
{
    follower->entry = entry;
    list_append(&entry->followers, &follower->link);
    status_entry_hold(entry);
}

/* What is known may be the version that it knows: then nothing needs to be read. */
static void follow(struct status_cache *cache, struct status_follower *follower)
{
    assert(follower->entry == NULL);
    uint64_t hash = keyed_hash(process_id_key(&follower->id));
    struct status_entry *entry = status_table_find(cache, &follower->id, follower->base, hash);
    struct status_view *view = entry != NULL ? usable_view(entry) : NULL;
    if (view != NULL) {
        cache->numbers.hits++;
        status_entry_touch(entry);
        follower->read = 0;
        if (status_view_version(view) != follower->version)
            give(follower, view);
        else
            join(entry, follower);
        return;
    }
    cache->numbers.misses++;
    if (entry == NULL)
        entry = status_table_add(cache, &follower->id, follower->base, hash);
    if (entry == NULL) {
        follower->on_state(follower, ERR_NO_MEMORY, NULL);
        return;
    }
    follower->read = status_entry_next_read(entry);
    if (entry->wanted < follower->read)
        entry->wanted = follower->read;
    join(entry, follower);
    list_remove(&entry->link);
    entry->failed = false;
    status_entry_pump(entry);
}

void status_cache_ask(struct status_cache *cache, struct status_follower *follower)
{
    follower->version = STATUS_ANY;
    follow(cache, follower);
}

void status_cache_await(struct status_cache *cache, struct status_follower *follower,
                        int64_t version)
{
    follower->version = version;
    follow(cache, follower);
}

void status_cache_leave(struct status_follower *follower)
{
    struct status_entry *entry = follower->entry;
    if (entry == NULL)
        return;
    list_remove(&follower->link);
    follower->entry = NULL;
    status_entry_rest(entry);
}
