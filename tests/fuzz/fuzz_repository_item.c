/* Any text in the place of an item or of a change, as a journal, a snapshot or an import brings it:
 * refused with a reason, or something that is written again as itself. */
#include "proctrack/json_scan.h"
#include "proctrack/process_record.h"
#include "proctrack/repository_item.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_json(struct span text)
{
    struct span value;
    struct json_fault fault;
    require(json_check(text, &value, &fault));
}

static void require_record(const struct process *process)
{
    require(process_record_is_whole(process));
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[i];
        const struct span text =
            process_field_is_text(field) ? process_field_text(field, process) : SPAN_NONE;
        if (text.data != NULL && process_field_is_json(field))
            require_json(text);
        else if (text.data != NULL)
            require(field->is_valid(text));
        if (process_field_is_number(field))
            require(process_field_number(field, process) >= field->min &&
                    process_field_number(field, process) <= field->max);
        if (field->kind == FIELD_TIME)
            require(process_field_time(field, process) >= TIME_NONE &&
                    process_field_time(field, process) <= TIME_MAX);
    }
}

static void write_item(struct text_buffer *out, const struct repo_item *item)
{
    text_append_char(out, '{');
    repo_item_append(out, item);
    text_append_char(out, '}');
    require(!out->failed && memchr(out->data, '\n', out->len) == NULL);
}

static void try_item(struct span text)
{
    struct repo_item_storage storage = {0}, again = {0};
    struct repo_item item, same;
    struct text_buffer first, second;
    const char *why = NULL;
    text_buffer_init(&first, SIZE_MAX);
    text_buffer_init(&second, SIZE_MAX);
    if (repo_item_parse(text, &storage, &item, &why)) {
        if (item.kind == ITEM_PROCESS)
            require_record(&item.process);
        for (size_t i = 0; i < item.event_count; i++)
            require_json(item.events[i]);
        write_item(&first, &item);
        require(repo_item_parse(text_buffer_span(&first), &again, &same, &why));
        write_item(&second, &same);
        require(span_equal(text_buffer_span(&first), text_buffer_span(&second)));
    } else {
        require(why != NULL);
    }
    text_buffer_finish(&first);
    text_buffer_finish(&second);
    repo_item_storage_finish(&storage);
    repo_item_storage_finish(&again);
}

static void try_change(struct span text)
{
    struct repo_item_storage storage = {0};
    struct process process;
    struct process_id id;
    struct text_buffer out;
    const char *why = NULL;
    process_record_clear(&process);
    text_buffer_init(&out, SIZE_MAX);
    if (process_change_parse(text, &storage, &process, &why)) {
        struct process same = process;
        struct repo_item_storage again = {0};
        process_change_append(&out, &process);
        require(process_change_id(text_buffer_span(&out), &id));
        require(process_id_compare(&id, &process.id) == 0);
        require(process_change_parse(text_buffer_span(&out), &again, &same, &why));
        require(same.version == process.version && same.status == process.status);
        repo_item_storage_finish(&again);
    } else {
        require(why != NULL);
    }
    text_buffer_finish(&out);
    repo_item_storage_finish(&storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = {(const char *)data, size};
    try_item(text);
    try_change(text);
    return 0;
}
