/* The embedded repository: everything in this process's memory, on one loop; kept in a journal
 * where there is one. */
#ifndef PROCTRACK_MEMORY_REPOSITORY_H
#define PROCTRACK_MEMORY_REPOSITORY_H

#include "proctrack/journal.h"
#include "proctrack/process_repository.h"

/* Memory only. NULL if no memory. The policy must outlive it. */
struct process_repository *memory_repository_create(const struct process_policy *policy);

struct memory_journal_options {
    enum journal_fsync fsync;
    bool repair;
    int64_t now; /* wall ms: what has expired by then is not taken over */
};

/* The same, durable: reads what the directory holds (blocking, before the loop runs), and from then
 * on a change is finished when its line is stored. What reads it meanwhile waits for that too, but
 * lists and counts show it while the journal cannot store. ERR_FULL (no space left on the
 * device), ERR_UNAVAILABLE: changes are refused, nothing is changed; of those that were under way
 * when it began the outcome is unknown. NULL with report->problem and *ret_err as journal_open().
 * Policy and disk must outlive it; closing it stores what is left. */
struct process_repository *
memory_repository_open(struct loop *loop, const struct process_policy *policy, struct disk *disk,
                       const struct memory_journal_options *options,
                       struct journal_report *ret_report, enum err *ret_err);

#endif
