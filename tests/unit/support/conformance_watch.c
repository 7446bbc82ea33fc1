/* Watching: who has read a process so is told of its next change, whoever makes it, and in time to
 * keep nothing that is no longer true. */
#include "support/conformance_changes.h"

#include "support/test.h"

static void told_of(struct conformance *c, enum kind kind, int side)
{
    static struct kept kept, after;
    struct sides s = open_sides(c);
    struct process_id other = conformance_add_to(c, "other", 0, c->now);
    prepare(c, kind, &kept);
    watch(&s.by[0], &kept.process.id);
    watch(&s.by[0], &other);
    forget();
    assert_int_equal(sync_ping(&s.by[0]), ERR_OK);
    assert_int_equal(sync_ping(&s.by[1]), ERR_OK);
    assert_int_equal(ear.count + (size_t)ear.all, 0);
    make(c, &s.by[side], kind, &kept);
    wait_to_hear(c, &kept.process.id);
    enum err err = sync_get(&s.by[0], &kept.process.id, false, &after);
    assert_int_equal(err, kind == IS_REMOVED || kind == IS_SWEPT ? ERR_GONE : ERR_OK);
    assert_true(err == ERR_GONE || after.process.version > kept.process.version);
    assert_false(has_heard(&other));
    close_sides(&s);
}

static void every_change_is_told_whoever_makes_it(void **state)
{
    struct conformance *c = *state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (int side = 0; side < 2; side++) {
            told_of(c, (enum kind)kind, side);
            conformance_reopen(c);
        }
    }
}

/* --- from watch to watch ------------------------------------------------------------------------
 */

static void each_watch_brings_the_next_change(void **state)
{
    struct sides s = open_sides(*state);
    static struct kept kept;
    conformance_running(s.c, &kept);
    for (int i = 0; i < 10; i++) {
        watch(&s.by[0], &kept.process.id);
        forget();
        assert_int_equal(conformance_try(s.c, &kept, EVENT_PROGRESS), ERR_OK);
        wait_to_hear(s.c, &kept.process.id);
    }
    close_sides(&s);
}

static void what_is_read_or_refused_is_not_told(void **state)
{
    struct sides s = open_sides(*state);
    static struct kept kept;
    struct process_id id = conformance_add(s.c), ids[10];
    struct process_id mark = conformance_add_to(s.c, "mark", 0, s.c->now);
    struct process_change change = conformance_change(s.c, EVENT_CANCEL, NULL);
    struct repo_list list = {.limit = 10};
    watch(&s.by[0], &id);
    watch(&s.by[0], &mark);
    forget();
    change.if_version = 7;
    assert_int_equal(sync_change(&s.by[1], &id, &change, NULL, NULL), ERR_STALE);
    assert_int_equal(sync_remove(&s.by[1], &id, s.c->now, 0, NULL), ERR_CONFLICT);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(sync_get(&s.by[side], &id, true, &kept), ERR_OK);
        assert_int_equal(sync_list(&s.by[side], &list, ids), ERR_OK);
        assert_int_equal(sync_counts(&s.by[side]).total, 2);
    }
    change.if_version = 0; /* told after all that could have been told before */
    assert_int_equal(sync_change(&s.by[1], &mark, &change, NULL, NULL), ERR_OK);
    wait_to_hear(s.c, &mark);
    assert_false(has_heard(&id));
    close_sides(&s);
}

/* Keeps what it reads as long as the contract says that it may. */
static struct keeper {
    struct repo_get get;
    bool open, voided;
    int64_t version; /* 0: nothing is kept */
} keeper;

static void keeper_told(void *arg, const struct process_id *id)
{
    (void)arg;
    (void)id; /* there is only one */
    keeper.voided = true;
    keeper.version = 0;
}

static void keeper_read(struct process_op *op)
{
    keeper.open = false;
    assert_int_equal(op->result, ERR_OK);
    if (keeper.get.watched && !keeper.voided)
        keeper.version = keeper.get.process.version;
}

static void keeper_reads(const struct sync *on)
{
    keeper.open = true;
    keeper.voided = false;
    process_op_init(&keeper.get.op, keeper_read);
    repository_get(on->repository, &keeper.get);
}

static bool change_open;

static void change_done(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
    change_open = false;
}

static void start_change(const struct sides *s, int side, struct repo_transition *call,
                         const struct kept *kept)
{
    *call = (struct repo_transition){.id = kept->process.id,
                                     .change = conformance_change(s->c, EVENT_PROGRESS, kept)};
    change_open = true;
    process_op_init(&call->op, change_done);
    repository_transition(s->by[side].repository, call);
}

static void wait_for_truth(const struct sides *s, const struct repo_transition *change)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (keeper.open || change_open ||
           (keeper.version != 0 && keeper.version != change->process.version)) {
        if (clock_steady_ms() > deadline)
            fail_msg("it keeps what is no longer true");
        loop_turn(s->c->sync.loop, 100);
    }
}

static void what_may_be_kept_is_true(void **state)
{
    enum { ROUNDS = 200 };
    struct sides s = open_sides(*state);
    static struct kept kept;
    struct repo_transition change;
    int kept_rounds = 0;
    conformance_running(s.c, &kept);
    keeper = (struct keeper){.get = {.id = kept.process.id, .watch = true}};
    s.by[0].repository->on_changed = keeper_told;
    watch(&s.by[0], &kept.process.id);
    conformance_seed(s.c);
    for (int round = 0; round < ROUNDS; round++) {
        bool first = rand() % 2 == 0;
        if (first)
            keeper_reads(&s.by[0]);
        start_change(&s, round / 2 % 2, &change, &kept);
        if (!first)
            keeper_reads(&s.by[0]);
        wait_for_truth(&s, &change);
        if (round % 2 == 0) { /* undisturbed: for the next change to void it */
            keeper_reads(&s.by[0]);
            wait_for_truth(&s, &change);
        }
        kept_rounds += keeper.version != 0;
    }
    assert_true(kept_rounds > 0);
    close_sides(&s);
}

/* --- from inside --------------------------------------------------------------------------------
 */

static struct inside {
    struct conformance *c;
    struct process_id first, second;
    struct repo_get get;
    struct repo_transition change;
    int64_t version;
    bool read, changed, heard;
} inside;

static void inside_read(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
    inside.version = inside.get.process.version;
    inside.read = true;
}

static void inside_changed(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
    inside.changed = true;
}

static void call_again(void *arg, const struct process_id *id)
{
    struct process_repository *repository = arg;
    if (id == NULL || same_id(id, &inside.second)) {
        inside.heard = true;
        return;
    }
    if (inside.get.op.done != NULL || inside.read)
        return;
    inside.get = (struct repo_get){.id = inside.first};
    process_op_init(&inside.get.op, inside_read);
    repository_get(repository, &inside.get);
    inside.change = (struct repo_transition){
        .id = inside.second, .change = conformance_change(inside.c, EVENT_CANCEL, NULL)};
    process_op_init(&inside.change.op, inside_changed);
    repository_transition(repository, &inside.change);
}

static void who_is_told_may_call_and_sees_the_change(void **state)
{
    struct sides s = open_sides(*state);
    static struct kept kept;
    conformance_running(s.c, &kept);
    inside = (struct inside){.c = s.c, .first = kept.process.id, .second = conformance_add(s.c)};
    watch(&s.by[0], &inside.first);
    watch(&s.by[0], &inside.second);
    s.by[0].repository->on_changed_arg = s.by[0].repository;
    s.by[0].repository->on_changed = call_again;
    conformance_complete(s.c, &kept, s.c->now + 10);
    sync_wait(s.c->sync.loop, &inside.read);
    sync_wait(s.c->sync.loop, &inside.changed);
    sync_wait(s.c->sync.loop, &inside.heard);
    assert_int_equal(inside.version, kept.process.version + 1);
    close_sides(&s);
}

/* --- many at once -------------------------------------------------------------------------------
 */

enum { MANY = 60 };

static void each_is_heard_of(const struct sides *s, const struct kept *kept)
{
    for (int i = 0; i < MANY; i++)
        wait_to_hear(s->c, &kept[i].process.id);
}

static void watch_each(const struct sides *s, const struct kept *kept)
{
    for (int i = 0; i < MANY; i++)
        watch(&s->by[0], &kept[i].process.id);
    forget();
}

static void of_many_each_is_told(void **state)
{
    struct sides s = open_sides(*state);
    static struct kept kept[MANY];
    static struct process drafts[MANY];
    struct repo_create_batch batch = conformance_batch(s.c, drafts, MANY);
    assert_int_equal(sync_create_batch(&s.by[0], &batch), ERR_OK);
    for (int i = 0; i < MANY; i++)
        conformance_get(s.c, &drafts[i].id, &kept[i]);
    watch_each(&s, kept);
    assert_int_equal(sync_claim(&s.by[1], "t", MANY, s.c->now, 60000, kept), MANY);
    each_is_heard_of(&s, kept);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(conformance_try(s.c, &kept[i], EVENT_FAIL), ERR_OK);
    watch_each(&s, kept);
    sweep_failed(s.c, &s.by[1], MANY);
    each_is_heard_of(&s, kept);
    close_sides(&s);
}

int conformance_watch_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(every_change_is_told_whoever_makes_it),
        CONFORMANCE_TEST(each_watch_brings_the_next_change),
        CONFORMANCE_TEST(what_is_read_or_refused_is_not_told),
        CONFORMANCE_TEST(what_may_be_kept_is_true),
        CONFORMANCE_TEST(who_is_told_may_call_and_sees_the_change),
        CONFORMANCE_TEST(of_many_each_is_told),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
