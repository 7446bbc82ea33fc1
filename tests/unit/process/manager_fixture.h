/* A manager on a real loop with the memory repository, and between these a repository that counts
 * what passes, holds it, and answers it in its place. */
#ifndef PROCESS_MANAGER_FIXTURE_H
#define PROCESS_MANAGER_FIXTURE_H

#include "support/test.h"

#include "proctrack/memory_repository.h"
#include "proctrack/process_manager.h"

enum watched_kind {
#define X(kind) WATCHED_##kind,
    REPOSITORY_CALLS(X)
#undef X
        WATCHED_KIND_COUNT,
};

#define WATCHED_CHANGES_MAX 64

struct watched {
    struct process_repository base;
    struct process_repository *behind;
    size_t seen[WATCHED_KIND_COUNT];
    bool hold[WATCHED_KIND_COUNT]; /* calls of this kind stay open */
    struct list_link held[WATCHED_KIND_COUNT];
    size_t held_count[WATCHED_KIND_COUNT];
    int spoil[WATCHED_KIND_COUNT]; /* so many of this kind ... */
    enum err spoil_with;           /* ... get this answer */
    bool listened, announced;      /* of the last claim */
    bool follows;
    char progress[WATCHED_CHANGES_MAX][64]; /* of the first changes; "" for none */
    enum process_event events[WATCHED_CHANGES_MAX];
};

struct manager_fixture {
    struct process_policy policy;
    struct process_manager_options options;
    struct loop *loop;
    struct watched *watched;
    struct process_manager *manager;
    int work; /* times that on_work was called */
};

int manager_fixture_setup(void **state);
int manager_fixture_teardown(void **state);
#define MANAGER_TEST(function) \
    cmocka_unit_test_setup_teardown(function, manager_fixture_setup, manager_fixture_teardown)

/* The oldest one that is held goes on to the repository, or ends with `result` and nothing. */
void watched_release(struct manager_fixture *f, enum watched_kind kind);
void watched_answer(struct manager_fixture *f, enum watched_kind kind, enum err result);

/* Turns the loop until *done; fails after half a minute. */
void manager_fixture_wait(struct manager_fixture *f, const bool *done);

struct process_id submit_type(struct manager_fixture *f, const char *type);
/* The answer, once it is there. */
enum err change_now(struct manager_fixture *f, const struct process_id *id,
                    const struct process_change *change);
struct stored {
    enum process_status status;
    int attempt;
    char progress[64];
};
struct stored get_stored(struct manager_fixture *f, const struct process_id *id);

/* A claim of up to four types. */
struct claimer {
    struct process_claim call;
    struct span types[4];
    bool done;
    size_t count;
    int order; /* 1: the first that was done */
    int *next_order;
    struct process_id id; /* of the first that it got */
    char token[LEASE_TOKEN_TEXT_SIZE];
};
/* `types`: names with a blank between them. */
void claim_start(struct manager_fixture *f, struct claimer *claimer, const char *types, int max,
                 int64_t wait_ms);

#endif
