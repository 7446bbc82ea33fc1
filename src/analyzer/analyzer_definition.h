/* An analyzer as the pool keeps it: counted, since what was begun by it ends by it, whatever the
 * configuration says by then. On the loop's thread. */
#ifndef ANALYZER_DEFINITION_H
#define ANALYZER_DEFINITION_H

#include "proctrack/analyzer_pool.h"

struct analyzer_definition {
    struct analyzer analyzer; /* its own */
    unsigned users;
};

/* A copy, which the caller holds; NULL if no memory. */
struct analyzer_definition *analyzer_definition_create(const struct analyzer *analyzer);
struct analyzer_definition *analyzer_definition_share(struct analyzer_definition *definition);
void analyzer_definition_release(struct analyzer_definition *definition); /* NULL is fine */

#endif
