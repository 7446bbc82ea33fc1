/* The calling contract: calls from callbacks, what is borrowed, the end. */
#include "support/conformance.h"

#include "support/test.h"

struct open_get {
    struct repo_get call;
    int *finished;
    struct repo_get *next; /* submitted from done() */
    struct process_repository *repository;
};

static void open_get_done(struct process_op *op)
{
    struct open_get *get_call = container_of(op, struct open_get, call.op);
    (*get_call->finished)++;
    if (get_call->next != NULL)
        repository_get(get_call->repository, get_call->next);
}

static void calls_may_be_submitted_from_done(void **state)
{
    struct conformance *c = *state;
    int finished = 0;
    struct process_id id = conformance_add(c);
    struct open_get second = {.call = {.id = id}, .finished = &finished};
    struct open_get first = {.call = {.id = id},
                             .finished = &finished,
                             .next = &second.call,
                             .repository = c->sync.repository};
    process_op_init(&first.call.op, open_get_done);
    process_op_init(&second.call.op, open_get_done);
    repository_get(c->sync.repository, &first.call);
    while (finished < 2)
        loop_turn(c->sync.loop, 100);
    assert_int_equal(second.call.op.result, ERR_OK);
}

struct reading {
    struct repo_get get;
    struct repo_transition change; /* submitted while what get gave out is still read */
    struct repo_remove remove;     /* submitted when the change is made */
    struct process_repository *repository;
    bool intact, done;
};

static void reading_removed(struct process_op *op)
{
    container_of(op, struct reading, remove.op)->done = true;
}

static void reading_changed(struct process_op *op)
{
    struct reading *reading = container_of(op, struct reading, change.op);
    repository_remove(reading->repository, &reading->remove);
}

static void reading_got(struct process_op *op)
{
    struct reading *reading = container_of(op, struct reading, get.op);
    const struct process *process = &reading->get.process;
    repository_transition(reading->repository, &reading->change);
    reading->intact = op->result == ERR_OK && span_equal(process->type, SPAN("t")) &&
                      span_equal(process->worker, SPAN("tester/1")) &&
                      span_equal(process->progress, SPAN("{\"percent\":50}"));
}

static void what_was_given_out_outlives_calls_from_done(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    struct process_id id = kept.process.id;
    struct process_change progress = conformance_change(c, EVENT_PROGRESS, &kept);
    assert_int_equal(sync_change(&c->sync, &id, &progress, NULL, NULL), ERR_OK);
    struct reading reading = {
        .get = {.id = id},
        .change = {.id = id, .change = conformance_change(c, EVENT_COMPLETE, &kept)},
        .remove = {.id = id, .now = c->now + 10},
        .repository = c->sync.repository,
    };
    process_op_init(&reading.get.op, reading_got);
    process_op_init(&reading.change.op, reading_changed);
    process_op_init(&reading.remove.op, reading_removed);
    repository_get(c->sync.repository, &reading.get);
    sync_wait(c->sync.loop, &reading.done);
    assert_true(reading.intact);
    assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_GONE);
}

static void close_ends_every_open_call_once(void **state)
{
    enum { CALLS = 300 };
    struct conformance *c = *state;
    static struct open_get calls[CALLS];
    int finished = 0;
    struct process_id id = conformance_add(c);
    for (int i = 0; i < CALLS; i++) {
        calls[i] = (struct open_get){.call = {.id = id}, .finished = &finished};
        process_op_init(&calls[i].call.op, open_get_done);
        repository_get(c->sync.repository, &calls[i].call);
    }
    repository_close(c->sync.repository);
    assert_int_equal(finished, CALLS);
    for (int i = 0; i < CALLS; i++)
        assert_true(calls[i].call.op.result == ERR_OK || calls[i].call.op.result == ERR_CANCELED);
    for (int i = 0; i < 3; i++)
        loop_turn(c->sync.loop, 1);
    assert_int_equal(finished, CALLS);
    assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_CANCELED);
}

static void ping_answers(void **state)
{
    struct conformance *c = *state;
    assert_int_equal(sync_ping(&c->sync), ERR_OK);
}

int conformance_calls_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(calls_may_be_submitted_from_done),
        CONFORMANCE_TEST(what_was_given_out_outlives_calls_from_done),
        CONFORMANCE_TEST(close_ends_every_open_call_once),
        CONFORMANCE_TEST(ping_answers),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
