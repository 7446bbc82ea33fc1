#include "process/manager_fixture.h"

#include <stdio.h>

enum { CALLS = 50 };

struct report {
    struct repo_transition call;
    char text[32];
    bool done;
    enum err result;
    bool changed;
    int64_t version;
    char progress[32];
};

static void on_done(struct process_op *op)
{
    struct report *report = container_of(op, struct report, call.op);
    assert_false(report->done);
    report->done = true;
    report->result = op->result;
    report->changed = report->call.changed;
    if (op->result != ERR_OK)
        return;
    report->version = report->call.process.version;
    assert_true(
        text_copy(report->progress, sizeof(report->progress), report->call.process.progress));
}

static void report(struct manager_fixture *f, struct report *report, enum process_event event,
                   const struct claimer *holder, int step)
{
    memset(report, 0, sizeof(*report));
    snprintf(report->text, sizeof(report->text), "{\"step\":%d}", step);
    report->call.id = holder->id;
    report->call.change.event = event;
    report->call.change.token = span_of(holder->token);
    report->call.change.lease_ms = 60000;
    if (event == EVENT_PROGRESS)
        report->call.change.progress = span_of(report->text);
    process_op_init(&report->call.op, on_done);
    process_manager_change(f->manager, &report->call);
}

static size_t stores(const struct manager_fixture *f)
{
    return f->watched->seen[WATCHED_transition];
}

static void hold_one(struct manager_fixture *f, struct claimer *holder)
{
    submit_type(f, "t");
    claim_start(f, holder, "t", 1, 0);
    assert_int_equal(holder->count, 1);
}

static void many_are_stored_as_one(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[CALLS];
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    report(f, &reports[0], EVENT_PROGRESS, &holder, 0);
    assert_true(reports[0].done); /* the first is not kept waiting */
    for (int i = 1; i < CALLS; i++)
        report(f, &reports[i], EVENT_PROGRESS, &holder, i);
    assert_int_equal(stores(f), 1);
    assert_false(reports[CALLS - 1].done);
    manager_fixture_wait(f, &reports[CALLS - 1].done);
    assert_int_equal(stores(f), 2);
    for (int i = 1; i < CALLS; i++) {
        assert_true(reports[i].done);
        assert_int_equal(reports[i].result, ERR_OK);
        assert_true(reports[i].changed);
        assert_int_equal(reports[i].version, 4);
        assert_string_equal(reports[i].progress, "{\"step\":49}");
    }
    assert_string_equal(get_stored(f, &holder.id).progress, "{\"step\":49}");
}

/* Each pause has its store, also when they follow each other. */
static void the_pause_starts_again_with_each_store(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[4];
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    int64_t start = clock_steady_ms();
    for (int i = 0; i < 4; i++) {
        report(f, &reports[i], EVENT_PROGRESS, &holder, i);
        manager_fixture_wait(f, &reports[i].done);
        assert_int_equal(stores(f), i + 1);
    }
    assert_true(clock_steady_ms() - start >= 3 * PROGRESS_PAUSE_MS - 3);
}

static void another_change_stores_it_first(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[3], end;
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    for (int i = 0; i < 3; i++)
        report(f, &reports[i], EVENT_PROGRESS, &holder, i);
    report(f, &end, EVENT_COMPLETE, &holder, 0);
    assert_int_equal(stores(f), 3);
    assert_int_equal(f->watched->events[0], EVENT_PROGRESS);
    assert_int_equal(f->watched->events[1], EVENT_PROGRESS);
    assert_int_equal(f->watched->events[2], EVENT_COMPLETE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reports[i].result, ERR_OK);
    assert_int_equal(end.result, ERR_OK);
    assert_string_equal(end.progress, "{\"step\":2}");
    assert_int_equal(get_stored(f, &holder.id).status, PROCESS_COMPLETED);
}

/* It is on its way when the process is completed: the store sees them in this order. */
static void the_order_is_kept_while_stores_are_slow(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[4], end;
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    f->watched->hold[WATCHED_transition] = true;
    for (int i = 0; i < 3; i++)
        report(f, &reports[i], EVENT_PROGRESS, &holder, i);
    report(f, &end, EVENT_HEARTBEAT, &holder, 0);
    report(f, &reports[3], EVENT_PROGRESS, &holder, 3); /* within the pause of the second store */
    assert_int_equal(f->watched->held_count[WATCHED_transition], 3);
    for (int i = 0; i < 3; i++)
        watched_release(f, WATCHED_transition);
    assert_true(reports[1].done && reports[2].done && end.done);
    assert_string_equal(reports[1].progress, "{\"step\":2}");
    f->watched->hold[WATCHED_transition] = false;
    manager_fixture_wait(f, &reports[3].done);
    assert_string_equal(get_stored(f, &holder.id).progress, "{\"step\":3}");
}

static void attempts_are_not_mixed(void **state)
{
    struct manager_fixture *f = *state;
    static struct report old[3], now[3];
    struct claimer before = {.next_order = NULL}, holder = before;
    hold_one(f, &before);
    struct process_change release = {.event = EVENT_RELEASE, .token = span_of(before.token)};
    assert_int_equal(change_now(f, &before.id, &release), ERR_OK);
    claim_start(f, &holder, "t", 1, 0);
    for (int i = 0; i < 3; i++) {
        report(f, &now[i], EVENT_PROGRESS, &holder, i);
        report(f, &old[i], EVENT_PROGRESS, &before, 100 + i);
    }
    manager_fixture_wait(f, &now[2].done);
    manager_fixture_wait(f, &old[2].done);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(now[i].result, ERR_OK);
        assert_int_equal(old[i].result, ERR_LEASE_LOST);
    }
    assert_int_equal(stores(f), 5);
    assert_string_equal(get_stored(f, &holder.id).progress, "{\"step\":2}");
}

static void all_get_the_error(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[3];
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    report(f, &reports[0], EVENT_PROGRESS, &holder, 0);
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_transition] = 1;
    report(f, &reports[1], EVENT_PROGRESS, &holder, 1);
    report(f, &reports[2], EVENT_PROGRESS, &holder, 2);
    manager_fixture_wait(f, &reports[2].done);
    assert_int_equal(reports[1].result, ERR_TIMEOUT);
    assert_int_equal(reports[2].result, ERR_TIMEOUT);
}

static void the_stop_stores_what_is_held(void **state)
{
    struct manager_fixture *f = *state;
    static struct report reports[3];
    struct claimer holder = {.next_order = NULL};
    hold_one(f, &holder);
    report(f, &reports[0], EVENT_PROGRESS, &holder, 0);
    report(f, &reports[1], EVENT_PROGRESS, &holder, 1);
    process_manager_stop(f->manager);
    assert_true(reports[1].done);
    assert_string_equal(get_stored(f, &holder.id).progress, "{\"step\":1}");
    report(f, &reports[2], EVENT_PROGRESS, &holder, 2); /* and nothing waits any more */
    assert_true(reports[2].done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(many_are_stored_as_one),
        MANAGER_TEST(the_pause_starts_again_with_each_store),
        MANAGER_TEST(another_change_stores_it_first),
        MANAGER_TEST(the_order_is_kept_while_stores_are_slow),
        MANAGER_TEST(attempts_are_not_mixed),
        MANAGER_TEST(all_get_the_error),
        MANAGER_TEST(the_stop_stores_what_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
