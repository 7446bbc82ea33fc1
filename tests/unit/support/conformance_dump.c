/* What is kept, given out as a whole. */
#include "support/conformance_dumped.h"

#include "support/test.h"

#include <stdio.h>

/* --- tests ------------------------------------------------------------------------------------ */

static void an_empty_store_gives_nothing(void **state)
{
    struct conformance *c = *state;
    struct dumped *dumped = dumped_all(c);
    assert_int_equal(dumped->count, 0);
    dumped_free(dumped);
}

static void a_dump_holds_everything(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    add_everything(c, &all);
    struct dumped *dumped = dumped_all(c);
    assert_int_equal(dumped_count(dumped, ITEM_PROCESS), PROCESS_STATUS_COUNT + 2 + 1 + 3);
    assert_int_equal(dumped_count(dumped, ITEM_TOMBSTONE), 1);
    assert_int_equal(dumped_count(dumped, ITEM_KEY), 2);
    assert_int_equal(dumped_count(dumped, ITEM_PAUSED_TYPE), 2);
    for (size_t i = 1; i < dumped->count; i++)
        assert_true(dumped->items[i - 1].kind <= dumped->items[i].kind);
    assert_int_equal(dumped_times(dumped, "{\"paused\":{\"type\":\"idle\"}}"), 1);
    dumped_free(dumped);
}

/* Record, input and timeline are what get and events say. */
static void a_dump_agrees_with_the_reads(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    static struct kept kept;
    static struct kept_events events;
    add_everything(c, &all);
    struct dumped *dumped = dumped_all(c);
    for (size_t i = 0; i < dumped->count; i++) {
        if (dumped->items[i].kind != ITEM_PROCESS)
            continue;
        assert_int_equal(sync_events(&c->sync, &dumped->items[i].id, &kept, &events), ERR_OK);
        assert_int_equal(sync_get(&c->sync, &dumped->items[i].id, true, &kept), ERR_OK);
        char *text = dumped_text(&(struct repo_item){.kind = ITEM_PROCESS,
                                                     .process = kept.process,
                                                     .events = events.entries,
                                                     .event_count = events.count});
        assert_string_equal(dumped->items[i].text, text);
        free(text);
    }
    dumped_free(dumped);
}

/* Until a sweep has removed it, it is kept; only what has no sweep is judged by its time. */
static void what_has_ended_is_given_until_it_is_swept(void **state)
{
    struct conformance *c = *state;
    static struct everything all;
    static struct kept kept;
    add_everything(c, &all);
    const int64_t late = c->now + c->policy.retention_ms[PROCESS_COMPLETED] +
                         c->policy.tombstone_ms + c->policy.idempotency_ms + 1000;
    struct dumped *dumped = dumped_at(c, late);
    assert_int_equal(dumped_count(dumped, ITEM_PROCESS), PROCESS_STATUS_COUNT + 2 + 1 + 3);
    conformance_reopen(c);
    restore_dumped(c, dumped);
    conformance_get(c, &all.of_status[PROCESS_COMPLETED].process.id, &kept);
    assert_true(kept.process.expires_at < late);
    struct repo_sweep sweep = {.kind = SWEEP_EXPIRED, .before = late, .now = late, .limit = 50};
    assert_int_equal(sync_sweep(&c->sync, &sweep), ERR_OK);
    assert_true(sweep.matched[PROCESS_COMPLETED] > 0);
    dumped_free(dumped);
}

/* --- pages ------------------------------------------------------------------------------------ */

static void pages_are_bounded_by_count(void **state)
{
    enum { MANY = 2 * REPO_DUMP_MAX + 30 };
    struct conformance *c = *state;
    static struct process drafts[MANY];
    struct repo_create_batch batch = conformance_batch(c, drafts, MANY);
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    struct dumped *dumped = dumped_all(c);
    assert_int_equal(dumped->count, MANY);
    assert_true(dumped->pages >= 3);
    for (size_t i = 0; i < MANY; i++)
        assert_true(same_id(&dumped->items[i].id, &drafts[i].id)); /* same time: by id */
    dumped_free(dumped);
}

static void pages_are_bounded_by_bytes(void **state)
{
    enum { LARGE = REPO_PAGE_BYTES / 2 - 100, COUNT = 5 };
    struct conformance *c = *state;
    char *input = malloc(LARGE);
    memset(input, '7', LARGE);
    for (int i = 0; i < COUNT; i++) {
        struct process draft = conformance_draft(c);
        draft.input = (struct span){input, LARGE};
        assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    }
    struct dumped *dumped = dumped_all(c);
    assert_int_equal(dumped->count, COUNT);
    assert_in_range(dumped->largest, 1, 3);
    dumped_free(dumped);
    free(input);
}

static void many_paused_types_are_all_given(void **state)
{
    enum { TYPES = REPO_DUMP_MAX + 50 };
    struct conformance *c = *state;
    char name[32];
    for (int i = 0; i < TYPES; i++) {
        snprintf(name, sizeof(name), "type-%d", i);
        assert_true(sync_pause(&c->sync, span_of(name), true));
    }
    struct dumped *dumped = dumped_all(c);
    assert_int_equal(dumped->count, TYPES);
    for (int i = 0; i < TYPES; i++) {
        snprintf(name, sizeof(name), "{\"paused\":{\"type\":\"type-%d\"}}", i);
        assert_int_equal(dumped_times(dumped, name), 1);
    }
    dumped_free(dumped);
}

/* One more of everything, and one of the oldest and of the newest is moved on and taken away. */
static void disturb(const struct conformance *c, const struct process *drafts, size_t n, size_t i)
{
    static struct kept kept;
    const struct process_id *const ids[] = {&drafts[10 * i].id, &drafts[n - 1 - 10 * i].id};
    for (size_t k = 0; k < 2; k++) {
        struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
        assert_int_equal(sync_change(&c->sync, ids[k], &cancel, NULL, &kept), ERR_OK);
        if (k == 0)
            assert_int_equal(sync_remove(&c->sync, ids[k], c->now, 0, NULL), ERR_OK);
    }
    conformance_add_to(c, "new", 0, c->now - 1000 + (int64_t)i);
    conformance_add_to(c, "new", 0, c->now + 1000);
    struct process_id id = conformance_add_to(c, "brief", 0, c->now + 2000);
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    assert_int_equal(sync_change(&c->sync, &id, &cancel, NULL, NULL), ERR_OK);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, NULL), ERR_OK);
}

/* What is left alone is given exactly once. */
static void changes_while_pages_are_walked(void **state)
{
    enum { MANY = 3 * REPO_DUMP_MAX, STEP = 10 };
    struct conformance *c = *state;
    static struct process drafts[MANY];
    struct repo_create_batch batch = conformance_batch(c, drafts, MANY);
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    struct dumped *before = dumped_all(c), *during = calloc(1, sizeof(*during));
    struct repo_dump_position position = {0};
    size_t steps = 0;
    while (dumped_page(c, &position, c->now, during)) {
        if (steps < 5)
            disturb(c, drafts, MANY, steps++);
    }
    for (size_t i = 0; i < MANY; i++) {
        bool disturbed = (i % STEP == 0 && i / STEP < steps) ||
                         ((MANY - 1 - i) % STEP == 0 && (MANY - 1 - i) / STEP < steps);
        size_t times = dumped_times(during, before->items[i].text);
        assert_true(disturbed ? times <= 1 : times == 1);
    }
    for (size_t i = 0; i < during->count; i++) {
        for (size_t k = 0; k < i; k++)
            assert_false(during->items[i].kind == during->items[k].kind &&
                         same_id(&during->items[i].id, &during->items[k].id));
    }
    assert_int_equal(during->items[during->count - 1].kind, ITEM_TOMBSTONE);
    dumped_free(before);
    dumped_free(during);
}

int conformance_dump_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(an_empty_store_gives_nothing),
        CONFORMANCE_TEST(a_dump_holds_everything),
        CONFORMANCE_TEST(a_dump_agrees_with_the_reads),
        CONFORMANCE_TEST(what_has_ended_is_given_until_it_is_swept),
        CONFORMANCE_TEST(pages_are_bounded_by_count),
        CONFORMANCE_TEST(pages_are_bounded_by_bytes),
        CONFORMANCE_TEST(many_paused_types_are_all_given),
        CONFORMANCE_TEST(changes_while_pages_are_walked),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
