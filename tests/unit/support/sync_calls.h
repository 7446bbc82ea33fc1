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

enum err sync_create(const struct sync *on, const struct process *process);
/* *ret_existing is written only for a replay. */
enum err sync_create_with_key(const struct sync *on, const struct process *process, const char *key,
                              uint64_t fingerprint, bool *ret_replayed, struct kept *ret_existing);
enum err sync_get(const struct sync *on, const struct process_id *id, bool with_input,
                  struct kept *ret_kept);
/* ret_changed and ret_kept may be NULL. */
enum err sync_change(const struct sync *on, const struct process_id *id,
                     const struct process_change *change, bool *ret_changed, struct kept *ret_kept);
/* One type, by "tester/1", who does not announce itself; tokens are made here. The number claimed,
 * at most max (<= 64); ret_kept may be NULL. */
size_t sync_claim(const struct sync *on, const char *type, int max, int64_t now, int64_t lease_ms,
                  struct kept *ret_kept);
/* As *call says (types, worker, max, now, lease_ms, announce, listen). */
size_t sync_claim_as(const struct sync *on, const struct repo_claim *call, struct kept *ret_kept);
enum err sync_remove(const struct sync *on, const struct process_id *id, int64_t now,
                     int64_t if_version, struct kept *ret_kept);
/* Fills ids in order; the other outputs of the call are left in *call. */
enum err sync_list(const struct sync *on, struct repo_list *call, struct process_id *ret_ids);
struct repo_counts sync_counts(const struct sync *on);
struct repo_counts sync_counts_at(const struct sync *on, int64_t now);
enum err sync_sweep(const struct sync *on, struct repo_sweep *call);
/* What it says of each lasts until the next one. */
enum err sync_advance(const struct sync *on, int64_t now, int limit, struct repo_advance *ret_call);
enum err sync_ping(const struct sync *on);
/* One step, with position and outcome in *call. */
enum err sync_audit_step(const struct sync *on, struct repo_audit *call);
/* A whole walk in steps of `limit`, which must succeed: the sums of what they gave. */
struct repo_audit sync_audit(const struct sync *on, int64_t now, int limit);
/* base and replayed are left in *call. */
enum err sync_create_batch(const struct sync *on, struct repo_create_batch *call);

/* --- how things stand: each must succeed, and what it gives out is copied ----------------------
 */

void sync_standing(const struct sync *on, struct repo_standing_item *items, size_t count);
struct repo_group sync_group(const struct sync *on, struct span group);
/* At most max of them are copied; the number that was given out. */
size_t sync_types(const struct sync *on, int64_t now, int64_t workers_since,
                  struct repo_type *ret_types, size_t max, bool *ret_more);
size_t sync_workers(const struct sync *on, int64_t now, struct repo_worker *ret_workers, size_t max,
                    bool *ret_more);
bool sync_pause(const struct sync *on, struct span type, bool paused); /* whether it changed */

struct kept_events {
    struct span entries[256]; /* they point into texts */
    size_t count;
    char texts[128 * 1024];
};
enum err sync_events(const struct sync *on, const struct process_id *id, struct kept *ret_kept,
                     struct kept_events *ret_events);

/* Turns the loop until *done, at most 10 s. */
void sync_wait(struct loop *loop, const bool *done);

#endif
