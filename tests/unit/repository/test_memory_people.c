/* Names that clients choose: types and workers are kept as long as they matter, and in bounds. */
#include "repository/memory_fixture.h"

#include <stdio.h>

enum { NAMES_MAX = 10000 };

static struct repo_type types[REPO_TYPES_MAX];
static struct repo_worker workers[REPO_WORKERS_MAX];

static size_t type_count(const struct fixture *f, int64_t now)
{
    bool more;
    return sync_types(&f->sync, now, now - HOUR_MS, types, REPO_TYPES_MAX, &more);
}

static size_t worker_count(const struct fixture *f, int64_t now)
{
    bool more;
    return sync_workers(&f->sync, now, workers, REPO_WORKERS_MAX, &more);
}

static void idle_types_are_forgotten_after_an_hour(void **state)
{
    struct fixture *f = *state;
    struct process_id ended = add(f, "ended", NOW);
    cancel(f, &ended, NOW);
    add(f, "waiting", NOW);
    add(f, "running", NOW);
    assert_int_equal(look(f, "running", "w", NOW, NULL), 1);
    assert_int_equal(look(f, "looked-for", "w", NOW, NULL), 0);
    assert_true(sync_pause(&f->sync, SPAN("paused"), true));
    assert_int_equal(type_count(f, NOW + HOUR_MS), 5);
    assert_int_equal(look(f, "looked-for", "w", NOW + HOUR_MS, NULL), 0);

    assert_int_equal(type_count(f, NOW + HOUR_MS + 1), 4);
    assert_string_equal(types[0].type, "looked-for");
    assert_string_equal(types[1].type, "paused");
    assert_string_equal(types[2].type, "running");
    assert_string_equal(types[3].type, "waiting");
    assert_true(sync_pause(&f->sync, SPAN("paused"), false));
    advance_to_the_end(f, NOW + 2 * HOUR_MS + 1);
    assert_int_equal(type_count(f, NOW), 2); /* the clock went back: what is gone is gone */
}

static void idle_workers_are_forgotten_after_a_day(void **state)
{
    struct fixture *f = *state;
    static struct kept running;
    add(f, "t", NOW);
    assert_int_equal(look(f, "t", "busy", NOW, &running), 1);
    assert_int_equal(look(f, "t", "idle", NOW, NULL), 0);
    assert_int_equal(look(f, "t", "later", NOW + 1, NULL), 0);
    assert_true(sync_pause(&f->sync, SPAN("t"), true)); /* so that the type stays */
    assert_int_equal(worker_count(f, NOW + DAY_MS), 3);
    assert_int_equal(worker_count(f, NOW + DAY_MS + 1), 2);
    assert_string_equal(workers[0].worker, "later");
    assert_string_equal(workers[1].worker, "busy");

    struct process_change end = {.event = EVENT_COMPLETE,
                                 .now = NOW + 5,
                                 .token = running.process.lease_token,
                                 .result = SPAN("1")};
    assert_int_equal(sync_change(&f->sync, &running.process.id, &end, NULL, NULL), ERR_OK);
    assert_int_equal(worker_count(f, NOW + DAY_MS + 1), 1);
    assert_int_equal(type_count(f, NOW), 1);
    assert_int_equal(types[0].workers, 1); /* a forgotten one no longer counts */
}

static void the_longest_idle_names_go_first(void **state)
{
    struct fixture *f = *state;
    char name[32];
    add(f, "kept", NOW);
    assert_int_equal(look(f, "kept", "kept", NOW, NULL), 1);
    for (int i = 0; i < NAMES_MAX + 5; i++) {
        snprintf(name, sizeof(name), "%05d", i);
        assert_int_equal(look(f, name, name, NOW + i, NULL), 0);
    }
    assert_int_equal(type_count(f, NOW + NAMES_MAX), REPO_TYPES_MAX);
    assert_string_equal(types[0].type, "00006"); /* 10,000 with the one that is kept */
    assert_int_equal(worker_count(f, NOW + NAMES_MAX), REPO_WORKERS_MAX);
    for (size_t i = 0; i < REPO_WORKERS_MAX; i++)
        assert_int_equal(workers[i].last_seen_at, NOW + NAMES_MAX + 4 - (int64_t)i);

    struct repo_standing_item item = {.type = "00000"};
    sync_standing(&f->sync, &item, 1);
    assert_int_equal(item.state.last_claimed_at, TIME_NONE);
    item = (struct repo_standing_item){.type = "00006"};
    sync_standing(&f->sync, &item, 1);
    assert_int_equal(item.state.last_claimed_at, NOW + 6);
    item = (struct repo_standing_item){.type = "kept"};
    sync_standing(&f->sync, &item, 1);
    assert_int_equal(item.state.running, 1);
    assert_int_equal(store_of(f)->people.types.size, NAMES_MAX);
    assert_int_equal(store_of(f)->people.workers.size, NAMES_MAX);
}

/* Each of many workers looks for each of many types. */
static void who_looks_for_what_is_bounded(void **state)
{
    enum { TYPES = 1000, WORKERS = PEOPLE_PRESENCES_MAX / TYPES + 3 };
    struct fixture *f = *state;
    static char names[TYPES][16];
    struct span looked_for[TYPES];
    char worker[16];
    for (int i = 0; i < TYPES; i++) {
        snprintf(names[i], sizeof(names[i]), "%04d", i);
        looked_for[i] = span_of(names[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        snprintf(worker, sizeof(worker), "%d", i);
        const struct repo_claim call = {.types = looked_for,
                                        .type_count = TYPES,
                                        .worker = span_of(worker),
                                        .max = 1,
                                        .now = NOW + i,
                                        .lease_ms = PROCESS_LEASE_MS,
                                        .announce = true};
        assert_int_equal(sync_claim_as(&f->sync, &call, NULL), 0);
    }
    assert_int_equal(store_of(f)->people.presences.size, PEOPLE_PRESENCES_MAX);
    assert_int_equal(type_count(f, NOW), TYPES);
    assert_int_equal(types[0].workers, WORKERS - 3); /* without the first three */
    assert_int_equal(types[0].state.last_claimed_at, NOW + WORKERS - 1);
}

static void on_paused(struct process_op *op)
{
    (void)op;
}

static enum err pause_type(const struct fixture *f, struct span type)
{
    struct repo_pause call = {.type = type, .paused = true};
    process_op_init(&call.op, on_paused);
    repository_pause(f->sync.repository, &call);
    return call.op.result;
}

static void paused_names_are_bounded_and_stored_ones_are_not_refused(void **state)
{
    struct fixture *f = *state;
    char name[32];
    for (int i = 0; i < NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "%05d", i);
        assert_int_equal(pause_type(f, span_of(name)), ERR_OK);
    }
    assert_int_equal(pause_type(f, SPAN("one-more")), ERR_TOO_MANY_TYPES);
    assert_int_equal(look(f, "one-more", "w", NOW, NULL), 0);
    add(f, "one-more", NOW);
    assert_int_equal(look(f, "one-more", "w", NOW, NULL), 1);
    assert_int_equal(pause_type(f, SPAN("one-more")), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_types_are_forgotten_after_an_hour),
        TEST(idle_workers_are_forgotten_after_a_day),
        TEST(the_longest_idle_names_go_first),
        TEST(who_looks_for_what_is_bounded),
        TEST(paused_names_are_bounded_and_stored_ones_are_not_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
