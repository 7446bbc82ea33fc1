/* Who is told of changes: the stamps, those that await, and the one above. */
#include "process/manager_fixture.h"

enum { TOLD_MAX = 64 };

struct told {
    struct manager_fixture *f;
    struct process_id ids[TOLD_MAX];
    size_t count;
    int all;
    const bool *call_done; /* of the call that changes; it must still be open */
};

static void note(void *arg, const struct process_id *id)
{
    struct told *told = arg;
    assert_true(told->call_done == NULL || !*told->call_done);
    assert_true(told->count < TOLD_MAX);
    if (id != NULL)
        told->ids[told->count++] = *id;
    else
        told->all++;
}

static struct told listen(struct manager_fixture *f)
{
    return (struct told){.f = f};
}

static bool was_told(const struct told *told, const struct process_id *id)
{
    for (size_t i = 0; i < told->count; i++)
        if (process_id_compare(&told->ids[i], id) == 0)
            return true;
    return false;
}

/* --- stamps ----------------------------------------------------------------------------------- */

static struct change_stamp stamp_of(const struct manager_fixture *f, const struct process_id *id)
{
    return change_stamps_get(process_manager_stamps(f->manager),
                             (struct span){(const char *)id->bytes, sizeof(id->bytes)});
}

static struct change_stamp stamp_of_type(const struct manager_fixture *f, const char *type)
{
    return change_stamps_get(process_manager_stamps(f->manager), span_of(type));
}

/* Whether the stamps were renewed since; takes the present ones. */
struct stamps {
    struct change_stamp process, type;
};

static void take(const struct manager_fixture *f, const struct process_id *id, struct stamps *ret)
{
    *ret = (struct stamps){stamp_of(f, id), stamp_of_type(f, "t")};
}

static bool process_renewed(const struct manager_fixture *f, const struct process_id *id,
                            const struct stamps *since)
{
    return !change_stamp_equal(since->process, stamp_of(f, id));
}

static bool type_renewed(const struct manager_fixture *f, const struct stamps *since)
{
    return !change_stamp_equal(since->type, stamp_of_type(f, "t"));
}

/* --- changes ---------------------------------------------------------------------------------- */

struct change {
    struct repo_transition call;
    bool done;
};

static void change_done(struct process_op *op)
{
    container_of(op, struct change, call.op)->done = true;
}

static enum err change_it(struct manager_fixture *f, struct told *told, const struct process_id *id,
                          const struct process_change *what)
{
    struct change change = {.call = {.id = *id, .change = *what}};
    told->call_done = &change.done;
    process_op_init(&change.call.op, change_done);
    process_manager_change(f->manager, &change.call);
    assert_true(change.done);
    told->call_done = NULL;
    return change.call.op.result;
}

static void running(struct manager_fixture *f, struct claimer *holder)
{
    submit_type(f, "t");
    claim_start(f, holder, "t", 1, 0);
    assert_int_equal(holder->count, 1);
}

static const struct {
    enum process_event event;
    bool is_change, fills_queue;
} reports[] = {
    {EVENT_HEARTBEAT, false, false},                              /* nothing that is shown */
    {EVENT_PROGRESS, true, false},   {EVENT_CANCEL, true, false}, /* asked for */
    {EVENT_COMPLETE, true, false},   {EVENT_RELEASE, true, true},
};

static void each_change_is_told_before_its_caller(void **state)
{
    struct manager_fixture *f = *state;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        struct claimer holder = {.next_order = NULL};
        struct told told = listen(f);
        struct stamps before;
        running(f, &holder);
        process_manager_on_changed(f->manager, note, &told);
        take(f, &holder.id, &before);
        struct process_change change = {.event = reports[i].event,
                                        .token = span_of(holder.token),
                                        .lease_ms = 90000,
                                        .result = SPAN("1"),
                                        .progress = SPAN("{}")};
        assert_int_equal(change_it(f, &told, &holder.id, &change), ERR_OK);
        assert_int_equal(was_told(&told, &holder.id), reports[i].is_change);
        assert_int_equal(told.all, 0);
        assert_true(process_renewed(f, &holder.id, &before));
        assert_int_equal(type_renewed(f, &before), reports[i].fills_queue);
        process_manager_on_changed(f->manager, NULL, NULL);
    }
}

static void what_was_refused_is_not_told(void **state)
{
    struct manager_fixture *f = *state;
    struct told told = listen(f);
    struct stamps before;
    struct process_id id = submit_type(f, "t");
    process_manager_on_changed(f->manager, note, &told);
    take(f, &id, &before);
    struct process_change change = {.event = EVENT_CANCEL, .if_version = 9};
    assert_int_equal(change_it(f, &told, &id, &change), ERR_STALE);
    assert_int_equal(told.count, 0);
    assert_false(type_renewed(f, &before));
    /* But its caller has seen the present state: nobody shows an older one after that. */
    assert_true(process_renewed(f, &id, &before));
}

static void what_may_have_changed_is_told(void **state)
{
    static const enum err unknown[] = {ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_CANCELED, ERR_INTERNAL};
    struct manager_fixture *f = *state;
    struct process_id id = submit_type(f, "t");
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct told told = listen(f);
        struct stamps before;
        process_manager_on_changed(f->manager, note, &told);
        take(f, &id, &before);
        f->watched->spoil_with = unknown[i];
        f->watched->spoil[WATCHED_transition] = 1;
        struct process_change change = {.event = EVENT_CANCEL};
        assert_int_equal(change_it(f, &told, &id, &change), unknown[i]);
        assert_true(was_told(&told, &id));
        assert_true(process_renewed(f, &id, &before));
        assert_true(type_renewed(f, &before));
    }
}

/* What is held back, and stored as one with later ones, is told when it is stored. */
static void held_progress_is_told_before_its_callers(void **state)
{
    struct manager_fixture *f = *state;
    struct claimer holder = {.next_order = NULL};
    struct told told = listen(f);
    static struct change first, second;
    running(f, &holder);
    struct process_change progress = {
        .event = EVENT_PROGRESS, .token = span_of(holder.token), .progress = SPAN("{}")};
    assert_int_equal(change_now(f, &holder.id, &progress), ERR_OK);
    process_manager_on_changed(f->manager, note, &told);
    told.call_done = &first.done;
    first = second = (struct change){.call = {.id = holder.id, .change = progress}};
    process_op_init(&first.call.op, change_done);
    process_op_init(&second.call.op, change_done);
    process_manager_change(f->manager, &first.call);
    process_manager_change(f->manager, &second.call);
    assert_int_equal(told.count, 0);
    manager_fixture_wait(f, &second.done);
    assert_true(first.done);
    assert_true(was_told(&told, &holder.id));
}

struct removal {
    struct repo_remove call;
    bool done;
};

static void removal_done(struct process_op *op)
{
    container_of(op, struct removal, call.op)->done = true;
}

static enum err remove_it(struct manager_fixture *f, struct told *told, const struct process_id *id)
{
    struct removal removal = {.call = {.id = *id}};
    told->call_done = &removal.done;
    process_op_init(&removal.call.op, removal_done);
    process_manager_remove(f->manager, &removal.call);
    assert_true(removal.done);
    told->call_done = NULL;
    return removal.call.op.result;
}

static void a_removal_is_told(void **state)
{
    struct manager_fixture *f = *state;
    struct told told = listen(f);
    struct stamps before;
    struct process_id id = submit_type(f, "t");
    process_manager_on_changed(f->manager, note, &told);
    assert_int_equal(remove_it(f, &told, &id), ERR_CONFLICT);
    assert_int_equal(told.count, 0);
    struct process_change cancel = {.event = EVENT_CANCEL};
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    told.count = 0;
    take(f, &id, &before);
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_remove] = 1;
    assert_int_equal(remove_it(f, &told, &id), ERR_TIMEOUT);
    assert_true(was_told(&told, &id));
    told.count = 0;
    take(f, &id, &before);
    assert_int_equal(remove_it(f, &told, &id), ERR_OK);
    assert_true(was_told(&told, &id));
    assert_true(process_renewed(f, &id, &before));
    told.count = 0;
    assert_int_equal(remove_it(f, &told, &id), ERR_GONE);
    assert_int_equal(told.count, 0);
}

static void claims_are_told(void **state)
{
    struct manager_fixture *f = *state;
    static struct claimer claimer, failed;
    struct told told = listen(f);
    struct stamps before;
    struct process_id ids[] = {submit_type(f, "t"), submit_type(f, "t")};
    process_manager_on_changed(f->manager, note, &told);
    told.call_done = &claimer.done;
    take(f, &ids[0], &before);
    claim_start(f, &claimer, "t", 2, 0);
    assert_int_equal(claimer.count, 2);
    assert_true(was_told(&told, &ids[0]) && was_told(&told, &ids[1]));
    assert_true(process_renewed(f, &ids[0], &before));
    assert_true(type_renewed(f, &before));

    told = listen(f);
    take(f, &ids[0], &before);
    claim_start(f, &claimer, "t", 2, 0); /* nothing */
    assert_false(type_renewed(f, &before));
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_claim] = 1;
    claim_start(f, &failed, "t", 2, 0);
    assert_true(type_renewed(f, &before)); /* it may have got some */
    assert_int_equal(told.count, 0);
}

/* Whoever is told of what was claimed may find that its claimer has gone. */
static struct claimer leaving;

static void leave(void *arg, const struct process_id *id)
{
    struct manager_fixture *f = arg;
    (void)id;
    process_manager_on_changed(f->manager, NULL, NULL);
    process_manager_claim_stop(f->manager, &leaving.call);
}

static void a_claimer_may_leave_when_it_is_told(void **state)
{
    struct manager_fixture *f = *state;
    claim_start(f, &leaving, "t", 1, 60000);
    process_manager_on_changed(f->manager, leave, f);
    struct process_id id = submit_type(f, "t");
    for (int i = 0; i < 3; i++)
        loop_turn(f->loop, 0);
    assert_true(leaving.done);
    assert_int_equal(leaving.count, 0);
    assert_int_equal(get_stored(f, &id).status, PROCESS_PENDING); /* handed back */
}

static void ignore(struct process_op *op)
{
    (void)op;
}

static void what_moves_a_queue_renews_its_type(void **state)
{
    struct manager_fixture *f = *state;
    struct stamps before;
    struct process_id none = {.bytes = {1}};
    take(f, &none, &before);
    submit_type(f, "u");
    assert_false(type_renewed(f, &before));
    struct process_id id = submit_type(f, "t");
    assert_true(type_renewed(f, &before));
    take(f, &none, &before);
    struct process_change cancel = {.event = EVENT_CANCEL}, retry = {.event = EVENT_RETRY};
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    assert_true(type_renewed(f, &before));
    take(f, &none, &before);
    assert_int_equal(change_now(f, &id, &retry), ERR_OK);
    assert_true(type_renewed(f, &before));
    for (int paused = 1; paused >= 0; paused--) {
        struct repo_pause pause = {.type = SPAN("t"), .paused = paused == 1};
        take(f, &none, &before);
        process_op_init(&pause.op, ignore);
        process_manager_pause(f->manager, &pause);
        assert_true(type_renewed(f, &before));
    }
    struct process_batch_item items[2] = {
        {.draft = {.type = SPAN("u"), .input = SPAN("1"), .retention_ms = -1}},
        {.draft = {.type = SPAN("t"), .input = SPAN("1"), .retention_ms = -1}}};
    struct process_submit_batch batch = {.items = items, .count = 2};
    take(f, &none, &before);
    process_op_init(&batch.op, ignore);
    process_manager_submit_batch(f->manager, &batch);
    assert_int_equal(batch.op.result, ERR_OK);
    assert_true(type_renewed(f, &before));
}

/* --- cleanup ---------------------------------------------------------------------------------- */

struct cleaning {
    struct process_cleanup call;
    bool done;
};

static void cleaning_done(struct process_op *op)
{
    container_of(op, struct cleaning, call.op)->done = true;
}

static struct told clean(struct manager_fixture *f, bool dry_run, enum err result)
{
    struct told told = listen(f);
    struct cleaning cleaning = {.call = {.statuses = 1u << PROCESS_CANCELED, .dry_run = dry_run}};
    told.call_done = &cleaning.done;
    process_manager_on_changed(f->manager, note, &told);
    process_op_init(&cleaning.call.op, cleaning_done);
    process_manager_cleanup(f->manager, &cleaning.call);
    manager_fixture_wait(f, &cleaning.done);
    assert_int_equal(cleaning.call.op.result, result);
    process_manager_on_changed(f->manager, NULL, NULL);
    return told;
}

static void after_a_cleanup_any_may_be_gone(void **state)
{
    struct manager_fixture *f = *state;
    struct stamps before;
    struct process_change cancel = {.event = EVENT_CANCEL};
    struct process_id id = submit_type(f, "t");
    assert_int_equal(change_now(f, &id, &cancel), ERR_OK);
    take(f, &id, &before);
    assert_int_equal(clean(f, true, ERR_OK).all, 0);
    assert_false(process_renewed(f, &id, &before));
    f->watched->spoil_with = ERR_TIMEOUT;
    f->watched->spoil[WATCHED_sweep] = 1;
    assert_int_equal(clean(f, false, ERR_TIMEOUT).all, 1);
    take(f, &id, &before);
    assert_int_equal(clean(f, false, ERR_OK).all, 1);
    assert_true(process_renewed(f, &id, &before));
    assert_int_equal(clean(f, false, ERR_OK).all, 0); /* nothing was left */
}

/* --- what the repository tells ------------------------------------------------------------------
 */

static void count(void *arg)
{
    ++*(int *)arg;
}

static void what_the_repository_tells_is_passed_on(void **state)
{
    struct manager_fixture *f = *state;
    struct process_repository *base = &f->watched->base;
    struct told told = listen(f);
    struct process_id id = {.bytes = {1}};
    process_manager_on_changed(f->manager, note, &told);
    base->on_changed(base->on_changed_arg, &id);
    base->on_changed(base->on_changed_arg, NULL);
    assert_true(was_told(&told, &id));
    assert_int_equal(told.all, 1);
    int missed = 0;
    process_manager_follow(f->manager, count, &missed);
    assert_true(f->watched->follows);
    f->watched->behind->on_missed(f->watched->behind->on_missed_arg);
    assert_int_equal(missed, 1);
    assert_int_equal(told.all, 1);
    struct process_id created = submit_type(f, "t");
    assert_true(was_told(&told, &created));
    process_manager_follow(f->manager, NULL, NULL);
    assert_false(f->watched->follows);
    assert_null(base->on_missed);
    created = submit_type(f, "t");
    assert_false(was_told(&told, &created));
    process_manager_stop(f->manager);
    assert_null(base->on_changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANAGER_TEST(each_change_is_told_before_its_caller),
        MANAGER_TEST(what_was_refused_is_not_told),
        MANAGER_TEST(what_may_have_changed_is_told),
        MANAGER_TEST(held_progress_is_told_before_its_callers),
        MANAGER_TEST(a_removal_is_told),
        MANAGER_TEST(claims_are_told),
        MANAGER_TEST(a_claimer_may_leave_when_it_is_told),
        MANAGER_TEST(what_moves_a_queue_renews_its_type),
        MANAGER_TEST(after_a_cleanup_any_may_be_gone),
        MANAGER_TEST(what_the_repository_tells_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
