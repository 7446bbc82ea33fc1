/* What timelines keep. That each change is told as the rules say is checked with every change. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

static size_t told(const struct conformance *c, const struct process_id *id,
                   struct kept_events *ret_events)
{
    static struct kept kept;
    assert_int_equal(sync_events(&c->sync, id, &kept, ret_events), ERR_OK);
    assert_int_equal(process_id_compare(&kept.process.id, id), 0);
    return ret_events->count;
}

static bool tells(struct span entry, const char *event)
{
    char mark[64];
    snprintf(mark, sizeof(mark), "\"event\":\"%s\"", event);
    return memmem(entry.data, entry.len, mark, strlen(mark)) != NULL;
}

static void a_new_one_has_nothing_to_tell(void **state)
{
    struct conformance *c = *state;
    static struct kept_events events;
    static struct kept kept;
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_events(&c->sync, &id, &kept, &events), ERR_OK);
    assert_int_equal(events.count, 0);
    assert_int_equal(kept.process.events, 0);
    assert_null(kept.process.input.data);
}

static void a_life_is_told_in_order(void **state)
{
    struct conformance *c = *state;
    static const char *const expected[] = {"claimed",  "progress", "stalled",          "claimed",
                                           "released", "claimed",  "cancel_requested", "canceled",
                                           "retried",  "claimed",  "completed"};
    static struct kept kept;
    static struct kept_events events;
    struct process_id id = conformance_add(c);
    assert_true(conformance_check_claim(c, "t", c->now, 60000, &kept));
    assert_int_equal(conformance_try(c, &kept, EVENT_PROGRESS), ERR_OK);
    conformance_get(c, &id, &kept);
    conformance_check_advance(c, &kept, EVENT_LAPSE, kept.process.lease_until, NULL);
    assert_true(conformance_check_claim(c, "t", c->now + 70000, 60000, &kept));
    assert_int_equal(conformance_try(c, &kept, EVENT_RELEASE), ERR_OK);
    assert_true(conformance_check_claim(c, "t", c->now + 80000, 60000, &kept));
    assert_int_equal(conformance_try(c, &kept, EVENT_CANCEL), ERR_OK);
    assert_int_equal(conformance_try(c, &kept, EVENT_CANCELED), ERR_OK);
    assert_int_equal(conformance_try(c, &kept, EVENT_RETRY), ERR_OK);
    assert_true(conformance_check_claim(c, "t", c->now + 90000, 60000, &kept));
    assert_int_equal(conformance_try(c, &kept, EVENT_COMPLETE), ERR_OK);
    assert_int_equal(told(c, &id, &events), sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < events.count; i++)
        assert_true(tells(events.entries[i], expected[i]));
}

static void late_results_never_stand_two_in_a_row(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, stays;
    static struct kept_events events;
    conformance_running(c, &kept);
    struct process_change late = conformance_change(c, EVENT_COMPLETE, NULL);
    late.token = SPAN("00000000000000000000000000000000");
    for (int i = 0; i < 3; i++) {
        conformance_get(c, &kept.process.id, &stays);
        conformance_check(c, &stays, &late);
        assert_int_equal(told(c, &kept.process.id, &events), 2);
        late.event = EVENT_FAIL;
        late.now += 10;
    }
    assert_int_equal(stays.process.version, 2);
    assert_int_equal(stays.process.updated_at, c->now);
    assert_int_equal(conformance_try(c, &kept, EVENT_PROGRESS), ERR_OK);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &late, NULL, NULL), ERR_LEASE_LOST);
    assert_int_equal(told(c, &kept.process.id, &events), 4);
    assert_true(tells(events.entries[1], "late_result_refused"));
    assert_true(tells(events.entries[2], "progress"));
    assert_true(tells(events.entries[3], "late_result_refused"));
}

static void the_oldest_go_first(void **state)
{
    enum { ROUNDS = 12, MAX = 5 };
    struct conformance *c = *state;
    static struct kept kept;
    static struct kept_events events;
    c->policy.events_max = MAX;
    conformance_reopen(c);
    struct process_id id = conformance_add(c);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(conformance_check_claim(c, "t", c->now + 100 * i, 60000, &kept));
        struct process_change release = conformance_change(c, EVENT_RELEASE, &kept);
        release.now = c->now + 100 * i;
        conformance_check(c, &kept, &release);
    }
    assert_int_equal(told(c, &id, &events), MAX);
    assert_true(tells(events.entries[0], "released"));
    assert_true(tells(events.entries[4], "released"));
    conformance_get(c, &id, &kept);
    assert_int_equal(kept.process.events, 2 * ROUNDS);
}

static void progress_is_sampled(void **state)
{
    enum { REPORTS = 50 };
    struct conformance *c = *state;
    static struct kept kept;
    static struct kept_events events;
    conformance_running(c, &kept);
    struct process_id id = kept.process.id;
    for (int i = 1; i <= REPORTS; i++) { /* 50 s of one a second */
        conformance_get(c, &id, &kept);
        struct process_change progress = conformance_change(c, EVENT_PROGRESS, &kept);
        progress.now = c->now + i * 1000;
        conformance_check(c, &kept, &progress);
    }
    assert_in_range(told(c, &id, &events), 1 + 5, 1 + 6); /* claimed, and as the clock falls */
    conformance_get(c, &id, &kept);
    assert_int_equal(kept.process.version, 2 + REPORTS);
}

static void workers_texts_are_escaped(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    static struct kept_events events;
    const struct span types[1] = {SPAN("t")};
    const struct repo_claim claim = {.types = types,
                                     .type_count = 1,
                                     .worker = SPAN(" a\"b\\c/%s$1 "),
                                     .max = 1,
                                     .now = c->now,
                                     .lease_ms = 60000};
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_claim_as(&c->sync, &claim, &kept), 1);
    struct process_change fail = conformance_change(c, EVENT_FAIL, &kept);
    fail.error = SPAN("{\"code\":\"a_b-c.9\",\"message\":\"\\\"code\\\":\\\"no\\\"\"}");
    conformance_check(c, &kept, &fail);
    assert_int_equal(told(c, &id, &events), 2);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(memmem(events.entries[i].data, events.entries[i].len,
                               "\"actor\":\" a\\\"b\\\\c/%s$1 \"", 23));
    conformance_get(c, &id, &after);
    assert_span(after.process.worker, claim.worker);
}

static void the_unknown_and_the_removed_tell_nothing(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id;
    assert_true(process_id_new(&id));
    assert_int_equal(sync_events(&c->sync, &id, NULL, NULL), ERR_NOT_FOUND);
    conformance_running(c, &kept);
    conformance_complete(c, &kept, c->now);
    assert_int_equal(sync_remove(&c->sync, &kept.process.id, c->now, 0, NULL), ERR_OK);
    assert_int_equal(sync_events(&c->sync, &kept.process.id, NULL, NULL), ERR_GONE);
}

int conformance_timeline_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(a_new_one_has_nothing_to_tell),
        CONFORMANCE_TEST(a_life_is_told_in_order),
        CONFORMANCE_TEST(late_results_never_stand_two_in_a_row),
        CONFORMANCE_TEST(the_oldest_go_first),
        CONFORMANCE_TEST(progress_is_sampled),
        CONFORMANCE_TEST(workers_texts_are_escaped),
        CONFORMANCE_TEST(the_unknown_and_the_removed_tell_nothing),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
