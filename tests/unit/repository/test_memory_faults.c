/* Every call of the memory repository with every one of its allocations failing in turn: it says
 * NO_MEMORY and has changed nothing, or it did all that was asked. The linker sends what the
 * program allocates through here (--wrap). */
#include "support/test.h"

#include "repository/memory_calls.h"
#include "support/fake_disk.h"

#define NOW    INT64_C(1000000000)
#define DAY_MS INT64_C(86400000)
#define TOKEN  "0123456789abcdef0123456789abcdef"

enum { NEVER = -1, ATTEMPTS_MAX = 200 };

static int allocations_left = NEVER; /* until one fails */

static bool fails(void)
{
    return allocations_left != NEVER && allocations_left-- == 0;
}

#include "support/failing_wraps.h"

static void on_done(struct process_op *op)
{
    (void)op;
}

static struct loop *loop;

/* Until then nothing fails: what the call itself asked for is what counts. */
static void wait_for(const struct process_op *op)
{
    const int left = allocations_left;
    allocations_left = NEVER;
    while (op->done != NULL)
        loop_turn(loop, 1000);
    allocations_left = left;
}

/* --- what is there ---------------------------------------------------------------------------- */

enum { RUNNING, FINISHED, CANCELED, PENDING, DUE, COUNT };

struct fixture {
    struct process_policy policy;
    struct process_repository *repository;
    struct fake_disk *fake; /* with a journal */
    struct disk *disk;
    struct process_id ids[COUNT];
};

static bool journalled; /* what the tests run on now */

static void open_repository(struct fixture *f)
{
    const struct memory_journal_options options = {.fsync = JOURNAL_FSYNC_NO, .now = NOW};
    struct journal_report report;
    enum err err;
    if (journalled) {
        f->disk = fake_disk_open(f->fake);
        f->repository = memory_repository_open(loop, &f->policy, f->disk, &options, &report, &err);
    } else {
        f->repository = memory_repository_create(&f->policy);
    }
    assert_non_null(f->repository);
}

static void close_repository(struct fixture *f)
{
    repository_destroy(f->repository);
    disk_destroy(f->disk);
}

static void close_all(struct fixture *f)
{
    close_repository(f);
    fake_disk_destroy(f->fake);
}

static struct process draft_of(const struct process_id *id)
{
    return (struct process){.id = *id,
                            .type = SPAN("t"),
                            .group = SPAN("g"),
                            .input = SPAN("{}"),
                            .version = 1,
                            .max_attempts = 3,
                            .created_at = NOW,
                            .updated_at = NOW,
                            .run_at = NOW,
                            .deadline = NOW + DAY_MS,
                            .retention_ms = -1};
}

static enum err submit_create(const struct fixture *f, const struct process *process)
{
    struct repo_create call = {
        .process = *process, .idempotency_key = SPAN("key"), .fingerprint = 1};
    if (process->created_at == NOW)
        call.idempotency_key = SPAN_NONE;
    process_op_init(&call.op, on_done);
    repository_create(f->repository, &call);
    wait_for(&call.op);
    return call.op.result;
}

static enum err submit_claim(const struct fixture *f, struct span type, struct span worker,
                             size_t *ret_count)
{
    struct repo_claim call = {.types = &type,
                              .type_count = 1,
                              .worker = worker,
                              .announce = true,
                              .max = 1,
                              .now = NOW,
                              .lease_ms = PROCESS_LEASE_MS,
                              .tokens = {TOKEN}};
    process_op_init(&call.op, on_done);
    repository_claim(f->repository, &call);
    wait_for(&call.op);
    *ret_count = call.count;
    return call.op.result;
}

static enum err submit_change(const struct fixture *f, const struct process_id *id,
                              const struct process_change *change)
{
    struct repo_transition call = {.id = *id, .change = *change};
    process_op_init(&call.op, on_done);
    repository_transition(f->repository, &call);
    wait_for(&call.op);
    if (call.op.result == ERR_NO_MEMORY)
        assert_false(call.changed);
    return call.op.result;
}

static enum err submit_event(const struct fixture *f, const struct process_id *id,
                             enum process_event event)
{
    return submit_change(
        f, id, &(struct process_change){.event = event, .now = NOW, .token = SPAN(TOKEN)});
}

/* One of each kind, in a group, with a deadline. */
static void open_filled(struct fixture *f)
{
    process_policy_defaults(&f->policy);
    f->policy.events_max = 2;
    f->disk = NULL;
    f->fake = journalled ? fake_disk_create() : NULL;
    open_repository(f);
    for (int i = 0; i < COUNT; i++) {
        size_t count = 0;
        assert_true(process_id_new(&f->ids[i]));
        struct process draft = draft_of(&f->ids[i]);
        if (i == DUE)
            draft.run_at = NOW + 10;
        assert_int_equal(submit_create(f, &draft), ERR_OK);
        if (i == RUNNING || i == FINISHED) {
            assert_int_equal(submit_claim(f, SPAN("t"), SPAN("w"), &count), ERR_OK);
            assert_int_equal(count, 1);
        }
    }
    assert_int_equal(submit_event(f, &f->ids[FINISHED], EVENT_COMPLETE), ERR_OK);
    assert_int_equal(submit_event(f, &f->ids[CANCELED], EVENT_CANCEL), ERR_OK);
}

/* All that can be seen, but for notes that somebody looked for work. */
struct picture {
    struct repo_counts counts;
    struct repo_group group;
    struct {
        int err, status, attempt, events;
        int64_t version, position;
    } processes[COUNT];
    int64_t waiting, running, held;
};

static void see_process(const struct fixture *f, int i, struct picture *ret_picture)
{
    struct repo_get get = {.id = f->ids[i]};
    process_op_init(&get.op, on_done);
    repository_get(f->repository, &get);
    wait_for(&get.op);
    struct repo_standing_item item = {.id = f->ids[i], .type = "t"};
    struct repo_standing standing = {.items = &item, .count = 1};
    process_op_init(&standing.op, on_done);
    repository_standing(f->repository, &standing);
    wait_for(&standing.op);
    ret_picture->processes[i].err = get.op.result;
    ret_picture->processes[i].status = (int)get.process.status;
    ret_picture->processes[i].attempt = get.process.attempt;
    ret_picture->processes[i].events = get.process.events;
    ret_picture->processes[i].version = get.process.version;
    ret_picture->processes[i].position = item.position;
}

static struct picture *seen; /* for the callbacks */

static void on_types(struct process_op *op)
{
    const struct repo_types *call = container_of(op, struct repo_types, op);
    for (size_t i = 0; i < call->count; i++) {
        seen->waiting += call->types[i].waiting;
        seen->running += call->types[i].state.running;
    }
}

static void on_workers(struct process_op *op)
{
    const struct repo_workers *call = container_of(op, struct repo_workers, op);
    for (size_t i = 0; i < call->count; i++)
        seen->held += call->workers[i].held;
}

static void see(const struct fixture *f, struct picture *ret_picture)
{
    memset(ret_picture, 0, sizeof(*ret_picture));
    seen = ret_picture;
    process_op_init(&seen->counts.op, on_done);
    repository_counts(f->repository, &seen->counts);
    wait_for(&seen->counts.op);
    seen->group.group = SPAN("g");
    process_op_init(&seen->group.op, on_done);
    repository_group(f->repository, &seen->group);
    wait_for(&seen->group.op);
    for (int i = 0; i < COUNT; i++)
        see_process(f, i, seen);
    struct repo_types types = {.now = NOW};
    process_op_init(&types.op, on_types);
    repository_types(f->repository, &types);
    wait_for(&types.op);
    struct repo_workers workers = {.now = NOW};
    process_op_init(&workers.op, on_workers);
    repository_workers(f->repository, &workers);
    wait_for(&workers.op);
    memset(&seen->counts.op, 0, sizeof(seen->counts.op));
    memset(&seen->group.op, 0, sizeof(seen->group.op));
}

/* --- what is asked ---------------------------------------------------------------------------- */

static enum err create(struct fixture *f)
{
    struct process_id id;
    assert_true(process_id_new(&id));
    struct process draft = draft_of(&id);
    draft.created_at++; /* with a key */
    draft.type = SPAN("new-type");
    draft.group = SPAN("new-group");
    return submit_create(f, &draft);
}

static enum err create_batch(struct fixture *f)
{
    struct repo_create_batch call = {
        .count = 3, .idempotency_key = SPAN("batch"), .fingerprint = 1, .now = NOW};
    struct process drafts[3];
    assert_true(process_id_new(&call.base));
    for (unsigned i = 0; i < 3; i++) {
        struct process_id id;
        process_id_nth(&call.base, i, &id);
        drafts[i] = draft_of(&id);
    }
    drafts[1].group = SPAN("h");
    drafts[2].type = SPAN("u");
    call.processes = drafts;
    process_op_init(&call.op, on_done);
    repository_create_batch(f->repository, &call);
    wait_for(&call.op);
    assert_false(call.replayed);
    return call.op.result;
}

static enum err claim(struct fixture *f)
{
    size_t count;
    enum err err = submit_claim(f, SPAN("t"), SPAN("another"), &count);
    assert_int_equal(count, err == ERR_OK);
    return err;
}

static enum err complete(struct fixture *f)
{
    return submit_event(f, &f->ids[RUNNING], EVENT_COMPLETE);
}

static enum err put_back(struct fixture *f)
{
    return submit_event(f, &f->ids[RUNNING], EVENT_RELEASE);
}

static enum err retry(struct fixture *f)
{
    return submit_event(f, &f->ids[CANCELED], EVENT_RETRY);
}

/* A call of this kind with these fields. */
#define DEFINE_ASK(function, kind, ...)          \
    static enum err function(struct fixture *f)  \
    {                                            \
        struct repo_##kind call = {__VA_ARGS__}; \
        process_op_init(&call.op, on_done);      \
        repository_##kind(f->repository, &call); \
        wait_for(&call.op);                      \
        return call.op.result;                   \
    }

DEFINE_ASK(remove_finished, remove, .id = f->ids[FINISHED], .now = NOW)
DEFINE_ASK(pause_type, pause, .type = SPAN("paused"), .paused = true)
DEFINE_ASK(read_events, events, .id = f->ids[FINISHED])
DEFINE_ASK(list, list, .limit = 10, .group = SPAN("g"))
DEFINE_ASK(list_types, types, .now = NOW)
DEFINE_ASK(list_workers, workers, .now = NOW)

/* --- in turn ---------------------------------------------------------------------------------- */

struct step {
    const char *name;
    enum err (*ask)(struct fixture *f);
};

/* With a journal: what was given up for want of memory is not in it. */
static void comes_back(struct fixture *f)
{
    static struct picture before, after;
    if (!journalled)
        return;
    see(f, &before);
    close_repository(f);
    open_repository(f);
    see(f, &after);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void leaves_nothing_half_changed(const struct step *step)
{
    static struct picture before, after;
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct fixture f;
        assert_true(n < ATTEMPTS_MAX);
        open_filled(&f);
        see(&f, &before);
        allocations_left = n;
        enum err err = step->ask(&f);
        failed = allocations_left == NEVER; /* one did: the count went below zero */
        allocations_left = NEVER;
        if (err != ERR_OK) {
            assert_int_equal(err, ERR_NO_MEMORY);
            see(&f, &after);
            assert_memory_equal(&before, &after, sizeof(before));
            assert_int_equal(step->ask(&f), ERR_OK); /* once there is memory again */
        }
        comes_back(&f);
        assert_true(failed || n > 0);
        close_all(&f);
    }
}

static void calls_change_all_or_nothing(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"create", create},
        {"create_batch", create_batch},
        {"claim", claim},
        {"complete", complete},
        {"release", put_back},
        {"retry", retry},
        {"remove", remove_finished},
        {"pause", pause_type},
        {"events", read_events},
        {"list", list},
        {"types", list_types},
        {"workers", list_workers},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        print_message("%s\n", steps[i].name);
        leaves_nothing_half_changed(&steps[i]);
    }
}

/* What time brings is done one by one: the next step does the rest. */
static void time_goes_on_where_it_stopped(void **state)
{
    (void)state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct fixture f;
        assert_true(n < ATTEMPTS_MAX);
        open_filled(&f);
        struct repo_advance call = {.now = NOW + DAY_MS, .limit = 100};
        process_op_init(&call.op, on_done);
        allocations_left = n;
        repository_advance(f.repository, &call);
        wait_for(&call.op);
        failed = allocations_left == NEVER;
        allocations_left = NEVER;
        int done = call.released + call.expired + call.lapsed;
        if (call.op.result == ERR_NO_MEMORY) {
            process_op_init(&call.op, on_done);
            repository_advance(f.repository, &call);
            wait_for(&call.op);
            done += call.released + call.expired + call.lapsed;
        }
        assert_int_equal(call.op.result, ERR_OK);
        assert_int_equal(done, 4); /* released, both pending ones expired, the running one lapsed */
        struct picture after;
        see(&f, &after);
        assert_int_equal(after.counts.by_status[PROCESS_FAILED], 3);
        assert_int_equal(after.waiting + after.running + after.held, 0);
        close_all(&f);
    }
}

/* For want of memory the late result goes untold, but is refused all the same. */
static void a_late_result_is_refused_in_any_case(void **state)
{
    (void)state;
    for (int n = NEVER; n < 3; n++) {
        struct fixture f;
        open_filled(&f);
        allocations_left = n;
        const struct process_change change = {.event = EVENT_COMPLETE,
                                              .now = NOW,
                                              .token = SPAN("ffffffffffffffffffffffffffffffff"),
                                              .result = SPAN("1")};
        assert_int_equal(submit_change(&f, &f.ids[FINISHED], &change), ERR_LEASE_LOST);
        allocations_left = NEVER;
        close_all(&f);
    }
}

static int told, told_of_all;

static void on_changed(void *arg, const struct process_id *id)
{
    (void)arg;
    told++;
    told_of_all += id == NULL;
}

/* Who is to be told cannot be noted for want of memory: then any may have changed. */
static void a_change_is_told_in_any_case(void **state)
{
    (void)state;
    bool failed = true;
    told_of_all = 0;
    for (int n = 0; failed; n++) {
        struct fixture f;
        assert_true(n < ATTEMPTS_MAX);
        open_filled(&f);
        struct repo_get get = {.id = f.ids[RUNNING], .watch = true};
        process_op_init(&get.op, on_done);
        repository_get(f.repository, &get);
        wait_for(&get.op);
        assert_true(get.watched);
        f.repository->on_changed = on_changed;
        told = 0;
        allocations_left = n;
        enum err err = complete(&f);
        failed = allocations_left == NEVER;
        allocations_left = NEVER;
        assert_int_equal(told, err == ERR_OK);
        close_all(&f);
    }
    assert_int_equal(told_of_all, 1);
}

static void creation_needs_all_its_memory(void **state)
{
    (void)state;
    struct process_policy policy;
    struct process_repository *repository = NULL;
    process_policy_defaults(&policy);
    for (int n = 0; repository == NULL; n++) {
        assert_true(n < ATTEMPTS_MAX);
        allocations_left = n;
        repository = memory_repository_create(&policy);
        allocations_left = NEVER;
        assert_true(repository == NULL || n > 1);
    }
    repository_destroy(repository);
}

#define ID "\"process_id\":\"6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55\""

/* More keys than are checked without memory; q is how a quote is written. */
#define TEN(q, a)                                                                             \
    q a "0" q ":0," q a "1" q ":0," q a "2" q ":0," q a "3" q ":0," q a "4" q ":0," q a "5" q \
        ":0," q a "6" q ":0," q a "7" q ":0," q a "8" q ":0," q a "9" q ":0,"
#define MANY(q) \
    TEN(q, "a") TEN(q, "b") TEN(q, "c") TEN(q, "d") TEN(q, "e") TEN(q, "f") TEN(q, "g") q "h" q ":0"

/* A whole life, as the journal hands it over. */
static const char *const lines[] = {
    "{\"changes\":[{\"process\":{" ID ",\"type\":\"t\",\"group\":\"g\",\"status\":\"pending\","
    "\"version\":1,\"created_at\":\"2025-11-08T10:00:00.000Z\",\"input\":{" MANY(
        "\"") "}}},"
              "{\"key\":{\"key\":\"a \\\"key\\\"\"," ID ",\"fingerprint\":\"0000000000000001\","
              "\"until\":\"2026-11-08T10:00:00.000Z\"}}]}",
    "{\"changes\":[{\"change\":{" ID ",\"status\":\"running\",\"version\":2,\"worker\":\"w\","
    "\"started_at\":\"2025-11-08T10:00:00.000Z\",\"events\":1},\"event\":{\"event\":\"claimed\"}}]"
    "}",
    "{\"changes\":[{\"change\":{" ID ",\"status\":\"failed\",\"version\":3,\"events\":2,"
    "\"completed_at\":\"2025-11-08T10:00:00.000Z\"},\"event_text\":\"{\\n" MANY("\\\"") "}\"}]}",
    "{\"changes\":[{\"paused\":{\"type\":\"u\"}}]}",
    "{\"changes\":[{\"resumed\":{\"type\":\"u\"}}]}",
    "{\"changes\":[{\"removed\":{" ID ",\"until\":\"2026-11-08T10:00:00.000Z\"}}]}",
};
enum { LINES = sizeof(lines) / sizeof(lines[0]) };

/* Whatever is wanting, a line is replayed or it is said that there was no memory; again, it is. */
static void a_line_is_replayed_or_says_why(void **state)
{
    (void)state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct memory_store store;
        struct memory_replay replay = {.store = &store, .now = NOW};
        assert_true(n < ATTEMPTS_MAX);
        assert_true(memory_store_init(&store, 10));
        allocations_left = n;
        for (int i = 0; i < LINES; i++) {
            const struct span line = span_of(lines[i]);
            const char *why = "";
            if (memory_replay(&replay, JOURNAL_LINE, line, &why))
                continue;
            assert_null(why);
            assert_int_equal(allocations_left, NEVER);
            assert_true(memory_replay(&replay, JOURNAL_LINE, line, &why));
        }
        failed = allocations_left == NEVER;
        allocations_left = NEVER;
        assert_int_equal(store.records.size, 0);
        assert_int_equal(store.tombstones.map.size, 1);
        assert_int_equal(store.keys.map.size, 1);
        repo_item_storage_finish(&replay.storage);
        memory_store_finish(&store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation_needs_all_its_memory),
        cmocka_unit_test(calls_change_all_or_nothing),
        cmocka_unit_test(time_goes_on_where_it_stopped),
        cmocka_unit_test(a_late_result_is_refused_in_any_case),
        cmocka_unit_test(a_change_is_told_in_any_case),
        cmocka_unit_test(a_line_is_replayed_or_says_why),
    };
    loop = loop_create();
    int failed = cmocka_run_group_tests_name("memory alone", tests, NULL, NULL);
    journalled = true;
    failed += cmocka_run_group_tests_name("with a journal", tests, NULL, NULL);
    loop_destroy(loop);
    return failed;
}
