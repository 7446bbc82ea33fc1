#include "process/manager_fixture.h"

#include "proctrack/keyed_hash.h"

#include <stdio.h>

enum { MANY = 400 };

static size_t looks(const struct manager_fixture *f)
{
    return f->watched->seen[WATCHED_claim];
}

/* All that happens at once, without anything that waits for a time. */
static void settle(struct manager_fixture *f)
{
    for (int i = 0; i < 3; i++)
        loop_turn(f->loop, 0);
}

static void many_park(struct manager_fixture *f, struct claimer *claimers, int count,
                      int *next_order)
{
    for (int i = 0; i < count; i++) {
        claimers[i].next_order = next_order;
        claim_start(f, &claimers[i], "t", 1, 60000);
        assert_false(claimers[i].done);
    }
    assert_int_equal(looks(f), count);
}

static int count_done(const struct claimer *claimers, int count)
{
    int done = 0;
    for (int i = 0; i < count; i++)
        done += claimers[i].done;
    return done;
}

/* --- what is there ---------------------------------------------------------------------------- */

static void a_claim_takes_what_is_there(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    struct process_id id = submit_type(f, "t");
    submit_type(f, "u");
    claim_start(f, &claimer, "other t u", 2, 60000);
    assert_true(claimer.done);
    assert_int_equal(claimer.count, 2);
    assert_true(lease_token_is_valid(span_of(claimer.token)));
    assert_true(f->watched->listened);
    assert_int_equal(get_stored(f, &id).status, PROCESS_RUNNING);
}

static void without_time_it_looks_once(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    claim_start(f, &claimer, "t", 1, 0);
    assert_true(claimer.done);
    assert_int_equal(claimer.call.op.result, ERR_OK);
    assert_int_equal(claimer.count, 0);
    assert_int_equal(looks(f), 1);
}

static void a_worker_is_announced_now_and_then(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    claim_start(f, &claimer, "t", 1, 0);
    assert_true(f->watched->announced);
    claim_start(f, &claimer, "t", 1, 0);
    assert_false(f->watched->announced);
    claim_start(f, &claimer, "t u", 1, 0);
    assert_true(f->watched->announced);
}

/* --- waking ----------------------------------------------------------------------------------- */

static void one_process_wakes_the_first_and_few_others(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimers[MANY];
    many_park(f, claimers, MANY, NULL);
    struct process_id id = submit_type(f, "t");
    settle(f);
    assert_true(claimers[0].done);
    assert_int_equal(process_id_compare(&claimers[0].id, &id), 0);
    assert_int_equal(count_done(claimers, MANY), 1);
    assert_in_range(looks(f) - MANY, 1, 3);
    submit_type(f, "t"); /* those that looked in vain have kept their places */
    settle(f);
    assert_true(claimers[1].done);
    assert_int_equal(count_done(claimers, MANY), 2);
}

static void a_burst_is_taken_in_order_and_in_few_rounds(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimers[MANY];
    static int order; /* the last are ended by the teardown */
    int rounds = 0;
    order = 0;
    many_park(f, claimers, MANY, &order);
    for (int i = 0; i < MANY - 100; i++)
        submit_type(f, "t");
    f->watched->hold[WATCHED_claim] = true;
    settle(f);
    for (; f->watched->held_count[WATCHED_claim] > 0; rounds++) {
        for (size_t n = f->watched->held_count[WATCHED_claim]; n > 0; n--)
            watched_release(f, WATCHED_claim);
        settle(f);
    }
    assert_int_equal(count_done(claimers, MANY), MANY - 100);
    for (int i = 0; i < MANY - 100; i++)
        assert_int_equal(claimers[i].order, i + 1);
    assert_in_range(rounds, 1, 12);
    assert_in_range(looks(f) - MANY, MANY - 100, 3 * (MANY - 100));
}

static void work_of_another_type_wakes_nobody(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer a, b, c;
    claim_start(f, &a, "a", 1, 60000);
    claim_start(f, &b, "a b", 1, 60000);
    claim_start(f, &c, "c", 1, 60000);
    submit_type(f, "x");
    settle(f);
    assert_int_equal(looks(f), 3);
    submit_type(f, "b");
    settle(f);
    assert_true(b.done);
    assert_false(a.done || c.done);
}

static void unknown_work_wakes_one_of_each_kind(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimers[30];
    for (int i = 0; i < 30; i++)
        claim_start(f, &claimers[i], i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "a b", 1, 60000);
    assert_int_equal(looks(f), 30);
    f->watched->base.on_work(f->watched->base.on_work_arg, SPAN_NONE);
    assert_int_equal(f->work, 1);
    settle(f);
    assert_int_equal(looks(f), 32);
    f->watched->base.on_work(f->watched->base.on_work_arg, SPAN("b"));
    settle(f);
    assert_int_equal(looks(f), 33);
}

/* Two names whose hashes end alike: they are not taken for one type. */
static void a_type_is_not_taken_for_another(void **state)
{
    static char names[65536][16];
    struct manager_fixture *f = *state;
    static struct claimer first, second;
    char name[16];
    int at = 0;
    for (int i = 0;; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        at = keyed_hash(span_of(name)) % 65536;
        if (names[at][0] != '\0')
            break;
        memcpy(names[at], name, sizeof(name));
    }
    claim_start(f, &first, names[at], 1, 60000);
    claim_start(f, &second, name, 1, 60000);
    f->watched->base.on_work(f->watched->base.on_work_arg, SPAN_NONE);
    settle(f);
    assert_int_equal(looks(f), 4);
}

/* Work of two types comes at once; the first claim wants both and can take only one of them. */
static void what_it_cannot_take_is_left_to_others(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer both, only_a, only_b;
    claim_start(f, &both, "a b", 1, 60000);
    claim_start(f, &only_a, "a", 1, 60000);
    claim_start(f, &only_b, "b", 1, 60000);
    submit_type(f, "a");
    submit_type(f, "b"); /* the first is woken already, for both */
    settle(f);
    assert_true(both.done);
    assert_int_equal(only_a.done + only_b.done, 1);
}

static void what_appears_while_it_looks_is_not_missed(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    f->watched->hold[WATCHED_claim] = true;
    claim_start(f, &claimer, "t", 1, 60000);
    submit_type(f, "t");
    watched_answer(f, WATCHED_claim, ERR_OK); /* it had looked before */
    assert_false(claimer.done);
    settle(f);
    assert_int_equal(f->watched->held_count[WATCHED_claim], 1);
    watched_release(f, WATCHED_claim);
    assert_int_equal(claimer.count, 1);
}

static void one_that_leaves_passes_it_on(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer first, second;
    claim_start(f, &first, "t", 1, 60000);
    claim_start(f, &second, "t", 1, 60000);
    submit_type(f, "t"); /* wakes the first ... */
    process_manager_claim_stop(f->manager, &first.call);
    assert_true(first.done);
    assert_int_equal(first.count, 0);
    settle(f);
    assert_int_equal(second.count, 1);
}

static void all_that_leaves_work_wakes(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    submit_type(f, "t");
    claim_start(f, &claimer, "t", 1, 0);
    struct process_id id = claimer.id;
    static const enum process_event events[] = {EVENT_RELEASE, EVENT_FAIL};
    for (size_t i = 0; i < 2; i++) {
        char token[LEASE_TOKEN_TEXT_SIZE];
        strcpy(token, claimer.token);
        claim_start(f, &claimer, "t", 1, 60000);
        assert_int_equal(change_now(f, &id,
                                    &(struct process_change){.event = events[i],
                                                             .token = span_of(token),
                                                             .retryable = true}),
                         ERR_OK);
        settle(f);
        assert_true(claimer.done);
        assert_int_equal(process_id_compare(&claimer.id, &id), 0);
    }
    struct process_change cancel = {.event = EVENT_CANCEL}, retry = {.event = EVENT_RETRY};
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    struct process_change canceled = {.event = EVENT_CANCELED, .token = span_of(claimer.token)};
    assert_int_equal(change_now(f, &id, &canceled), ERR_OK);
    static struct claimer again;
    claim_start(f, &again, "t", 1, 60000);
    assert_int_equal(change_now(f, &id, &retry), ERR_OK);
    settle(f);
    assert_int_equal(again.count, 1);
}

static void ignore(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

static void pause_type(struct manager_fixture *f, const char *type, bool paused)
{
    struct repo_pause call = {.type = span_of(type), .paused = paused};
    process_op_init(&call.op, ignore);
    process_manager_pause(f->manager, &call);
    assert_null(call.op.done);
}

static void a_resumed_type_wakes(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    pause_type(f, "t", true);
    submit_type(f, "t");
    claim_start(f, &claimer, "t", 1, 60000);
    settle(f);
    assert_false(claimer.done);
    int work = f->work;
    pause_type(f, "t", false);
    assert_int_equal(f->work, work + 1);
    settle(f);
    assert_int_equal(claimer.count, 1);
}

static void submit_elsewhere(struct manager_fixture *f)
{
    struct repo_create create = {.process = {.type = SPAN("t"),
                                             .input = SPAN("1"),
                                             .version = 1,
                                             .max_attempts = 1,
                                             .created_at = clock_wall_ms(),
                                             .retention_ms = -1}};
    create.process.run_at = create.process.updated_at = create.process.created_at;
    assert_true(process_id_new(&create.process.id));
    process_op_init(&create.op, ignore);
    repository_create(f->watched->behind, &create);
}

static void what_nobody_told_of_is_found(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    f->watched->base.watching = "none";
    claim_start(f, &claimer, "t", 1, 60000);
    submit_elsewhere(f);
    manager_fixture_wait(f, &claimer.done);
    assert_int_equal(claimer.count, 1);
    assert_int_equal(looks(f), 2);
}

/* Long after one that looked by itself would have looked. */
static void who_is_told_does_not_look_by_itself(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer told, untold;
    struct process_repository *base = &f->watched->base;
    claim_start(f, &told, "t", 1, 60000);
    base->watching = "none";
    claim_start(f, &untold, "u", 1, 60000);
    submit_elsewhere(f);
    while (looks(f) < 4) /* as "u" does for the second time */
        loop_turn(f->loop, 100);
    assert_false(told.done);
    base->on_work(base->on_work_arg, SPAN("t"));
    settle(f);
    assert_int_equal(told.count, 1);
    assert_int_equal(looks(f), 5);
}

static void who_is_no_longer_told_looks_by_itself(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer first, second;
    struct process_repository *base = &f->watched->base;
    claim_start(f, &first, "t", 1, 60000);
    claim_start(f, &second, "t", 1, 60000);
    base->watching = "none";
    base->on_work(base->on_work_arg, SPAN_NONE);
    settle(f);
    assert_int_equal(looks(f), 3); /* one of each kind looks at once */
    process_manager_claim_stop(f->manager, &first.call);
    submit_elsewhere(f);
    manager_fixture_wait(f, &second.done); /* the others in their time */
    assert_int_equal(second.count, 1);
}

/* Nobody listens for it any more. */
static void who_looked_in_vain_for_an_error_looks_by_itself(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    claim_start(f, &claimer, "t", 1, 60000);
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_claim] = 1;
    submit_type(f, "t");
    settle(f);
    assert_false(claimer.done);
    manager_fixture_wait(f, &claimer.done);
    assert_int_equal(claimer.count, 1);
}

/* What woke it is told once, and it has not found out what there is. */
static void who_ends_with_an_error_lets_another_look(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer first, second;
    claim_start(f, &first, "t", 1, 60000);
    claim_start(f, &second, "t", 1, 60000);
    f->watched->hold[WATCHED_claim] = true;
    submit_type(f, "t"); /* wakes the first ... */
    settle(f);
    process_manager_claim_stop(f->manager, &first.call);
    f->watched->hold[WATCHED_claim] = false;
    watched_answer(f, WATCHED_claim, ERR_TIMEOUT);
    assert_true(first.done);
    settle(f);
    assert_int_equal(second.count, 1);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void waiting_ends_in_time(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer brief, longer;
    claim_start(f, &longer, "t", 1, 60000);
    claim_start(f, &brief, "t", 1, 30);
    manager_fixture_wait(f, &brief.done);
    assert_int_equal(brief.call.op.result, ERR_OK);
    assert_int_equal(brief.count, 0);
    assert_false(longer.done);
    assert_int_equal(looks(f), 2);
}

static void the_stop_ends_all(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimers[3];
    for (int i = 0; i < 2; i++)
        claim_start(f, &claimers[i], "t", 1, 60000);
    f->watched->hold[WATCHED_claim] = true;
    claim_start(f, &claimers[2], "t", 1, 60000);
    process_manager_stop(f->manager);
    assert_true(claimers[0].done && claimers[1].done);
    assert_false(claimers[2].done); /* it may be getting something */
    watched_release(f, WATCHED_claim);
    for (int i = 0; i < 3; i++) {
        assert_true(claimers[i].done);
        assert_int_equal(claimers[i].call.op.result, ERR_OK);
        assert_int_equal(claimers[i].count, 0);
    }
    static struct claimer late;
    claim_start(f, &late, "t", 1, 60000);
    assert_true(late.done);
    assert_null(f->watched->base.on_work);
}

static void who_has_gone_gets_nothing(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer gone, next;
    claim_start(f, &gone, "t", 1, 60000);
    process_manager_claim_stop(f->manager, &gone.call);
    assert_true(gone.done);
    assert_int_equal(gone.call.op.result, ERR_OK);
    submit_type(f, "t");
    claim_start(f, &next, "t", 1, 0);
    assert_int_equal(next.count, 1);
}

static void what_comes_too_late_is_handed_back(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer gone, next;
    struct process_id ids[] = {submit_type(f, "t"), submit_type(f, "t")};
    f->watched->hold[WATCHED_claim] = f->watched->hold[WATCHED_transition] = true;
    claim_start(f, &gone, "t", 5, 60000);
    process_manager_claim_stop(f->manager, &gone.call);
    assert_false(gone.done);
    watched_release(f, WATCHED_claim);
    assert_int_equal(f->watched->held_count[WATCHED_transition], 2);
    assert_int_equal(get_stored(f, &ids[0]).status, PROCESS_RUNNING);
    watched_release(f, WATCHED_transition);
    assert_false(gone.done);
    watched_answer(f, WATCHED_transition, ERR_UNAVAILABLE); /* its lease runs out */
    assert_true(gone.done);
    assert_int_equal(gone.call.op.result, ERR_OK);
    assert_int_equal(gone.count, 0);
    size_t freed = get_stored(f, &ids[0]).status == PROCESS_PENDING ? 0 : 1;
    assert_int_equal(get_stored(f, &ids[freed]).status, PROCESS_PENDING);
    assert_int_equal(get_stored(f, &ids[1 - freed]).status, PROCESS_RUNNING);
    assert_int_equal(f->watched->events[0], EVENT_RELEASE);
    f->watched->hold[WATCHED_claim] = false;
    claim_start(f, &next, "t", 1, 0);
    assert_int_equal(process_id_compare(&next.id, &ids[freed]), 0);
}

static void an_error_is_told_at_once_or_at_the_end(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    f->watched->spoil_with = ERR_UNAVAILABLE;
    f->watched->spoil[WATCHED_claim] = 1;
    claim_start(f, &claimer, "t", 1, 60000);
    assert_true(claimer.done);
    assert_int_equal(claimer.call.op.result, ERR_UNAVAILABLE);

    claim_start(f, &claimer, "t", 1, 60000);
    f->watched->spoil[WATCHED_claim] = 1;
    submit_type(f, "t");
    settle(f);
    assert_false(claimer.done);
    assert_int_equal(looks(f), 3);
    submit_type(f, "t");
    settle(f);
    assert_int_equal(claimer.count, 1);

    claim_start(f, &claimer, "u", 1, 50);
    f->watched->spoil[WATCHED_claim] = 1;
    submit_type(f, "u");
    manager_fixture_wait(f, &claimer.done);
    assert_int_equal(claimer.call.op.result, ERR_UNAVAILABLE);
}

static void the_closed_repository_ends_it(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer;
    f->watched->hold[WATCHED_claim] = true;
    claim_start(f, &claimer, "t", 1, 60000);
    watched_answer(f, WATCHED_claim, ERR_OK);
    submit_type(f, "t");
    settle(f);
    repository_close(&f->watched->base);
    assert_true(claimer.done);
    assert_int_equal(claimer.call.op.result, ERR_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(a_claim_takes_what_is_there),
        MANAGER_TEST(without_time_it_looks_once),
        MANAGER_TEST(a_worker_is_announced_now_and_then),
        MANAGER_TEST(one_process_wakes_the_first_and_few_others),
        MANAGER_TEST(a_burst_is_taken_in_order_and_in_few_rounds),
        MANAGER_TEST(work_of_another_type_wakes_nobody),
        MANAGER_TEST(unknown_work_wakes_one_of_each_kind),
        MANAGER_TEST(a_type_is_not_taken_for_another),
        MANAGER_TEST(what_it_cannot_take_is_left_to_others),
        MANAGER_TEST(what_appears_while_it_looks_is_not_missed),
        MANAGER_TEST(one_that_leaves_passes_it_on),
        MANAGER_TEST(all_that_leaves_work_wakes),
        MANAGER_TEST(a_resumed_type_wakes),
        MANAGER_TEST(what_nobody_told_of_is_found),
        MANAGER_TEST(who_is_told_does_not_look_by_itself),
        MANAGER_TEST(who_is_no_longer_told_looks_by_itself),
        MANAGER_TEST(who_looked_in_vain_for_an_error_looks_by_itself),
        MANAGER_TEST(who_ends_with_an_error_lets_another_look),
        MANAGER_TEST(waiting_ends_in_time),
        MANAGER_TEST(the_stop_ends_all),
        MANAGER_TEST(who_has_gone_gets_nothing),
        MANAGER_TEST(what_comes_too_late_is_handed_back),
        MANAGER_TEST(an_error_is_told_at_once_or_at_the_end),
        MANAGER_TEST(the_closed_repository_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
