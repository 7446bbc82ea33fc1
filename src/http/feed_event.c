#include "http/feed_event.h"

#include "http/http_call.h"

#include <stdlib.h>

static struct feed_event *create(void)
{
    struct feed_event *event = calloc(1, sizeof(*event));
    if (event != NULL)
        list_init(&event->link);
    return event;
}

void feed_event_destroy(struct feed_event *event)
{
    for (int base = 0; base < FEED_BASES; base++)
        http_chunk_release(event->chunks[base]);
    free(event);
}

static struct feed_event *create_to_all(struct text_buffer *take_text)
{
    struct http_chunk *chunk = http_chunk_of(take_text);
    struct feed_event *event = chunk != NULL ? create() : NULL;
    for (int base = 0; event != NULL && base < FEED_BASES; base++) {
        event->chunks[base] = http_chunk_share(chunk);
        event->to_all = true;
    }
    http_chunk_release(chunk);
    return event;
}

struct feed_event *feed_event_missed(void)
{
    struct text_buffer text;
    text_buffer_init(&text, 64);
    text_append_literal(&text, "event: missed\ndata: {}\n\n");
    return create_to_all(&text);
}

struct feed_event *feed_event_removed(const struct process_id *id)
{
    char id_text[PROCESS_ID_TEXT_SIZE];
    struct text_buffer text;
    process_id_format(id, id_text);
    text_buffer_init(&text, 256);
    text_append_format(&text, "event: removed\ndata: {\"process_id\":\"%s\"}\n\n", id_text);
    return create_to_all(&text);
}

struct feed_event *feed_event_state(const struct process *process)
{
    struct feed_event *event = create();
    if (event == NULL)
        return NULL;
    event->status = process->status;
    if (text_copy(event->type, sizeof(event->type), process->type) &&
        text_copy(event->group, sizeof(event->group), process->group))
        return event;
    free(event);
    return NULL;
}

struct http_chunk *feed_event_render(const struct process *process, const struct process_view *view)
{
    struct text_buffer resource, event;
    text_buffer_init(&resource, HTTP_ANSWER_MAX);
    text_buffer_init(&event, HTTP_ANSWER_MAX);
    process_json_append(&resource, process, view);
    http_event_append_data(&event, text_buffer_span(&resource));
    text_append_char(&event, '\n');
    event.failed = event.failed || resource.failed;
    text_buffer_finish(&resource);
    return http_chunk_of(&event);
}

bool feed_event_passes(const struct feed_event *event, const struct http_feed_filter *filter)
{
    return event->to_all ||
           ((filter->statuses & 1u << event->status) != 0 &&
            (filter->type[0] == '\0' || strcmp(filter->type, event->type) == 0) &&
            (filter->group[0] == '\0' || strcmp(filter->group, event->group) == 0));
}

size_t feed_event_bytes(const struct feed_event *event)
{
    size_t bytes = 0;
    for (int base = 0; base < FEED_BASES; base++)
        bytes += event->chunks[base] != NULL ? event->chunks[base]->len : 0;
    return bytes;
}
