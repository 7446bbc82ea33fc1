/* Dumps as texts, and something of everything that can be dumped, for the suite's files about
 * dump and restore. */
#ifndef SUPPORT_CONFORMANCE_DUMPED_H
#define SUPPORT_CONFORMANCE_DUMPED_H

#include "support/conformance.h"

enum { DUMPED_MAX = 1500 };

struct dumped {
    struct {
        enum repo_item_kind kind;
        struct process_id id;
        int64_t until;
        char *text; /* the item, without its time */
    } items[DUMPED_MAX];
    size_t count, pages, largest; /* items in a page */
};

/* Adds a page; false when it was the last one. */
bool dumped_page(const struct conformance *c, struct repo_dump_position *position, int64_t now,
                 struct dumped *dumped);
struct dumped *dumped_at(const struct conformance *c, int64_t now);
struct dumped *dumped_all(const struct conformance *c);
void dumped_free(struct dumped *dumped);
char *dumped_text(const struct repo_item *item); /* the caller frees */
size_t dumped_count(const struct dumped *dumped, enum repo_item_kind kind);
/* How often that text is there. */
size_t dumped_times(const struct dumped *dumped, const char *text);
void assert_same_dump(const struct dumped *a, const struct dumped *b);

/* How many were stored. */
size_t restore_items(const struct conformance *c, const struct repo_item *items, size_t count);
size_t restore_process(const struct conformance *c, const struct process *process);
/* As an import does it: from the texts, in parts. */
size_t restore_dumped(const struct conformance *c, const struct dumped *dumped);

struct everything {
    struct kept of_status[PROCESS_STATUS_COUNT];
    struct process_id scheduled, removed, batch, mortal;
};

void add_everything(const struct conformance *c, struct everything *all);

#endif
