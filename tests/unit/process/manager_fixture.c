#include "process/manager_fixture.h"

#include <assert.h>
#include <stdio.h>

/* --- the repository in between ------------------------------------------------------------------
 */

static struct watched *watched_of(struct process_repository *base)
{
    return container_of(base, struct watched, base);
}

static void note_claim(struct watched *watched, const struct process_op *op)
{
    const struct repo_claim *call = container_of(op, struct repo_claim, op);
    watched->listened = call->listen;
    watched->announced = call->announce;
}

static void note_transition(struct watched *watched, const struct process_op *op)
{
    const struct repo_transition *call = container_of(op, struct repo_transition, op);
    size_t i = watched->seen[WATCHED_transition] - 1;
    if (i >= WATCHED_CHANGES_MAX)
        return;
    watched->events[i] = call->change.event;
    if (call->change.progress.data != NULL)
        assert(
            text_copy(watched->progress[i], sizeof(watched->progress[i]), call->change.progress));
}

/* Whether the call may go on. */
static bool pass(struct watched *watched, enum watched_kind kind, struct process_op *op)
{
    watched->seen[kind]++;
    if (kind == WATCHED_claim)
        note_claim(watched, op);
    if (kind == WATCHED_transition)
        note_transition(watched, op);
    if (watched->spoil[kind] > 0) {
        watched->spoil[kind]--;
        process_op_finish(op, watched->spoil_with);
        return false;
    }
    if (!watched->hold[kind])
        return true;
    list_append(&watched->held[kind], &op->link);
    watched->held_count[kind]++;
    return false;
}

#define X(kind)                                                                           \
    static void watch_##kind(struct process_repository *base, struct repo_##kind *call)   \
    {                                                                                     \
        struct watched *watched = watched_of(base);                                       \
        if (pass(watched, WATCHED_##kind, &call->op))                                     \
            repository_##kind(watched->behind, call);                                     \
    }                                                                                     \
    static void resubmit_##kind(struct process_repository *behind, struct process_op *op) \
    {                                                                                     \
        repository_##kind(behind, container_of(op, struct repo_##kind, op));              \
    }
REPOSITORY_CALLS(X)
#undef X

static struct process_op *pop_held(struct watched *watched, enum watched_kind kind)
{
    struct list_link *link = list_pop(&watched->held[kind]);
    assert(link != NULL);
    watched->held_count[kind]--;
    return container_of(link, struct process_op, link);
}

void watched_release(struct manager_fixture *f, enum watched_kind kind)
{
    static void (*const resubmit[WATCHED_KIND_COUNT])(struct process_repository *,
                                                      struct process_op *) = {
#define X(kind) [WATCHED_##kind] = resubmit_##kind,
        REPOSITORY_CALLS(X)
#undef X
    };
    resubmit[kind](f->watched->behind, pop_held(f->watched, kind));
}

void watched_answer(struct manager_fixture *f, enum watched_kind kind, enum err result)
{
    process_op_finish(pop_held(f->watched, kind), result);
}

static void tell(void *arg, const struct process_id *id)
{
    struct process_repository *base = arg;
    if (base->on_changed != NULL)
        base->on_changed(base->on_changed_arg, id);
}

static void tell_missed(void *arg)
{
    struct process_repository *base = arg;
    if (base->on_missed != NULL)
        base->on_missed(base->on_missed_arg);
}

static void watched_follow(struct process_repository *base, bool on)
{
    watched_of(base)->follows = on;
    repository_follow(watched_of(base)->behind, on);
}

static void watched_close(struct process_repository *base)
{
    struct watched *watched = watched_of(base);
    for (int kind = 0; kind < WATCHED_KIND_COUNT; kind++) {
        while (!list_is_empty(&watched->held[kind]))
            process_op_finish(pop_held(watched, (enum watched_kind)kind), ERR_CANCELED);
    }
    repository_close(watched->behind);
}

static void watched_destroy(struct process_repository *base)
{
    repository_destroy(watched_of(base)->behind);
    free(watched_of(base));
}

static const struct process_repository_ops watched_ops = {
    .name = "watched",
#define X(kind) .kind = watch_##kind,
    REPOSITORY_CALLS(X)
#undef X
        .follow = watched_follow,
    .close = watched_close,
    .destroy = watched_destroy,
};

/* --- life ---------------------------------------------------------------------------------------
 */

static void on_work(void *arg)
{
    ((struct manager_fixture *)arg)->work++;
}

int manager_fixture_setup(void **state)
{
    struct manager_fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    process_policy_defaults(&f->policy);
    f->options = (struct process_manager_options){
        .policy = &f->policy, .default_max_attempts = 3, .stamps = change_stamps_create()};
    assert_non_null(f->options.stamps);
    f->loop = loop_create();
    f->watched = calloc(1, sizeof(*f->watched));
    assert_non_null(f->watched);
    process_repository_init(&f->watched->base, &watched_ops, &f->policy);
    f->watched->behind = memory_repository_create(&f->policy);
    f->watched->base.watching = f->watched->behind->watching;
    f->watched->behind->on_changed_arg = &f->watched->base;
    f->watched->behind->on_changed = tell;
    f->watched->behind->on_missed_arg = &f->watched->base;
    f->watched->behind->on_missed = tell_missed;
    for (int kind = 0; kind < WATCHED_KIND_COUNT; kind++)
        list_init(&f->watched->held[kind]);
    f->manager = process_manager_create(f->loop, &f->watched->base, &f->options, on_work, f);
    assert_non_null(f->manager);
    *state = f;
    return 0;
}

int manager_fixture_teardown(void **state)
{
    struct manager_fixture *f = *state;
    process_manager_stop(f->manager);
    repository_close(&f->watched->base);
    process_manager_destroy(f->manager);
    repository_destroy(&f->watched->base);
    change_stamps_destroy(f->options.stamps);
    loop_destroy(f->loop);
    free(f);
    return 0;
}

void manager_fixture_wait(struct manager_fixture *f, const bool *done)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!*done) {
        if (clock_steady_ms() > deadline)
            fail_msg("it never came");
        loop_turn(f->loop, 20);
    }
}

/* --- calls --------------------------------------------------------------------------------------
 */

static void must_be_ok(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

struct process_id submit_type(struct manager_fixture *f, const char *type)
{
    struct process_submit call = {
        .create.process = {.type = span_of(type), .input = SPAN("1"), .retention_ms = -1}};
    process_op_init(&call.op, must_be_ok);
    process_manager_submit(f->manager, &call); /* the memory repository answers at once */
    assert_null(call.op.done);
    return call.create.process.id;
}

static void ignore(struct process_op *op)
{
    (void)op;
}

enum err change_now(struct manager_fixture *f, const struct process_id *id,
                    const struct process_change *change)
{
    struct repo_transition call = {.id = *id, .change = *change};
    process_op_init(&call.op, ignore);
    process_manager_change(f->manager, &call);
    assert_null(call.op.done);
    return call.op.result;
}

struct get_call {
    struct repo_get get;
    struct stored stored;
};

static void on_got(struct process_op *op)
{
    struct get_call *call = container_of(op, struct get_call, get.op);
    assert_int_equal(op->result, ERR_OK);
    call->stored.status = call->get.process.status;
    call->stored.attempt = call->get.process.attempt;
    if (call->get.process.progress.data != NULL)
        assert_true(text_copy(call->stored.progress, sizeof(call->stored.progress),
                              call->get.process.progress));
}

struct stored get_stored(struct manager_fixture *f, const struct process_id *id)
{
    struct get_call call = {.get.id = *id};
    process_op_init(&call.get.op, on_got);
    repository_get(f->watched->behind, &call.get);
    return call.stored;
}

static void on_claimed(struct process_op *op)
{
    struct claimer *claimer = container_of(op, struct claimer, call.op);
    assert_false(claimer->done);
    claimer->done = true;
    claimer->count = claimer->call.claim.count;
    if (claimer->next_order != NULL)
        claimer->order = ++*claimer->next_order;
    if (op->result != ERR_OK || claimer->count == 0)
        return;
    const struct process *first = &claimer->call.claim.processes[0];
    claimer->id = first->id;
    assert_true(text_copy(claimer->token, sizeof(claimer->token), first->lease_token));
}

void claim_start(struct manager_fixture *f, struct claimer *claimer, const char *types, int max,
                 int64_t wait_ms)
{
    int *next_order = claimer->next_order;
    memset(claimer, 0, sizeof(*claimer));
    claimer->next_order = next_order;
    size_t count = 0;
    for (const char *type = types; *type != '\0';) {
        size_t len = strcspn(type, " ");
        assert_true(count < 4);
        claimer->types[count++] = (struct span){type, len};
        type += len + (type[len] == ' ');
    }
    claimer->call.claim.types = claimer->types;
    claimer->call.claim.type_count = count;
    claimer->call.claim.worker = SPAN("tester/1");
    claimer->call.claim.max = max;
    claimer->call.claim.lease_ms = 60000;
    claimer->call.wait_ms = wait_ms;
    process_op_init(&claimer->call.op, on_claimed);
    process_manager_claim(f->manager, &claimer->call);
}
