/* The embedded repository: everything in this process's memory, on one loop. */
#ifndef PROCTRACK_MEMORY_REPOSITORY_H
#define PROCTRACK_MEMORY_REPOSITORY_H

#include "proctrack/process_repository.h"

/* NULL if no memory. The policy must outlive it. */
struct process_repository *memory_repository_create(const struct process_policy *policy);

#endif
