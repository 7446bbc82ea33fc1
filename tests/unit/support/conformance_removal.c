/* Removal by hand and by sweeps. */
#include "support/conformance.h"

#include "support/test.h"

static void only_finished_ones_are_removed(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, removed;
    conformance_running(c, &kept);
    struct process_id id = kept.process.id;
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, &removed), ERR_CONFLICT);
    assert_int_equal(removed.process.status, PROCESS_RUNNING);
    conformance_complete(c, &kept, c->now);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 2, NULL), ERR_STALE);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 3, &removed), ERR_OK);
    assert_span(removed.process.result, SPAN("[1, 2]"));
    struct process_change retry = conformance_change(c, EVENT_RETRY, NULL);
    assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_GONE);
    assert_int_equal(sync_change(&c->sync, &id, &retry, NULL, NULL), ERR_GONE);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, NULL), ERR_GONE);
    assert_int_equal(sync_counts(&c->sync).total, 0);
}

/* Finishes `count` processes of a type at c->now + 1, + 2, … */
static void finish_some(const struct conformance *c, const char *type, int count,
                        enum process_event how)
{
    static struct kept kept;
    for (int i = 1; i <= count; i++) {
        conformance_add_to(c, type, 0, c->now);
        assert_int_equal(sync_claim(&c->sync, type, 1, c->now, 60000, &kept), 1);
        struct process_change what = conformance_change(c, how, &kept);
        what.now = c->now + i;
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
    }
}

static int64_t sweep_all(const struct conformance *c, struct repo_sweep call, int *ret_steps)
{
    int64_t matched = 0;
    *ret_steps = 0;
    do {
        call.now = c->now;
        assert_int_equal(sync_sweep(&c->sync, &call), ERR_OK);
        for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
            matched += call.matched[i];
        assert_true(++*ret_steps < 100);
    } while (call.more);
    return matched;
}

static void retention_is_swept_in_bounded_steps(void **state)
{
    struct conformance *c = *state;
    const int64_t day = 86400000;
    int steps;
    finish_some(c, "t", 10, EVENT_COMPLETE);
    finish_some(c, "f", 2, EVENT_FAIL);
    conformance_add(c);
    struct repo_sweep call = {.kind = SWEEP_EXPIRED, .before = c->now + day, .limit = 4};
    assert_int_equal(sweep_all(c, call, &steps), 0);
    call.before = c->now + day + 10;
    assert_int_equal(sweep_all(c, call, &steps), 10);
    assert_true(steps >= 3);
    assert_int_equal(sync_counts(&c->sync).total, 3);
    call.before = c->now + 8 * day;
    assert_int_equal(sweep_all(c, call, &steps), 2);
    assert_int_equal(sync_counts(&c->sync).by_status[PROCESS_PENDING], 1);
}

static void a_process_may_bring_its_own_retention(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    int steps;
    struct process draft = conformance_draft(c);
    draft.retention_ms = 5000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now + 10);
    struct repo_sweep call = {.kind = SWEEP_EXPIRED, .before = c->now + 5009, .limit = 10};
    assert_int_equal(sweep_all(c, call, &steps), 0);
    call.before++;
    assert_int_equal(sweep_all(c, call, &steps), 1);
    assert_int_equal(sync_get(&c->sync, &draft.id, false, NULL), ERR_GONE);
}

static void a_retried_one_is_not_swept(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    int steps;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_FAIL, &kept);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
    what = conformance_change(c, EVENT_RETRY, NULL);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
    struct repo_sweep call = {
        .kind = SWEEP_EXPIRED, .before = c->now + INT64_C(864000000), .limit = 10};
    assert_int_equal(sweep_all(c, call, &steps), 0);
    assert_int_equal(sync_get(&c->sync, &kept.process.id, false, NULL), ERR_OK);
}

static void finished_ones_are_swept_by_status_and_type(void **state)
{
    struct conformance *c = *state;
    int steps;
    finish_some(c, "a", 6, EVENT_COMPLETE);
    finish_some(c, "b", 3, EVENT_COMPLETE);
    finish_some(c, "a", 2, EVENT_FAIL);
    struct repo_sweep call = {.kind = SWEEP_FINISHED,
                              .status = PROCESS_COMPLETED,
                              .type = SPAN("a"),
                              .before = c->now + 4,
                              .limit = 2,
                              .dry_run = true};
    assert_int_equal(sweep_all(c, call, &steps), 4);
    assert_int_equal(sync_counts(&c->sync).total, 11);
    call.dry_run = false;
    assert_int_equal(sweep_all(c, call, &steps), 4);
    assert_int_equal(sync_counts(&c->sync).total, 7);
    call.type = SPAN_NONE;
    call.before = c->now + 100;
    assert_int_equal(sweep_all(c, call, &steps), 5);
    assert_int_equal(sync_counts(&c->sync).by_status[PROCESS_FAILED], 2);
}

int conformance_removal_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(only_finished_ones_are_removed),
        CONFORMANCE_TEST(retention_is_swept_in_bounded_steps),
        CONFORMANCE_TEST(a_process_may_bring_its_own_retention),
        CONFORMANCE_TEST(a_retried_one_is_not_swept),
        CONFORMANCE_TEST(finished_ones_are_swept_by_status_and_type),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
