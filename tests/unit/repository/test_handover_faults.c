/* A hand-over in which calls fail, or one allocation after the other: it is begun anew, or goes on
 * until it succeeds, and nothing is lost or there twice. The linker sends what the program
 * allocates through here (--wrap). */
#include "handover_fixture.h"

#define HOUR_MS INT64_C(3600000)

enum { NEVER = -1, ATTEMPTS_MAX = 400, PINGS = 50 /* that it takes until it is given up */ };

static atomic_int allocations_left = NEVER; /* until one fails */

static bool fails(void)
{
    return atomic_load(&allocations_left) != NEVER && atomic_fetch_sub(&allocations_left, 1) == 0;
}

#include "support/failing_wraps.h"

/* --- what is handed over ---------------------------------------------------------------------- */

struct fixture {
    struct process_policy policy;
    struct other other;
    struct sync sync;                        /* what the callers see */
    struct process_repository *first, *left; /* left by an earlier one */
    int64_t now;
};

static void start_with(struct fixture *f, const struct handover_options *options)
{
    f->sync.repository = handover_repository_create(f->sync.loop, f->first, options);
    assert_non_null(f->sync.repository);
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
    f->sync.loop = loop_create();
    f->first = memory_repository_create(&f->policy);
    assert_non_null(f->first);
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

static bool is_over(const struct fixture *f)
{
    return f->sync.repository->fallback_reason == NULL;
}

static struct process draft_of(const struct fixture *f)
{
    struct process draft = {.type = SPAN("t"),
                            .group = SPAN("g"),
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

static struct process_id add(const struct fixture *f)
{
    struct process draft = draft_of(f);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_OK);
    return draft.id;
}

static struct process_id add_ended(const struct fixture *f)
{
    const struct process_change change = {.event = EVENT_CANCEL, .now = f->now};
    struct process_id id = add(f);
    assert_int_equal(sync_change(&f->sync, &id, &change, NULL, NULL), ERR_OK);
    return id;
}

static bool is_held(const struct fixture *f)
{
    return f->other.opened != NULL && held_repository_count(f->other.opened) > 0;
}

/* The one that was opened is given up, and gone. */
static void wait_for_another(struct fixture *f)
{
    f->other.opened = NULL;
    TURN_UNTIL(f, f->other.opened != NULL);
}

static void let_all_go(struct fixture *f)
{
    while (!is_over(f)) {
        if (is_held(f))
            held_repository_release(f->other.opened, 0);
        else
            loop_turn(f->sync.loop, 10);
    }
}

/* --- calls that fail -------------------------------------------------------------------------- */

static void one_that_does_not_answer_is_opened_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    add(f);
    f->other.holds = true;
    f->other.up = true;
    for (int i = 0; i < PINGS; i++) {
        TURN_UNTIL(f, is_held(f));
        held_repository_fail(f->other.opened, 0, ERR_UNAVAILABLE);
    }
    wait_for_another(f);
    assert_int_equal(f->other.begins, 0);
    let_all_go(f);
    assert_int_equal(sync_counts(&(struct sync){f->sync.loop, f->other.kept}).total, 1);
}

static void start_copying(struct fixture *f)
{
    f->other.holds = true;
    f->other.up = true;
    TURN_UNTIL(f, is_held(f));
    held_repository_release(f->other.opened, 0); /* the ping */
    TURN_UNTIL(f, is_held(f));
}

static void a_copy_that_fails_is_begun_anew(void **state)
{
    struct fixture *f = *state;
    start(f);
    add_ended(f);
    start_copying(f);
    held_repository_fail(f->other.opened, 0, ERR_FULL);
    wait_for_another(f);
    assert_int_equal(f->other.begins, 0); /* nobody was kept waiting for it */
    let_all_go(f);
    assert_int_equal(sync_counts(&(struct sync){f->sync.loop, f->other.kept}).total, 1);
}

/* What has changed is not known any more: all is copied once again. */
static void changes_that_were_missed_are_not_passed_over(void **state)
{
    struct fixture *f = *state;
    start(f);
    add_ended(f);
    f->other.up = true;
    TURN_UNTIL(f, strcmp(f->sync.repository->handover, "moving") == 0);
    f->first->on_missed(f->first->on_missed_arg);
    TURN_UNTIL(f, f->other.opens == 2);
    assert_int_equal(f->other.begins, 0);
    TURN_UNTIL(f, is_over(f));
    assert_int_equal(sync_counts(&f->sync).total, 1);
}

/* Each call of what cannot go back fails some times first. */
static void from_its_beginning_on_it_goes_on_until_it_succeeds(void **state)
{
    static const enum err errs[] = {ERR_UNAVAILABLE, ERR_UNAVAILABLE, ERR_CANCELED, ERR_OK};
    struct fixture *f = *state;
    size_t next = 0;
    start(f);
    struct process_id waits = add(f), removed = add_ended(f);
    struct process_id gone[] = {add_ended(f), add_ended(f)};
    start_copying(f);
    TURN_UNTIL(f, is_held(f));
    held_repository_release(f->other.opened, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sync_remove(&f->sync, &gone[i], f->now, 0, NULL), ERR_OK);
    assert_int_equal(sync_remove(&f->sync, &removed, f->now, 0, NULL), ERR_OK);
    while (!is_over(f)) {
        const enum err err = f->other.begins > 0 ? errs[next++ % 4] : ERR_OK;
        if (is_held(f) && err == ERR_OK)
            held_repository_release(f->other.opened, 0);
        else if (is_held(f))
            held_repository_fail(f->other.opened, 0, err);
        else
            next -= f->other.begins > 0;
        loop_turn(f->sync.loop, 10);
    }
    assert_int_equal(f->other.opens, 1);
    const struct sync there = {f->sync.loop, f->other.kept};
    struct kept kept;
    assert_int_equal(sync_counts(&there).total, 1);
    assert_int_equal(sync_get(&there, &waits, false, &kept), ERR_OK);
    assert_int_equal(sync_get(&there, &removed, false, &kept), ERR_GONE);
}

/* --- one that finishes its calls at once ---- */

static struct process_repository *open_memory(void *arg, struct loop *loop)
{
    struct other *other = arg;
    (void)loop;
    other->opens++;
    other->opened = memory_repository_create(other->policy);
    return other->opened;
}

static struct handover_options memory_options(struct fixture *f)
{
    struct handover_options options = other_options(&f->other, true);
    options.open = open_memory;
    return options;
}

/* --- calls that are held ---------------------------------------------------------------------- */

static int calls_done;

static void on_held(struct process_op *op)
{
    if (op->result == ERR_UNAVAILABLE || op->result == ERR_CANCELED)
        fail_msg("%s", err_text(op->result));
    calls_done++;
}

#define SUBMIT(f, kind, ...)                  \
    static struct repo_##kind kind;           \
    kind = (struct repo_##kind){__VA_ARGS__}; \
    process_op_init(&kind.op, on_held);       \
    repository_##kind((f)->sync.repository, &kind)

/* As many as there are kinds, each of which is passed on as what it is. */
static void calls_of_every_kind_are_held_and_passed_on(void **state)
{
    struct fixture *f = *state;
    static struct repo_item paused = {.kind = ITEM_PAUSED_TYPE, .type = {"p", 1}};
    static const struct span type = {"t", 1};
    static struct process draft, batch[1];
    f->other.waits = true;
    const struct handover_options options = memory_options(f);
    start_with(f, &options);
    struct process_id id = add(f), ended = add_ended(f);
    f->other.up = true;
    TURN_UNTIL(f, f->other.begins == 1);
    draft = draft_of(f);
    batch[0] = draft_of(f);
    struct repo_standing_item item = {.id = id, .type = "t"};
    calls_done = 0;
    SUBMIT(f, create, .process = draft);
    SUBMIT(f, get, .id = id);
    SUBMIT(f, transition, .id = id, .change = {.event = EVENT_CANCEL, .now = f->now});
    SUBMIT(f, claim, .types = &type, .type_count = 1, .worker = SPAN("w"), .max = 1, .now = f->now,
           .lease_ms = HOUR_MS, .tokens = {"0123456789abcdef0123456789abcdef"});
    SUBMIT(f, remove, .id = ended, .now = f->now);
    SUBMIT(f, list, .limit = 10);
    SUBMIT(f, counts, .total = 0);
    SUBMIT(f, create_batch, .base = batch[0].id, .processes = batch, .count = 1, .now = f->now);
    SUBMIT(f, standing, .items = &item, .count = 1);
    SUBMIT(f, group, .group = SPAN("g"));
    SUBMIT(f, types, .now = f->now);
    SUBMIT(f, workers, .now = f->now);
    SUBMIT(f, pause, .type = SPAN("q"), .paused = true);
    SUBMIT(f, events, .id = id);
    SUBMIT(f, sweep, .kind = SWEEP_EXPIRED, .limit = 1);
    SUBMIT(f, advance, .now = f->now, .limit = 1);
    SUBMIT(f, ping, .op = {.result = ERR_OK});
    SUBMIT(f, dump, .now = f->now);
    SUBMIT(f, restore, .items = &paused, .count = 1, .now = f->now);
    SUBMIT(f, audit, .now = f->now, .limit = 1);
    SUBMIT(f, snapshot, .bytes = 0);
    assert_int_equal(calls_done, 0);
    sem_post(&f->other.may_begin);
    TURN_UNTIL(f, calls_done == 21);
    assert_true(is_over(f));
    assert_int_equal(transition.process.status, PROCESS_CANCELED);
    assert_int_equal(claim.count, 1);
    assert_int_equal(restore.stored, 1);
    assert_true(pause.changed);
    assert_int_equal(snapshot.op.result, ERR_UNSUPPORTED);
    assert_int_equal(sync_counts(&f->sync).total, 3);
}

/* --- its life --------------------------------------------------------------------------------- */

static void a_pause_does_not_grow_for_ever(void **state)
{
    struct fixture *f = *state;
    struct handover_options options = other_options(&f->other, true);
    options.pause_ms = 20000;
    options.left[0] = memory_repository_create(&f->policy);
    options.left_count = 1;
    start_with(f, &options);
    add(f);
    repository_close(f->sync.repository); /* what was left goes with it */
}

/* --- want of memory --------------------------------------------------------------------------- */

static void creation_needs_all_its_memory(void **state)
{
    struct fixture *f = *state;
    const struct handover_options options = memory_options(f);
    for (int n = 0; f->sync.repository == NULL; n++) {
        assert_true(n < ATTEMPTS_MAX);
        allocations_left = n;
        f->sync.repository = handover_repository_create(f->sync.loop, f->first, &options);
        allocations_left = NEVER;
        if (f->sync.repository == NULL)
            f->first = memory_repository_create(&f->policy); /* it was taken */
        assert_true(f->sync.repository == NULL || n > 1);
    }
}

/* While it copies, something is removed and something ends. */
static void hand_over(struct fixture *f, int n)
{
    const struct handover_options options = memory_options(f);
    struct kept kept;
    start_with(f, &options);
    struct process_id waits = add(f), ended = add_ended(f), removed = add_ended(f);
    assert_true(sync_pause(&f->sync, SPAN("paused"), true));
    assert_int_equal(sync_remove(&f->sync, &removed, f->now, 0, NULL), ERR_OK);
    f->other.up = true;
    allocations_left = n;
    TURN_UNTIL(f, is_over(f));
    const bool failed = allocations_left < 0;
    allocations_left = failed ? NEVER : allocations_left;
    assert_int_equal(sync_counts(&f->sync).total, 2);
    assert_int_equal(sync_get(&f->sync, &waits, true, &kept), ERR_OK);
    assert_int_equal(kept.process.status, PROCESS_PENDING);
    assert_int_equal(sync_get(&f->sync, &ended, true, &kept), ERR_OK);
    assert_int_equal(kept.process.status, PROCESS_CANCELED);
    assert_int_equal(sync_get(&f->sync, &removed, true, &kept), ERR_GONE);
    assert_false(sync_pause(&f->sync, SPAN("paused"), true));
}

static void whatever_is_wanting_all_is_handed_over(void **state)
{
    void *first = *state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        void *f = NULL;
        assert_true(n < ATTEMPTS_MAX);
        setup(&f);
        hand_over(f, n);
        failed = allocations_left == NEVER;
        allocations_left = NEVER;
        teardown(&f);
    }
    *state = first;
    start(first);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_does_not_answer_is_opened_again),
        TEST(a_copy_that_fails_is_begun_anew),
        TEST(changes_that_were_missed_are_not_passed_over),
        TEST(from_its_beginning_on_it_goes_on_until_it_succeeds),
        TEST(calls_of_every_kind_are_held_and_passed_on),
        TEST(a_pause_does_not_grow_for_ever),
        TEST(creation_needs_all_its_memory),
        TEST(whatever_is_wanting_all_is_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
