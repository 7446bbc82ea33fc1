/* Which processes have changed since their repository is being moved. */
#ifndef REPOSITORY_HANDOVER_CHANGES_H
#define REPOSITORY_HANDOVER_CHANGES_H

#include "proctrack/list.h"
#include "proctrack/process.h"
#include "repository/text_map.h"

struct handover_changes {
    struct text_map by_id;
    struct list_link unseen;
    bool lost; /* there was no memory to note one, or any may have changed */
};

bool handover_changes_init(struct handover_changes *changes); /* false: no memory */
void handover_changes_finish(struct handover_changes *changes);
/* NULL: any of them. */
void handover_changes_note(struct handover_changes *changes, const struct process_id *id);
/* Whether it was noted; it is still there then. */
bool handover_changes_see(struct handover_changes *changes, const struct process_id *id);
/* One that was never seen, or NULL; the same until it is dropped. */
const struct process_id *handover_changes_unseen(struct handover_changes *changes);
void handover_changes_drop_unseen(struct handover_changes *changes);

#endif
