/* Types: pauses, how pending processes stand, what is known of each type. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

static size_t look(const struct conformance *c, const char *worker, const char *type, bool announce,
                   int64_t now)
{
    const struct span types[1] = {span_of(type)};
    const struct repo_claim call = {.types = types,
                                    .type_count = 1,
                                    .worker = span_of(worker),
                                    .announce = announce,
                                    .max = 1,
                                    .now = now,
                                    .lease_ms = 60000};
    return sync_claim_as(&c->sync, &call, NULL);
}

static struct repo_standing_item standing(const struct conformance *c, const struct process_id *id,
                                          const char *type)
{
    struct repo_standing_item item = {.id = *id};
    assert_true(text_copy(item.type, sizeof(item.type), span_of(type)));
    sync_standing(&c->sync, &item, 1);
    return item;
}

/* Whether the type is known, and how it is. */
static bool find_type(const struct conformance *c, const char *type, int64_t now,
                      struct repo_type *ret_type)
{
    static struct repo_type types[REPO_TYPES_MAX];
    size_t count = sync_types(&c->sync, now, now - 60000, types, REPO_TYPES_MAX, NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i].type, type) == 0) {
            *ret_type = types[i];
            return true;
        }
    }
    return false;
}

/* --- pauses ----------------------------------------------------------------------------------- */

static void claims_pass_by_what_is_paused(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    const struct span both[2] = {SPAN("a"), SPAN("b")};
    const struct repo_claim call = {.types = both,
                                    .type_count = 2,
                                    .worker = SPAN("w"),
                                    .max = 1,
                                    .now = c->now,
                                    .lease_ms = 60000};
    struct process_id a = conformance_add_to(c, "a", 100, c->now);
    struct process_id b = conformance_add_to(c, "b", 0, c->now);
    assert_true(sync_pause(&c->sync, SPAN("a"), true));
    assert_false(sync_pause(&c->sync, SPAN("a"), true));
    assert_int_equal(sync_claim_as(&c->sync, &call, &kept), 1);
    assert_true(same_id(&kept.process.id, &b));
    assert_int_equal(sync_claim_as(&c->sync, &call, &kept), 0);
    assert_int_equal(standing(c, &a, "a").position, 1);
    assert_true(standing(c, &a, "a").state.paused);
    assert_false(standing(c, &a, "b").state.paused);
    assert_true(sync_pause(&c->sync, SPAN("a"), false));
    assert_false(sync_pause(&c->sync, SPAN("a"), false));
    assert_int_equal(sync_claim_as(&c->sync, &call, &kept), 1);
    assert_true(same_id(&kept.process.id, &a));
}

static void a_pause_outlasts_what_comes_and_goes(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct repo_advance advanced;
    struct repo_type type;
    conformance_running(c, &kept);
    assert_true(sync_pause(&c->sync, SPAN("t"), true));
    assert_int_equal(conformance_try(c, &kept, EVENT_HEARTBEAT), ERR_OK); /* what runs goes on */
    assert_int_equal(conformance_try(c, &kept, EVENT_RELEASE), ERR_OK);
    assert_int_equal(look(c, "w", "t", true, c->now + 20), 0);
    struct process draft = conformance_draft(c);
    draft.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 1);
    assert_int_equal(look(c, "w", "t", true, c->now + 1000), 0);
    assert_true(find_type(c, "t", c->now + 1000, &type));
    assert_true(type.state.paused);
    assert_int_equal(type.waiting, 2);
    assert_int_equal(conformance_try(c, &kept, EVENT_CANCEL), ERR_OK); /* by hand all is as ever */
    assert_true(sync_pause(&c->sync, SPAN("t"), false));
    assert_int_equal(look(c, "w", "t", true, c->now + 1000), 1);
    assert_int_equal(look(c, "w", "t", true, c->now + 1000), 0);
}

static void a_type_may_be_paused_before_its_first_process(void **state)
{
    struct conformance *c = *state;
    struct repo_type type;
    assert_false(sync_pause(&c->sync, SPAN("new"), false));
    assert_true(sync_pause(&c->sync, SPAN("new"), true));
    assert_true(find_type(c, "new", c->now, &type));
    assert_true(type.state.paused);
    conformance_add_to(c, "new", 0, c->now);
    assert_int_equal(look(c, "w", "new", true, c->now), 0);
}

/* --- standings -------------------------------------------------------------------------------- */

static void positions_are_those_in_which_they_are_claimed(void **state)
{
    enum { COUNT = 40 };
    struct conformance *c = *state;
    static struct kept kept;
    static struct repo_standing_item items[COUNT + 1];
    conformance_seed(c);
    for (int i = 0; i < COUNT; i++) {
        items[i].id = conformance_add_to(c, "t", rand() % 5 - 2, c->now + rand() % 9);
        assert_true(text_copy(items[i].type, sizeof(items[i].type), SPAN("t")));
        conformance_add_to(c, "other", rand() % 5 - 2, c->now);
    }
    assert_true(process_id_new(&items[COUNT].id)); /* nobody's */
    assert_true(text_copy(items[COUNT].type, sizeof(items[COUNT].type), SPAN("t")));
    int64_t before[COUNT];
    sync_standing(&c->sync, items, COUNT + 1);
    assert_int_equal(items[COUNT].position, 0);
    for (int i = 0; i < COUNT; i++)
        before[i] = items[i].position;
    for (int taken = 1; taken <= COUNT; taken++) {
        assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 10, 60000, &kept), 1);
        sync_standing(&c->sync, items, COUNT + 1);
        for (int i = 0; i < COUNT; i++) {
            int64_t expected = before[i] > taken ? before[i] - taken : 0;
            assert_int_equal(items[i].position, expected);
            assert_int_equal(items[i].state.running, taken);
            if (before[i] == taken)
                assert_true(same_id(&items[i].id, &kept.process.id));
        }
    }
}

static void what_is_not_in_the_queue_has_no_position(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(standing(c, &draft.id, "t").position, 0);
    struct process_id id = conformance_add(c);
    assert_int_equal(standing(c, &id, "t").position, 1);
    assert_int_equal(standing(c, &id, "other").position, 0); /* it stands in another queue */
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    assert_int_equal(standing(c, &id, "t").position, 0);
    conformance_complete(c, &kept, c->now);
    assert_int_equal(standing(c, &id, "t").position, 0);
    assert_int_equal(standing(c, &id, "t").state.running, 0);
}

static void looking_for_a_type_is_noted_when_announced(void **state)
{
    struct conformance *c = *state;
    struct process_id id = conformance_add(c);
    assert_int_equal(standing(c, &id, "t").state.last_claimed_at, TIME_NONE);
    assert_int_equal(look(c, "w", "u", true, c->now + 1), 0);
    assert_int_equal(standing(c, &id, "t").state.last_claimed_at, TIME_NONE);
    assert_int_equal(look(c, "w", "t", true, c->now + 2), 1);
    assert_int_equal(look(c, "w", "t", true, c->now + 3), 0);
    assert_int_equal(look(c, "w", "t", false, c->now + 4), 0);
    assert_int_equal(standing(c, &id, "t").state.last_claimed_at, c->now + 3);
}

/* --- types ------------------------------------------------------------------------------------ */

static void a_type_tells_what_waits_and_runs(void **state)
{
    struct conformance *c = *state;
    struct repo_type type;
    assert_false(find_type(c, "t", c->now, &type));
    conformance_add_to(c, "t", 5, c->now + 7);
    conformance_add_to(c, "t", -5, c->now + 3);
    conformance_add_to(c, "t", 5, c->now + 8);
    struct process delayed = conformance_draft(c);
    delayed.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &delayed), ERR_OK);
    assert_true(find_type(c, "t", c->now + 10, &type));
    assert_int_equal(type.waiting, 3);
    assert_int_equal(type.waiting_since, c->now + 3);
    assert_int_equal(type.state.running, 0);
    assert_int_equal(type.workers, 0);
    assert_int_equal(look(c, "w", "t", false, c->now + 10), 1);
    assert_int_equal(look(c, "w", "t", false, c->now + 10), 1);
    assert_true(find_type(c, "t", c->now + 10, &type));
    assert_int_equal(type.state.running, 2);
    assert_int_equal(type.waiting, 1);
    assert_int_equal(type.waiting_since, c->now + 3);
    assert_int_equal(look(c, "w", "t", false, c->now + 10), 1);
    assert_true(find_type(c, "t", c->now + 10, &type));
    assert_int_equal(type.waiting, 0);
    assert_int_equal(type.waiting_since, TIME_NONE);
}

static void waiting_begins_when_it_may_be_claimed(void **state)
{
    struct conformance *c = *state;
    struct repo_advance advanced;
    struct repo_type type;
    struct process delayed = conformance_draft(c);
    delayed.run_at = c->now + 1000;
    assert_int_equal(sync_create(&c->sync, &delayed), ERR_OK);
    assert_int_equal(sync_advance(&c->sync, c->now + 1500, 10, &advanced), ERR_OK);
    assert_true(find_type(c, "t", c->now + 2000, &type));
    assert_int_equal(type.waiting, 1);
    assert_int_equal(type.waiting_since, c->now + 1000);
}

static void workers_count_since_when_they_are_asked_for(void **state)
{
    struct conformance *c = *state;
    struct repo_type types[2];
    assert_int_equal(look(c, "one", "t", true, c->now), 0);
    assert_int_equal(look(c, "two", "t", true, c->now + 1000), 0);
    assert_int_equal(look(c, "two", "t", true, c->now + 2000), 0);
    assert_int_equal(look(c, "silent", "t", false, c->now + 2000), 0);
    for (int64_t since = 0; since <= 2001; since++) {
        if (since == 2)
            since = 1999;
        assert_int_equal(sync_types(&c->sync, c->now + 3000, c->now + since, types, 2, NULL), 1);
        assert_int_equal(types[0].workers, (since <= 0) + (since <= 2000));
    }
    assert_int_equal(types[0].state.last_claimed_at, c->now + 2000);
}

static void idle_types_are_forgotten_others_never(void **state)
{
    struct conformance *c = *state;
    struct repo_type type;
    static struct kept kept;
    int64_t later = c->now + INT64_C(400) * 86400000;
    conformance_add_to(c, "waits", 0, c->now);
    conformance_add_to(c, "runs", 0, c->now);
    assert_int_equal(look(c, "w", "runs", true, c->now), 1);
    assert_true(sync_pause(&c->sync, SPAN("paused"), true));
    assert_int_equal(look(c, "w", "looked-for", true, c->now), 0);
    conformance_add_to(c, "ended", 0, c->now);
    assert_int_equal(sync_claim(&c->sync, "ended", 1, c->now, 60000, &kept), 1);
    conformance_complete(c, &kept, c->now);
    assert_true(find_type(c, "looked-for", c->now + 60000, &type));
    assert_true(find_type(c, "ended", c->now + 60000, &type));
    assert_false(find_type(c, "looked-for", later, &type));
    assert_false(find_type(c, "ended", later, &type));
    assert_true(find_type(c, "waits", later, &type));
    assert_int_equal(type.waiting, 1);
    assert_true(find_type(c, "runs", later, &type));
    assert_int_equal(type.state.running, 1);
    assert_true(find_type(c, "paused", later, &type));
    assert_true(type.state.paused);
    assert_int_equal(look(c, "w", "waits", false, later), 1);
}

static void types_are_ordered_by_name_and_bounded(void **state)
{
    struct conformance *c = *state;
    static struct process drafts[REPO_BATCH_MAX];
    static char names[REPO_BATCH_MAX][16];
    static struct repo_type types[REPO_TYPES_MAX];
    bool more;
    struct repo_create_batch batch = conformance_batch(c, drafts, REPO_BATCH_MAX);
    for (int i = 0; i < REPO_BATCH_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "%c%d", "aZ.-_"[i % 5], i);
        drafts[i].type = span_of(names[i]);
    }
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_int_equal(sync_types(&c->sync, c->now, c->now, types, REPO_TYPES_MAX, &more),
                     REPO_TYPES_MAX);
    assert_false(more);
    for (int i = 1; i < REPO_TYPES_MAX; i++)
        assert_true(strcmp(types[i - 1].type, types[i].type) < 0);
    conformance_add_to(c, "one-more", 0, c->now);
    assert_int_equal(sync_types(&c->sync, c->now, c->now, types, REPO_TYPES_MAX, &more),
                     REPO_TYPES_MAX);
    assert_true(more);
    for (int i = 1; i < REPO_TYPES_MAX; i++)
        assert_true(strcmp(types[i - 1].type, types[i].type) < 0);
}

int conformance_types_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(claims_pass_by_what_is_paused),
        CONFORMANCE_TEST(a_pause_outlasts_what_comes_and_goes),
        CONFORMANCE_TEST(a_type_may_be_paused_before_its_first_process),
        CONFORMANCE_TEST(positions_are_those_in_which_they_are_claimed),
        CONFORMANCE_TEST(what_is_not_in_the_queue_has_no_position),
        CONFORMANCE_TEST(looking_for_a_type_is_noted_when_announced),
        CONFORMANCE_TEST(a_type_tells_what_waits_and_runs),
        CONFORMANCE_TEST(waiting_begins_when_it_may_be_claimed),
        CONFORMANCE_TEST(workers_count_since_when_they_are_asked_for),
        CONFORMANCE_TEST(idle_types_are_forgotten_others_never),
        CONFORMANCE_TEST(types_are_ordered_by_name_and_bounded),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
