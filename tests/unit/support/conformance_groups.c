/* Groups: counted from their members, listed by their own index. */
#include "support/conformance.h"

#include "support/test.h"

static struct process_id add_to_group(const struct conformance *c, const char *group,
                                      int64_t created_at)
{
    struct process draft = conformance_draft(c);
    draft.group = span_of(group);
    draft.created_at = draft.run_at = draft.updated_at = created_at;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    return draft.id;
}

static void assert_counts(const struct conformance *c, const char *group, int64_t pending,
                          int64_t running, int64_t completed, int64_t failed, int64_t canceled)
{
    struct repo_group shown = sync_group(&c->sync, span_of(group));
    assert_int_equal(shown.by_status[PROCESS_PENDING], pending);
    assert_int_equal(shown.by_status[PROCESS_RUNNING], running);
    assert_int_equal(shown.by_status[PROCESS_COMPLETED], completed);
    assert_int_equal(shown.by_status[PROCESS_FAILED], failed);
    assert_int_equal(shown.by_status[PROCESS_CANCELED], canceled);
    assert_int_equal(shown.total, pending + running + completed + failed + canceled);
}

static void nobodys_group_is_empty(void **state)
{
    struct conformance *c = *state;
    conformance_add(c);
    assert_counts(c, "g", 0, 0, 0, 0, 0);
    assert_true(sync_group(&c->sync, SPAN("g")).running_percent == 0);
}

static void a_group_counts_its_members_wherever_they_go(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id = add_to_group(c, "g", c->now);
    assert_counts(c, "g", 1, 0, 0, 0, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    assert_counts(c, "g", 0, 1, 0, 0, 0);
    assert_int_equal(conformance_try(c, &kept, EVENT_RELEASE), ERR_OK);
    assert_counts(c, "g", 1, 0, 0, 0, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 20, 60000, &kept), 1);
    assert_int_equal(conformance_try(c, &kept, EVENT_FAIL), ERR_OK);
    assert_counts(c, "g", 0, 0, 0, 1, 0);
    assert_int_equal(conformance_try(c, &kept, EVENT_RETRY), ERR_OK);
    assert_int_equal(conformance_try(c, &kept, EVENT_CANCEL), ERR_OK);
    assert_counts(c, "g", 0, 0, 0, 0, 1);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, NULL), ERR_OK);
    assert_counts(c, "g", 0, 0, 0, 0, 0);
}

static void lapses_and_deadlines_are_counted(void **state)
{
    struct conformance *c = *state;
    struct repo_advance advanced;
    struct process draft = conformance_draft(c);
    draft.group = SPAN("g");
    draft.deadline = c->now + 1000;
    add_to_group(c, "g", c->now);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 5000, NULL), 1);
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_counts(c, "g", 1, 1, 0, 0, 0);
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 10, &advanced), ERR_OK);
    assert_counts(c, "g", 0, 1, 0, 1, 0);
    assert_int_equal(sync_advance(&c->sync, c->now + 5000, 10, &advanced), ERR_OK);
    assert_counts(c, "g", 1, 0, 0, 1, 0);
}

static void sweeps_take_members_out(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int i = 0; i < 3; i++)
        add_to_group(c, "g", c->now + i);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now);
    struct repo_sweep call = {
        .kind = SWEEP_EXPIRED, .before = c->now + INT64_C(864000000), .now = c->now, .limit = 10};
    assert_int_equal(sync_sweep(&c->sync, &call), ERR_OK);
    assert_counts(c, "g", 2, 0, 0, 0, 0);
}

/* Also where one name is the beginning of another, or looks as if it were one of the indexes. */
static void groups_do_not_mix(void **state)
{
    static const char *const names[] = {"a", "a:b", "pending:a", "all:a", "running", "A"};
    struct conformance *c = *state;
    struct process_id ids[6], listed[8];
    for (int i = 0; i < 6; i++)
        ids[i] = add_to_group(c, names[i], c->now + i);
    conformance_add(c);
    for (int i = 0; i < 6; i++) {
        struct repo_list call = {.limit = 3, .group = span_of(names[i])};
        assert_counts(c, names[i], 1, 0, 0, 0, 0);
        assert_int_equal(conformance_walk(c, call, listed, 8), 1);
        assert_true(same_id(&listed[0], &ids[i]));
    }
}

static void report(const struct conformance *c, struct kept *running, const char *progress)
{
    struct process_change what = conformance_change(c, EVENT_PROGRESS, running);
    what.progress = span_of(progress);
    assert_int_equal(sync_change(&c->sync, &running->process.id, &what, NULL, NULL), ERR_OK);
}

static void assert_percent(const struct conformance *c, double expected)
{
    double percent = sync_group(&c->sync, SPAN("g")).running_percent;
    assert_true(percent > expected - 1e-6 && percent < expected + 1e-6);
}

static void percent_is_the_mean_of_those_that_run(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[3];
    for (int i = 0; i < 4; i++)
        add_to_group(c, "g", c->now + i);
    assert_percent(c, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 3, c->now, 60000, kept), 3);
    assert_percent(c, 0);
    report(c, &kept[0], "{\"percent\":62.5,\"message\":null,\"step\":null,\"steps\":null}");
    assert_percent(c, 62.5 / 3);
    report(c, &kept[1], "{\"percent\":null,\"message\":\"\\\"percent\\\":88\",\"step\":1}");
    assert_percent(c, 62.5 / 3);
    report(c, &kept[2], "{\"percent\":1e1}");
    assert_percent(c, 72.5 / 3);
    conformance_complete(c, &kept[0], c->now + 20);
    assert_percent(c, 5);
    assert_int_equal(conformance_try(c, &kept[1], EVENT_RELEASE), ERR_OK);
    assert_percent(c, 10);
}

static void percent_looks_at_a_bounded_number(void **state)
{
    enum { MORE = 20 };
    struct conformance *c = *state;
    static struct kept kept[REPO_CLAIM_MAX];
    int running = 0;
    for (int i = 0; i < REPO_GROUP_RUNNING_MAX + MORE; i++)
        add_to_group(c, "g", c->now + i);
    while (running < REPO_GROUP_RUNNING_MAX + MORE) {
        int step = (int)sync_claim(&c->sync, "t", MORE, c->now + 2000 + running, 60000, kept);
        assert_int_equal(step, MORE);
        for (int i = 0; i < step; i++) /* the last of them are over the bound */
            report(c, &kept[i],
                   running < REPO_GROUP_RUNNING_MAX ? "{\"percent\":50}" : "{\"percent\":100}");
        running += step;
    }
    assert_percent(c, 50);
    assert_counts(c, "g", 0, running, 0, 0, 0);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Among very many others, whose records a filter would have to pass by. */
static void members_are_found_by_their_index(void **state)
{
    enum { OTHERS = 2500, MEMBERS = 5 };
    struct conformance *c = *state;
    struct process_id ids[MEMBERS], listed[MEMBERS + 8];
    static struct process drafts[REPO_BATCH_MAX];
    for (int i = 0; i < MEMBERS; i++)
        ids[i] = add_to_group(c, "g", c->now + i);
    for (int done = 0; done < OTHERS; done += 500) {
        struct repo_create_batch batch = conformance_batch(c, drafts, 500);
        for (int i = 0; i < 500; i++)
            drafts[i].group = SPAN("other");
        assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    }
    struct repo_list call = {.limit = MEMBERS, .group = SPAN("g")};
    for (int by_status = 0; by_status < 2; by_status++) {
        call.by_status = by_status == 1;
        assert_int_equal(sync_list(&c->sync, &call, listed), ERR_OK);
        assert_int_equal(call.count, MEMBERS); /* in one page */
        assert_false(call.more);
        for (int i = 0; i < MEMBERS; i++)
            assert_true(same_id(&listed[i], &ids[MEMBERS - 1 - i]));
    }
}

static void a_groups_cursor_survives_changes(void **state)
{
    struct conformance *c = *state;
    struct process_id listed[16], rest[16];
    for (int i = 0; i < 10; i++)
        add_to_group(c, "g", c->now); /* the hard case: all at the same time */
    struct repo_list all = {.limit = 20, .group = SPAN("g")};
    assert_int_equal(conformance_walk(c, all, listed, 10), 10);
    for (int by_status = 0; by_status < 2; by_status++) {
        struct repo_list call = {.limit = 4, .group = SPAN("g"), .by_status = by_status == 1};
        assert_int_equal(sync_list(&c->sync, &call, rest), ERR_OK);
        assert_true(call.more);
        struct process_id last = listed[3];
        struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
        if (by_status == 1) { /* the one that the cursor stands on leaves */
            assert_int_equal(sync_change(&c->sync, &last, &cancel, NULL, NULL), ERR_OK);
            assert_int_equal(sync_remove(&c->sync, &last, c->now, 0, NULL), ERR_OK);
            add_to_group(c, "g", c->now + 1);
        }
        call.has_position = true;
        assert_int_equal(conformance_walk(c, call, rest, 6), 6);
        for (int i = 0; i < 6; i++)
            assert_true(same_id(&rest[i], &listed[4 + i]));
    }
}

static void a_groups_list_filters_by_type_and_time(void **state)
{
    struct conformance *c = *state;
    struct process_id listed[16];
    for (int i = 0; i < 8; i++) {
        struct process draft = conformance_draft(c);
        draft.group = SPAN("g");
        draft.type = i % 2 == 0 ? SPAN("even") : SPAN("odd");
        draft.created_at = draft.run_at = draft.updated_at = c->now + i;
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    struct repo_list call = {.limit = 3, .group = SPAN("g"), .type = SPAN("odd")};
    assert_int_equal(conformance_walk(c, call, listed, 16), 4);
    call.created_after = c->now + 1;
    call.created_before = c->now + 7;
    assert_int_equal(conformance_walk(c, call, listed, 16), 2);
    call.by_status = true;
    assert_int_equal(conformance_walk(c, call, listed, 16), 2);
    call.status = PROCESS_RUNNING;
    assert_int_equal(conformance_walk(c, call, listed, 16), 0);
}

int conformance_groups_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(nobodys_group_is_empty),
        CONFORMANCE_TEST(a_group_counts_its_members_wherever_they_go),
        CONFORMANCE_TEST(lapses_and_deadlines_are_counted),
        CONFORMANCE_TEST(sweeps_take_members_out),
        CONFORMANCE_TEST(groups_do_not_mix),
        CONFORMANCE_TEST(percent_is_the_mean_of_those_that_run),
        CONFORMANCE_TEST(percent_looks_at_a_bounded_number),
        CONFORMANCE_TEST(members_are_found_by_their_index),
        CONFORMANCE_TEST(a_groups_cursor_survives_changes),
        CONFORMANCE_TEST(a_groups_list_filters_by_type_and_time),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
