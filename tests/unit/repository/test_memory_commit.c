/* When calls of a journalled memory repository are finished: not before what they show is stored,
 * and what becomes of them when it cannot be. */
#include "repository/memory_journal_fixture.h"

#include <errno.h>

DEFINE_OPEN(create)
DEFINE_OPEN(create_batch)
DEFINE_OPEN(get)
DEFINE_OPEN(events)
DEFINE_OPEN(transition)
DEFINE_OPEN(claim)
DEFINE_OPEN(remove)
DEFINE_OPEN(list)
DEFINE_OPEN(standing)
DEFINE_OPEN(group)
DEFINE_OPEN(types)
DEFINE_OPEN(workers)
DEFINE_OPEN(pause)
DEFINE_OPEN(advance)
DEFINE_OPEN(restore)

struct told {
    struct process_id ids[16];
    size_t count;
};

static void on_changed(void *arg, const struct process_id *id)
{
    struct told *told = arg;
    assert_non_null(id);
    assert_true(told->count < 16);
    told->ids[told->count++] = *id;
}

static void hear(const struct fixture *f, struct told *told)
{
    f->sync.repository->on_changed_arg = told;
    f->sync.repository->on_changed = on_changed;
    repository_follow(f->sync.repository, true);
}

static void hold_disk(const struct fixture *f)
{
    fake_disk_hold(f->fake, FAKE_SYNC, true);
}

static void let_go(const struct fixture *f)
{
    fake_disk_hold(f->fake, FAKE_SYNC, false);
}

static bool same(const struct process_id *a, const struct process_id *b)
{
    return process_id_compare(a, b) == 0;
}

/* --- what waits ------------------------------------------------------------------------------- */

static void a_creation_is_told_and_answered_when_it_is_stored(void **state)
{
    struct fixture *f = *state;
    struct told told = {.count = 0};
    hear(f, &told);
    hold_disk(f);
    struct open_create create = {.call.process = draft_of("t", NOW)};
    submit_create(f, &create);
    wait_until_held(f, FAKE_SYNC);
    assert_false(create.done);
    assert_int_equal(told.count, 0);
    assert_int_equal(sync_counts(&f->sync).total, 1); /* counts do not wait */
    assert_int_equal(sync_ping(&f->sync), ERR_OK);
    let_go(f);
    assert_int_equal(finish_create(f, &create), ERR_OK);
    assert_int_equal(told.count, 1);
    assert_true(same(&told.ids[0], &create.call.process.id));
}

static void submit_all_reads(const struct fixture *f, const struct process_id *id,
                             struct open_get *get, struct open_events *events,
                             struct open_list *list, struct open_standing *standing,
                             struct open_group *group, struct open_workers *workers)
{
    static struct repo_standing_item item;
    item = (struct repo_standing_item){.id = *id, .type = "t"};
    *get = (struct open_get){.call.id = *id};
    *events = (struct open_events){.call.id = *id};
    *list = (struct open_list){.call.limit = 10};
    *standing = (struct open_standing){.call = {.items = &item, .count = 1}};
    *group = (struct open_group){.call.group = SPAN("g")};
    *workers = (struct open_workers){.call.now = NOW};
    submit_get(f, get);
    submit_events(f, events);
    submit_list(f, list);
    submit_standing(f, standing);
    submit_group(f, group);
    submit_workers(f, workers);
}

static void reads_wait_for_what_they_show(void **state)
{
    struct fixture *f = *state;
    struct open_create create = {.call.process = draft_of("t", NOW)};
    struct open_get get, stored = {.call.id = add(f, "stored", NOW)};
    struct open_events events;
    struct open_list list;
    struct open_standing standing;
    struct open_group group;
    struct open_workers workers;
    create.call.process.group = SPAN("g");
    hold_disk(f);
    submit_create(f, &create);
    wait_until_held(f, FAKE_SYNC);
    const struct span type = SPAN("t");
    struct open_claim claim = {.call = {.types = &type,
                                        .type_count = 1,
                                        .worker = SPAN("w"),
                                        .max = 2,
                                        .now = NOW,
                                        .lease_ms = 60000,
                                        .tokens = {"0123456789abcdef0123456789abcdef"}}};
    submit_claim(f, &claim);
    submit_all_reads(f, &create.call.process.id, &get, &events, &list, &standing, &group, &workers);
    submit_get(f, &stored);
    assert_true(stored.done); /* it has nothing to wait for */
    assert_false(create.done || claim.done || get.done || events.done || list.done);
    assert_false(standing.done || group.done || workers.done);
    let_go(f);
    assert_int_equal(finish_claim(f, &claim), ERR_OK);
    assert_true(create.done);
    assert_int_equal(claim.call.count, 1);
    assert_int_equal(finish_get(f, &get), ERR_OK);
    assert_int_equal(finish_events(f, &events), ERR_OK);
    assert_int_equal(finish_list(f, &list), ERR_OK);
    assert_int_equal(finish_standing(f, &standing), ERR_OK);
    assert_int_equal(finish_group(f, &group), ERR_OK);
    assert_int_equal(finish_workers(f, &workers), ERR_OK);
    assert_int_equal(get.call.process.status, PROCESS_RUNNING);
    assert_int_equal(events.call.count, 1);
    assert_int_equal(list.call.count, 2);
    assert_int_equal(group.call.by_status[PROCESS_RUNNING], 1);
    assert_int_equal(workers.call.count, 1);
}

static void what_is_gone_or_was_made_before_waits_as_well(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct process_id id = add(f, "t", NOW);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW, 60000, &kept), 1);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW), ERR_OK);
    hold_disk(f);
    struct open_remove remove = {.call = {.id = id, .now = NOW}};
    struct open_create create = {
        .call = {.process = draft_of("t", NOW), .idempotency_key = SPAN("k"), .fingerprint = 1}};
    struct open_create again = create, other = create;
    again.call.process = other.call.process = draft_of("t", NOW);
    other.call.fingerprint = 2;
    struct open_get get = {.call.id = id};
    struct open_pause pause = {.call = {.type = SPAN("t"), .paused = true}}, paused = pause;
    struct open_types types = {.call.now = NOW};
    submit_remove(f, &remove);
    submit_get(f, &get);
    submit_create(f, &create);
    submit_create(f, &again);
    submit_create(f, &other);
    submit_pause(f, &pause);
    submit_pause(f, &paused);
    submit_types(f, &types);
    wait_until_held(f, FAKE_SYNC);
    assert_false(remove.done || get.done || create.done || again.done || other.done);
    assert_false(pause.done || paused.done || types.done);
    let_go(f);
    assert_int_equal(finish_remove(f, &remove), ERR_OK);
    assert_int_equal(finish_get(f, &get), ERR_GONE);
    assert_int_equal(finish_create(f, &again), ERR_OK);
    assert_true(again.call.replayed);
    assert_int_equal(finish_create(f, &other), ERR_KEY_REUSED);
    assert_int_equal(finish_pause(f, &paused), ERR_OK);
    assert_true(pause.call.changed && !paused.call.changed);
    assert_int_equal(finish_types(f, &types), ERR_OK);
}

/* A call of the batch that is being stored does not wait for the one that gathers behind it. */
static void a_read_waits_for_its_own_record_only(void **state)
{
    struct fixture *f = *state;
    hold_disk(f);
    struct open_create first = {.call.process = draft_of("t", NOW)};
    struct open_create second = {.call.process = draft_of("t", NOW)};
    struct open_get get = {.call.id = first.call.process.id};
    submit_create(f, &first);
    wait_until_held(f, FAKE_SYNC);
    submit_create(f, &second);
    submit_get(f, &get);
    let_go(f);
    while (!first.done)
        loop_turn(f->sync.loop, 100);
    assert_true(get.done);
    assert_int_equal(finish_create(f, &second), ERR_OK);
}

static int told_so_far;
static struct process_id told_last;

static void count_told(void *arg, const struct process_id *id)
{
    (void)arg;
    told_so_far++;
    told_last = *id;
}

/* What was told is forgotten while more is still to be told. */
static void many_are_told_in_order(void **state)
{
    struct fixture *f = *state;
    static struct process drafts[REPO_BATCH_MAX], others[REPO_BATCH_MAX];
    struct open_create_batch first = {
        .call = {.processes = drafts, .count = REPO_BATCH_MAX, .now = NOW}};
    struct open_create_batch second = first;
    second.call.processes = others;
    for (int i = 0; i < REPO_BATCH_MAX; i++) {
        drafts[i] = draft_of("t", NOW);
        others[i] = draft_of("t", NOW);
    }
    told_so_far = 0;
    f->sync.repository->on_changed = count_told;
    repository_follow(f->sync.repository, true);
    hold_disk(f);
    submit_create_batch(f, &first);
    submit_create_batch(f, &second);
    wait_until_held(f, FAKE_SYNC);
    struct open_create last = {.call.process = draft_of("t", NOW)};
    submit_create(f, &last);
    let_go(f);
    assert_int_equal(finish_create_batch(f, &second), ERR_OK);
    assert_true(first.done);
    assert_true(told_so_far >= 2 * REPO_BATCH_MAX);
    assert_int_equal(finish_create(f, &last), ERR_OK);
    assert_int_equal(told_so_far, 2 * REPO_BATCH_MAX + 1);
    assert_true(same(&told_last, &last.call.process.id));
}

/* --- what is given out ------------------------------------------------------------------------ */

static void read_all(struct open_get *get)
{
    assert_span(get->call.process.progress, SPAN("{\"percent\":1}"));
    assert_span(get->call.process.input, SPAN("{}"));
}

static void read_all_events(struct open_events *events)
{
    assert_int_equal(events->call.count, 2);
    assert_span(events->call.process.type, SPAN("t"));
    for (size_t i = 0; i < events->call.count; i++)
        assert_true(span_starts(events->call.events[i], "{\"at\":\""));
}

static void read_all_listed(struct open_list *list)
{
    assert_int_equal(list->call.count, 1);
    assert_span(list->call.processes[0].progress, SPAN("{\"percent\":1}"));
}

static void submit_change(const struct fixture *f, struct open_transition *open,
                          const struct kept *kept, enum process_event event, struct span progress)
{
    *open = (struct open_transition){.call = {.id = kept->process.id,
                                              .change = {.event = event,
                                                         .now = NOW,
                                                         .token = kept->process.lease_token,
                                                         .progress = progress}}};
    submit_transition(f, open);
}

/* The record changes again and is removed while calls that show it wait: over two generations. */
static void what_waits_stays_readable(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct open_transition changes[4];
    f->policy.events_max = 2;
    shut(f);
    assert_int_equal(open_again(f), ERR_OK);
    add(f, "t", NOW);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW, 60000, &kept), 1);
    hold_disk(f);
    submit_change(f, &changes[0], &kept, EVENT_PROGRESS, SPAN("{\"percent\":1}"));
    struct open_get get = {.call = {.id = kept.process.id, .with_input = true}, .seen = read_all};
    struct open_events events = {.call.id = kept.process.id, .seen = read_all_events};
    struct open_list list = {.call.limit = 3, .seen = read_all_listed};
    submit_get(f, &get);
    submit_events(f, &events);
    submit_list(f, &list);
    wait_until_held(f, FAKE_SYNC);
    submit_change(f, &changes[1], &kept, EVENT_PROGRESS, SPAN("{\"percent\":2}"));
    submit_change(f, &changes[2], &kept, EVENT_CANCEL, SPAN_NONE);
    submit_change(f, &changes[3], &kept, EVENT_CANCELED, SPAN("{\"percent\":3}"));
    struct open_remove remove = {.call = {.id = kept.process.id, .now = NOW}};
    submit_remove(f, &remove);
    assert_false(get.done || events.done || list.done);
    let_go(f);
    assert_int_equal(finish_remove(f, &remove), ERR_OK);
    assert_true(get.done && events.done && list.done && changes[3].done);
    assert_span(remove.call.process.progress, SPAN("{\"percent\":3}"));
    assert_int_equal(finish_transition(f, &changes[0]), ERR_OK);
}

/* --- when it cannot be stored ----------------------------------------------------------------- */

static void full_disk(const struct fixture *f, int error)
{
    fake_disk_fail(f->fake, FAKE_WRITE, 1, -1, error);
}

static void heal(const struct fixture *f)
{
    fake_disk_heal(f->fake);
    while (f->sync.repository->durability.writes != ERR_OK)
        loop_turn(f->sync.loop, 100);
}

static void nothing_changes_while_the_disk_is_full(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct told told = {.count = 0};
    struct process_id stored = add(f, "stored", NOW);
    add(f, "t", NOW);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW, 60000, &kept), 1);
    hear(f, &told);
    full_disk(f, ENOSPC);
    struct process draft = draft_of("t", NOW);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_FULL); /* its outcome is not known */
    assert_int_equal(f->sync.repository->durability.writes, ERR_FULL);
    assert_true(f->sync.repository->durability.failures > 0);
    struct process refused = draft_of("t", NOW);
    assert_int_equal(sync_create(&f->sync, &refused), ERR_FULL);
    struct repo_create_batch batch = {.processes = &refused, .count = 1, .base = refused.id};
    assert_int_equal(sync_create_batch(&f->sync, &batch), ERR_FULL);
    assert_int_equal(change(f, &kept, EVENT_HEARTBEAT, NOW + 1), ERR_FULL);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW), ERR_FULL);
    assert_int_equal(change(f, &kept, EVENT_RETRY, NOW), ERR_CONFLICT); /* that is known */
    struct open_claim claim = {.call = {.types = &SPAN("stored"),
                                        .type_count = 1,
                                        .worker = SPAN("w"),
                                        .max = 1,
                                        .now = NOW,
                                        .lease_ms = 1000}};
    submit_claim(f, &claim);
    assert_int_equal(finish_claim(f, &claim), ERR_FULL);
    assert_int_equal(claim.call.count, 0);
    struct open_pause pause = {.call = {.type = SPAN("t"), .paused = true}};
    submit_pause(f, &pause);
    assert_int_equal(finish_pause(f, &pause), ERR_FULL);
    assert_false(pause.call.changed);
    struct open_advance advance = {.call = {.now = NOW + DAY_MS, .limit = 10}};
    submit_advance(f, &advance);
    assert_int_equal(finish_advance(f, &advance), ERR_FULL);
    assert_int_equal(advance.call.lapsed, 0);
    const struct repo_item item = {.kind = ITEM_PROCESS, .process = refused};
    struct open_restore restore = {.call = {.items = &item, .count = 1, .now = NOW}};
    submit_restore(f, &restore);
    assert_int_equal(finish_restore(f, &restore), ERR_FULL);
    assert_int_equal(restore.call.stored, 0);
    assert_int_equal(told.count, 0);

    assert_int_equal(sync_get(&f->sync, &stored, false, NULL), ERR_OK);
    assert_int_equal(sync_get(&f->sync, &refused.id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_get(&f->sync, &draft.id, false, NULL), ERR_FULL);
    assert_int_equal(sync_events(&f->sync, &draft.id, &kept, &(struct kept_events){.count = 0}),
                     ERR_FULL);
    struct repo_list list = {.limit = 10};
    struct process_id ids[10];
    assert_int_equal(sync_list(&f->sync, &list, ids), ERR_OK);
    assert_int_equal(list.count, 3);

    heal(f);
    assert_int_equal(sync_get(&f->sync, &draft.id, false, NULL), ERR_OK);
    assert_int_equal(told.count, 1);
    assert_true(same(&told.ids[0], &draft.id));
    assert_int_equal(sync_create(&f->sync, &refused), ERR_OK);
    survives(f);
}

static void lists_that_wait_show_what_there_is(void **state)
{
    struct fixture *f = *state;
    struct open_create create = {.call.process = draft_of("t", NOW)};
    struct open_list list = {.call.limit = 3};
    struct open_get get = {.call.id = create.call.process.id};
    full_disk(f, EIO);
    submit_create(f, &create);
    submit_list(f, &list);
    submit_get(f, &get);
    assert_false(create.done || list.done || get.done);
    assert_int_equal(finish_create(f, &create), ERR_UNAVAILABLE);
    assert_int_equal(finish_list(f, &list), ERR_OK);
    assert_int_equal(list.call.count, 1);
    assert_int_equal(finish_get(f, &get), ERR_UNAVAILABLE);
}

static void nothing_is_removed_while_it_cannot_be_stored(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    add(f, "t", NOW);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW, 60000, &kept), 1);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW), ERR_OK);
    struct process draft = draft_of("t", NOW);
    full_disk(f, ENOSPC);
    assert_int_equal(sync_create(&f->sync, &draft), ERR_FULL);
    struct repo_sweep sweep = {.kind = SWEEP_FINISHED,
                               .status = PROCESS_COMPLETED,
                               .before = NOW,
                               .now = NOW,
                               .limit = 10};
    assert_int_equal(sync_sweep(&f->sync, &sweep), ERR_FULL);
    assert_int_equal(sync_remove(&f->sync, &kept.process.id, NOW, 0, NULL), ERR_FULL);
    assert_int_equal(sync_get(&f->sync, &kept.process.id, false, NULL), ERR_OK);
    heal(f);
    assert_int_equal(sync_sweep(&f->sync, &sweep), ERR_OK);
    assert_int_equal(sweep.matched[PROCESS_COMPLETED], 1);
    survives(f);
    assert_int_equal(sync_get(&f->sync, &kept.process.id, false, NULL), ERR_GONE);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void closing_stores_what_waits(void **state)
{
    struct fixture *f = *state;
    struct open_create create = {.call.process = draft_of("t", NOW)};
    submit_create(f, &create);
    assert_false(create.done);
    repository_close(f->sync.repository);
    assert_true(create.done);
    assert_int_equal(create.call.op.result, ERR_OK);
    shut(f);
    fake_disk_crash(f->fake, KEEP_SYNCED, 1);
    assert_int_equal(open_again(f), ERR_OK);
    assert_int_equal(sync_get(&f->sync, &create.call.process.id, false, NULL), ERR_OK);
}

static void closing_cancels_what_cannot_be_stored(void **state)
{
    struct fixture *f = *state;
    struct open_create create = {.call.process = draft_of("t", NOW)};
    struct open_list list = {.call.limit = 3};
    submit_create(f, &create);
    submit_list(f, &list);
    full_disk(f, ENOSPC);
    repository_close(f->sync.repository);
    assert_true(create.done && list.done);
    assert_int_equal(create.call.op.result, ERR_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_creation_is_told_and_answered_when_it_is_stored),
        TEST(reads_wait_for_what_they_show),
        TEST(what_is_gone_or_was_made_before_waits_as_well),
        TEST(a_read_waits_for_its_own_record_only),
        TEST(many_are_told_in_order),
        TEST(what_waits_stays_readable),
        TEST(nothing_changes_while_the_disk_is_full),
        TEST(lists_that_wait_show_what_there_is),
        TEST(nothing_is_removed_while_it_cannot_be_stored),
        TEST(closing_stores_what_waits),
        TEST(closing_cancels_what_cannot_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
