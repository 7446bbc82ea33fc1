#include "pool_fixture.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the repository in between ------------------------------------------------------------------
 */

static struct watched_repository *watched(struct process_repository *base)
{
    return container_of(base, struct watched_repository, base);
}

#define DEFINE_FORWARD(kind)                                                              \
    static void forward_##kind(struct process_repository *base, struct repo_##kind *call) \
    {                                                                                     \
        repository_##kind(watched(base)->behind, call);                                   \
    }

DEFINE_FORWARD(create)
DEFINE_FORWARD(get)
DEFINE_FORWARD(remove)
DEFINE_FORWARD(list)
DEFINE_FORWARD(counts)
DEFINE_FORWARD(create_batch)
DEFINE_FORWARD(standing)
DEFINE_FORWARD(group)
DEFINE_FORWARD(types)
DEFINE_FORWARD(workers)
DEFINE_FORWARD(pause)
DEFINE_FORWARD(events)
DEFINE_FORWARD(sweep)
DEFINE_FORWARD(advance)
DEFINE_FORWARD(ping)
DEFINE_FORWARD(dump)
DEFINE_FORWARD(restore)
DEFINE_FORWARD(audit)
DEFINE_FORWARD(snapshot)

static void watch_claim(struct process_repository *base, struct repo_claim *call)
{
    watched(base)->claim_count++;
    repository_claim(watched(base)->behind, call);
}

static void note_change(struct watched_repository *repository, const struct process_change *change)
{
    assert(repository->change_count < SEEN_MAX);
    struct seen_change *seen = &repository->changes[repository->change_count++];
    seen->event = change->event;
    seen->progress[0] = '\0';
    if (change->progress.data != NULL)
        assert(text_copy(seen->progress, sizeof(seen->progress), change->progress));
}

static void watch_transition(struct process_repository *base, struct repo_transition *call)
{
    struct watched_repository *repository = watched(base);
    note_change(repository, &call->change);
    assert(repository->held == NULL || call->change.event == EVENT_CANCEL); /* one at a time */
    if (repository->spoil_changes > 0 &&
        (repository->spoil_events & (1u << call->change.event)) != 0) {
        repository->spoil_changes--;
        process_op_finish(&call->op, repository->spoil_with);
    } else if (repository->hold_progress && call->change.event == EVENT_PROGRESS) {
        repository->hold_progress = false;
        repository->held = call;
    } else {
        repository_transition(repository->behind, call);
    }
}

static void forward_follow(struct process_repository *base, bool on)
{
    repository_follow(watched(base)->behind, on);
}

static void tell(void *arg, const struct process_id *id)
{
    struct process_repository *base = arg;
    if (base->on_changed != NULL)
        base->on_changed(base->on_changed_arg, id);
}

static void watched_close(struct process_repository *base)
{
    repository_close(watched(base)->behind);
}

static void watched_destroy(struct process_repository *base)
{
    repository_destroy(watched(base)->behind);
    free(watched(base));
}

static const struct process_repository_ops watched_ops = {
    .name = "watched",
    .create = forward_create,
    .get = forward_get,
    .transition = watch_transition,
    .claim = watch_claim,
    .remove = forward_remove,
    .list = forward_list,
    .counts = forward_counts,
    .create_batch = forward_create_batch,
    .standing = forward_standing,
    .group = forward_group,
    .types = forward_types,
    .workers = forward_workers,
    .pause = forward_pause,
    .events = forward_events,
    .sweep = forward_sweep,
    .advance = forward_advance,
    .ping = forward_ping,
    .dump = forward_dump,
    .restore = forward_restore,
    .audit = forward_audit,
    .snapshot = forward_snapshot,
    .follow = forward_follow,
    .close = watched_close,
    .destroy = watched_destroy,
};

/* --- life ---------------------------------------------------------------------------------------
 */

static void on_work(void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->pool != NULL)
        analyzer_pool_kick(fixture->pool);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    signal(SIGPIPE, SIG_IGN);
    process_policy_defaults(&fixture->policy);
    fixture->policy.retry_base_ms = 3600000; /* a retry stays pending where the test sees it */
    fixture->policy.retry_cap_ms = 3600000;
    fixture->loop = loop_create();
    fixture->repository = calloc(1, sizeof(*fixture->repository));
    process_repository_init(&fixture->repository->base, &watched_ops, &fixture->policy);
    fixture->repository->behind = memory_repository_create(&fixture->policy);
    fixture->repository->base.watching = fixture->repository->behind->watching;
    fixture->repository->behind->on_changed_arg = &fixture->repository->base;
    fixture->repository->behind->on_changed = tell;
    fixture->manager_options.policy = &fixture->policy;
    fixture->manager_options.stamps = change_stamps_create();
    fixture->manager_options.default_max_attempts = 3;
    fixture->manager = process_manager_create(fixture->loop, &fixture->repository->base,
                                              &fixture->manager_options, on_work, fixture);
    fixture->options.instance = "test";
    fixture->options.runner = getenv("PROCTRACK_RUN");
    fixture->options.cancel_grace_ms = 200;
    fixture->options.lease_ms = 60000;
    fixture->options.poll_ms = 60000;
    strcpy(fixture->directory, "/tmp/proctrack-pool-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    *state = fixture;
    return 0;
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[512];
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(unlink(name), 0);
    }
    closedir(directory);
    assert_int_equal(rmdir(path), 0);
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_stop(fixture);
    analyzer_set_finish(&fixture->set);
    process_manager_stop(fixture->manager);
    process_manager_destroy(fixture->manager);
    repository_destroy(&fixture->repository->base);
    change_stamps_destroy(fixture->manager_options.stamps);
    loop_destroy(fixture->loop);
    remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

struct analyzer *fixture_add(struct fixture *fixture, const char *type, const char *script)
{
    char path[128], definition[256], why[512];
    snprintf(path, sizeof(path), "%s/%s.sh", fixture->directory, type);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(script, file);
    fclose(file);
    snprintf(definition, sizeof(definition), "%s=/bin/sh %s", type, path);
    if (!analyzer_set_add(&fixture->set, definition, why, sizeof(why)))
        fail_msg("%s", why);
    struct analyzer *analyzer = &fixture->set.analyzers[fixture->set.count - 1];
    analyzer->directory = strdup(fixture->directory);
    return analyzer;
}

void fixture_start(struct fixture *fixture)
{
    fixture->options.set = &fixture->set;
    fixture->pool = analyzer_pool_create(fixture->loop, fixture->manager, &fixture->options);
    assert_non_null(fixture->pool);
}

void fixture_turn(struct fixture *fixture, int64_t *deadline)
{
    if (*deadline == 0)
        *deadline = clock_steady_ms() + PATIENCE_MS;
    if (clock_steady_ms() > *deadline)
        fail_msg("it never came");
    loop_turn(fixture->loop, 20);
}

static void on_drained(void *arg)
{
    *(bool *)arg = true;
}

void fixture_stop(struct fixture *fixture)
{
    if (fixture->pool == NULL)
        return;
    bool drained = false;
    int64_t deadline = 0;
    analyzer_pool_stop(fixture->pool, on_drained, &drained);
    while (!drained)
        fixture_turn(fixture, &deadline);
    analyzer_pool_destroy(fixture->pool);
    fixture->pool = NULL;
}

/* --- calls --------------------------------------------------------------------------------------
 */

static void on_submitted(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

struct process_id fixture_submit(struct fixture *fixture, const char *type, const char *input,
                                 int64_t timeout_ms)
{
    return fixture_submit_until(fixture, type, input, timeout_ms, TIME_NONE);
}

struct process_id fixture_submit_until(struct fixture *fixture, const char *type, const char *input,
                                       int64_t timeout_ms, int64_t deadline)
{
    struct process_submit call;
    memset(&call, 0, sizeof(call));
    call.create.process.type = span_of(type);
    call.create.process.input = span_of(input);
    call.create.process.timeout_ms = timeout_ms;
    call.create.process.deadline = deadline;
    call.create.process.retention_ms = -1;
    process_op_init(&call.op, on_submitted);
    process_manager_submit(fixture->manager, &call); /* the memory repository answers at once */
    return call.create.process.id;
}

static void on_anything(struct process_op *op)
{
    (void)op;
}

void fixture_cancel(struct fixture *fixture, struct process_id id)
{
    struct repo_transition call;
    memset(&call, 0, sizeof(call));
    call.id = id;
    call.change.event = EVENT_CANCEL;
    process_op_init(&call.op, on_anything);
    process_manager_change(fixture->manager, &call);
    assert_int_equal(call.op.result, ERR_OK);
}

struct get_call {
    struct repo_get get;
    struct outcome *outcome;
};

static void copy_text(char *to, size_t size, struct span text)
{
    assert_true(text_copy(to, size, text));
}

static void on_got(struct process_op *op)
{
    struct get_call *call = container_of(op, struct get_call, get.op);
    const struct process *process = &call->get.process;
    struct outcome *outcome = call->outcome;
    assert_int_equal(op->result, ERR_OK);
    outcome->status = process->status;
    outcome->attempt = process->attempt;
    copy_text(outcome->result, sizeof(outcome->result), process->result);
    copy_text(outcome->error, sizeof(outcome->error), process->error);
    copy_text(outcome->usage, sizeof(outcome->usage), process->usage);
    copy_text(outcome->progress, sizeof(outcome->progress), process->progress);
    copy_text(outcome->worker, sizeof(outcome->worker), process->worker);
}

enum process_status fixture_get(struct fixture *fixture, struct process_id id,
                                struct outcome *ret_outcome)
{
    struct outcome ignored;
    struct get_call call;
    memset(&call, 0, sizeof(call));
    call.outcome = ret_outcome != NULL ? ret_outcome : &ignored;
    call.get.id = id;
    process_op_init(&call.get.op, on_got);
    process_manager_get(fixture->manager, &call.get);
    return call.outcome->status;
}

void fixture_await(struct fixture *fixture, struct process_id id, enum process_status status,
                   struct outcome *ret_outcome)
{
    int64_t deadline = 0;
    while (fixture_get(fixture, id, ret_outcome) != status)
        fixture_turn(fixture, &deadline);
}

bool fixture_has_file(struct fixture *fixture, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return access(path, F_OK) == 0;
}

void fixture_await_file(struct fixture *fixture, const char *name)
{
    int64_t deadline = 0;
    while (!fixture_has_file(fixture, name))
        fixture_turn(fixture, &deadline);
}

size_t fixture_count(const struct fixture *fixture, enum process_event event)
{
    size_t count = 0;
    for (size_t i = 0; i < fixture->repository->change_count; i++)
        count += fixture->repository->changes[i].event == event;
    return count;
}

void expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

void fixture_make_file(const struct fixture *fixture, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}
