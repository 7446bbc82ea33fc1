#include "repository/memory_people.h"

#include <stdlib.h>

bool memory_people_init(struct memory_people *people)
{
    memset(people, 0, sizeof(*people));
    list_init(&people->presence_ages);
    return text_map_init(&people->types) && text_map_init(&people->workers) &&
           text_map_init(&people->presences);
}

struct memory_worker *memory_worker_find(const struct memory_people *people, struct span name)
{
    struct text_map_entry *entry = text_map_find(&people->workers, name);
    return entry != NULL ? container_of(entry, struct memory_worker, by_name) : NULL;
}

static void settle(struct memory_people *people, struct memory_worker *worker)
{
    index_remove(&people->idle_workers, &worker->by_idle);
    if (worker->held.count == 0)
        index_insert(&people->idle_workers, &worker->by_idle, worker->by_seen.score, &worker->id);
}

static void drop_worker(struct memory_people *people, struct memory_worker *worker)
{
    list_for_each_safe (link, &worker->presence)
        memory_presence_drop(people, container_of(link, struct memory_presence, of_worker));
    text_map_remove(&people->workers, &worker->by_name);
    index_remove(&people->seen_workers, &worker->by_seen);
    index_remove(&people->idle_workers, &worker->by_idle);
    free(worker);
}

static struct memory_worker *add_worker(struct memory_people *people, struct span name)
{
    struct process_id id;
    struct memory_worker *worker = calloc(1, sizeof(*worker) + name.len + 1);
    if (worker == NULL || !process_id_new(&id)) {
        free(worker);
        return NULL;
    }
    memcpy(worker->name, name.data, name.len);
    worker->id = id;
    list_init(&worker->presence);
    struct index_node *oldest = index_first(&people->idle_workers);
    if (people->workers.size >= PEOPLE_WORKERS_MAX && oldest != NULL)
        drop_worker(people, container_of(oldest, struct memory_worker, by_idle));
    text_map_insert(&people->workers, &worker->by_name, (struct span){worker->name, name.len});
    return worker;
}

struct memory_worker *memory_worker_seen(struct memory_people *people, struct span name,
                                         int64_t now)
{
    struct memory_worker *worker = memory_worker_find(people, name);
    if (worker == NULL)
        worker = add_worker(people, name);
    if (worker == NULL)
        return NULL;
    if (index_has(&worker->by_seen) && worker->by_seen.score >= now)
        return worker;
    index_remove(&people->seen_workers, &worker->by_seen);
    index_insert(&people->seen_workers, &worker->by_seen, now, &worker->id);
    settle(people, worker);
    return worker;
}

void memory_worker_hold(struct memory_people *people, struct memory_worker *worker,
                        struct index_node *node, int64_t start, const struct process_id *id)
{
    index_insert(&worker->held, node, start, id);
    settle(people, worker);
}

void memory_worker_let_go(struct memory_people *people, struct memory_worker *worker,
                          struct index_node *node)
{
    index_remove(&worker->held, node);
    settle(people, worker);
}

/* --- who looks for what -------------------------------------------------------------------------
 */

void memory_presence_drop(struct memory_people *people, struct memory_presence *presence)
{
    text_map_remove(&people->presences, &presence->by_pair);
    index_remove(&presence->pair.type->presence, &presence->by_seen);
    list_remove(&presence->of_worker);
    list_remove(&presence->by_age);
    free(presence);
}

static struct span key_of(const struct memory_presence_pair *pair)
{
    _Static_assert(sizeof(*pair) == sizeof(void *) + sizeof(pair->worker), "no padding");
    return (struct span){(const char *)pair, sizeof(*pair)};
}

static struct memory_presence *find_presence(const struct memory_people *people,
                                             const struct memory_presence_pair *pair)
{
    struct text_map_entry *entry = text_map_find(&people->presences, key_of(pair));
    return entry != NULL ? container_of(entry, struct memory_presence, by_pair) : NULL;
}

static struct memory_presence *add_presence(struct memory_people *people,
                                            struct memory_worker *worker,
                                            const struct memory_presence_pair *pair)
{
    struct memory_presence *presence = calloc(1, sizeof(*presence));
    if (presence == NULL)
        return NULL;
    if (people->presences.size >= PEOPLE_PRESENCES_MAX)
        memory_presence_drop(
            people, container_of(people->presence_ages.next, struct memory_presence, by_age));
    presence->pair = *pair;
    list_init(&presence->by_age);
    list_append(&worker->presence, &presence->of_worker);
    text_map_insert(&people->presences, &presence->by_pair, key_of(&presence->pair));
    return presence;
}

void memory_worker_looks(struct memory_people *people, struct memory_worker *worker,
                         struct span name, int64_t now)
{
    struct memory_type *type = memory_type_note(people, name, now);
    if (type == NULL)
        return;
    type->looked_at = now;
    memory_type_used(people, type, now);
    const struct memory_presence_pair pair = {type, worker->id};
    struct memory_presence *presence = find_presence(people, &pair);
    if (presence == NULL)
        presence = add_presence(people, worker, &pair);
    if (presence == NULL)
        return;
    index_remove(&type->presence, &presence->by_seen);
    index_insert(&type->presence, &presence->by_seen, now, &presence->pair.worker);
    list_remove(&presence->by_age);
    list_append(&people->presence_ages, &presence->by_age);
}

/* --- forgetting ------------------------------------------------------------------------------- */

void memory_workers_prune(struct memory_people *people, int64_t before)
{
    struct index_node *node = index_first(&people->idle_workers);
    for (int i = 0; i < PEOPLE_PRUNE_MAX && node != NULL && node->score < before; i++) {
        drop_worker(people, container_of(node, struct memory_worker, by_idle));
        node = index_first(&people->idle_workers);
    }
}

static void prune_presences(struct memory_people *people, int64_t before)
{
    int count = 0;
    list_for_each_safe (link, &people->presence_ages) {
        struct memory_presence *presence = container_of(link, struct memory_presence, by_age);
        if (presence->by_seen.score >= before || count++ == PEOPLE_PRUNE_MAX)
            return;
        memory_presence_drop(people, presence);
    }
}

void memory_people_prune(struct memory_people *people, int64_t now)
{
    prune_presences(people, now - PEOPLE_WORKER_IDLE_MS);
    memory_types_prune(people, now - PEOPLE_TYPE_IDLE_MS);
    memory_workers_prune(people, now - PEOPLE_WORKER_IDLE_MS);
}

static void free_type(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_type, by_type));
}

static void free_worker(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_worker, by_name));
}

static void free_presence(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_presence, by_pair));
}

void memory_people_finish(struct memory_people *people)
{
    text_map_finish(&people->types, free_type);
    text_map_finish(&people->workers, free_worker);
    text_map_finish(&people->presences, free_presence);
}
