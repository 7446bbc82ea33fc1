/* A page is walked twice: to see how large it becomes, and to fill it. */
#include "repository/memory_items.h"

#include <assert.h>

/* What a page holds, and where it ends. */
struct extent {
    size_t count, events, bytes;
    struct index_node *last; /* NULL: none */
    bool more;
};

static bool is_full(const struct extent *extent)
{
    return extent->count == REPO_DUMP_MAX || extent->bytes >= REPO_PAGE_BYTES;
}

static bool is_beyond(const struct index_node *node, const struct repo_position *end)
{
    if (end == NULL || node->score != end->score)
        return end != NULL && node->score > end->score;
    return process_id_compare(index_id(node), &end->id) > 0;
}

/* NULL once that is beyond the end. */
static struct index_node *within(struct index_node *node, const struct repo_position *end)
{
    return node != NULL && !is_beyond(node, end) ? node : NULL;
}

static struct index_node *first_node(const struct ordered_index *index,
                                     const struct repo_dump_position *position)
{
    return position->begun ? index_after(index, position->place.score, &position->place.id)
                           : index_first(index);
}

/* --- processes -------------------------------------------------------------------------------- */

static struct memory_record *record_of(struct index_node *node)
{
    return container_of(node, struct memory_record, by_time);
}

static size_t timeline_bytes(const struct memory_record *record)
{
    size_t bytes = 0, count = memory_timeline_count(record);
    const struct memory_entry *entry = record->last_entry;
    for (; count > 0; count--) {
        bytes += entry->len;
        entry = container_of(entry->block.next, struct memory_entry, block);
    }
    return bytes;
}

static struct extent measure_processes(struct index_node *node, const struct repo_position *end)
{
    struct extent extent = {0};
    for (; node != NULL && !is_full(&extent); node = within(index_next(node), end)) {
        const struct memory_record *record = record_of(node);
        extent.count++;
        extent.events += memory_timeline_count(record);
        extent.bytes += process_text_bytes(&record->process) + timeline_bytes(record);
        extent.last = node;
    }
    extent.more = node != NULL;
    return extent;
}

/* NULL if no memory. The timelines have their place behind the items. */
static struct repo_item *new_items(const struct extent *extent, struct memory_items *ret_items)
{
    size_t bytes = extent->count * sizeof(struct repo_item) + extent->events * sizeof(struct span);
    struct memory_array *array = memory_array_new(bytes, 1);
    *ret_items = (struct memory_items){.array = array, .count = extent->count};
    if (array == NULL)
        return NULL;
    struct repo_item *items = (struct repo_item *)array->items;
    ret_items->items = items;
    return items;
}

static bool read_processes(struct index_node *node, const struct repo_position *end,
                           struct extent *ret_extent, struct memory_items *ret_items)
{
    *ret_extent = measure_processes(node, end);
    struct repo_item *items = new_items(ret_extent, ret_items);
    if (items == NULL)
        return false;
    struct span *events = (struct span *)&items[ret_items->count];
    for (size_t i = 0; i < ret_items->count; i++, node = index_next(node)) {
        const struct memory_record *record = record_of(node);
        items[i] = (struct repo_item){.kind = ITEM_PROCESS,
                                      .process = record->process,
                                      .events = events,
                                      .event_count = memory_timeline_count(record)};
        memory_timeline_read(record, events);
        events += items[i].event_count;
        ret_items->place = memory_later(ret_items->place, record->place);
    }
    return true;
}

/* --- notes ------------------------------------------------------------------------------------ */

static struct memory_note *note_of(struct index_node *node)
{
    return container_of(node, struct memory_note, by_expiry);
}

/* Those whose time is over come first. */
static struct index_node *first_note(const struct memory_notes *notes, int64_t now,
                                     const struct repo_dump_position *position)
{
    struct index_node *node = first_node(&notes->expiry, position);
    return node != NULL && node->score <= now ? index_after(&notes->expiry, now + 1, NULL) : node;
}

static struct extent measure_notes(struct index_node *node, const struct repo_position *end)
{
    struct extent extent = {0};
    for (; node != NULL && !is_full(&extent); node = within(index_next(node), end)) {
        extent.count++;
        extent.last = node;
    }
    extent.more = node != NULL;
    return extent;
}

static bool read_notes(struct index_node *node, const struct repo_position *end,
                       enum repo_item_kind kind, struct extent *ret_extent,
                       struct memory_items *ret_items)
{
    *ret_extent = measure_notes(node, end);
    struct repo_item *items = new_items(ret_extent, ret_items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < ret_items->count; i++, node = index_next(node)) {
        const struct memory_note *note = note_of(node);
        items[i] = (struct repo_item){
            .kind = kind, .id = note->id, .fingerprint = note->fingerprint, .until = node->score};
        if (kind == ITEM_KEY)
            items[i].key = note->by_key.key;
        ret_items->place = memory_later(ret_items->place, note->place);
    }
    return true;
}

/* --- paused types ----------------------------------------------------------------------------- */

/* The types with the smallest ids behind the position. Types come and go, and so the position must
 * be a place that needs no type. */
struct chosen {
    const struct memory_type *types[REPO_DUMP_MAX];
    size_t count;
    bool more;
};

static void choose(struct chosen *chosen, const struct memory_type *type)
{
    size_t at = chosen->count;
    while (at > 0 && process_id_compare(&type->id, &chosen->types[at - 1]->id) < 0)
        at--;
    chosen->more = chosen->more || chosen->count == REPO_DUMP_MAX;
    if (at == REPO_DUMP_MAX)
        return;
    const size_t moved = chosen->count - at - (chosen->count == REPO_DUMP_MAX);
    memmove(&chosen->types[at + 1], &chosen->types[at], moved * sizeof(struct memory_type *));
    chosen->types[at] = type;
    chosen->count += chosen->count < REPO_DUMP_MAX;
}

static void choose_all(struct chosen *chosen, const struct memory_people *people,
                       const struct repo_dump_position *position)
{
    const struct index_node *node = index_first(&people->type_names);
    chosen->count = 0;
    chosen->more = false;
    for (; node != NULL; node = index_next(node)) {
        const struct memory_type *type = container_of(node, const struct memory_type, by_name);
        if (type->paused &&
            (!position->begun || process_id_compare(&type->id, &position->place.id) > 0))
            choose(chosen, type);
    }
}

static bool read_types(const struct memory_people *people, struct repo_dump_position *position,
                       struct memory_items *ret_items)
{
    struct chosen chosen;
    choose_all(&chosen, people, position);
    struct repo_item *items = new_items(&(struct extent){.count = chosen.count}, ret_items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < ret_items->count; i++) {
        const struct memory_type *type = chosen.types[i];
        items[i] = (struct repo_item){.kind = ITEM_PAUSED_TYPE, .type = type->by_type.key};
        ret_items->place = memory_later(ret_items->place, type->place);
        position->place.id = type->id;
        position->begun = true;
    }
    ret_items->more = chosen.more;
    return true;
}

/* --- pages ------------------------------------------------------------------------------------ */

static struct repo_position last_place(const struct ordered_index *index)
{
    const struct index_node *last = index_last(index);
    return last != NULL ? (struct repo_position){last->score, *index_id(last)}
                        : (struct repo_position){.score = INT64_MIN};
}

struct memory_items_end memory_items_end(const struct memory_store *store)
{
    return (struct memory_items_end){
        .last = {[ITEM_PROCESS] = last_place(&store->times),
                 [ITEM_TOMBSTONE] = last_place(&store->tombstones.expiry),
                 [ITEM_KEY] = last_place(&store->keys.expiry)}};
}

static bool read_kind(const struct memory_store *store, int64_t now,
                      const struct repo_position *end, const struct repo_dump_position *position,
                      struct extent *ret_extent, struct memory_items *ret_items)
{
    if (position->kind == ITEM_PROCESS)
        return read_processes(within(first_node(&store->times, position), end), end, ret_extent,
                              ret_items);
    const struct memory_notes *notes =
        position->kind == ITEM_KEY ? &store->keys : &store->tombstones;
    return read_notes(within(first_note(notes, now, position), end), end, position->kind,
                      ret_extent, ret_items);
}

bool memory_items_read(const struct memory_store *store, int64_t now,
                       const struct memory_items_end *end, struct repo_dump_position *position,
                       struct memory_items *ret_items)
{
    struct extent extent;
    if (position->kind == ITEM_PAUSED_TYPE)
        return read_types(&store->people, position, ret_items);
    if (!read_kind(store, now, end != NULL ? &end->last[position->kind] : NULL, position, &extent,
                   ret_items))
        return false;
    ret_items->more = true; /* at least the next kind */
    if (extent.more) {
        assert(extent.last != NULL);
        position->begun = true;
        position->place = (struct repo_position){extent.last->score, *index_id(extent.last)};
    } else {
        *position = (struct repo_dump_position){.kind = position->kind + 1};
    }
    return true;
}

void memory_dump(struct process_repository *base, struct repo_dump *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_items items;
    bool read = memory_items_read(&repository->store, call->now, NULL, &call->position, &items);
    call->damaged = 0;
    call->items = items.items;
    call->count = read ? items.count : 0;
    call->more = read && items.more;
    memory_show(repository, &call->op, read ? ERR_OK : ERR_NO_MEMORY, items.place,
                read ? &items.array->block : NULL);
}
