/* Lists and counts. */
#include "support/conformance.h"

#include "support/test.h"

static int by_id(const void *a, const void *b)
{
    return process_id_compare(a, b);
}

static void lists_newest_first_in_pages(void **state)
{
    enum { COUNT = 25 };
    struct conformance *c = *state;
    struct process_id added[COUNT], listed[COUNT + 8];
    for (int i = 0; i < COUNT; i++)
        added[i] = conformance_add_to(c, "t", 0, c->now + i);
    for (int limit = 1; limit <= COUNT + 1; limit += 6) {
        struct repo_list call = {.limit = limit};
        assert_int_equal(conformance_walk(c, call, listed, COUNT), COUNT);
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
        added[i] = conformance_add_to(c, "t", 0, c->now);
    struct repo_list call = {.limit = 7};
    assert_int_equal(conformance_walk(c, call, listed, COUNT), COUNT);
    qsort(added, COUNT, sizeof(added[0]), by_id);
    for (int i = 0; i < COUNT; i++)
        assert_true(same_id(&listed[i], &added[COUNT - 1 - i]));
}

static void a_cursor_survives_changes(void **state)
{
    struct conformance *c = *state;
    struct process_id added[10], listed[16];
    for (int i = 0; i < 10; i++)
        added[i] = conformance_add_to(c, "t", 0, c->now); /* the hard case: all at the same time */
    qsort(added, 10, sizeof(added[0]), by_id);
    struct repo_list call = {.limit = 4};
    assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
    assert_true(call.more);
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    assert_int_equal(sync_change(&c->sync, &listed[3], &cancel, NULL, NULL), ERR_OK);
    assert_int_equal(sync_remove(&c->sync, &listed[3], c->now, 0, NULL), ERR_OK);
    conformance_add_to(c, "t", 0, c->now + 1);
    call.has_position = true;
    assert_int_equal(conformance_walk(c, call, listed, 6), 6);
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
    memcpy(text, "{}", 2);
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
    assert_int_equal(conformance_walk(c, call, listed, COUNT), COUNT);
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
        draft.created_at = draft.updated_at = c->now + i;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    assert_int_equal(sync_claim(&c->sync, "odd", 1, c->now + 20, 60000, &kept), 1);
    struct repo_list call = {.limit = 3, .type = SPAN("even")};
    assert_int_equal(conformance_walk(c, call, listed, 32), 5);
    call = (struct repo_list){.limit = 3, .type = SPAN("even"), .group = SPAN("low")};
    assert_int_equal(conformance_walk(c, call, listed, 32), 3);
    call = (struct repo_list){.limit = 3, .by_status = true, .status = PROCESS_RUNNING};
    assert_int_equal(conformance_walk(c, call, listed, 32), 1);
    assert_true(same_id(&listed[0], &kept.process.id));
    call =
        (struct repo_list){.limit = 3, .created_after = c->now + 2, .created_before = c->now + 6};
    assert_int_equal(conformance_walk(c, call, listed, 32), 3);
    call.by_status = true;
    call.status = PROCESS_PENDING;
    assert_int_equal(conformance_walk(c, call, listed, 32), 3);
    call = (struct repo_list){.limit = 3, .type = SPAN("none")};
    assert_int_equal(conformance_walk(c, call, listed, 32), 0);
}

static void a_page_looks_no_further_than_it_is_told(void **state)
{
    struct conformance *c = *state;
    struct process_id listed[8], wanted = conformance_add_to(c, "wanted", 0, c->now);
    for (int i = 1; i <= 4; i++)
        conformance_add_to(c, "other", 0, c->now + i);
    struct repo_list call = {.limit = 3, .type = SPAN("wanted"), .examine = 4};
    assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
    assert_int_equal(call.count, 0);
    assert_true(call.more);
    call = (struct repo_list){.limit = 3, .type = SPAN("wanted"), .examine = 5};
    assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
    assert_int_equal(call.count, 1);
    assert_true(same_id(&listed[0], &wanted));
}

static void a_status_lists_by_when_it_was_entered(void **state)
{
    struct conformance *c = *state;
    struct process_id ids[3], listed[4];
    for (int i = 0; i < 3; i++)
        ids[i] = conformance_add_to(c, "t", 0, c->now + i);
    for (int i = 2; i >= 0; i--) {
        struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
        cancel.now = c->now + 100 - i;
        assert_int_equal(sync_change(&c->sync, &ids[i], &cancel, NULL, NULL), ERR_OK);
    }
    struct repo_list call = {.limit = 10, .by_status = true, .status = PROCESS_CANCELED};
    assert_int_equal(conformance_walk(c, call, listed, 4), 3);
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

static void counts_tell_what_is_due(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK); /* one to be released */
    for (int i = 0; i < 3; i++) {                            /* three that expire */
        draft = conformance_draft(c);
        draft.deadline = c->now + 2000;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    draft = conformance_draft(c);
    draft.type = SPAN("u");
    draft.retention_ms = 4000; /* one to be removed, ... */
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "u", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now);
    for (int i = 0; i < 2; i++) { /* and two whose lease lapses */
        conformance_add_to(c, "u", 0, c->now);
        assert_int_equal(sync_claim(&c->sync, "u", 1, c->now, 3000, NULL), 1);
    }
    static const int64_t due[][REPO_DUE_KINDS] = {
        {0, 0, 0, 0}, {1, 0, 0, 0}, {1, 0, 3, 0}, {1, 2, 3, 0}, {1, 2, 3, 1}};
    for (int64_t second = 0; second < 5; second++) {
        struct repo_counts early = sync_counts_at(&c->sync, c->now + second * 1000 - 1);
        struct repo_counts counts = sync_counts_at(&c->sync, c->now + second * 1000);
        assert_memory_equal(counts.due, due[second], sizeof(counts.due));
        assert_memory_equal(early.due, due[second > 0 ? second - 1 : 0], sizeof(early.due));
    }
}

int conformance_lists_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(lists_newest_first_in_pages),
        CONFORMANCE_TEST(equal_times_are_listed_once_each),
        CONFORMANCE_TEST(a_cursor_survives_changes),
        CONFORMANCE_TEST(pages_and_claims_are_bounded_in_bytes),
        CONFORMANCE_TEST(lists_filter),
        CONFORMANCE_TEST(a_page_looks_no_further_than_it_is_told),
        CONFORMANCE_TEST(a_status_lists_by_when_it_was_entered),
        CONFORMANCE_TEST(counts_follow_every_change),
        CONFORMANCE_TEST(counts_tell_what_is_due),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
