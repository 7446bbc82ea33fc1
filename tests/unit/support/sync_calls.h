/* Repository calls made to look synchronous: submit, turn the loop until done, keep a copy of what
 * was only borrowed. */
#ifndef SUPPORT_SYNC_CALLS_H
#define SUPPORT_SYNC_CALLS_H

#include "proctrack/loop.h"
#include "proctrack/process_repository.h"

struct kept {
    struct process process; /* its spans point into texts */
    char texts[8192];
};

struct sync {
    struct loop *loop;
    struct process_repository *repository;
};

void keep(struct kept *ret_kept, const struct process *process);

enum err sync_create(const struct sync *sync, const struct process *process);
/* *ret_existing is written only for a replay. */
enum err sync_create_with_key(const struct sync *sync, const struct process *process,
                              const char *key, uint64_t fingerprint, bool *ret_replayed,
                              struct kept *ret_existing);
enum err sync_get(const struct sync *sync, const struct process_id *id, bool with_input,
                  struct kept *ret_kept);
/* ret_changed and ret_kept may be NULL. */
enum err sync_change(const struct sync *sync, const struct process_id *id,
                     const struct process_change *change, bool *ret_changed, struct kept *ret_kept);
/* One type; tokens are made here. The number claimed, at most max (<= 8); ret_kept may be NULL. */
size_t sync_claim(const struct sync *sync, const char *type, int max, int64_t now, int64_t lease_ms,
                  struct kept *ret_kept);
enum err sync_remove(const struct sync *sync, const struct process_id *id, int64_t now,
                     int64_t if_version, struct kept *ret_kept);
/* Fills ids in order; the other outputs of the call are left in *call. */
enum err sync_list(const struct sync *sync, struct repo_list *call, struct process_id *ret_ids);
struct repo_counts sync_counts(const struct sync *sync);
enum err sync_sweep(const struct sync *sync, struct repo_sweep *call);
enum err sync_advance(const struct sync *sync, int64_t now, int limit,
                      struct repo_advance *ret_call);
enum err sync_ping(const struct sync *sync);

/* Turns the loop until *done, at most 10 s. */
void sync_wait(struct loop *loop, const bool *done);

#endif
