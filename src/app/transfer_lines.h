/* The lines of an export, one after the other, each checked. */
#ifndef APP_TRANSFER_LINES_H
#define APP_TRANSFER_LINES_H

#include "proctrack/repository_item.h"

struct transfer_lines {
    int in;
    struct text_buffer text;
    size_t at;   /* in the text: behind the present line */
    bool at_end; /* all that there is has been read */
    struct repo_item_storage storage;
    uint64_t number; /* of the present line, from 1 */
    uint64_t counts[REPO_ITEM_KINDS];
    char problem[160]; /* what is wrong with it */
};

enum transfer_line {
    TRANSFER_ITEM,
    TRANSFER_LAST,   /* that was all, and it is whole */
    TRANSFER_BROKEN, /* see problem */
    TRANSFER_FAILED, /* it could not be read, or no memory; see problem */
};

/* `in` stays the caller's. */
void transfer_lines_init(struct transfer_lines *lines, int in);
void transfer_lines_finish(struct transfer_lines *lines);
/* The item borrows from the lines until the next call. */
enum transfer_line transfer_lines_next(struct transfer_lines *lines, struct repo_item *ret_item);

#endif
