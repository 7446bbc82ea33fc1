#include "repository/handover_changes.h"

#include <stdlib.h>

struct change {
    struct text_map_entry by_id;
    struct list_link unseen;
    struct process_id id;
};

static void drop(struct text_map_entry *entry)
{
    free(container_of(entry, struct change, by_id));
}

bool handover_changes_init(struct handover_changes *changes)
{
    changes->lost = false;
    list_init(&changes->unseen);
    return text_map_init(&changes->by_id);
}

void handover_changes_finish(struct handover_changes *changes)
{
    text_map_finish(&changes->by_id, drop);
    list_init(&changes->unseen);
}

void handover_changes_note(struct handover_changes *changes, const struct process_id *id)
{
    if (id == NULL) {
        changes->lost = true;
        return;
    }
    if (text_map_find(&changes->by_id, process_id_key(id)) != NULL)
        return;
    struct change *change = calloc(1, sizeof(*change));
    if (change == NULL) {
        changes->lost = true;
        return;
    }
    change->id = *id;
    list_append(&changes->unseen, &change->unseen);
    text_map_insert(&changes->by_id, &change->by_id, process_id_key(&change->id));
}

bool handover_changes_see(struct handover_changes *changes, const struct process_id *id)
{
    struct text_map_entry *entry = text_map_find(&changes->by_id, process_id_key(id));
    if (entry == NULL)
        return false;
    list_remove(&container_of(entry, struct change, by_id)->unseen);
    return true;
}

const struct process_id *handover_changes_unseen(struct handover_changes *changes)
{
    if (list_is_empty(&changes->unseen))
        return NULL;
    return &container_of(changes->unseen.next, struct change, unseen)->id;
}

void handover_changes_drop_unseen(struct handover_changes *changes)
{
    struct list_link *link = list_pop(&changes->unseen);
    struct change *change = container_of(link, struct change, unseen);
    text_map_remove(&changes->by_id, &change->by_id);
    free(change);
}
