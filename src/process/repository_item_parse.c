/* Items, in. The text is checked as a whole first; from then on only what its members say can be
 * wrong. Members are looked for in the order in which they are written, so that each is found at
 * once; any other order will do. */
#include "proctrack/json_scan.h"
#include "proctrack/process_record.h"
#include "proctrack/repository_item.h"

#include <stdlib.h>

static const char no_text[] = "it is not one JSON object";
static const char no_id[] = "the member process_id is not what it can be";
static const char no_until[] = "the member until is not what it can be";
static const char unknown_member[] = "it has a member that is not known";
static const char missing_member[] = "a member is missing";

struct reader {
    struct repo_item_storage *storage;
    size_t room;     /* for all that could have to be unescaped: the text's length */
    const char *why; /* NULL: no memory */
};

static bool fail(struct reader *reader, const char *why)
{
    reader->why = why;
    return false;
}

/* *object becomes what is in it without the blanks around. */
static bool start(struct reader *reader, struct span *object, struct repo_item_storage *storage)
{
    struct json_fault fault;
    *reader = (struct reader){.storage = storage, .room = object->len};
    if (storage->text.max == 0)
        text_buffer_init(&storage->text, SIZE_MAX);
    storage->text.len = 0;
    if (!json_check_around(*object, REPO_ITEM_LEVELS, object, &fault))
        return fail(reader, json_fault_is_memory(&fault) ? NULL : no_text);
    return json_kind_of(*object) == JSON_KIND_OBJECT || fail(reader, no_text);
}

/* --- single values ---------------------------------------------------------------------------- */

/* What a string means. There is room for all of them at once, so that none of them moves. */
static bool read_string(struct reader *reader, struct span value, struct span *ret_text,
                        const char *why)
{
    struct text_buffer *text = &reader->storage->text;
    size_t len;
    if (json_kind_of(value) != JSON_KIND_STRING)
        return fail(reader, why);
    *ret_text = (struct span){value.data + 1, value.len - 2};
    if (memchr(value.data, '\\', value.len) == NULL)
        return true;
    if (text->len == 0 && !text_buffer_reserve(text, reader->room)) {
        text_buffer_finish(text);
        return fail(reader, NULL);
    }
    char *at = text->data + text->len;
    if (!json_string_copy(value, at, text->capacity - text->len, &len))
        return fail(reader, why);
    *ret_text = (struct span){at, len};
    text->len += len + 1;
    return true;
}

static bool read_id(struct reader *reader, struct span value, struct process_id *ret_id)
{
    struct span text;
    return read_string(reader, value, &text, no_id) &&
           (process_id_parse(text, ret_id) || fail(reader, no_id));
}

static bool read_time(struct reader *reader, struct span value, int64_t *ret_time)
{
    struct span text;
    if (!read_string(reader, value, &text, no_until))
        return false;
    return (time_parse(text, ret_time) && *ret_time != TIME_NONE) || fail(reader, no_until);
}

static bool is_hex_digits(struct span text, size_t count)
{
    for (size_t i = 0; i < text.len; i++) {
        if (hex_digit(text.data[i]) < 0)
            return false;
    }
    return text.len == count;
}

static bool read_fingerprint(struct reader *reader, struct span value, uint64_t *ret_fingerprint)
{
    static const char why[] = "the member fingerprint is not what it can be";
    struct span text;
    if (!read_string(reader, value, &text, why))
        return false;
    if (!is_hex_digits(text, 16))
        return fail(reader, why);
    *ret_fingerprint = 0;
    for (size_t i = 0; i < text.len; i++)
        *ret_fingerprint = *ret_fingerprint << 4 | (uint64_t)hex_digit(text.data[i]);
    return true;
}

/* JSON that cannot stand in a line as it is stands as a string. */
static bool read_json_text(struct reader *reader, struct span value, enum json_kind *ret_kind,
                           struct span *ret_json, const char *why)
{
    struct span json;
    struct json_fault fault;
    if (!read_string(reader, value, ret_json, why))
        return false;
    if (!json_check(*ret_json, &json, &fault))
        return fail(reader, json_fault_is_memory(&fault) ? NULL : why);
    *ret_kind = json_kind_of(json);
    return true;
}

/* --- processes -------------------------------------------------------------------------------- */

static bool is_named(const struct process_field *field, struct span name, bool *ret_as_text)
{
    static const char suffix[] = "_text";
    const size_t len = strlen(field->name);
    if (name.len < len || memcmp(name.data, field->name, len) != 0)
        return false;
    const struct span rest = {name.data + len, name.len - len};
    *ret_as_text = rest.len > 0;
    return rest.len == 0 || (process_field_is_json(field) && span_is(rest, suffix));
}

/* From *at on, where the next one is expected. NULL: there is none of that name. */
static const struct process_field *find_field(struct span key, int *at, bool *ret_as_text)
{
    const struct span name = {key.data + 1, key.len - 2};
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[(*at + i) % PROCESS_FIELDS];
        if (!is_named(field, name, ret_as_text))
            continue;
        *at = (*at + i + 1) % PROCESS_FIELDS;
        return field;
    }
    return NULL;
}

static bool read_json_field(struct reader *reader, const struct process_field *field, bool as_text,
                            struct span value, struct process *process)
{
    struct span json = value;
    enum json_kind kind = json_kind_of(value);
    if (as_text && !read_json_text(reader, value, &kind, &json, field->why))
        return false;
    if (field->kind == FIELD_OBJECT && kind != JSON_KIND_OBJECT)
        return fail(reader, field->why);
    return process_field_set(field, json, process);
}

static bool is_possible(const struct process_field *field, struct span text,
                        const struct process *process)
{
    if (field->kind == FIELD_NAME)
        return field->is_valid(text);
    return field->kind != FIELD_TIME || process_field_time(field, process) != TIME_NONE;
}

static bool read_field(struct reader *reader, const struct process_field *field, struct span value,
                       struct process *process)
{
    struct span text = value;
    if (!process_field_is_number(field) && !read_string(reader, value, &text, field->why))
        return false;
    if (!process_field_set(field, text, process) || !is_possible(field, text, process))
        return fail(reader, field->why);
    return true;
}

/* All members; which of them were there goes into *ret_seen, by their number in the table. */
static bool read_members(struct reader *reader, struct span object, bool only_changes,
                         struct process *process, uint64_t *ret_seen)
{
    const uint64_t id_seen = UINT64_C(1) << PROCESS_FIELDS;
    struct span key, value;
    size_t cursor = 0;
    int at = 0;
    *ret_seen = 0;
    while (json_object_next(object, &cursor, &key, &value)) {
        bool as_text;
        if (json_string_is(key, "process_id")) {
            if (!read_id(reader, value, &process->id))
                return false;
            *ret_seen |= id_seen;
            continue;
        }
        const struct process_field *field = find_field(key, &at, &as_text);
        if (field == NULL || (only_changes && !field->changes))
            return fail(reader, unknown_member);
        const uint64_t bit = UINT64_C(1) << (field - process_fields);
        if ((*ret_seen & bit) != 0)
            return fail(reader, field->why);
        *ret_seen |= bit;
        if (!(process_field_is_json(field) ? read_json_field(reader, field, as_text, value, process)
                                           : read_field(reader, field, value, process)))
            return false;
    }
    return (*ret_seen & id_seen) != 0 || fail(reader, missing_member);
}

static bool has_status(uint64_t seen)
{
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_fields[i].kind == FIELD_STATUS)
            return (seen >> i & 1) != 0;
    }
    return false;
}

static bool read_process(struct reader *reader, struct span value, struct process *ret_process)
{
    uint64_t seen;
    process_record_clear(ret_process);
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return fail(reader, no_text);
    if (!read_members(reader, value, false, ret_process, &seen))
        return false;
    return (has_status(seen) && process_record_is_whole(ret_process)) ||
           fail(reader, missing_member);
}

bool process_change_parse(struct span object, struct repo_item_storage *storage,
                          struct process *process, const char **ret_why)
{
    struct reader reader;
    uint64_t seen;
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_fields[i].changes)
            process_field_clear(&process_fields[i], process);
    }
    bool read = start(&reader, &object, storage) &&
                read_members(&reader, object, true, process, &seen) &&
                ((has_status(seen) && process->version > 0) || fail(&reader, missing_member));
    *ret_why = reader.why;
    return read;
}

bool process_change_id(struct span object, struct process_id *ret_id)
{
    struct span key, value;
    size_t cursor = 0;
    while (json_object_next(object, &cursor, &key, &value)) {
        if (json_string_is(key, "process_id"))
            return json_kind_of(value) == JSON_KIND_STRING &&
                   process_id_parse((struct span){value.data + 1, value.len - 2}, ret_id);
    }
    return false;
}

/* --- timelines -------------------------------------------------------------------------------- */

static bool add_event(struct reader *reader, size_t *count, struct span event)
{
    struct repo_item_storage *storage = reader->storage;
    if (*count == storage->event_room) {
        size_t room = storage->event_room > 0 ? 2 * storage->event_room : 32;
        struct span *events = realloc(storage->events, room * sizeof(struct span));
        if (events == NULL)
            return fail(reader, NULL);
        storage->events = events;
        storage->event_room = room;
    }
    storage->events[(*count)++] = event;
    return true;
}

static bool read_events(struct reader *reader, struct span value, bool as_text,
                        struct repo_item *ret_item)
{
    static const char why[] = "the member events is not what it can be";
    struct span event;
    size_t cursor = 0, count = 0;
    if (json_kind_of(value) != JSON_KIND_ARRAY || ret_item->events != NULL)
        return fail(reader, why);
    while (json_array_next(value, &cursor, &event)) {
        enum json_kind kind = json_kind_of(event);
        if (as_text && !read_json_text(reader, event, &kind, &event, why))
            return false;
        if (kind != JSON_KIND_OBJECT)
            return fail(reader, why);
        if (!add_event(reader, &count, event))
            return false;
    }
    ret_item->events = reader->storage->events;
    ret_item->event_count = count;
    return count > 0 || fail(reader, why);
}

/* --- the other items -------------------------------------------------------------------------- */

static bool is_key(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return text.len > 0 && text.len <= IDEMPOTENCY_KEY_MAX;
}

static bool read_key_text(struct reader *reader, struct span value, struct span *ret_key)
{
    static const char why[] = "the member key is not what it can be";
    return read_string(reader, value, ret_key, why) && (is_key(*ret_key) || fail(reader, why));
}

static bool read_type(struct reader *reader, struct span value, struct span *ret_type)
{
    static const char why[] = "the member type is not what it can be";
    return read_string(reader, value, ret_type, why) &&
           (process_type_is_valid(*ret_type) || fail(reader, why));
}

static bool read_member(struct reader *reader, struct span key, struct span value,
                        struct repo_item *item)
{
    const bool is_paused = item->kind == ITEM_PAUSED_TYPE, has_key = item->kind == ITEM_KEY;
    if (is_paused && json_string_is(key, "type"))
        return read_type(reader, value, &item->type);
    if (!is_paused && json_string_is(key, "process_id"))
        return read_id(reader, value, &item->id);
    if (!is_paused && json_string_is(key, "until"))
        return read_time(reader, value, &item->until);
    if (has_key && json_string_is(key, "key"))
        return read_key_text(reader, value, &item->key);
    if (has_key && json_string_is(key, "fingerprint"))
        return read_fingerprint(reader, value, &item->fingerprint);
    return fail(reader, unknown_member);
}

static bool read_other(struct reader *reader, struct span value, struct repo_item *item)
{
    static const int members[REPO_ITEM_KINDS] = {
        [ITEM_TOMBSTONE] = 2, [ITEM_KEY] = 4, [ITEM_PAUSED_TYPE] = 1};
    struct span key, member;
    size_t cursor = 0;
    int count = 0; /* none stands there twice */
    if (json_kind_of(value) != JSON_KIND_OBJECT)
        return fail(reader, no_text);
    for (; json_object_next(value, &cursor, &key, &member); count++) {
        if (!read_member(reader, key, member, item))
            return false;
    }
    return count == members[item->kind] || fail(reader, missing_member);
}

/* --- items ------------------------------------------------------------------------------------ */

static bool find_kind(struct span key, enum repo_item_kind *ret_kind)
{
    static const char *const names[REPO_ITEM_KINDS] = {[ITEM_PROCESS] = "process",
                                                       [ITEM_TOMBSTONE] = "removed",
                                                       [ITEM_KEY] = "key",
                                                       [ITEM_PAUSED_TYPE] = "paused"};
    for (int i = 0; i < REPO_ITEM_KINDS; i++) {
        if (json_string_is(key, names[i])) {
            *ret_kind = (enum repo_item_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_top(struct reader *reader, struct span object, struct repo_item *item)
{
    static const char why[] = "it is not one process, removed, key or paused";
    struct span key, value;
    size_t cursor = 0;
    bool found = false;
    while (json_object_next(object, &cursor, &key, &value)) {
        enum repo_item_kind kind;
        const bool as_text = json_string_is(key, "events_text");
        if (as_text || json_string_is(key, "events")) {
            if (!read_events(reader, value, as_text, item))
                return false;
        } else if (find_kind(key, &kind)) {
            if (found)
                return fail(reader, why);
            found = true;
            item->kind = kind;
            if (!(kind == ITEM_PROCESS ? read_process(reader, value, &item->process)
                                       : read_other(reader, value, item)))
                return false;
        }
    }
    return (found && (item->kind == ITEM_PROCESS || item->events == NULL)) || fail(reader, why);
}

bool repo_item_parse(struct span object, struct repo_item_storage *storage,
                     struct repo_item *ret_item, const char **ret_why)
{
    struct reader reader;
    *ret_item = (struct repo_item){0};
    bool read = start(&reader, &object, storage) && read_top(&reader, object, ret_item);
    *ret_why = reader.why;
    return read;
}
