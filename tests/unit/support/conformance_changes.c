#include "support/conformance_changes.h"

#include "support/test.h"

/* --- two sides of a store, and an ear on the first ---------------------------------------------
 */

struct ear ear;

static void hear(void *arg, const struct process_id *id)
{
    (void)arg;
    if (id == NULL) {
        ear.all++;
        return;
    }
    assert_true(ear.count < sizeof(ear.ids) / sizeof(ear.ids[0]));
    ear.ids[ear.count++] = *id;
}

void forget(void)
{
    ear.count = 0;
    ear.all = 0;
}

bool has_heard(const struct process_id *id)
{
    for (size_t i = 0; i < ear.count; i++)
        if (same_id(&ear.ids[i], id))
            return true;
    return false;
}

void wait_to_hear(const struct conformance *c, const struct process_id *id)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!has_heard(id) && ear.all == 0) {
        if (clock_steady_ms() > deadline)
            fail_msg("it was not told");
        loop_turn(c->sync.loop, 100);
    }
}

struct sides open_sides(struct conformance *c)
{
    struct sides sides = {.c = c, .by = {c->sync, c->sync}};
    if (c->subject->join != NULL) {
        sides.joined = c->subject->join(c->sync.loop, &c->policy);
        assert_non_null(sides.joined);
        sides.by[1].repository = sides.joined;
    }
    forget();
    c->sync.repository->on_changed = hear;
    return sides;
}

void close_sides(const struct sides *sides)
{
    sides->c->sync.repository->on_changed = NULL;
    repository_destroy(sides->joined);
}

struct watching {
    struct repo_get get;
    bool done;
};

static void watching_done(struct process_op *op)
{
    container_of(op, struct watching, get.op)->done = true;
}

void watch(const struct sync *on, const struct process_id *id)
{
    struct watching watching;
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    for (;;) {
        watching = (struct watching){.get = {.id = *id, .watch = true}};
        process_op_init(&watching.get.op, watching_done);
        repository_get(on->repository, &watching.get);
        sync_wait(on->loop, &watching.done);
        assert_int_equal(watching.get.op.result, ERR_OK);
        if (watching.get.watched)
            return;
        assert_true(clock_steady_ms() < deadline);
        loop_turn(on->loop, 20);
    }
}

/* --- every kind of change -----------------------------------------------------------------------
 */

static const enum process_event events[KINDS] = {
    [PROGRESSES] = EVENT_PROGRESS,
    [COMPLETES] = EVENT_COMPLETE,
    [FAILS] = EVENT_FAIL,
    [IS_RELEASED] = EVENT_RELEASE,
    [IS_ASKED_TO_CANCEL] = EVENT_CANCEL,
    [IS_CANCELED] = EVENT_CANCEL,
    [IS_RETRIED] = EVENT_RETRY,
};

void prepare(const struct conformance *c, enum kind kind, struct kept *ret_kept)
{
    struct process draft = conformance_draft(c);
    switch (kind) {
    case PROGRESSES:
    case COMPLETES:
    case FAILS:
    case IS_RELEASED:
    case IS_ASKED_TO_CANCEL:
    case LAPSES:
        conformance_put_into(c, PROCESS_RUNNING, ret_kept);
        return;
    case IS_RETRIED:
    case IS_REMOVED:
    case IS_SWEPT:
        conformance_put_into(c, PROCESS_FAILED, ret_kept);
        return;
    case EXPIRES:
        draft.deadline = c->now + 1000;
        break;
    case IS_CANCELED:
    case IS_CLAIMED:
    case KINDS:
        break;
    }
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, ret_kept);
}

void sweep_failed(const struct conformance *c, const struct sync *by, int count)
{
    struct repo_sweep call = {.kind = SWEEP_FINISHED,
                              .status = PROCESS_FAILED,
                              .before = c->now + 1000,
                              .now = c->now + 1000,
                              .limit = 100};
    assert_int_equal(sync_sweep(by, &call), ERR_OK);
    assert_int_equal(call.matched[PROCESS_FAILED], count);
}

static void advance(const struct sync *by, int64_t now)
{
    struct repo_advance advanced;
    assert_int_equal(sync_advance(by, now, 100, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed + advanced.expired, 1);
}

void make(const struct conformance *c, const struct sync *by, enum kind kind,
          const struct kept *kept)
{
    struct process_id id = kept->process.id;
    struct process_change change = conformance_change(c, events[kind], kept);
    switch (kind) {
    case IS_REMOVED:
        assert_int_equal(sync_remove(by, &id, c->now, 0, NULL), ERR_OK);
        return;
    case IS_SWEPT:
        sweep_failed(c, by, 1);
        return;
    case IS_CLAIMED:
        assert_int_equal(sync_claim(by, "t", 1, c->now, 60000, NULL), 1);
        return;
    case LAPSES:
        advance(by, c->now + 70000);
        return;
    case EXPIRES:
        advance(by, c->now + 2000);
        return;
    case PROGRESSES:
    case COMPLETES:
    case FAILS:
    case IS_RELEASED:
    case IS_ASKED_TO_CANCEL:
    case IS_CANCELED:
    case IS_RETRIED:
    case KINDS:
        break;
    }
    assert_int_equal(sync_change(by, &id, &change, NULL, NULL), ERR_OK);
}
