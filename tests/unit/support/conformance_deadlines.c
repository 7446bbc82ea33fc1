/* What time brings to pending processes: deadlines, queue timeouts, pauses of their own. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

static struct repo_advance advance(const struct conformance *c, int64_t now, int limit)
{
    struct repo_advance advanced;
    assert_int_equal(sync_advance(&c->sync, now, limit, &advanced), ERR_OK);
    return advanced;
}

static bool has_code(const struct kept *kept, const char *code)
{
    char front[64];
    snprintf(front, sizeof(front), "{\"code\":\"%s\",", code);
    return span_starts(kept->process.error, front);
}

/* Stores one with these, lets the earlier pass, and gives what it left. */
static void expire(const struct conformance *c, int64_t queue_deadline, int64_t deadline,
                   struct kept *ret_after)
{
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.queue_timeout_ms = queue_deadline != TIME_NONE ? queue_deadline - c->now : 0;
    draft.queue_deadline = queue_deadline;
    draft.deadline = deadline;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, &kept);
    int64_t end = process_pending_deadline(&draft);
    assert_int_equal(advance(c, end - 1, 100).expired, 0);
    conformance_check_advance(c, &kept, EVENT_EXPIRE, end, ret_after);
    assert_int_equal(ret_after->process.status, PROCESS_FAILED);
    assert_int_equal(advance(c, end + 1000, 100).expired, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, end, 60000, NULL), 0);
}

static void pending_ones_expire_on_time(void **state)
{
    struct conformance *c = *state;
    static struct kept after;
    expire(c, c->now + 500, TIME_NONE, &after);
    assert_true(has_code(&after, "queue_timeout"));
    expire(c, TIME_NONE, c->now + 500, &after);
    assert_true(has_code(&after, "deadline_exceeded"));
    expire(c, c->now + 500, c->now + 501, &after);
    assert_true(has_code(&after, "queue_timeout"));
    expire(c, c->now + 501, c->now + 500, &after);
    assert_true(has_code(&after, "deadline_exceeded"));
    assert_int_equal(sync_counts(&c->sync).by_status[PROCESS_FAILED], 4);
}

static void a_delayed_one_expires_before_it_is_due(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    struct process draft = conformance_draft(c);
    draft.run_at = c->now + 5000;
    draft.deadline = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, &kept);
    conformance_check_advance(c, &kept, EVENT_EXPIRE, c->now + 1000, &after);
    struct repo_advance later = advance(c, c->now + 6000, 100);
    assert_int_equal(later.released + later.expired, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 6000, 60000, NULL), 0);
}

static void the_first_claim_ends_the_queue_timeout(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.queue_timeout_ms = 1000;
    draft.queue_deadline = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_true(conformance_check_claim(c, "t", c->now + 999, 60000, &kept));
    assert_int_equal(conformance_try(c, &kept, EVENT_RELEASE), ERR_OK);
    assert_int_equal(advance(c, c->now + 5000, 100).expired, 0);
    assert_true(conformance_check_claim(c, "t", c->now + 5000, 60000, &kept));
}

static void a_deadline_runs_through_all_attempts(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 3;
    draft.deadline = c->now + 20000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_true(conformance_check_claim(c, "t", c->now, 60000, &kept));
    assert_int_equal(kept.process.lease_until, draft.deadline);
    struct process_change fail = conformance_change(c, EVENT_FAIL, &kept);
    fail.retryable = true;
    fail.retry_after_ms = 30000;
    conformance_check(c, &kept, &fail);
    conformance_get(c, &draft.id, &kept);
    assert_int_equal(advance(c, c->now + 19999, 100).expired, 0);
    conformance_check_advance(c, &kept, EVENT_EXPIRE, c->now + 20000, &after);
    assert_true(has_code(&after, "deadline_exceeded"));
    assert_int_equal(advance(c, c->now + 40000, 100).released, 0);
}

static void a_deadline_ends_a_running_one(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 3;
    draft.deadline = c->now + 20000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_true(conformance_check_claim(c, "t", c->now, 60000, &kept));
    struct process_change beat = conformance_change(c, EVENT_HEARTBEAT, &kept);
    conformance_check(c, &kept, &beat);
    conformance_get(c, &draft.id, &kept);
    struct repo_advance early = advance(c, c->now + 19999, 100);
    assert_int_equal(early.lapsed + early.expired, 0);
    conformance_check_advance(c, &kept, EVENT_LAPSE, c->now + 20000, &after);
    assert_true(has_code(&after, "deadline_exceeded"));
    assert_int_equal(after.process.status, PROCESS_FAILED);
}

static void ended_ones_do_not_expire(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.deadline = c->now + 1000;
    draft.queue_deadline = c->now + 900;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, &kept);
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    conformance_check(c, &kept, &cancel);
    assert_int_equal(advance(c, c->now + 2000, 100).expired, 0);
    conformance_get(c, &draft.id, &kept);
    assert_int_equal(kept.process.status, PROCESS_CANCELED);
}

static void a_retry_by_hand_starts_the_queue_timeout_again(void **state)
{
    struct conformance *c = *state;
    static struct kept after;
    expire(c, c->now + 500, c->now + 1000, &after);
    struct process_change retry = conformance_change(c, EVENT_RETRY, NULL);
    retry.now = c->now + 2000;
    conformance_check(c, &after, &retry);
    conformance_get(c, &after.process.id, &after);
    assert_int_equal(after.process.deadline, TIME_NONE);
    assert_int_equal(advance(c, c->now + 2499, 100).expired, 0);
    conformance_check_advance(c, &after, EVENT_EXPIRE, c->now + 2500, &after);
    assert_true(has_code(&after, "queue_timeout"));
}

static void pauses_are_the_processes_own(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    static const struct {
        enum process_backoff backoff;
        int64_t base, cap;
        uint32_t jitter;
    } cases[] = {
        {BACKOFF_FIXED, 7000, 0, 0},
        {BACKOFF_FIXED, 0, 0, UINT32_MAX},
        {BACKOFF_FIXED, PROCESS_RETRY_MAX_MS, 0, 5},
        {BACKOFF_EXPONENTIAL, 100, 350, UINT32_MAX},
        {BACKOFF_EXPONENTIAL, 100, 350, UINT32_MAX / 3},
        {BACKOFF_EXPONENTIAL, 0, 350, UINT32_MAX},
        {BACKOFF_EXPONENTIAL, PROCESS_RETRY_MAX_MS, PROCESS_RETRY_MAX_MS, UINT32_MAX},
        {BACKOFF_POLICY, 0, 0, UINT32_MAX / 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct process draft = conformance_draft(c);
        int64_t now = c->now;
        draft.max_attempts = 1000;
        draft.backoff = (int)cases[i].backoff;
        draft.retry_base_ms = cases[i].base;
        draft.retry_cap_ms = cases[i].cap;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
        for (int attempt = 1; attempt <= 4; attempt++) {
            assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 1);
            struct process_change fail = conformance_change(c, EVENT_FAIL, &kept);
            fail.retryable = true;
            fail.jitter = cases[i].jitter;
            fail.now = now;
            conformance_check(c, &kept, &fail);
            conformance_get(c, &draft.id, &kept);
            now = kept.process.run_at;
            advance(c, now, 100);
        }
        assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 1);
        conformance_complete(c, &kept, now);
    }
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void every_kind_has_the_limit_for_itself(void **state)
{
    enum { COUNT = 7, LIMIT = 5 };
    struct conformance *c = *state;
    for (int i = 0; i < COUNT; i++)
        conformance_add(c);
    assert_int_equal(sync_claim(&c->sync, "t", COUNT, c->now, 5000, NULL), COUNT);
    for (int i = 0; i < COUNT; i++) {
        struct process draft = conformance_draft(c);
        draft.run_at = c->now + 1000;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
        draft = conformance_draft(c);
        draft.deadline = c->now + 1000;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    struct repo_advance first = advance(c, c->now + 5000, LIMIT);
    assert_int_equal(first.released, LIMIT);
    assert_int_equal(first.lapsed, LIMIT);
    assert_int_equal(first.expired, LIMIT);
    assert_true(first.more);
    struct repo_advance second = advance(c, c->now + 5000, LIMIT);
    assert_int_equal(second.released, COUNT - LIMIT);
    assert_int_equal(second.lapsed, COUNT - LIMIT);
    assert_int_equal(second.expired, COUNT - LIMIT);
    assert_false(second.more);
    struct repo_counts counts = sync_counts(&c->sync);
    assert_int_equal(counts.by_status[PROCESS_PENDING], 2 * COUNT);
    assert_int_equal(counts.by_status[PROCESS_FAILED], COUNT);
}

static void many_that_expire_tell_that_there_are_more(void **state)
{
    enum { COUNT = 12, LIMIT = 4 };
    struct conformance *c = *state;
    int expired = 0;
    for (int i = 0; i < COUNT; i++) {
        struct process draft = conformance_draft(c);
        draft.queue_deadline = c->now + 1000 + i;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    for (int steps = 0; expired < COUNT; steps++) {
        struct repo_advance step = advance(c, c->now + 2000, LIMIT);
        assert_in_range(step.expired, 1, LIMIT);
        expired += step.expired;
        assert_true(step.more || expired == COUNT);
        assert_true(steps <= COUNT);
    }
    assert_int_equal(sync_counts(&c->sync).by_status[PROCESS_FAILED], COUNT);
}

int conformance_deadlines_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(pending_ones_expire_on_time),
        CONFORMANCE_TEST(a_delayed_one_expires_before_it_is_due),
        CONFORMANCE_TEST(the_first_claim_ends_the_queue_timeout),
        CONFORMANCE_TEST(a_deadline_runs_through_all_attempts),
        CONFORMANCE_TEST(a_deadline_ends_a_running_one),
        CONFORMANCE_TEST(ended_ones_do_not_expire),
        CONFORMANCE_TEST(a_retry_by_hand_starts_the_queue_timeout_again),
        CONFORMANCE_TEST(pauses_are_the_processes_own),
        CONFORMANCE_TEST(every_kind_has_the_limit_for_itself),
        CONFORMANCE_TEST(many_that_expire_tell_that_there_are_more),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
