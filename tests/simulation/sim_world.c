/* What each line of the journal changed, as the item that is there afterwards. What all lines up to
 * one make is what a start must find that has read so far. */
#include "sim.h"

#include "repository/memory_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct delta {
    uint64_t place;
    char key[IDEMPOTENCY_KEY_MAX + 2];
    char *text;    /* NULL: it is gone */
    int64_t until; /* TIME_NONE: for good */
};

struct deltas {
    struct delta *all;
    size_t count, room;
};

struct sim_world {
    struct deltas deltas;
};

struct sim_world *sim_world_create(void)
{
    return calloc(1, sizeof(struct sim_world));
}

static void deltas_cut(struct deltas *deltas, size_t count)
{
    while (deltas->count > count)
        free(deltas->all[--deltas->count].text);
}

static void deltas_finish(struct deltas *deltas)
{
    deltas_cut(deltas, 0);
    free(deltas->all);
}

void sim_world_destroy(struct sim_world *world)
{
    deltas_finish(&world->deltas);
    free(world);
}

static struct delta *add(struct deltas *deltas, uint64_t place)
{
    if (deltas->count == deltas->room) {
        deltas->room = deltas->room > 0 ? 2 * deltas->room : 256;
        deltas->all = realloc(deltas->all, deltas->room * sizeof(struct delta));
        if (deltas->all == NULL)
            sim_fail("no memory");
    }
    struct delta *delta = &deltas->all[deltas->count++];
    *delta = (struct delta){.place = place};
    return delta;
}

/* --- items ------------------------------------------------------------------------------------ */

static void set_key(struct delta *delta, enum repo_item_kind kind, const struct process_id *id,
                    struct span name)
{
    static const char kinds[REPO_ITEM_KINDS] = {'p', 'r', 'k', 't'};
    char text[PROCESS_ID_TEXT_SIZE];
    if (kind == ITEM_PROCESS || kind == ITEM_TOMBSTONE) {
        process_id_format(id, text);
        name = span_of(text);
    }
    delta->key[0] = kinds[kind];
    if (!text_copy(delta->key + 1, sizeof(delta->key) - 1, name))
        sim_fail("a key is too long");
}

static void add_item(struct deltas *deltas, uint64_t place, const struct repo_item *item)
{
    struct delta *delta = add(deltas, place);
    struct text_buffer text;
    const bool is_process = item->kind == ITEM_PROCESS;
    set_key(delta, item->kind, is_process ? &item->process.id : &item->id,
            item->kind == ITEM_KEY ? item->key : item->type);
    text_buffer_init(&text, SIZE_MAX);
    text_append_char(&text, '{');
    repo_item_append(&text, item);
    text_append_char(&text, '}');
    delta->text = text_buffer_take(&text);
    delta->until = item->until;
}

static void add_gone(struct deltas *deltas, uint64_t place, enum repo_item_kind kind,
                     const struct process_id *id, struct span name)
{
    set_key(add(deltas, place), kind, id, name);
}

static void add_record(struct deltas *deltas, uint64_t place, const struct memory_record *record)
{
    const size_t count = memory_timeline_count(record);
    struct span *events = calloc(count + 1, sizeof(struct span));
    if (events == NULL)
        sim_fail("no memory");
    memory_timeline_read(record, events);
    add_item(deltas, place,
             &(struct repo_item){.kind = ITEM_PROCESS,
                                 .process = record->process,
                                 .events = events,
                                 .event_count = count});
    free(events);
}

static void add_notes(struct deltas *deltas, uint64_t place, const struct memory_notes *notes,
                      enum repo_item_kind kind)
{
    for (struct index_node *node = index_first(&notes->expiry); node != NULL;
         node = index_next(node)) {
        const struct memory_note *note = container_of(node, struct memory_note, by_expiry);
        if (note->place != place)
            continue;
        struct repo_item item = {
            .kind = kind, .id = note->id, .fingerprint = note->fingerprint, .until = node->score};
        if (kind == ITEM_KEY)
            item.key = note->by_key.key;
        else
            add_gone(deltas, place, ITEM_PROCESS, &note->id, SPAN_NONE);
        add_item(deltas, place, &item);
    }
}

static const struct memory_store *store(void)
{
    return &memory_repository(sim.memory)->store;
}

void sim_world_note(struct sim_world *world, uint64_t place)
{
    struct deltas *deltas = &world->deltas;
    const size_t before = deltas->count;
    for (struct index_node *node = index_first(&store()->times); node != NULL;
         node = index_next(node)) {
        const struct memory_record *record = container_of(node, struct memory_record, by_time);
        if (record->place == place)
            add_record(deltas, place, record);
    }
    add_notes(deltas, place, &store()->tombstones, ITEM_TOMBSTONE);
    add_notes(deltas, place, &store()->keys, ITEM_KEY);
    for (struct index_node *node = index_first(&store()->people.type_names); node != NULL;
         node = index_next(node)) {
        const struct memory_type *type = container_of(node, struct memory_type, by_name);
        if (type->place == place && type->paused)
            add_item(deltas, place,
                     &(struct repo_item){.kind = ITEM_PAUSED_TYPE, .type = type->by_type.key});
        else if (type->place == place)
            add_gone(deltas, place, ITEM_PAUSED_TYPE, NULL, type->by_type.key);
    }
    if (deltas->count == before)
        sim_fail("line %llu has changed nothing", (unsigned long long)place);
    for (size_t i = before; i < deltas->count; i++)
        for (const char *c = deltas->all[i].text; c != NULL && *c != '\0'; c++)
            sim_note((unsigned char)*c);
}

void sim_world_cut(struct sim_world *world, uint64_t place)
{
    size_t count = world->deltas.count;
    while (count > 0 && world->deltas.all[count - 1].place > place)
        count--;
    deltas_cut(&world->deltas, count);
}

/* --- comparing -------------------------------------------------------------------------------- */

static int by_key(const void *left, const void *right)
{
    const struct delta *const *a = left, *const *b = right;
    const int order = strcmp((*a)->key, (*b)->key);
    if (order != 0)
        return order;
    return *a < *b ? -1 : *a > *b; /* as they stand in their array: in time */
}

/* The last one of each key, in order of the keys. */
static size_t last_of_each(const struct deltas *deltas, uint64_t place,
                           const struct delta ***ret_all)
{
    const struct delta **all = calloc(deltas->count + 1, sizeof(struct delta *));
    size_t count = 0, kept = 0;
    if (all == NULL)
        sim_fail("no memory");
    while (count < deltas->count && deltas->all[count].place <= place) {
        all[count] = &deltas->all[count];
        count++;
    }
    qsort(all, count, sizeof(struct delta *), by_key);
    for (size_t i = 0; i < count; i++) {
        const bool is_last = i + 1 == count || strcmp(all[i]->key, all[i + 1]->key) != 0;
        if (is_last && all[i]->text != NULL)
            all[kept++] = all[i];
    }
    *ret_all = all;
    return kept;
}

static void read_all(struct deltas *ret_deltas)
{
    struct repo_dump_position position = {.begun = false};
    struct memory_items items;
    do {
        if (!memory_items_read(store(), TIME_NONE, NULL, &position, &items))
            sim_fail("no memory");
        for (size_t i = 0; i < items.count; i++)
            add_item(ret_deltas, 0, &items.items[i]);
        free(items.array);
    } while (items.more);
}

/* Tombstones and keys go when their time is over by the clock, which may have been set back. */
static bool may_be_gone(const struct delta *delta)
{
    return delta->until != TIME_NONE && delta->until <= sim_wall_latest();
}

void sim_world_check(const struct sim_world *world, uint64_t place, const char *when)
{
    struct deltas found = {.count = 0};
    const struct delta **expected, **is;
    read_all(&found);
    const size_t count = last_of_each(&world->deltas, place, &expected);
    const size_t is_count = last_of_each(&found, UINT64_MAX, &is);
    for (size_t i = 0, at = 0; i < count || at < is_count;) {
        int order = i == count ? 1 : at == is_count ? -1 : strcmp(expected[i]->key, is[at]->key);
        if (order > 0)
            sim_fail("%s: more than there should be by line %llu:\n  %s", when,
                     (unsigned long long)place, is[at]->text);
        if (order < 0 && !may_be_gone(expected[i]))
            sim_fail("%s: missing of line %llu (by line %llu):\n  %s", when,
                     (unsigned long long)expected[i]->place, (unsigned long long)place,
                     expected[i]->text);
        if (order == 0 && strcmp(expected[i]->text, is[at]->text) != 0)
            sim_fail("%s: of line %llu (by line %llu)\n  %s\nthere is\n  %s", when,
                     (unsigned long long)expected[i]->place, (unsigned long long)place,
                     expected[i]->text, is[at]->text);
        i++;
        at += order == 0;
    }
    free(expected);
    free(is);
    deltas_finish(&found);
}
