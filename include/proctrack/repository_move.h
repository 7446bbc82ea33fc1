/* Moving what one repository keeps into another. */
#ifndef PROCTRACK_REPOSITORY_MOVE_H
#define PROCTRACK_REPOSITORY_MOVE_H

#include "proctrack/process_repository.h"

/* Items with all that they borrow, up to what one restore takes. Zeroed: empty, and without memory
 * of its own. */
struct item_page {
    struct repo_item *items; /* REPO_RESTORE_MAX, or NULL */
    void *texts[REPO_RESTORE_MAX];
    size_t count, bytes;
};
bool item_page_is_full(const struct item_page *page); /* also when it is as large as a page is */
/* Copies the item; false if no memory. Not when it is full. */
bool item_page_add(struct item_page *page, const struct repo_item *item);
void item_page_clear(struct item_page *page);
void item_page_finish(struct item_page *page);

/* Everything, or what `wants` says, page by page: dumped here, restored there. Embed it, zeroed;
 * both repositories are of one loop. It ends with the first error of either. */
struct repo_move {
    struct process_repository *from, *to;                                /* in */
    bool (*wants)(struct repo_move *move, const struct repo_item *item); /* in; NULL: all */
    void (*done)(struct repo_move *move, enum err err);                  /* in; runs exactly once */
    int64_t now;                                                         /* in */
    uint64_t examined, moved; /* out: what was given to the other, */
    uint64_t stored;          /*      of which so many were not there before */
    uint64_t damaged;         /*      that could not be read here, or were in the way there */

    /* private */
    enum repo_move_step { MOVE_DUMP, MOVE_RESTORE, MOVE_PAUSE, MOVE_END } step;
    bool stepping, stepped;
    enum err err;
    struct repo_dump dump;
    struct repo_restore restore;
    struct repo_ping ping;
    struct repo_dump_position from_here; /* of the page that is under way */
    struct item_page page;
};
void repo_move_start(struct repo_move *move);
/* After an error: goes on from where it came to. */
void repo_move_resume(struct repo_move *move);
/* Once it is done, or before it has begun. */
void repo_move_finish(struct repo_move *move);

#endif
