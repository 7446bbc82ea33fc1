/* Workers: who looked for work, and what each holds. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

static size_t claim(const struct conformance *c, const char *worker, int max, bool announce,
                    int64_t now, struct kept *ret_kept)
{
    const struct span types[1] = {SPAN("t")};
    const struct repo_claim call = {.types = types,
                                    .type_count = 1,
                                    .worker = span_of(worker),
                                    .announce = announce,
                                    .max = max,
                                    .now = now,
                                    .lease_ms = 60000};
    return sync_claim_as(&c->sync, &call, ret_kept);
}

static bool find_worker(const struct conformance *c, const char *worker, int64_t now,
                        struct repo_worker *ret_worker)
{
    static struct repo_worker workers[REPO_WORKERS_MAX];
    size_t count = sync_workers(&c->sync, now, workers, REPO_WORKERS_MAX, NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(workers[i].worker, worker) == 0) {
            *ret_worker = workers[i];
            return true;
        }
    }
    return false;
}

static void looking_and_claiming_are_seen(void **state)
{
    struct conformance *c = *state;
    struct repo_worker worker;
    assert_int_equal(claim(c, "silent", 1, false, c->now, NULL), 0);
    assert_false(find_worker(c, "silent", c->now, &worker));
    assert_int_equal(claim(c, "loud", 1, true, c->now + 1, NULL), 0);
    assert_true(find_worker(c, "loud", c->now + 1, &worker));
    assert_int_equal(worker.last_seen_at, c->now + 1);
    assert_int_equal(worker.held, 0);
    conformance_add(c);
    assert_int_equal(claim(c, "silent", 1, false, c->now + 2, NULL), 1);
    assert_true(find_worker(c, "silent", c->now + 2, &worker));
    assert_int_equal(worker.last_seen_at, c->now + 2);
    assert_int_equal(worker.held, 1);
}

static void what_is_held_is_given_up_in_every_way(void **state)
{
    struct conformance *c = *state;
    struct repo_worker worker;
    struct repo_advance advanced;
    static struct kept kept[5];
    static const enum process_event ends[] = {EVENT_COMPLETE, EVENT_FAIL, EVENT_RELEASE};
    for (int i = 0; i < 5; i++)
        conformance_add_to(c, "t", 0, c->now + i);
    assert_int_equal(claim(c, "w", 5, true, c->now + 10, kept), 5);
    for (int i = 0; i < 3; i++) {
        assert_true(find_worker(c, "w", c->now + 10, &worker));
        assert_int_equal(worker.held, 5 - i);
        assert_int_equal(conformance_try(c, &kept[i], ends[i]), ERR_OK);
    }
    assert_int_equal(conformance_try(c, &kept[3], EVENT_CANCEL), ERR_OK);
    assert_true(find_worker(c, "w", c->now + 10, &worker));
    assert_int_equal(worker.held, 2);
    assert_int_equal(conformance_try(c, &kept[3], EVENT_CANCELED), ERR_OK);
    assert_true(find_worker(c, "w", c->now + 10, &worker));
    assert_int_equal(worker.held, 1);
    assert_true(same_id(&worker.processes[0].id, &kept[4].process.id));
    assert_int_equal(sync_advance(&c->sync, c->now + 60010, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, 1);
    assert_true(find_worker(c, "w", c->now + 60010, &worker));
    assert_int_equal(worker.held, 0);
}

static void of_many_held_the_first_are_shown(void **state)
{
    enum { HELD = REPO_WORKER_HELD_MAX + 4 };
    struct conformance *c = *state;
    struct repo_worker worker;
    static struct kept kept[HELD];
    for (int i = 0; i < HELD; i++) {
        conformance_add(c);
        assert_int_equal(claim(c, "w", 1, true, c->now + i, &kept[i]), 1);
        conformance_add(c);
        assert_int_equal(claim(c, "other", 1, true, c->now + i, NULL), 1);
    }
    assert_true(find_worker(c, "w", c->now + HELD, &worker));
    assert_int_equal(worker.held, HELD);
    assert_int_equal(worker.last_seen_at, c->now + HELD - 1);
    for (int i = 0; i < REPO_WORKER_HELD_MAX; i++) {
        assert_true(same_id(&worker.processes[i].id, &kept[i].process.id));
        assert_int_equal(worker.processes[i].claimed_at, c->now + i);
    }
}

/* By a clock that is behind: what is shown of a claim agrees with its record. */
static void a_claim_is_as_old_as_its_record_says(void **state)
{
    struct conformance *c = *state;
    struct repo_worker worker;
    static struct kept kept;
    conformance_add(c);
    assert_int_equal(claim(c, "w", 1, true, c->now - 5000, &kept), 1);
    assert_int_equal(kept.process.started_at, c->now);
    assert_true(find_worker(c, "w", c->now, &worker));
    assert_int_equal(worker.processes[0].claimed_at, c->now);
}

static void the_one_last_seen_comes_first_and_they_are_bounded(void **state)
{
    struct conformance *c = *state;
    static struct repo_worker workers[REPO_WORKERS_MAX];
    char name[16];
    bool more;
    for (int i = 0; i <= REPO_WORKERS_MAX; i++) {
        snprintf(name, sizeof(name), "w%d", i * 7 % (REPO_WORKERS_MAX + 1));
        assert_int_equal(claim(c, name, 1, true, c->now + i, NULL), 0);
        if (i == REPO_WORKERS_MAX - 1) {
            assert_int_equal(sync_workers(&c->sync, c->now + i, workers, REPO_WORKERS_MAX, &more),
                             REPO_WORKERS_MAX);
            assert_false(more);
        }
    }
    assert_int_equal(sync_workers(&c->sync, c->now + 1000, workers, REPO_WORKERS_MAX, &more),
                     REPO_WORKERS_MAX);
    assert_true(more);
    for (int i = 0; i < REPO_WORKERS_MAX; i++) {
        int seen = REPO_WORKERS_MAX - i;
        snprintf(name, sizeof(name), "w%d", seen * 7 % (REPO_WORKERS_MAX + 1));
        assert_string_equal(workers[i].worker, name);
        assert_int_equal(workers[i].last_seen_at, c->now + seen);
    }
}

static void idle_workers_are_forgotten_holders_never(void **state)
{
    struct conformance *c = *state;
    struct repo_worker worker;
    static struct kept kept;
    int64_t later = c->now + INT64_C(400) * 86400000;
    conformance_add(c);
    assert_int_equal(claim(c, "holds", 1, true, c->now, &kept), 1);
    assert_int_equal(claim(c, "idle", 1, true, c->now, NULL), 0);
    assert_true(find_worker(c, "idle", c->now + 60000, &worker));
    assert_false(find_worker(c, "idle", later, &worker));
    assert_true(find_worker(c, "holds", later, &worker));
    assert_int_equal(worker.held, 1);
    assert_int_equal(claim(c, "new", 1, true, later, NULL), 0); /* this forgets, if anything does */
    assert_true(find_worker(c, "holds", later, &worker));
    conformance_complete(c, &kept, later);
    assert_false(find_worker(c, "holds", later, &worker));
    assert_true(find_worker(c, "new", later, &worker));
}

static void the_longest_name_fits(void **state)
{
    struct conformance *c = *state;
    struct repo_worker worker;
    char name[PROCESS_WORKER_MAX + 1];
    memset(name, '~', sizeof(name));
    name[PROCESS_WORKER_MAX] = '\0';
    conformance_add(c);
    assert_int_equal(claim(c, name, 1, true, c->now, NULL), 1);
    assert_true(find_worker(c, name, c->now, &worker));
    assert_int_equal(worker.held, 1);
}

int conformance_workers_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(looking_and_claiming_are_seen),
        CONFORMANCE_TEST(what_is_held_is_given_up_in_every_way),
        CONFORMANCE_TEST(of_many_held_the_first_are_shown),
        CONFORMANCE_TEST(a_claim_is_as_old_as_its_record_says),
        CONFORMANCE_TEST(the_one_last_seen_comes_first_and_they_are_bounded),
        CONFORMANCE_TEST(idle_workers_are_forgotten_holders_never),
        CONFORMANCE_TEST(the_longest_name_fits),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
