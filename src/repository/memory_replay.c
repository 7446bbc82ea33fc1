/* What a start makes of the snapshot and the journal.
 *
 * The snapshot may be newer than the first lines that follow it, since it was written while they
 * were. So a line is passed by where the record shows that it was made already: of a change by the
 * version, and where that does not tell (a lease was renewed, a late result was refused) doing it
 * again in order leads to the same. What a line is about may also be gone by then. */
#include "repository/memory_items.h"

#include "proctrack/json_scan.h"

#include <stdlib.h>

/* The levels of a line around those of an item: its object and its array. */
#define LINE_LEVELS (REPO_ITEM_LEVELS + 2)

static const char no_changes[] = "it is not what a change is written as";

static bool fail(const char **ret_why, const char *why)
{
    *ret_why = why;
    return false;
}

static bool fail_json(const char **ret_why, const struct json_fault *fault)
{
    return fail(ret_why, json_fault_is_memory(fault) ? NULL : no_changes);
}

static bool has_expired(const struct memory_replay *replay, const struct repo_item *item)
{
    return (item->kind == ITEM_TOMBSTONE || item->kind == ITEM_KEY) && item->until <= replay->now;
}

/* --- items ------------------------------------------------------------------------------------ */

static bool take_removal(struct memory_replay *replay, const struct process_id *id, int64_t until)
{
    struct memory_record *record = memory_store_find(replay->store, id);
    const bool leaves_tombstone = until > replay->now;
    if (record != NULL && leaves_tombstone)
        return memory_store_drop(replay->store, record, until);
    if (record != NULL)
        memory_store_uninsert(replay->store, record);
    return !leaves_tombstone || memory_take_tombstone(replay->store, id, until);
}

/* Of two keys with the same text the later one counts. */
static bool take_item(struct memory_replay *replay, const struct repo_item *item)
{
    if (item->kind == ITEM_TOMBSTONE)
        return take_removal(replay, &item->id, item->until);
    if (has_expired(replay, item))
        return true;
    if (item->kind != ITEM_KEY && !memory_item_is_wanted(replay->store, item, replay->now))
        return true;
    return memory_item_take(replay->store, item, replay->now);
}

static bool replay_item(struct memory_replay *replay, struct span object, const char **ret_why)
{
    struct repo_item item;
    if (!repo_item_parse(object, &replay->storage, &item, ret_why))
        return false;
    return take_item(replay, &item) || fail(ret_why, NULL);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* As it was told before; what holds line breaks stands there as a string, and is read into
 * *storage, which the caller frees. */
static bool read_event(struct span value, bool as_text, struct span *ret_event, char **ret_storage,
                       const char **ret_why)
{
    struct json_fault fault;
    size_t len;
    *ret_event = value;
    if (as_text) {
        *ret_storage = malloc(value.len);
        if (*ret_storage == NULL)
            return fail(ret_why, NULL);
        if (json_kind_of(value) != JSON_KIND_STRING ||
            !json_string_copy(value, *ret_storage, value.len, &len))
            return fail(ret_why, no_changes);
        if (!json_check((struct span){*ret_storage, len}, ret_event, &fault))
            return fail_json(ret_why, &fault);
    }
    return json_kind_of(*ret_event) == JSON_KIND_OBJECT || fail(ret_why, no_changes);
}

static bool update(struct memory_replay *replay, struct memory_record *record,
                   struct process *after, struct span event)
{
    struct memory_entry *entry = NULL;
    const int events = record->process.events;
    if (event.data != NULL && after->events > events) {
        entry = memory_entry_of_text(event);
        if (entry == NULL)
            return false;
    }
    after->events = after->events > events ? after->events - (entry != NULL) : events;
    if (memory_store_update(replay->store, record, after, replay->now, entry))
        return true;
    free(entry);
    return false;
}

static bool take_change(struct memory_replay *replay, struct span change, struct span event,
                        const char **ret_why)
{
    struct process_id id;
    if (!process_change_id(change, &id))
        return fail(ret_why, no_changes);
    struct memory_record *record = memory_store_find(replay->store, &id);
    if (record == NULL)
        return true;
    struct process after = record->process;
    if (!process_change_parse(change, &replay->storage, &after, ret_why))
        return false;
    if (after.version < record->process.version)
        return true;
    return update(replay, record, &after, event) || fail(ret_why, NULL);
}

struct change {
    struct span object, event;
    char *storage;
};

static bool read_change(struct span object, struct change *change, const char **ret_why)
{
    struct span key, value;
    for (size_t cursor = 0; json_object_next(object, &cursor, &key, &value);) {
        const bool as_text = json_string_is(key, "event_text");
        if (json_string_is(key, "change"))
            change->object = value;
        else if ((!as_text && !json_string_is(key, "event")) || change->event.data != NULL)
            return fail(ret_why, no_changes);
        else if (!read_event(value, as_text, &change->event, &change->storage, ret_why))
            return false;
    }
    return json_kind_of(change->object) == JSON_KIND_OBJECT || fail(ret_why, no_changes);
}

static bool replay_change(struct memory_replay *replay, struct span object, const char **ret_why)
{
    struct change change = {.storage = NULL};
    const bool done = read_change(object, &change, ret_why) &&
                      take_change(replay, change.object, change.event, ret_why);
    free(change.storage);
    return done;
}

static bool read_type(struct span object, char ret_name[PROCESS_TYPE_MAX + 1])
{
    struct span key, value;
    size_t cursor = 0;
    return json_kind_of(object) == JSON_KIND_OBJECT &&
           json_object_next(object, &cursor, &key, &value) && json_string_is(key, "type") &&
           json_kind_of(value) == JSON_KIND_STRING &&
           json_string_copy(value, ret_name, PROCESS_TYPE_MAX + 1, NULL) &&
           process_type_is_valid(span_of(ret_name)) &&
           !json_object_next(object, &cursor, &key, &value);
}

static bool replay_resumed(struct memory_replay *replay, struct span object, const char **ret_why)
{
    char name[PROCESS_TYPE_MAX + 1];
    if (!read_type(object, name))
        return fail(ret_why, no_changes);
    struct memory_type *type = memory_type_find(&replay->store->people, span_of(name));
    if (type != NULL) {
        type->paused = false;
        memory_type_settle(&replay->store->people, type);
    }
    return true;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* What it is stands first. */
static bool replay_one(struct memory_replay *replay, struct span object, const char **ret_why)
{
    struct span key, value, other;
    size_t cursor = 0;
    if (json_kind_of(object) != JSON_KIND_OBJECT ||
        !json_object_next(object, &cursor, &key, &value))
        return fail(ret_why, no_changes);
    if (json_string_is(key, "change"))
        return replay_change(replay, object, ret_why);
    if (json_string_is(key, "resumed"))
        return (!json_object_next(object, &cursor, &key, &other) || fail(ret_why, no_changes)) &&
               replay_resumed(replay, value, ret_why);
    return replay_item(replay, object, ret_why);
}

static bool replay_line(struct memory_replay *replay, struct span content, const char **ret_why)
{
    struct span object, key, changes, change;
    struct json_fault fault;
    size_t cursor = 0;
    if (!json_check_around(content, LINE_LEVELS, &object, &fault))
        return fail_json(ret_why, &fault);
    if (json_kind_of(object) != JSON_KIND_OBJECT ||
        !json_object_next(object, &cursor, &key, &changes) || !json_string_is(key, "changes") ||
        json_kind_of(changes) != JSON_KIND_ARRAY ||
        json_object_next(object, &cursor, &key, &change))
        return fail(ret_why, no_changes);
    for (cursor = 0; json_array_next(changes, &cursor, &change);) {
        if (!replay_one(replay, change, ret_why))
            return false;
    }
    return true;
}

bool memory_replay(struct memory_replay *replay, enum journal_source source, struct span content,
                   const char **ret_why)
{
    const bool done = source == JOURNAL_SNAPSHOT ? replay_item(replay, content, ret_why)
                                                 : replay_line(replay, content, ret_why);
    memory_blocks_free(&replay->store->retired);
    return done;
}
