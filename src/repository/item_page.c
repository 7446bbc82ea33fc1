#include "proctrack/repository_move.h"

#include "proctrack/process_record.h"

#include <stdlib.h>
#include <string.h>

bool item_page_is_full(const struct item_page *page)
{
    return page->count == REPO_RESTORE_MAX || page->bytes >= REPO_PAGE_BYTES;
}

static size_t text_bytes(const struct repo_item *item)
{
    size_t bytes = item->key.len + item->type.len;
    if (item->kind != ITEM_PROCESS)
        return bytes;
    bytes += process_text_bytes(&item->process);
    for (size_t i = 0; i < item->event_count; i++)
        bytes += item->events[i].len;
    return bytes;
}

static struct span keep(struct span text, char **at)
{
    if (text.data == NULL)
        return text;
    const struct span kept = {*at, text.len};
    memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

static void keep_process(struct repo_item *item, struct span *events, char *at)
{
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[i];
        if (!process_field_is_text(field))
            continue;
        const struct span kept = keep(process_field_text(field, &item->process), &at);
        process_field_set(field, kept, &item->process);
    }
    for (size_t i = 0; i < item->event_count; i++)
        events[i] = keep(item->events[i], &at);
    item->events = events;
}

static bool have_items(struct item_page *page)
{
    if (page->items == NULL)
        page->items = calloc(REPO_RESTORE_MAX, sizeof(*page->items));
    return page->items != NULL;
}

/* One block: the places of the timeline's entries, then all texts. */
bool item_page_add(struct item_page *page, const struct repo_item *item)
{
    const size_t events = item->kind == ITEM_PROCESS ? item->event_count : 0;
    const size_t texts = text_bytes(item);
    char *block = malloc(events * sizeof(struct span) + texts + 1); /* malloc(0) may give NULL */
    if (block == NULL || !have_items(page)) {
        free(block);
        return false;
    }
    struct repo_item *kept = &page->items[page->count];
    char *at = block + events * sizeof(struct span);
    *kept = *item;
    if (item->kind == ITEM_PROCESS) {
        keep_process(kept, (struct span *)block, at);
    } else {
        kept->key = keep(item->key, &at);
        kept->type = keep(item->type, &at);
    }
    page->texts[page->count++] = block;
    page->bytes += texts;
    return true;
}

void item_page_clear(struct item_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        free(page->texts[i]);
    page->count = page->bytes = 0;
}

void item_page_finish(struct item_page *page)
{
    item_page_clear(page);
    free(page->items);
    page->items = NULL;
}
