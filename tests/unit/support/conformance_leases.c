/* Leases, timeouts, forced cancels. */
#include "support/conformance.h"

#include "support/test.h"

static void advance(const struct conformance *c, int64_t now, int expect_lapsed)
{
    struct repo_advance advanced;
    assert_int_equal(sync_advance(&c->sync, now, 100, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, expect_lapsed);
    assert_false(advanced.more);
}

/* Lets the lease lapse and compares with what the rules make of it. */
static void lapse(const struct conformance *c, struct kept *running, struct kept *ret_after)
{
    int64_t end = running->process.lease_until;
    advance(c, end - 1, 0);
    conformance_check_advance(c, running, EVENT_LAPSE, end, ret_after);
}

static void a_lapsed_lease_puts_back_then_fails(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    conformance_running(c, &kept);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_PENDING);
    assert_int_equal(after.process.stalls, 1);
    assert_int_equal(conformance_try(c, &kept, EVENT_COMPLETE), ERR_LEASE_LOST);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 70000, 5000, &kept), 1);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_FAILED);
    assert_true(span_starts(after.process.error, "{\"code\":\"lease_lost\""));
}

static void heartbeats_keep_a_lease_without_a_version(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_HEARTBEAT, &kept);
    what.now = c->now + 50000;
    conformance_check(c, &kept, &what);
    advance(c, c->now + 60000, 0);
    conformance_get(c, &kept.process.id, &kept);
    assert_int_equal(kept.process.version, 2);
    assert_int_equal(kept.process.lease_until, c->now + 110000);
}

static void renewing_without_a_length_never_shortens(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_PROGRESS};
    for (size_t i = 0; i < 2; i++) {
        conformance_add(c);
        assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 3600000, &kept), 1);
        struct process_change what = conformance_change(c, events[i], &kept);
        what.lease_ms = 0;
        conformance_check(c, &kept, &what);
        conformance_get(c, &kept.process.id, &kept);
        assert_int_equal(kept.process.lease_until, c->now + 3600000);
        what = conformance_change(c, events[i], &kept);
        what.lease_ms = 0;
        what.now = c->now + 3590000;
        conformance_check(c, &kept, &what);
        conformance_get(c, &kept.process.id, &kept);
        assert_int_equal(kept.process.lease_until, what.now + PROCESS_LEASE_MS);
    }
}

static void a_timeout_ends_an_attempt(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    struct process draft = conformance_draft(c);
    draft.timeout_ms = 3000;
    draft.max_attempts = 2;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    assert_int_equal(kept.process.lease_until, c->now + 3000 + c->policy.cancel_grace_ms);
    struct process_change beat = conformance_change(c, EVENT_HEARTBEAT, &kept);
    conformance_check(c, &kept, &beat);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_PENDING);
    assert_true(span_starts(after.process.error, "{\"code\":\"timeout\""));
    advance(c, after.process.run_at, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, after.process.run_at, 60000, &kept), 1);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_FAILED);
}

static void what_times_out_together_does_not_come_back_together(void **state)
{
    enum { COUNT = 6 };
    struct conformance *c = *state;
    static struct kept kept[COUNT], after;
    int64_t first = 0;
    bool differ = false;
    for (int i = 0; i < COUNT; i++) {
        struct process draft = conformance_draft(c);
        draft.timeout_ms = 1000;
        draft.max_attempts = 2;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    assert_int_equal(sync_claim(&c->sync, "t", COUNT, c->now, 60000, kept), COUNT);
    int64_t end = kept[0].process.lease_until;
    advance(c, end, COUNT);
    for (int i = 0; i < COUNT; i++) {
        conformance_get(c, &kept[i].process.id, &after);
        assert_in_range(after.process.run_at, end, end + c->policy.retry_base_ms);
        first = i == 0 ? after.process.run_at : first;
        differ = differ || after.process.run_at != first;
    }
    assert_true(differ);
}

static void cancel_asks_first_and_is_forced_then(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_PROGRESS, &kept);
    conformance_check(c, &kept, &what);
    conformance_get(c, &kept.process.id, &kept);
    what = conformance_change(c, EVENT_CANCEL, NULL);
    conformance_check(c, &kept, &what);
    conformance_get(c, &kept.process.id, &kept);
    assert_int_equal(kept.process.lease_until, what.now + c->policy.cancel_grace_ms);
    conformance_check(c, &kept, &what); /* asking again changes nothing */
    what = conformance_change(c, EVENT_HEARTBEAT, &kept);
    conformance_check(c, &kept, &what);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_CANCELED);
    assert_span(after.process.progress, SPAN("{\"percent\":50}"));
    assert_int_equal(conformance_try(c, &kept, EVENT_COMPLETE), ERR_CONFLICT);
}

int conformance_leases_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(a_lapsed_lease_puts_back_then_fails),
        CONFORMANCE_TEST(heartbeats_keep_a_lease_without_a_version),
        CONFORMANCE_TEST(renewing_without_a_length_never_shortens),
        CONFORMANCE_TEST(a_timeout_ends_an_attempt),
        CONFORMANCE_TEST(what_times_out_together_does_not_come_back_together),
        CONFORMANCE_TEST(cancel_asks_first_and_is_forced_then),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
