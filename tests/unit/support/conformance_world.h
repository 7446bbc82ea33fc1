/* A small world of processes, types, groups and workers with a model of each beside it: every
 * operation is done to the repository and to the model, and all that can be asked must agree. */
#ifndef SUPPORT_CONFORMANCE_WORLD_H
#define SUPPORT_CONFORMANCE_WORLD_H

#include "support/conformance.h"

enum {
    WORLD_MEMBERS = 8,
    WORLD_TYPES = 3,
    WORLD_GROUPS = 2, /* and some in none */
    WORLD_WORKERS = 3,
};

struct world_member {
    struct kept kept;                  /* the record as it must be */
    struct kept_events told;           /* its timeline, likewise */
    int64_t entered_at;                /* its status */
    char token[LEASE_TOKEN_TEXT_SIZE]; /* of the last claim, whoever holds the lease now */
};

struct world {
    struct conformance *c;
    int64_t now;
    int created; /* so far: no two are created at the same time */
    struct world_member members[WORLD_MEMBERS];
    bool paused[WORLD_TYPES];
    int64_t looked_at[WORLD_TYPES][WORLD_WORKERS]; /* a worker for a type; TIME_NONE: never */
    int64_t seen_at[WORLD_WORKERS];
};

extern const char *const world_types[WORLD_TYPES];
extern const char *const world_groups[WORLD_GROUPS];
extern const char *const world_workers[WORLD_WORKERS];

void world_begin(struct world *w, struct conformance *c);
/* Each does one thing at random and compares what it touched. */
void world_advance(struct world *w); /* to w->now */
void world_claim(struct world *w);
void world_change(struct world *w);
void world_pause(struct world *w);
void world_replace(struct world *w); /* removes a finished one and creates another */

bool world_is_claimable(const struct world *w, const struct world_member *member);

/* conformance_views.c: groups, lists, standings, types, workers and counts. */
void world_check_views(const struct world *w);

#endif
