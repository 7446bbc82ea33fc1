/* Claims in order, lists, counts and sweeps. */
#include "support/conformance.h"

#include "support/test.h"

static bool same_id(const struct process_id *a, const struct process_id *b)
{
    return process_id_compare(a, b) == 0;
}

static int by_id(const void *a, const void *b)
{
    return process_id_compare(a, b);
}

/* --- claim ------------------------------------------------------------------------------------ */

static struct process_id add(const struct conformance *c, const char *type, int priority,
                             int64_t created_at)
{
    struct process draft = conformance_draft(c);
    draft.type = span_of(type);
    draft.priority = priority;
    draft.created_at = draft.run_at = draft.updated_at = created_at;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    return draft.id;
}

static void claims_by_priority_then_age(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[8];
    struct process_id low = add(c, "t", -5, c->now), young = add(c, "t", 0, c->now + 2);
    struct process_id old = add(c, "t", 0, c->now + 1), high = add(c, "t", 100, c->now + 9);
    add(c, "other", 100, c->now);
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

/* --- list ------------------------------------------------------------------------------------- */

/* Walks all pages; the number of ids. */
static size_t walk(const struct conformance *c, struct repo_list call, struct process_id *ret_ids,
                   size_t max)
{
    size_t count = 0;
    for (int pages = 0; pages < 100; pages++) {
        assert_int_equal(sync_list(&c->sync, &call, ret_ids + count), ERR_OK);
        assert_true(call.count <= (size_t)call.limit);
        count += call.count;
        assert_true(count <= max);
        if (!call.more)
            return count;
        call.has_position = true;
    }
    fail_msg("the list does not end");
    return 0;
}

static void lists_newest_first_in_pages(void **state)
{
    enum { COUNT = 25 };
    struct conformance *c = *state;
    struct process_id added[COUNT], listed[COUNT + 8];
    for (int i = 0; i < COUNT; i++)
        added[i] = add(c, "t", 0, c->now + i);
    for (int limit = 1; limit <= COUNT + 1; limit += 6) {
        struct repo_list call = {.limit = limit};
        assert_int_equal(walk(c, call, listed, COUNT), COUNT);
        for (int i = 0; i < COUNT; i++)
            assert_true(same_id(&listed[i], &added[COUNT - 1 - i]));
    }
}

static void equal_times_are_listed_once_each(void **state)
{
    enum { COUNT = 50 };
    struct conformance *c = *state;
    struct process_id added[COUNT], listed[COUNT + 8];
    for (int i = 0; i < COUNT; i++)
        added[i] = add(c, "t", 0, c->now);
    struct repo_list call = {.limit = 7};
    assert_int_equal(walk(c, call, listed, COUNT), COUNT);
    qsort(added, COUNT, sizeof(added[0]), by_id);
    for (int i = 0; i < COUNT; i++)
        assert_true(same_id(&listed[i], &added[COUNT - 1 - i]));
}

static void a_cursor_survives_changes(void **state)
{
    struct conformance *c = *state;
    struct process_id added[10], listed[16];
    for (int i = 0; i < 10; i++)
        added[i] = add(c, "t", 0, c->now); /* the hard case: all at the same time */
    qsort(added, 10, sizeof(added[0]), by_id);
    struct repo_list call = {.limit = 4};
    assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
    assert_true(call.more);
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    assert_int_equal(sync_change(&c->sync, &listed[3], &cancel, NULL, NULL), ERR_OK);
    assert_int_equal(sync_remove(&c->sync, &listed[3], c->now, 0, NULL), ERR_OK);
    add(c, "t", 0, c->now + 1);
    call.has_position = true;
    assert_int_equal(walk(c, call, listed, 6), 6);
    for (int i = 0; i < 6; i++)
        assert_true(same_id(&listed[i], &added[5 - i]));
}

static void pages_and_claims_are_bounded_in_bytes(void **state)
{
    enum { COUNT = 6, SIZE = 300000 };
    struct conformance *c = *state;
    struct process_id listed[COUNT + 10];
    char *text = malloc(SIZE);
    memset(text, ' ', SIZE);
    text[0] = '1';
    for (int i = 0; i < COUNT; i++) {
        struct process draft = conformance_draft(c);
        draft.metadata = (struct span){text, SIZE};
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    struct repo_list call = {.limit = 10};
    assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
    assert_int_equal(call.count, 4); /* with the fourth it is over the bound */
    assert_true(call.more);
    call = (struct repo_list){.limit = 10};
    assert_int_equal(walk(c, call, listed, COUNT), COUNT);
    size_t claimed = 0, step;
    while ((step = sync_claim(&c->sync, "t", 8, c->now, 60000, NULL)) > 0) {
        assert_true(step <= 4);
        claimed += step;
    }
    assert_int_equal(claimed, COUNT);
    free(text);
}

static void lists_filter(void **state)
{
    struct conformance *c = *state;
    struct process_id listed[32];
    static struct kept kept;
    for (int i = 0; i < 10; i++) {
        struct process draft = conformance_draft(c);
        draft.type = i % 2 == 0 ? SPAN("even") : SPAN("odd");
        draft.group = i < 5 ? SPAN("low") : SPAN_NONE;
        draft.created_at = c->now + i;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    assert_int_equal(sync_claim(&c->sync, "odd", 1, c->now + 20, 60000, &kept), 1);
    struct repo_list call = {.limit = 3, .type = SPAN("even")};
    assert_int_equal(walk(c, call, listed, 32), 5);
    call = (struct repo_list){.limit = 3, .type = SPAN("even"), .group = SPAN("low")};
    assert_int_equal(walk(c, call, listed, 32), 3);
    call = (struct repo_list){.limit = 3, .by_status = true, .status = PROCESS_RUNNING};
    assert_int_equal(walk(c, call, listed, 32), 1);
    assert_true(same_id(&listed[0], &kept.process.id));
    call =
        (struct repo_list){.limit = 3, .created_after = c->now + 2, .created_before = c->now + 6};
    assert_int_equal(walk(c, call, listed, 32), 3);
    call.by_status = true;
    call.status = PROCESS_PENDING;
    assert_int_equal(walk(c, call, listed, 32), 3);
    call = (struct repo_list){.limit = 3, .type = SPAN("none")};
    assert_int_equal(walk(c, call, listed, 32), 0);
}

static void a_status_lists_by_when_it_was_entered(void **state)
{
    struct conformance *c = *state;
    struct process_id ids[3], listed[4];
    for (int i = 0; i < 3; i++)
        ids[i] = add(c, "t", 0, c->now + i);
    for (int i = 2; i >= 0; i--) {
        struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
        cancel.now = c->now + 100 - i;
        assert_int_equal(sync_change(&c->sync, &ids[i], &cancel, NULL, NULL), ERR_OK);
    }
    struct repo_list call = {.limit = 10, .by_status = true, .status = PROCESS_CANCELED};
    assert_int_equal(walk(c, call, listed, 4), 3);
    for (int i = 0; i < 3; i++)
        assert_true(same_id(&listed[i], &ids[i]));
}

static void counts_follow_every_change(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int i = 0; i < 4; i++)
        conformance_add(c);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    struct repo_counts counts = sync_counts(&c->sync);
    assert_int_equal(counts.total, 4);
    assert_int_equal(counts.by_status[PROCESS_PENDING], 2);
    assert_int_equal(counts.by_status[PROCESS_RUNNING], 1);
    assert_int_equal(counts.by_status[PROCESS_COMPLETED], 1);
    assert_int_equal(counts.by_status[PROCESS_FAILED], 0);
}

/* --- removal ---------------------------------------------------------------------------------- */

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
        add(c, type, 0, c->now);
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

int conformance_walks_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(claims_by_priority_then_age),
        CONFORMANCE_TEST(a_claim_gives_input_token_and_lease),
        CONFORMANCE_TEST(what_is_scheduled_is_not_claimed_early),
        CONFORMANCE_TEST(advance_is_bounded),
        CONFORMANCE_TEST(lists_newest_first_in_pages),
        CONFORMANCE_TEST(equal_times_are_listed_once_each),
        CONFORMANCE_TEST(a_cursor_survives_changes),
        CONFORMANCE_TEST(pages_and_claims_are_bounded_in_bytes),
        CONFORMANCE_TEST(lists_filter),
        CONFORMANCE_TEST(a_status_lists_by_when_it_was_entered),
        CONFORMANCE_TEST(counts_follow_every_change),
        CONFORMANCE_TEST(only_finished_ones_are_removed),
        CONFORMANCE_TEST(retention_is_swept_in_bounded_steps),
        CONFORMANCE_TEST(a_process_may_bring_its_own_retention),
        CONFORMANCE_TEST(a_retried_one_is_not_swept),
        CONFORMANCE_TEST(finished_ones_are_swept_by_status_and_type),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
