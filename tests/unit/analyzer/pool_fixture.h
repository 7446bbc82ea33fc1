/* A pool on a real loop with a real manager and the memory repository, and between these a
 * repository that shows what passes and spoils what the test wants spoilt. */
#ifndef ANALYZER_POOL_FIXTURE_H
#define ANALYZER_POOL_FIXTURE_H

#include "support/test.h"

#include "proctrack/analyzer_pool.h"
#include "proctrack/memory_repository.h"

#include <dirent.h>

#define SEEN_MAX 4096

/* A change that reached the repository. */
struct seen_change {
    enum process_event event;
    char progress[256];
};

struct watched_repository {
    struct process_repository base;
    struct process_repository *behind;
    struct seen_change changes[SEEN_MAX];
    size_t change_count, claim_count;

    enum err spoil_with;   /* the answer to the next ... */
    int spoil_changes;     /* ... so many changes ... */
    unsigned spoil_events; /* ... of these events (bits) */
    bool hold_progress;    /* the next progress stays open */
    struct repo_transition *held;
};

struct fixture {
    struct loop *loop;
    struct process_policy policy;
    struct process_manager_options manager_options;
    struct watched_repository *repository;
    struct process_manager *manager;
    struct analyzer_set set;
    struct analyzer_pool_options options;
    struct analyzer_pool *pool;
    char directory[64];
};

/* What is kept of a process. */
struct outcome {
    enum process_status status;
    int attempt;
    char result[8192], error[16384], usage[512], progress[4096], worker[160];
};

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int fixture_setup(void **state);
int fixture_teardown(void **state); /* ends all that runs, and fails when something stays */

/* An analyzer that runs the script with /bin/sh, in the fixture's own directory. */
struct analyzer *fixture_add(struct fixture *fixture, const char *type, const char *script);
void fixture_start(struct fixture *fixture);
void fixture_stop(struct fixture *fixture); /* until drained */

struct process_id fixture_submit(struct fixture *fixture, const char *type, const char *input,
                                 int64_t timeout_ms);
/* `deadline` over all attempts: wall ms. */
struct process_id fixture_submit_until(struct fixture *fixture, const char *type, const char *input,
                                       int64_t timeout_ms, int64_t deadline);
void fixture_cancel(struct fixture *fixture, struct process_id id);
enum process_status fixture_get(struct fixture *fixture, struct process_id id,
                                struct outcome *ret_outcome);
/* Turns the loop until it has that status. */
void fixture_await(struct fixture *fixture, struct process_id id, enum process_status status,
                   struct outcome *ret_outcome);
/* Turns the loop until the script has made the file in its directory. */
void fixture_await_file(struct fixture *fixture, const char *name);
bool fixture_has_file(struct fixture *fixture, const char *name);
void fixture_make_file(const struct fixture *fixture, const char *name);
/* How many changes of this kind have reached the repository. */
size_t fixture_count(const struct fixture *fixture, enum process_event event);
void expect_text(const char *text, const char *part);

/* One turn; fails the test after half a minute of them. Start with *deadline = 0. */
void fixture_turn(struct fixture *fixture, int64_t *deadline);

#endif
