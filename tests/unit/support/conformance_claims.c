/* Claims in order. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

static void claims_by_priority_then_age(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[8];
    struct process_id low = conformance_add_to(c, "t", -5, c->now),
                      young = conformance_add_to(c, "t", 0, c->now + 2);
    struct process_id old = conformance_add_to(c, "t", 0, c->now + 1),
                      high = conformance_add_to(c, "t", 100, c->now + 9);
    conformance_add_to(c, "other", 100, c->now);
    assert_int_equal(sync_claim(&c->sync, "t", 3, c->now + 10, 60000, kept), 3);
    assert_true(same_id(&kept[0].process.id, &high));
    assert_true(same_id(&kept[1].process.id, &old));
    assert_true(same_id(&kept[2].process.id, &young));
    assert_int_equal(sync_claim(&c->sync, "t", 8, c->now + 10, 60000, kept), 1);
    assert_true(same_id(&kept[0].process.id, &low));
    assert_int_equal(sync_claim(&c->sync, "t", 8, c->now + 10, 60000, kept), 0);
}

static void a_claim_gives_input_token_and_lease(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, stored;
    conformance_running(c, &kept);
    assert_span(kept.process.input, SPAN("{ \"n\" : 0.1 }"));
    assert_int_equal(kept.process.lease_token.len, LEASE_TOKEN_TEXT_SIZE - 1);
    assert_span(kept.process.worker, SPAN("tester/1"));
    assert_int_equal(kept.process.status, PROCESS_RUNNING);
    assert_int_equal(kept.process.attempt, 1);
    assert_int_equal(kept.process.version, 2);
    assert_int_equal(kept.process.started_at, c->now);
    assert_int_equal(kept.process.lease_until, c->now + 60000);
    assert_int_equal(sync_get(&c->sync, &kept.process.id, false, &stored), ERR_OK);
    assert_span(stored.process.lease_token, kept.process.lease_token);
    assert_int_equal(stored.process.lease_until, kept.process.lease_until);
}

static void what_is_scheduled_is_not_claimed_early(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct repo_advance advanced;
    struct process draft = conformance_draft(c);
    draft.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 5000, 60000, &kept), 0);
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 1);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 1000, 60000, &kept), 1);
}

static void advance_is_bounded(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[8];
    struct repo_advance advanced;
    for (int i = 0; i < 7; i++) {
        struct process draft = conformance_draft(c);
        draft.run_at = c->now + 1000;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 5, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 5);
    assert_true(advanced.more);
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 5, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 2);
    assert_false(advanced.more);
    assert_int_equal(sync_claim(&c->sync, "t", 8, c->now + 1000, 60000, kept), 7);
}

/* --- several types ---------------------------------------------------------------------------- */

static size_t claim_of(const struct conformance *c, const struct span *types, size_t type_count,
                       int max, struct kept *ret_kept)
{
    const struct repo_claim call = {.types = types,
                                    .type_count = type_count,
                                    .worker = SPAN("w"),
                                    .max = max,
                                    .now = c->now + 100,
                                    .lease_ms = 60000};
    return sync_claim_as(&c->sync, &call, ret_kept);
}

static void several_types_are_claimed_as_one_queue(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[8];
    const struct span types[3] = {SPAN("a"), SPAN("none"), SPAN("b")};
    struct process_id expected[6];
    expected[4] = conformance_add_to(c, "b", -1, c->now + 1);
    expected[2] = conformance_add_to(c, "a", 0, c->now + 2);
    expected[3] = conformance_add_to(c, "b", 0, c->now + 3);
    expected[5] = conformance_add_to(c, "a", -1, c->now + 4);
    expected[0] = conformance_add_to(c, "b", 7, c->now + 5);
    expected[1] = conformance_add_to(c, "a", 7, c->now + 6);
    conformance_add_to(c, "c", 100, c->now);
    assert_int_equal(claim_of(c, types, 3, 4, kept), 4);
    assert_int_equal(claim_of(c, types, 3, 4, kept + 4), 2);
    for (int i = 0; i < 6; i++)
        assert_true(same_id(&kept[i].process.id, &expected[i]));
    assert_int_equal(claim_of(c, types, 3, 4, kept), 0);
}

static void a_claim_may_name_very_many_types(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[2];
    static char names[REPO_CLAIM_TYPES_MAX][16];
    static struct span types[REPO_CLAIM_TYPES_MAX];
    for (int i = 0; i < REPO_CLAIM_TYPES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "type-%d", i);
        types[i] = span_of(names[i]);
    }
    struct process_id last = conformance_add_to(c, "type-999", 0, c->now);
    struct process_id first = conformance_add_to(c, "type-0", 0, c->now + 1);
    assert_int_equal(claim_of(c, types, REPO_CLAIM_TYPES_MAX, 2, kept), 2);
    assert_true(same_id(&kept[0].process.id, &last));
    assert_true(same_id(&kept[1].process.id, &first));
}

static void as_many_as_may_be_are_claimed_each_with_its_own_token(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[REPO_CLAIM_MAX];
    const struct span types[1] = {SPAN("t")};
    for (int i = 0; i < REPO_CLAIM_MAX + 1; i++)
        conformance_add(c);
    assert_int_equal(claim_of(c, types, 1, REPO_CLAIM_MAX, kept), REPO_CLAIM_MAX);
    for (int i = 0; i < REPO_CLAIM_MAX; i++) {
        assert_int_equal(kept[i].process.attempt, 1);
        for (int j = 0; j < i; j++)
            assert_false(span_equal(kept[i].process.lease_token, kept[j].process.lease_token));
        assert_int_equal(conformance_try(c, &kept[i], EVENT_HEARTBEAT), ERR_OK);
    }
    assert_int_equal(claim_of(c, types, 1, REPO_CLAIM_MAX, kept), 1);
}

int conformance_claims_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(claims_by_priority_then_age),
        CONFORMANCE_TEST(a_claim_gives_input_token_and_lease),
        CONFORMANCE_TEST(what_is_scheduled_is_not_claimed_early),
        CONFORMANCE_TEST(advance_is_bounded),
        CONFORMANCE_TEST(several_types_are_claimed_as_one_queue),
        CONFORMANCE_TEST(a_claim_may_name_very_many_types),
        CONFORMANCE_TEST(as_many_as_may_be_are_claimed_each_with_its_own_token),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
