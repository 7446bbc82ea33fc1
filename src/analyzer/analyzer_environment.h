/* The environment of a command: an allow-list, so that no secret of ours reaches it. */
#ifndef ANALYZER_ENVIRONMENT_H
#define ANALYZER_ENVIRONMENT_H

#include "analyzer/analyzer_words.h"
#include "proctrack/analyzer_pool.h"

/* A name that may be passed on: [A-Za-z_][A-Za-z0-9_]*, and none that we set ourselves. */
bool environment_name_is_valid(struct span name);

/* Adds NAME=value for what is always passed on, for the analyzer's own names (those of both that
 * are set in our environment), for PROCESS_ID, PROCESS_TYPE, PROCESS_ATTEMPT, and for TRACEPARENT
 * unless that is absent. False if no memory. */
bool environment_build(struct words *words, const struct analyzer *analyzer,
                       const struct process_id *id, int attempt, struct span traceparent);

#endif
