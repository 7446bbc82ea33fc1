/* Audits by the manager: whole ones on request, and the slow walk. */
#include "process/manager_fixture.h"

#define FEW 5

struct asked {
    struct process_audit call;
    bool done;
};

static void on_audited(struct process_op *op)
{
    container_of(op, struct asked, call.op)->done = true;
}

static void ask(struct manager_fixture *f, struct asked *asked)
{
    *asked = (struct asked){.done = false};
    process_op_init(&asked->call.op, on_audited);
    process_manager_audit(f->manager, &asked->call);
}

/* The step that is held. */
static struct repo_audit *held_step(const struct manager_fixture *f)
{
    assert_int_equal(f->watched->held_count[WATCHED_audit], 1);
    return container_of(f->watched->held[WATCHED_audit].next, struct repo_audit, op.link);
}

static void answer_step(struct manager_fixture *f, int64_t found, int64_t mended, bool more)
{
    struct repo_audit *step = held_step(f);
    step->examined = 10;
    memset(step->found, 0, sizeof(step->found));
    step->found[AUDIT_STRAY] = found;
    step->mended = mended;
    step->more = more;
    step->part = 3;
    step->cursor = 7;
    watched_answer(f, WATCHED_audit, ERR_OK);
}

static void wait_held(struct manager_fixture *f)
{
    while (f->watched->held_count[WATCHED_audit] == 0)
        loop_turn(f->loop, 20);
}

static void all_is_looked_at_in_steps(void **state)
{
    struct manager_fixture *f = *state;
    struct asked asked;
    for (int i = 0; i < 2 * REPO_AUDIT_MAX + 1; i++)
        submit_type(f, "t");
    ask(f, &asked);
    manager_fixture_wait(f, &asked.done);
    assert_int_equal(asked.call.op.result, ERR_OK);
    assert_true(asked.call.complete);
    assert_int_equal(asked.call.examined, 2 * REPO_AUDIT_MAX + 1);
    assert_true(f->watched->seen[WATCHED_audit] >= 3);
    const struct process_audits *audits = process_manager_audits(f->manager);
    assert_int_equal(audits->walks, 1);
    assert_int_equal(audits->examined, asked.call.examined);
    assert_true(audits->walked_at != TIME_NONE);
}

static void what_steps_find_is_summed_and_told(void **state)
{
    struct manager_fixture *f = *state;
    struct asked asked;
    f->watched->hold[WATCHED_audit] = true;
    ask(f, &asked);
    int work = f->work;
    answer_step(f, 2, 0, true);
    assert_int_equal(f->work, work);
    wait_held(f);
    assert_int_equal(held_step(f)->part, 3);
    assert_int_equal(held_step(f)->cursor, 7);
    answer_step(f, 3, 1, false);
    assert_int_equal(f->work, work + 1); /* what was mended may be claimable */
    assert_true(asked.done && asked.call.complete);
    assert_int_equal(asked.call.examined, 20);
    assert_int_equal(asked.call.found[AUDIT_STRAY], 5);
    assert_int_equal(asked.call.mended, 1);
    assert_int_equal(process_manager_audits(f->manager)->found[AUDIT_STRAY], 5);
    assert_int_equal(process_manager_audits(f->manager)->mended, 1);
}

static void an_error_ends_it(void **state)
{
    struct manager_fixture *f = *state;
    struct asked asked;
    f->watched->spoil[WATCHED_audit] = 1;
    f->watched->spoil_with = ERR_UNAVAILABLE;
    ask(f, &asked);
    manager_fixture_wait(f, &asked.done);
    assert_int_equal(asked.call.op.result, ERR_UNAVAILABLE);
}

static void a_stop_ends_it_with_what_there_is(void **state)
{
    struct manager_fixture *f = *state;
    struct asked asked;
    f->watched->hold[WATCHED_audit] = true;
    ask(f, &asked);
    process_manager_stop(f->manager);
    answer_step(f, 0, 0, true);
    assert_true(asked.done);
    assert_int_equal(asked.call.op.result, ERR_OK);
    assert_false(asked.call.complete);
}

/* --- the slow walk ---------------------------------------------------------------------------- */

static void restart_with_walk(struct manager_fixture *f, struct process_audits *audits)
{
    process_manager_stop(f->manager);
    process_manager_destroy(f->manager);
    f->options.sweeps = true;
    f->options.audit_interval_ms = 1;
    f->options.audits = audits;
    f->manager = process_manager_create(f->loop, &f->watched->base, &f->options, NULL, NULL);
    assert_non_null(f->manager);
}

static void it_walks_again_and_again(void **state)
{
    struct manager_fixture *f = *state;
    struct process_audits audits = {.walks = 0};
    for (int i = 0; i < FEW; i++)
        submit_type(f, "t");
    restart_with_walk(f, &audits);
    while (audits.walks < 3)
        loop_turn(f->loop, 20);
    assert_int_equal(audits.examined, 3 * FEW);
    assert_ptr_equal(process_manager_audits(f->manager), &audits);
}

static void it_goes_on_where_it_was(void **state)
{
    struct manager_fixture *f = *state;
    f->watched->hold[WATCHED_audit] = true;
    restart_with_walk(f, NULL);
    wait_held(f);
    answer_step(f, 0, 0, true);
    wait_held(f);
    watched_answer(f, WATCHED_audit, ERR_UNAVAILABLE);
    wait_held(f); /* an outage is waited for */
    assert_int_equal(held_step(f)->part, 3);
    watched_answer(f, WATCHED_audit, ERR_INTERNAL);
    wait_held(f); /* what fails there may always fail there */
    assert_int_equal(held_step(f)->part, 0);
    answer_step(f, 1, 1, false);
    wait_held(f);
    assert_int_equal(held_step(f)->part, 0);
    assert_int_equal(held_step(f)->cursor, 0);
}

static void it_stops(void **state)
{
    struct manager_fixture *f = *state;
    f->watched->hold[WATCHED_audit] = true;
    restart_with_walk(f, NULL);
    wait_held(f);
    process_manager_stop(f->manager);
    answer_step(f, 0, 0, true);
    for (int i = 0; i < 10; i++)
        loop_turn(f->loop, 1);
    assert_int_equal(f->watched->seen[WATCHED_audit], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(all_is_looked_at_in_steps),
        MANAGER_TEST(what_steps_find_is_summed_and_told),
        MANAGER_TEST(an_error_ends_it),
        MANAGER_TEST(a_stop_ends_it_with_what_there_is),
        MANAGER_TEST(it_walks_again_and_again),
        MANAGER_TEST(it_goes_on_where_it_was),
        MANAGER_TEST(it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
