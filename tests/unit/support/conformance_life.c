/* Every transition, against the rules. */
#include "support/conformance.h"

#include "support/test.h"

static void every_event_in_every_status(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
        for (int event = 0; event < PROCESS_EVENT_COUNT; event++) {
            conformance_put_into(c, (enum process_status)status, &kept);
            struct process_change what = conformance_change(c, (enum process_event)event, &kept);
            conformance_check(c, &kept, &what);
            while (sync_claim(&c->sync, "t", 1, c->now, 60000, &kept) > 0)
                ; /* whatever it left claimable must not be claimed in the next round */
        }
    }
}

static void only_the_holder_of_the_lease_reports(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_COMPLETE,
                                                EVENT_FAIL,      EVENT_RELEASE,  EVENT_CANCELED};
    conformance_running(c, &kept);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        conformance_get(c, &kept.process.id, &kept); /* a late result is counted */
        struct process_change what = conformance_change(c, events[i], &kept);
        what.token = SPAN("00000000000000000000000000000000");
        conformance_check(c, &kept, &what);
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL),
                         ERR_LEASE_LOST);
        what.token = SPAN_NONE;
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL),
                         ERR_LEASE_LOST);
    }
}

/* Whoever asks for it: only what has passed by then ends anything. */
static void the_clocks_own_changes_are_checked_like_any_other(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.deadline = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    struct process_change what = conformance_change(c, EVENT_EXPIRE, NULL);
    for (what.now = c->now + 999; what.now <= c->now + 1000; what.now++) {
        conformance_get(c, &draft.id, &kept);
        conformance_check(c, &kept, &what);
    }
    conformance_running(c, &kept);
    const struct process_id id = kept.process.id;
    what = conformance_change(c, EVENT_LAPSE, NULL);
    for (what.now = c->now + 59999; what.now <= c->now + 60000; what.now++) {
        conformance_get(c, &id, &kept);
        conformance_check(c, &kept, &what);
    }
    conformance_get(c, &id, &kept);
    assert_int_equal(kept.process.stalls, 1);
}

static void version_is_checked_when_given(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_put_into(c, PROCESS_PENDING, &kept);
    struct process_change what = conformance_change(c, EVENT_CANCEL, NULL);
    what.if_version = 2;
    conformance_check(c, &kept, &what);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_STALE);
    what.if_version = 1;
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
}

/* The same report twice, then with another token and of another attempt. */
static void report_twice(const struct conformance *c, struct kept *running,
                         struct process_change what)
{
    const struct process_id id = running->process.id;
    conformance_get(c, &id, running);
    conformance_check(c, running, &what);
    for (int round = 0; round < 4; round++) {
        what.now += 5;
        what.attempt = round < 3 ? round : 0;
        if (round == 3)
            what.token = SPAN("00000000000000000000000000000000");
        conformance_get(c, &id, running);
        conformance_check(c, running, &what);
    }
    while (sync_claim(&c->sync, "t", 1, c->now + 3600000, 60000, NULL) > 0)
        ; /* so that it is not in the way of the next */
}

static void repeated_reports_get_the_same_answer(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    static const enum process_event events[] = {EVENT_COMPLETE, EVENT_FAIL, EVENT_RELEASE,
                                                EVENT_CANCELED};
    for (size_t i = 0; i < 2 * sizeof(events) / sizeof(events[0]); i++) {
        for (int retryable = 0; retryable < 2; retryable++) {
            struct process draft = conformance_draft(c);
            draft.max_attempts = 2;
            assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
            assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
            if (i % 2 == 1)
                assert_int_equal(conformance_try(c, &kept, EVENT_CANCEL), ERR_OK);
            struct process_change what = conformance_change(c, events[i / 2], &kept);
            char token[LEASE_TOKEN_TEXT_SIZE];
            assert_true(text_copy(token, sizeof(token), what.token));
            what.token = span_of(token);
            what.retryable = retryable == 1;
            report_twice(c, &kept, what);
        }
    }
}

static void another_result_is_no_repetition(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_COMPLETE, &kept);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
    what.result = SPAN("[2, 1]");
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_CONFLICT);
}

static void the_attempt_is_checked_when_given(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_COMPLETE,
                                                EVENT_FAIL,      EVENT_RELEASE,  EVENT_CANCELED};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        conformance_get(c, &kept.process.id, &kept);
        struct process_change what = conformance_change(c, events[i], &kept);
        what.attempt = i % 2 == 0 ? 2 : INT32_MAX;
        conformance_check(c, &kept, &what);
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL),
                         ERR_LEASE_LOST);
    }
    struct process_change what = conformance_change(c, EVENT_COMPLETE, &kept);
    what.attempt = 1;
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
}

static void failures_are_retried_after_a_pause(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct repo_advance advanced;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 3;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    int64_t now = c->now;
    for (int attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 1);
        assert_int_equal(kept.process.attempt, attempt);
        struct process_change what = conformance_change(c, EVENT_FAIL, &kept);
        what.retryable = true;
        what.now = now;
        conformance_check(c, &kept, &what);
        conformance_get(c, &draft.id, &kept);
        if (attempt == 3)
            break;
        assert_int_equal(kept.process.status, PROCESS_PENDING);
        assert_in_range(kept.process.run_at - now, (1000 << (attempt - 1)) - 1,
                        1000 << (attempt - 1));
        now = kept.process.run_at;
        assert_int_equal(sync_advance(&c->sync, now - 1, 10, &advanced), ERR_OK);
        assert_int_equal(advanced.released, 0);
        assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 0);
        assert_int_equal(sync_advance(&c->sync, now, 10, &advanced), ERR_OK);
        assert_int_equal(advanced.released, 1);
    }
    assert_int_equal(kept.process.status, PROCESS_FAILED);
    assert_int_equal(kept.process.failures, 3);
}

static void a_retry_by_hand_starts_afresh(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_put_into(c, PROCESS_FAILED, &kept);
    struct process_change what = conformance_change(c, EVENT_RETRY, NULL);
    conformance_check(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 20, 60000, &kept), 1);
    assert_int_equal(kept.process.attempt, 2);
    assert_null(kept.process.error.data);
    conformance_complete(c, &kept, c->now + 30);
}

static void retry_after_overrules_the_policy(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 2;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    struct process_change what = conformance_change(c, EVENT_FAIL, &kept);
    what.retryable = true;
    what.retry_after_ms = 0;
    conformance_check(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, what.now, 60000, &kept), 1);
}

static void a_released_one_is_claimable_at_once(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    assert_int_equal(conformance_try(c, &kept, EVENT_PROGRESS), ERR_OK);
    conformance_get(c, &kept.process.id, &kept);
    struct process_change what = conformance_change(c, EVENT_RELEASE, &kept);
    conformance_check(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, what.now, 60000, &kept), 1);
    assert_int_equal(kept.process.attempt, 2);
    assert_int_equal(kept.process.failures, 0);
    assert_null(kept.process.progress.data); /* that of the attempt before */
    conformance_get(c, &kept.process.id, &kept);
    assert_null(kept.process.progress.data);
}

static void shown_times_never_run_backwards(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now - 5000, 60000, &kept), 1);
    assert_int_equal(kept.process.started_at, c->now);
    assert_int_equal(kept.process.lease_until, c->now - 5000 + 60000);
    struct process_change what = conformance_change(c, EVENT_PROGRESS, &kept);
    what.now = c->now + 100;
    conformance_check(c, &kept, &what);
    conformance_get(c, &id, &kept);
    what = conformance_change(c, EVENT_COMPLETE, &kept); /* by a clock that is behind */
    what.now = c->now + 50;
    conformance_check(c, &kept, &what);
    conformance_get(c, &id, &kept);
    assert_int_equal(kept.process.completed_at, c->now + 100);
    assert_int_equal(kept.process.updated_at, c->now + 100);
}

int conformance_life_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(every_event_in_every_status),
        CONFORMANCE_TEST(only_the_holder_of_the_lease_reports),
        CONFORMANCE_TEST(the_clocks_own_changes_are_checked_like_any_other),
        CONFORMANCE_TEST(version_is_checked_when_given),
        CONFORMANCE_TEST(repeated_reports_get_the_same_answer),
        CONFORMANCE_TEST(another_result_is_no_repetition),
        CONFORMANCE_TEST(the_attempt_is_checked_when_given),
        CONFORMANCE_TEST(failures_are_retried_after_a_pause),
        CONFORMANCE_TEST(a_retry_by_hand_starts_afresh),
        CONFORMANCE_TEST(retry_after_overrules_the_policy),
        CONFORMANCE_TEST(a_released_one_is_claimable_at_once),
        CONFORMANCE_TEST(shown_times_never_run_backwards),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
