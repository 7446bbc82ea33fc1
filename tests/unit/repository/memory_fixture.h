/* What the memory repository's tests share: a repository for each test, and its shortest calls. */
#ifndef REPOSITORY_MEMORY_FIXTURE_H
#define REPOSITORY_MEMORY_FIXTURE_H

#include "support/test.h"

#include "repository/memory_calls.h"
#include "support/sync_calls.h"

enum { ADVANCE_LIMIT = 10, ADVANCES_MAX = 25 };

#define NOW     INT64_C(1000000000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

struct fixture {
    struct process_policy policy;
    struct sync sync;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    process_policy_defaults(&f->policy);
    f->sync.loop = loop_create();
    f->sync.repository = memory_repository_create(&f->policy);
    assert_non_null(f->sync.repository);
    *state = f;
    return 0;
}

/* Again and empty, after a change of the policy. */
static inline void reopen(struct fixture *f)
{
    repository_destroy(f->sync.repository);
    f->sync.repository = memory_repository_create(&f->policy);
    assert_non_null(f->sync.repository);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    repository_destroy(f->sync.repository);
    loop_destroy(f->sync.loop);
    free(f);
    return 0;
}

static inline struct process draft_of(const char *type, int64_t now)
{
    struct process draft = {.type = span_of(type),
                            .input = SPAN("{}"),
                            .version = 1,
                            .max_attempts = 1,
                            .created_at = now,
                            .updated_at = now,
                            .run_at = now,
                            .retention_ms = -1};
    assert_true(process_id_new(&draft.id));
    return draft;
}

static inline struct process_id add(const struct fixture *f, const char *type, int64_t now)
{
    struct process draft = draft_of(type, now);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    return draft.id;
}

static inline void cancel(const struct fixture *f, const struct process_id *id, int64_t now)
{
    struct process_change change = {.event = EVENT_CANCEL, .now = now};
    assert_int_equal(sync_change(&f->sync, id, &change, NULL, NULL), ERR_OK);
}

static inline void advance_to_the_end(const struct fixture *f, int64_t now)
{
    struct repo_advance advanced;
    int steps = 0;
    do {
        assert_int_equal(sync_advance(&f->sync, now, ADVANCE_LIMIT, &advanced), ERR_OK);
        assert_true(++steps <= ADVANCES_MAX);
    } while (advanced.more);
}

static inline const struct memory_store *store_of(const struct fixture *f)
{
    return &memory_repository(f->sync.repository)->store;
}

/* The number claimed; the worker is noted as looking for the type. */
static inline size_t look(const struct fixture *f, const char *type, const char *worker,
                          int64_t now, struct kept *ret_kept)
{
    const struct span looked_for = span_of(type);
    struct repo_claim call = {.types = &looked_for,
                              .type_count = 1,
                              .worker = span_of(worker),
                              .max = 1,
                              .now = now,
                              .lease_ms = PROCESS_LEASE_MAX_MS,
                              .announce = true};
    return sync_claim_as(&f->sync, &call, ret_kept);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
