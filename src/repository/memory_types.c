#include "repository/memory_people.h"

#include <stdlib.h>

struct memory_type *memory_type_find(const struct memory_people *people, struct span name)
{
    struct text_map_entry *entry = text_map_find(&people->types, name);
    return entry != NULL ? container_of(entry, struct memory_type, by_type) : NULL;
}

/* Names end with a zero and hold none. */
static int compare_names(const struct process_id *a, const struct process_id *b)
{
    return strcmp(container_of(a, const struct memory_type, id)->name,
                  container_of(b, const struct memory_type, id)->name);
}

static void drop_type(struct memory_people *people, struct memory_type *type)
{
    struct index_node *node;
    while ((node = index_first(&type->presence)) != NULL)
        memory_presence_drop(people, container_of(node, struct memory_presence, by_seen));
    text_map_remove(&people->types, &type->by_type);
    index_remove(&people->type_names, &type->by_name);
    index_remove(&people->idle_types, &type->by_use);
    free(type);
}

static struct memory_type *add_type(struct memory_people *people, struct span name, int64_t now)
{
    struct process_id id;
    struct memory_type *type = calloc(1, sizeof(*type) + name.len + 1);
    if (type == NULL || !process_id_new(&id)) {
        free(type);
        return NULL;
    }
    memcpy(type->name, name.data, name.len);
    type->id = id;
    type->used_at = now;
    people->type_names.compare = compare_names;
    text_map_insert(&people->types, &type->by_type, (struct span){type->name, name.len});
    index_insert(&people->type_names, &type->by_name, 0, &type->id);
    memory_type_settle(people, type);
    return type;
}

bool memory_types_are_full(const struct memory_people *people)
{
    return people->types.size >= PEOPLE_TYPES_MAX && people->idle_types.count == 0;
}

static struct memory_type *find_or_add(struct memory_people *people, struct span name, int64_t now,
                                       bool may_exceed)
{
    struct memory_type *type = memory_type_find(people, name);
    if (type != NULL)
        return type;
    if (memory_types_are_full(people) && !may_exceed)
        return NULL;
    struct index_node *oldest = index_first(&people->idle_types);
    type = add_type(people, name, now);
    if (type != NULL && people->types.size > PEOPLE_TYPES_MAX && oldest != NULL)
        drop_type(people, container_of(oldest, struct memory_type, by_use));
    return type;
}

struct memory_type *memory_type_need(struct memory_people *people, struct span name, int64_t now)
{
    return find_or_add(people, name, now, true);
}

struct memory_type *memory_type_note(struct memory_people *people, struct span name, int64_t now)
{
    return find_or_add(people, name, now, false);
}

void memory_type_used(struct memory_people *people, struct memory_type *type, int64_t now)
{
    type->used_at = now;
    index_remove(&people->idle_types, &type->by_use);
    memory_type_settle(people, type);
}

void memory_type_settle(struct memory_people *people, struct memory_type *type)
{
    bool idle = type->waiting.count == 0 && type->running == 0 && !type->paused;
    if (idle && !index_has(&type->by_use))
        index_insert(&people->idle_types, &type->by_use, type->used_at, &type->id);
    else if (!idle)
        index_remove(&people->idle_types, &type->by_use);
}

void memory_types_prune(struct memory_people *people, int64_t before)
{
    struct index_node *node = index_first(&people->idle_types);
    for (int i = 0; i < PEOPLE_PRUNE_MAX && node != NULL && node->score < before; i++) {
        drop_type(people, container_of(node, struct memory_type, by_use));
        node = index_first(&people->idle_types);
    }
}
