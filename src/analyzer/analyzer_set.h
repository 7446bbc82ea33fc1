/* Building an analyzer_set: what the file's reader and the definitions share. */
#ifndef ANALYZER_SET_H
#define ANALYZER_SET_H

#include "proctrack/analyzer_pool.h"

#define ANALYZER_CONCURRENCY_DEFAULT 2
#define ANALYZER_CONCURRENCY_MAX     256
#define ANALYZER_TIMEOUT_DEFAULT_S   3600
#define ANALYZER_OUTPUT_DEFAULT      ((size_t)1024 * 1024)
#define ANALYZER_OUTPUT_MAX          ((size_t)64 * 1024 * 1024)

/* An analyzer with the defaults and nothing of its own yet. */
void analyzer_init(struct analyzer *analyzer);
void analyzer_finish(struct analyzer *analyzer);

/* True when the type is set and new, its command can be started and its directory entered; else
 * false, *ret_member names the member at fault ("" for the type) and ret_why says what is wrong. */
bool analyzer_check(const struct analyzer_set *set, const struct analyzer *analyzer,
                    const char **ret_member, char *ret_why, size_t why_size);

/* Moves the analyzer into the set; on false (no memory) it stays the caller's. */
bool analyzer_set_append(struct analyzer_set *set, struct analyzer *analyzer);

#endif
