/* What every process repository must do. A test program per implementation gives a subject and
 * runs the suite; nothing in it knows which one it is. */
#ifndef SUPPORT_CONFORMANCE_H
#define SUPPORT_CONFORMANCE_H

#include "support/sync_calls.h"

struct conformance_subject {
    const char *name;
    /* A repository with nothing in it, ready to be called. The policy outlives it. */
    struct process_repository *(*open)(struct loop *loop, const struct process_policy *policy);
    /* A further one on the same store, ready to be called; NULL where a store has only one. */
    struct process_repository *(*join)(struct loop *loop, const struct process_policy *policy);
};

/* The number of failed tests. */
int conformance_run(const struct conformance_subject *subject);

/* --- for the suite's own files -------------------------------------------------------------------
 */

struct CMUnitTest;

struct conformance {
    const struct conformance_subject *subject;
    struct process_policy policy;
    struct sync sync;
    int64_t now; /* the wall clock when the test began: stores expire by real time */
};

int conformance_setup(void **state);
int conformance_teardown(void **state);
/* With nothing in it again, after a change of c->policy. */
void conformance_reopen(struct conformance *c);
/* For tests with random numbers: says the seed; CONFORMANCE_SEED in the environment repeats one. */
void conformance_seed(const struct conformance *c);

/* A pending process of type "t", created at c->now, with a fresh id. */
struct process conformance_draft(const struct conformance *c);
/* Stores it and returns its id. */
struct process_id conformance_add(const struct conformance *c);
struct process_id conformance_add_to(const struct conformance *c, const char *type, int priority,
                                     int64_t created_at);
/* Fills `drafts` with that many of a batch and gives the call that stores them. */
struct repo_create_batch conformance_batch(const struct conformance *c, struct process *drafts,
                                           size_t count);
/* Stores one and claims it; the claimed record with its token goes into *ret_kept. */
void conformance_running(const struct conformance *c, struct kept *ret_kept);
/* One in the given status; final ones keep the token of the run that led there. */
void conformance_put_into(const struct conformance *c, enum process_status status,
                          struct kept *ret_kept);
struct process_change conformance_change(const struct conformance *c, enum process_event event,
                                         const struct kept *running);
/* Makes that change without a look at the outcome. */
enum err conformance_try(const struct conformance *c, const struct kept *running,
                         enum process_event event);
void conformance_complete(const struct conformance *c, struct kept *running, int64_t now);

static inline bool same_id(const struct process_id *a, const struct process_id *b)
{
    return process_id_compare(a, b) == 0;
}

/* Walks all pages of a list; the number of ids. */
size_t conformance_walk(const struct conformance *c, struct repo_list call,
                        struct process_id *ret_ids, size_t max);

/* --- against the rules: conformance_records.c ---------------------------------------------------
 */

/* All but the input. */
void assert_same_record(const struct process *a, const struct process *b);
void conformance_get(const struct conformance *c, const struct process_id *id,
                     struct kept *ret_kept);
/* Its timeline is `before` and then `entry` (unless that is absent), cut to what is kept, and its
 * record counts all of it. */
void conformance_told(const struct conformance *c, const struct process_id *id,
                      const struct kept_events *before, struct span entry);
/* Makes the change: the outcome, the record and the timeline must be as the rules say. */
void conformance_check(const struct conformance *c, const struct kept *before,
                       const struct process_change *what);
/* The same for what only advance() does: `event` to one at `now`, and to no other. */
void conformance_check_advance(const struct conformance *c, const struct kept *before,
                               enum process_event event, int64_t now, struct kept *ret_after);
/* That claim, of one: as process_start() makes it. False when there was none. */
bool conformance_check_claim(const struct conformance *c, const char *type, int64_t now,
                             int64_t lease_ms, struct kept *ret_kept);

/* A change's entry in a timeline that stands at `told`, as far as the rules say; in *entry, which
 * the caller finishes. Counts it in *after. */
void conformance_expect_entry(struct text_buffer *entry, const struct process *before,
                              struct process *after, const struct process_change *what,
                              enum err err, bool changed, const struct kept_events *told);

#define CONFORMANCE_TEST(function)                                                              \
    cmocka_unit_test_prestate_setup_teardown(function, conformance_setup, conformance_teardown, \
                                             (void *)(uintptr_t)subject)

int conformance_calls_run(const struct conformance_subject *subject);
int conformance_create_run(const struct conformance_subject *subject);
int conformance_life_run(const struct conformance_subject *subject);
int conformance_leases_run(const struct conformance_subject *subject);
int conformance_deadlines_run(const struct conformance_subject *subject);
int conformance_timeline_run(const struct conformance_subject *subject);
int conformance_claims_run(const struct conformance_subject *subject);
int conformance_lists_run(const struct conformance_subject *subject);
int conformance_removal_run(const struct conformance_subject *subject);
int conformance_groups_run(const struct conformance_subject *subject);
int conformance_types_run(const struct conformance_subject *subject);
int conformance_workers_run(const struct conformance_subject *subject);
int conformance_batch_run(const struct conformance_subject *subject);
int conformance_histories_run(const struct conformance_subject *subject);
int conformance_watch_run(const struct conformance_subject *subject);
int conformance_follow_run(const struct conformance_subject *subject);
int conformance_dump_run(const struct conformance_subject *subject);
int conformance_restore_run(const struct conformance_subject *subject);
int conformance_shared_run(const struct conformance_subject *subject);
int conformance_audit_run(const struct conformance_subject *subject);

#endif
