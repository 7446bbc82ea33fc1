#include "handover_fixture.h"

#define HOUR_MS INT64_C(3600000)

struct fixture {
    struct process_policy policy;
    struct other other;
    struct sync sync;  /* what the callers see */
    struct sync first; /* what is behind it at first */
    int64_t now;
    int changed, missed, worked; /* what it told */
};

static void on_changed(void *arg, const struct process_id *id)
{
    ((struct fixture *)arg)->changed += id == NULL;
}

static void on_missed(void *arg)
{
    ((struct fixture *)arg)->missed++;
}

static void on_work(void *arg, struct span type)
{
    ((struct fixture *)arg)->worked += type.data == NULL;
}

static void start_with(struct fixture *f, const struct handover_options *options)
{
    f->sync.repository = handover_repository_create(f->sync.loop, f->first.repository, options);
    assert_non_null(f->sync.repository);
    f->sync.repository->on_changed = on_changed;
    f->sync.repository->on_missed = on_missed;
    f->sync.repository->on_work = on_work;
    f->sync.repository->on_changed_arg = f->sync.repository->on_missed_arg =
        f->sync.repository->on_work_arg = f;
}

static void start(struct fixture *f)
{
    const struct handover_options options = other_options(&f->other, true);
    start_with(f, &options);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    process_policy_defaults(&f->policy);
    f->now = clock_wall_ms();
    f->other.policy = &f->policy;
    assert_int_equal(sem_init(&f->other.may_begin, 0, 0), 0);
    f->sync.loop = f->first.loop = loop_create();
    f->first.repository = memory_repository_create(&f->policy);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    repository_destroy(f->sync.repository);
    loop_destroy(f->sync.loop);
    sem_destroy(&f->other.may_begin);
    free(f);
    return 0;
}

/* --- steps of a test ------------------------------------------------------------------------- */

static const char *handover_of(const struct fixture *f)
{
    return f->sync.repository->handover != NULL ? f->sync.repository->handover : "";
}

static bool is_over(const struct fixture *f)
{
    return f->sync.repository->fallback_reason == NULL;
}

static struct process draft_of(const struct fixture *f, const char *type)
{
    struct process draft = {.type = span_of(type),
                            .input = SPAN("{\"a\":1}"),
                            .version = 1,
                            .max_attempts = 1,
                            .created_at = f->now,
                            .updated_at = f->now,
                            .run_at = f->now,
                            .retention_ms = -1};
    assert_true(process_id_new(&draft.id));
    return draft;
}

static struct process_id add(const struct fixture *f, const char *type)
{
    struct process draft = draft_of(f, type);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    return draft.id;
}

static void change(const struct fixture *f, const struct process_id *id, enum process_event event)
{
    struct process_change change = {.event = event, .now = f->now};
    assert_int_equal(sync_change(&f->sync, id, &change, NULL, NULL), ERR_OK);
}

static struct process_id add_ended(const struct fixture *f)
{
    struct process_id id = add(f, "ended");
    change(f, &id, EVENT_CANCEL);
    return id;
}

static enum process_status status_of(const struct fixture *f, const struct process_id *id)
{
    struct kept kept;
    assert_int_equal(sync_get(&f->sync, id, true, &kept), ERR_OK);
    return kept.process.status;
}

/* Lets all calls of the other one go, as long as something comes. */
static void let_go(struct fixture *f)
{
    TURN_UNTIL(f, held_repository_count(f->other.opened) > 0);
    held_repository_release(f->other.opened, 0);
}

static void let_all_go(struct fixture *f)
{
    while (!is_over(f)) {
        if (held_repository_count(f->other.opened) > 0)
            held_repository_release(f->other.opened, 0);
        else
            loop_turn(f->sync.loop, 10);
    }
}

struct waiting_get {
    struct repo_get get;
    bool done;
};

static void on_got(struct process_op *op)
{
    container_of(op, struct waiting_get, get.op)->done = true;
}

static void get_later(struct fixture *f, struct waiting_get *ret_get, const struct process_id *id)
{
    *ret_get = (struct waiting_get){.get = {.id = *id}};
    process_op_init(&ret_get->get.op, on_got);
    repository_get(f->sync.repository, &ret_get->get);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void one_that_stays_says_that_it_could_go(void **state)
{
    struct fixture *f = *state;
    const struct handover_options options = other_options(&f->other, false);
    start_with(f, &options);
    assert_string_equal(f->sync.repository->fallback_reason, "it was away");
    assert_string_equal(handover_of(f), "waiting");
    TURN_UNTIL(f, f->other.probes >= 3);
    assert_string_equal(handover_of(f), "waiting");
    f->other.up = true;
    TURN_UNTIL(f, strcmp(handover_of(f), "available") == 0);
    assert_int_equal(f->other.opens, 0);
    assert_string_equal(f->sync.repository->fallback_reason, "it was away");
}

static void everything_is_moved_and_told(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct process_id waits = add(f, "t"), ended = add_ended(f), gone = add_ended(f);
    assert_int_equal(sync_remove(&f->sync, &gone, f->now, 0, NULL), ERR_OK);
    assert_true(sync_pause(&f->sync, SPAN("paused"), true));
    struct kept running, kept;
    struct process_id runs = add(f, "runs");
    assert_int_equal(sync_claim(&f->sync, "runs", 1, f->now, HOUR_MS, &running), 1);
    f->changed = 0;
    f->other.up = true;
    TURN_UNTIL(f, is_over(f));
    assert_int_equal(f->other.begins, 1);
    assert_int_equal(f->other.ends, 1);
    assert_true(f->changed > 0 && f->missed > 0 && f->worked > 0);
    assert_null(f->sync.repository->handover);
    assert_int_equal(sync_counts(&f->sync).total, 3);
    assert_int_equal(status_of(f, &waits), PROCESS_PENDING);
    assert_int_equal(status_of(f, &ended), PROCESS_CANCELED);
    assert_int_equal(sync_get(&f->sync, &gone, false, &kept), ERR_GONE);
    assert_false(sync_pause(&f->sync, SPAN("paused"), true));
    struct process_change complete = {.event = EVENT_COMPLETE,
                                      .now = f->now,
                                      .token = running.process.lease_token,
                                      .attempt = 1,
                                      .result = SPAN("1")};
    assert_int_equal(sync_change(&f->sync, &runs, &complete, NULL, NULL), ERR_OK);
    const struct process_repository *serving = repository_serving(f->sync.repository);
    assert_ptr_equal(serving, f->other.opened);
}

static void what_an_earlier_one_left_is_moved_too(void **state)
{
    struct fixture *f = *state;
    struct handover_options options = other_options(&f->other, true);
    struct sync left = {.loop = f->sync.loop};
    struct process drafts[2] = {draft_of(f, "t"), draft_of(f, "t")};
    for (int i = 0; i < 2; i++) {
        left.repository = options.left[i] = memory_repository_create(&f->policy);
        assert_int_equal(sync_create(&left, &drafts[i]), ERR_OK);
    }
    options.left_count = 2;
    start_with(f, &options);
    struct kept kept;
    assert_int_equal(sync_get(&f->sync, &drafts[0].id, false, &kept), ERR_NOT_FOUND);
    struct process_id own = add(f, "t");
    f->other.up = true;
    TURN_UNTIL(f, is_over(f));
    assert_int_equal(sync_counts(&f->sync).total, 3);
    assert_int_equal(status_of(f, &drafts[0].id), PROCESS_PENDING);
    assert_int_equal(status_of(f, &drafts[1].id), PROCESS_PENDING);
    assert_int_equal(status_of(f, &own), PROCESS_PENDING);
}

/* Up to the copy of what has ended: its restore is under way. */
static void start_copying(struct fixture *f)
{
    f->other.holds = true;
    f->other.up = true;
    TURN_UNTIL(f, f->other.opened != NULL);
    let_go(f); /* the ping */
    TURN_UNTIL(f, held_repository_count(f->other.opened) > 0);
}

static void what_changes_during_the_copy_counts(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct process_id retried = add_ended(f), removed = add_ended(f), stays = add_ended(f);
    struct process_id waited = add(f, "t");
    start_copying(f);
    change(f, &retried, EVENT_RETRY);
    assert_int_equal(sync_remove(&f->sync, &removed, f->now, 0, NULL), ERR_OK);
    change(f, &waited, EVENT_CANCEL);
    struct process_id fresh = add(f, "t"), brief = add_ended(f);
    assert_int_equal(sync_remove(&f->sync, &brief, f->now, 0, NULL), ERR_OK);
    let_all_go(f);
    struct fixture there = *f; /* as others see it */
    there.sync.repository = f->other.kept;
    struct kept kept;
    assert_int_equal(status_of(&there, &retried), PROCESS_PENDING);
    assert_int_equal(status_of(&there, &stays), PROCESS_CANCELED);
    assert_int_equal(status_of(&there, &waited), PROCESS_CANCELED);
    assert_int_equal(status_of(&there, &fresh), PROCESS_PENDING);
    assert_int_equal(sync_get(&there.sync, &removed, false, &kept), ERR_GONE);
    assert_int_equal(sync_get(&there.sync, &brief, false, &kept), ERR_GONE);
    assert_int_equal(sync_counts(&there.sync).total, 4);
}

static void calls_are_held_while_the_rest_is_moved(void **state)
{
    struct fixture *f = *state;
    struct waiting_get get;
    f->other.waits = true;
    start(f);
    struct process_id id = add(f, "t");
    f->other.up = true;
    TURN_UNTIL(f, f->other.begins == 1);
    get_later(f, &get, &id);
    assert_false(get.done);
    sem_post(&f->other.may_begin);
    TURN_UNTIL(f, get.done);
    assert_int_equal(get.get.op.result, ERR_OK);
    assert_true(is_over(f));
}

static void calls_that_are_held_for_long_are_refused(void **state)
{
    struct fixture *f = *state;
    struct waiting_get early, late;
    f->other.waits = true;
    start(f);
    struct process_id id = add(f, "t");
    f->other.up = true;
    TURN_UNTIL(f, f->other.begins == 1);
    get_later(f, &early, &id);
    TURN_UNTIL(f, early.done);
    assert_int_equal(early.get.op.result, ERR_UNAVAILABLE);
    get_later(f, &late, &id);
    assert_true(late.done);
    assert_int_equal(late.get.op.result, ERR_UNAVAILABLE);
    sem_post(&f->other.may_begin);
    TURN_UNTIL(f, is_over(f));
    assert_int_equal(status_of(f, &id), PROCESS_PENDING);
}

static void one_that_cannot_begin_goes_on_as_before(void **state)
{
    struct fixture *f = *state;
    struct waiting_get get;
    f->other.waits = f->other.cannot_begin = true;
    start(f);
    struct process_id id = add(f, "t"), ended = add_ended(f);
    f->other.up = true;
    TURN_UNTIL(f, f->other.begins == 1);
    get_later(f, &get, &id);
    f->other.up = false;
    sem_post(&f->other.may_begin);
    TURN_UNTIL(f, get.done);
    assert_int_equal(get.get.op.result, ERR_OK);
    TURN_UNTIL(f, strcmp(handover_of(f), "waiting") == 0);
    assert_int_equal(sync_remove(&f->sync, &ended, f->now, 0, NULL), ERR_OK);
    f->other.waits = false;
    f->other.up = true;
    TURN_UNTIL(f, is_over(f));
    assert_int_equal(f->other.opens, 2);
    assert_int_equal(sync_counts(&f->sync).total, 1);
}

/* At whatever step it is: every call that is open ends, and nothing is left. */
static void it_can_be_closed_at_any_step(void **state)
{
    struct fixture *f = *state;
    struct waiting_get get;
    f->other.waits = true;
    start(f);
    struct process_id id = add(f, "t");
    f->other.up = true;
    TURN_UNTIL(f, f->other.begins == 1);
    get_later(f, &get, &id);
    repository_close(f->sync.repository);
    assert_true(get.done);
    assert_int_equal(get.get.op.result, ERR_CANCELED);
    sem_post(&f->other.may_begin);
}

static void it_can_be_closed_while_it_copies(void **state)
{
    struct fixture *f = *state;
    start(f);
    add_ended(f);
    start_copying(f);
}

static void it_can_be_closed_while_it_moves(void **state)
{
    struct fixture *f = *state;
    struct waiting_get get;
    start(f);
    struct process_id id = add(f, "t");
    start_copying(f);
    while (f->other.begins == 0) {
        if (held_repository_count(f->other.opened) > 0)
            held_repository_release(f->other.opened, 0);
        loop_turn(f->sync.loop, 10);
    }
    TURN_UNTIL(f, held_repository_count(f->other.opened) > 0);
    get_later(f, &get, &id);
    assert_false(get.done);
    repository_close(f->sync.repository);
    assert_int_equal(get.get.op.result, ERR_CANCELED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_stays_says_that_it_could_go),
        TEST(everything_is_moved_and_told),
        TEST(what_an_earlier_one_left_is_moved_too),
        TEST(what_changes_during_the_copy_counts),
        TEST(calls_are_held_while_the_rest_is_moved),
        TEST(calls_that_are_held_for_long_are_refused),
        TEST(one_that_cannot_begin_goes_on_as_before),
        TEST(it_can_be_closed_at_any_step),
        TEST(it_can_be_closed_while_it_copies),
        TEST(it_can_be_closed_while_it_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
