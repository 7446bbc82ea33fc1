/* What the tests of watching and following share: two sides of a store with an ear on the first,
 * and every kind of change. */
#ifndef SUPPORT_CONFORMANCE_CHANGES_H
#define SUPPORT_CONFORMANCE_CHANGES_H

#include "support/conformance.h"

/* --- two sides of a store -----------------------------------------------------------------------
 */

/* What the first side's on_changed has told. */
struct ear {
    struct process_id ids[2000];
    size_t count;
    int all; /* times that any may have changed */
};
extern struct ear ear;

void forget(void);
bool has_heard(const struct process_id *id);
/* Turns the loop until it is told of the process, or of all. */
void wait_to_hear(const struct conformance *c, const struct process_id *id);

/* The second is the first again where a store has only one. */
struct sides {
    struct conformance *c;
    struct sync by[2];
    struct process_repository *joined;
};
struct sides open_sides(struct conformance *c);
void close_sides(const struct sides *sides);

/* Reads it until the store says that it will tell, which may take a moment after the beginning. */
void watch(const struct sync *on, const struct process_id *id);

/* --- every kind of change -----------------------------------------------------------------------
 */

enum kind {
    PROGRESSES,
    COMPLETES,
    FAILS,
    IS_RELEASED,
    IS_ASKED_TO_CANCEL,
    IS_CANCELED,
    IS_RETRIED,
    IS_REMOVED,
    IS_SWEPT,
    IS_CLAIMED,
    LAPSES,
    EXPIRES,
    KINDS,
};
/* One that can change so, and no other that can. */
void prepare(const struct conformance *c, enum kind kind, struct kept *ret_kept);
void make(const struct conformance *c, const struct sync *by, enum kind kind,
          const struct kept *kept);
/* Removes those that failed, which are `count`. */
void sweep_failed(const struct conformance *c, const struct sync *by, int count);

#endif
