/* What every process repository must do. A test program per implementation gives a subject and
 * runs the suite; nothing in it knows which one it is. */
#ifndef SUPPORT_CONFORMANCE_H
#define SUPPORT_CONFORMANCE_H

#include "support/sync_calls.h"

struct conformance_subject {
    const char *name;
    /* A repository with nothing in it, ready to be called. The policy outlives it. */
    struct process_repository *(*open)(struct loop *loop, const struct process_policy *policy);
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

/* A pending process of type "t", created at c->now, with a fresh id. */
struct process conformance_draft(const struct conformance *c);
/* Stores it and returns its id. */
struct process_id conformance_add(const struct conformance *c);
/* Stores one and claims it; the claimed record with its token goes into *ret_kept. */
void conformance_running(const struct conformance *c, struct kept *ret_kept);
struct process_change conformance_change(const struct conformance *c, enum process_event event,
                                         const struct kept *running);
void conformance_complete(const struct conformance *c, struct kept *running, int64_t now);

#define CONFORMANCE_TEST(function)                                                              \
    cmocka_unit_test_prestate_setup_teardown(function, conformance_setup, conformance_teardown, \
                                             (void *)(uintptr_t)subject)

int conformance_calls_run(const struct conformance_subject *subject);
int conformance_life_run(const struct conformance_subject *subject);
int conformance_walks_run(const struct conformance_subject *subject);

#endif
