/* What is written of each change: one line for all that is one step.
 *
 *   "changes":[ … ]
 *
 *   {"process":{…},"events":[…]}   a new one, or one that was taken over
 *   {"change":{…},"event":{…}}     what can change of a process; what its timeline gets, if
 * anything
 *   {"removed":{…}} {"key":{…}} {"paused":{"type":…}} {"resumed":{"type":…}}
 *
 * An event that holds a line break stands as a string, in "event_text". Not written is what the
 * time brings by itself, and who has looked for work. */
#include "repository/memory_calls.h"

#include <assert.h>

/* False: nothing is to be written, as there is no journal (OK) or it takes nothing. */
static bool begin(struct memory_repository *repository, struct text_buffer **ret_line,
                  enum err *ret_err)
{
    *ret_err = repository->journal != NULL ? journal_state(repository->journal) : ERR_OK;
    if (repository->journal == NULL || *ret_err != ERR_OK)
        return false;
    *ret_line = journal_begin(repository->journal);
    repository->store.place = journal_last(repository->journal) + 1;
    text_append_literal(*ret_line, "\"changes\":[");
    return true;
}

static enum err end(struct memory_repository *repository, struct text_buffer *line)
{
    text_append_char(line, ']');
    return journal_ready(repository->journal) ? ERR_OK : ERR_NO_MEMORY;
}

static void append_item(struct text_buffer *line, const struct repo_item *item)
{
    text_append_char(line, '{');
    repo_item_append(line, item);
    text_append_char(line, '}');
}

static void append_key(struct text_buffer *line, struct span key, const struct process_id *id,
                       uint64_t fingerprint, int64_t until)
{
    if (key.data == NULL)
        return;
    text_append_char(line, ',');
    append_item(
        line,
        &(struct repo_item){
            .kind = ITEM_KEY, .id = *id, .key = key, .fingerprint = fingerprint, .until = until});
}

enum err memory_write_create(struct memory_repository *repository, const struct repo_create *call)
{
    struct text_buffer *line;
    enum err err;
    if (!begin(repository, &line, &err))
        return err;
    append_item(line, &(struct repo_item){.kind = ITEM_PROCESS, .process = call->process});
    append_key(line, call->idempotency_key, &call->process.id, call->fingerprint,
               call->process.created_at + repository->base.policy->idempotency_ms);
    return end(repository, line);
}

enum err memory_write_batch(struct memory_repository *repository,
                            const struct repo_create_batch *call)
{
    struct repo_item item = {.kind = ITEM_PROCESS};
    struct text_buffer *line;
    enum err err;
    if (!begin(repository, &line, &err))
        return err;
    for (size_t i = 0; i < call->count; i++) {
        if (i > 0)
            text_append_char(line, ',');
        item.process = call->processes[i];
        append_item(line, &item);
    }
    append_key(line, call->idempotency_key, &call->base, call->fingerprint,
               call->now + repository->base.policy->idempotency_ms);
    return end(repository, line);
}

static void append_event(struct text_buffer *line, const struct memory_entry *entry)
{
    const struct span json = {entry->json, entry->len};
    if (memchr(json.data, '\n', json.len) == NULL && memchr(json.data, '\r', json.len) == NULL) {
        text_append_literal(line, ",\"event\":");
        text_append_span(line, json);
    } else {
        text_append_literal(line, ",\"event_text\":");
        text_append_json_string(line, json);
    }
}

enum err memory_write_change(struct memory_repository *repository, const struct process *after,
                             const struct memory_entry *entry)
{
    struct text_buffer *line;
    enum err err;
    if (!begin(repository, &line, &err))
        return err;
    struct process process = *after;
    process.events += entry != NULL;
    text_append_literal(line, "{\"change\":");
    process_change_append(line, &process);
    if (entry != NULL)
        append_event(line, entry);
    text_append_char(line, '}');
    return end(repository, line);
}

enum err memory_write_item(struct memory_repository *repository, const struct repo_item *item)
{
    struct text_buffer *line;
    enum err err;
    if (!begin(repository, &line, &err))
        return err;
    append_item(line, item);
    return end(repository, line);
}

enum err memory_write_removal(struct memory_repository *repository, const struct process_id *id,
                              int64_t tombstone_until)
{
    const struct repo_item item = {.kind = ITEM_TOMBSTONE, .id = *id, .until = tombstone_until};
    return memory_write_item(repository, &item);
}

static enum err write_resumed(struct memory_repository *repository, struct span type)
{
    struct text_buffer *line;
    enum err err;
    if (!begin(repository, &line, &err))
        return err;
    text_append_literal(line, "{\"resumed\":{\"type\":");
    text_append_json_string(line, type);
    text_append_literal(line, "}}");
    return end(repository, line);
}

enum err memory_write_pause(struct memory_repository *repository, struct span type, bool paused)
{
    const struct repo_item item = {.kind = ITEM_PAUSED_TYPE, .type = type};
    return paused ? memory_write_item(repository, &item) : write_resumed(repository, type);
}

void memory_written(struct memory_repository *repository, bool done)
{
    if (repository->journal == NULL)
        return;
    if (!done) {
        journal_abandon(repository->journal);
        return;
    }
    const uint64_t place = journal_commit(repository->journal);
    assert(place == repository->store.place);
    (void)place;
}
