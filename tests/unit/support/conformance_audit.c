/* The audit: on a store that nobody else has written to it finds nothing, whatever goes on. What it
 * finds where somebody has is for each repository's own tests. */
#include "support/conformance_world.h"

#include "support/test.h"

static void assert_clean(const struct repo_audit *audit)
{
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        assert_int_equal(audit->found[i], 0);
    assert_int_equal(audit->mended, 0);
}

static void an_empty_store_is_walked_in_no_time(void **state)
{
    struct conformance *c = *state;
    struct repo_audit audit = sync_audit(&c->sync, c->now, 10);
    assert_clean(&audit);
    assert_int_equal(audit.examined, 0);
}

static void every_state_agrees_with_its_indexes(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int status = PROCESS_STATUS_COUNT - 1; status >= 0; status--)
        conformance_put_into(c, (enum process_status)status, &kept);
    struct process draft = conformance_draft(c);
    draft.group = SPAN("g");
    draft.run_at = c->now + 3600000;
    draft.deadline = c->now + 7200000;
    draft.priority = -7;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    for (int limit = 1; limit < 8; limit++) {
        struct repo_audit audit = sync_audit(&c->sync, c->now, limit);
        assert_clean(&audit);
        assert_true(audit.examined >= PROCESS_STATUS_COUNT + 1);
    }
}

/* A store may look at some more at once than it was asked to, but not at all of it. */
static void each_step_is_bounded(void **state)
{
    enum { COUNT = 300, LIMIT = 10, AT_ONCE = 100 };
    struct conformance *c = *state;
    static struct process drafts[COUNT];
    struct repo_create_batch batch = conformance_batch(c, drafts, COUNT);
    struct repo_audit step = {.now = c->now, .limit = LIMIT, .more = true};
    int64_t examined = 0;
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    while (step.more) {
        assert_int_equal(sync_audit_step(&c->sync, &step), ERR_OK);
        assert_clean(&step);
        assert_in_range(step.examined, 0, AT_ONCE);
        examined += step.examined;
    }
    assert_true(examined >= COUNT);
}

static void change_something(struct world *w)
{
    w->now += 1 + rand() % 1500;
    world_advance(w);
    if (rand() % 4 == 0)
        world_claim(w);
    else if (rand() % 4 == 0)
        world_replace(w);
    else
        world_change(w);
}

static void what_goes_on_meanwhile_is_no_finding(void **state)
{
    enum { STEPS = 300 };
    struct conformance *c = *state;
    static struct world w;
    struct repo_audit step = {.limit = 2};
    conformance_seed(c);
    world_begin(&w, c);
    for (int i = 0; i < STEPS; i++) {
        change_something(&w);
        step.now = w.now;
        assert_int_equal(sync_audit_step(&c->sync, &step), ERR_OK);
        assert_clean(&step);
        if (!step.more)
            step.part = step.cursor = 0;
    }
}

int conformance_audit_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(an_empty_store_is_walked_in_no_time),
        CONFORMANCE_TEST(every_state_agrees_with_its_indexes),
        CONFORMANCE_TEST(each_step_is_bounded),
        CONFORMANCE_TEST(what_goes_on_meanwhile_is_no_finding),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
