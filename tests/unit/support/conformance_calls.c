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

/* --- every slot --------------------------------------------------------------------------------
 */

/* One call of each kind, prepared so that nothing is refused. */
struct one_of_each {
    struct process_op *ops[21];
    size_t count;
    struct span types[1];
    struct repo_standing_item item;
    struct process draft;
    struct repo_create create;
    struct repo_get get;
    struct repo_transition transition;
    struct repo_claim claim;
    struct repo_remove remove;
    struct repo_list list;
    struct repo_counts counts;
    struct repo_create_batch create_batch;
    struct repo_standing standing;
    struct repo_group group;
    struct repo_types type_states;
    struct repo_workers workers;
    struct repo_pause pause;
    struct repo_events events;
    struct repo_sweep sweep;
    struct repo_advance advance;
    struct repo_ping ping;
    struct repo_item restored;
    struct repo_dump dump;
    struct repo_restore restore;
    struct repo_audit audit;
    struct repo_snapshot snapshot;
};

static int ended;

static void count_end(struct process_op *op)
{
    (void)op;
    ended++;
}

static void prepare(const struct conformance *c, struct one_of_each *each,
                    const struct process_id *id)
{
    *each = (struct one_of_each){
        .types = {SPAN("t")},
        .item = {.id = *id, .type = "t"},
        .create = {.process = conformance_draft(c)},
        .get = {.id = *id},
        .transition = {.id = *id, .change = conformance_change(c, EVENT_CANCEL, NULL)},
        .claim = {.worker = SPAN("w"), .max = 1, .now = c->now, .lease_ms = 5000},
        .remove = {.id = *id, .now = c->now},
        .list = {.limit = 10},
        .group = {.group = SPAN("g")},
        .type_states = {.now = c->now, .workers_since = c->now},
        .workers = {.now = c->now},
        .pause = {.type = SPAN("u"), .paused = true},
        .events = {.id = *id},
        .sweep = {.before = c->now, .now = c->now, .limit = 10},
        .advance = {.now = c->now, .limit = 10},
        .restored = {.kind = ITEM_PAUSED_TYPE, .type = SPAN("v")},
        .dump = {.now = c->now},
        .restore = {.count = 1, .now = c->now},
        .audit = {.now = c->now, .limit = 10},
    };
    each->restore.items = &each->restored;
    each->claim.types = each->types;
    each->claim.type_count = 1;
    assert_true(lease_token_new(each->claim.tokens[0]));
    each->standing.items = &each->item;
    each->standing.count = 1;
    each->create_batch = conformance_batch(c, &each->draft, 1);
}

#define SUBMIT(slot, call)                       \
    do {                                         \
        process_op_init(&(call)->op, count_end); \
        each->ops[each->count++] = &(call)->op;  \
        repository_##slot(repository, call);     \
    } while (0)

static void submit_all(struct process_repository *repository, struct one_of_each *each)
{
    SUBMIT(create, &each->create);
    SUBMIT(get, &each->get);
    SUBMIT(claim, &each->claim);
    SUBMIT(list, &each->list);
    SUBMIT(counts, &each->counts);
    SUBMIT(create_batch, &each->create_batch);
    SUBMIT(standing, &each->standing);
    SUBMIT(group, &each->group);
    SUBMIT(types, &each->type_states);
    SUBMIT(workers, &each->workers);
    SUBMIT(pause, &each->pause);
    SUBMIT(events, &each->events);
    SUBMIT(sweep, &each->sweep);
    SUBMIT(advance, &each->advance);
    SUBMIT(transition, &each->transition);
    SUBMIT(remove, &each->remove);
    SUBMIT(ping, &each->ping);
    SUBMIT(dump, &each->dump);
    SUBMIT(restore, &each->restore);
    SUBMIT(audit, &each->audit);
    SUBMIT(snapshot, &each->snapshot);
}

static void close_ends_a_call_of_every_kind(void **state)
{
    struct conformance *c = *state;
    static struct one_of_each each;
    struct process_id id = conformance_add(c);
    prepare(c, &each, &id);
    ended = 0;
    submit_all(c->sync.repository, &each);
    repository_close(c->sync.repository);
    assert_int_equal(ended, each.count);
    for (int i = 0; i < 3; i++)
        loop_turn(c->sync.loop, 1);
    assert_int_equal(ended, each.count);
    prepare(c, &each, &id);
    ended = 0;
    submit_all(c->sync.repository, &each);
    assert_int_equal(ended, each.count); /* at once: there is nobody to wait for */
    for (size_t i = 0; i < each.count; i++)
        assert_int_equal(each.ops[i]->result, ERR_CANCELED);
}

struct reading_timeline {
    struct repo_events events;
    struct repo_transition changes[2];
    struct repo_remove remove;
    struct process_repository *repository;
    bool intact, done;
};

static void timeline_removed(struct process_op *op)
{
    container_of(op, struct reading_timeline, remove.op)->done = true;
}

static void change_made(struct process_op *op)
{
    (void)op;
}

/* The timeline is cut and then removed while it is still read. */
static void events_given(struct process_op *op)
{
    struct reading_timeline *reading = container_of(op, struct reading_timeline, events.op);
    static const char mark[] = "\"event\":\"claimed\"";
    repository_transition(reading->repository, &reading->changes[0]);
    repository_transition(reading->repository, &reading->changes[1]);
    repository_remove(reading->repository, &reading->remove);
    const struct repo_events *events = &reading->events;
    reading->intact =
        op->result == ERR_OK && events->count == 1 &&
        memmem(events->events[0].data, events->events[0].len, mark, sizeof(mark) - 1) != NULL;
}

static void a_timeline_that_is_read_outlives_its_process(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    c->policy.events_max = 1;
    conformance_reopen(c);
    conformance_running(c, &kept);
    struct process_id id = kept.process.id;
    static struct reading_timeline reading;
    reading = (struct reading_timeline){
        .events = {.id = id},
        .changes = {{.id = id, .change = conformance_change(c, EVENT_PROGRESS, &kept)},
                    {.id = id, .change = conformance_change(c, EVENT_COMPLETE, &kept)}},
        .remove = {.id = id, .now = c->now + 10},
        .repository = c->sync.repository,
    };
    process_op_init(&reading.events.op, events_given);
    process_op_init(&reading.changes[0].op, change_made);
    process_op_init(&reading.changes[1].op, change_made);
    process_op_init(&reading.remove.op, timeline_removed);
    repository_events(c->sync.repository, &reading.events);
    sync_wait(c->sync.loop, &reading.done);
    assert_true(reading.intact);
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
        CONFORMANCE_TEST(close_ends_a_call_of_every_kind),
        CONFORMANCE_TEST(a_timeline_that_is_read_outlives_its_process),
        CONFORMANCE_TEST(ping_answers),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
