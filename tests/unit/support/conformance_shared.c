/* Two repositories on one store, as two instances have them, at the same time. Their calls are on
 * the way together: nothing waits for an answer before all are sent. */
#include "support/conformance.h"

#include "support/test.h"

#include <stdio.h>

enum { SIDES = 2 };

struct shared {
    struct conformance *c;
    struct sync sides[SIDES];
};

static struct shared open_shared(struct conformance *c)
{
    struct shared shared = {c, {c->sync, {c->sync.loop, NULL}}};
    shared.sides[1].repository = c->subject->join(c->sync.loop, &c->policy);
    assert_non_null(shared.sides[1].repository);
    return shared;
}

static void close_shared(struct shared *shared)
{
    assert_int_equal(shared->sides[1].repository->counters.healed, 0);
    assert_int_equal(shared->sides[1].repository->counters.damaged, 0);
    repository_destroy(shared->sides[1].repository);
}

static int open_calls; /* those that are not done yet */

static void counted(struct process_op *op)
{
    (void)op;
    open_calls--;
}

static void wait_for_all(const struct shared *shared)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (open_calls > 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(shared->c->sync.loop, 100);
    }
}

static void what_one_stores_the_other_has(void **state)
{
    struct shared s = open_shared(*state);
    static struct kept kept, other;
    struct process_id id = conformance_add(s.c);
    assert_int_equal(sync_claim(&s.sides[1], "t", 1, s.c->now, 60000, &kept), 1);
    assert_true(same_id(&kept.process.id, &id));
    conformance_get(s.c, &id, &other);
    assert_same_record(&other.process, &kept.process);
    conformance_complete(s.c, &kept, s.c->now + 10);
    assert_int_equal(sync_get(&s.sides[1], &id, false, &other), ERR_OK);
    assert_int_equal(other.process.status, PROCESS_COMPLETED);
    assert_true(sync_pause(&s.sides[1], SPAN("t"), true));
    conformance_add(s.c);
    assert_int_equal(sync_claim(&s.sides[0], "t", 1, s.c->now, 60000, NULL), 0);
    close_shared(&s);
}

/* --- claims ----------------------------------------------------------------------------------- */

struct racing_claim {
    struct repo_claim call;
    struct kept kept[4];
};

static void claimed(struct process_op *op)
{
    struct racing_claim *claim = container_of(op, struct racing_claim, call.op);
    assert_int_equal(op->result, ERR_OK);
    for (size_t i = 0; i < claim->call.count; i++)
        keep(&claim->kept[i], &claim->call.processes[i]);
    open_calls--;
}

static void start_claim(const struct shared *s, int side, struct racing_claim *claim,
                        const struct span *types)
{
    claim->call = (struct repo_claim){.types = types,
                                      .type_count = 1,
                                      .worker = side == 0 ? SPAN("left") : SPAN("right"),
                                      .announce = rand() % 2 == 0,
                                      .max = 1 + rand() % 4,
                                      .now = s->c->now + 100,
                                      .lease_ms = 60000};
    for (int i = 0; i < claim->call.max; i++)
        assert_true(lease_token_new(claim->call.tokens[i]));
    process_op_init(&claim->call.op, claimed);
    open_calls++;
    repository_claim(s->sides[side].repository, &claim->call);
}

static void no_attempt_is_claimed_twice(void **state)
{
    enum { COUNT = 300, CLAIMS = 10 };
    struct shared s = open_shared(*state);
    static struct racing_claim claims[SIDES][CLAIMS];
    static struct process drafts[COUNT];
    static struct process_id taken[COUNT];
    const struct span types[1] = {SPAN("t")};
    int count = 0, by_side[SIDES] = {0}, before;
    struct repo_create_batch batch = conformance_batch(s.c, drafts, COUNT);
    conformance_seed(s.c);
    assert_int_equal(sync_create_batch(&s.sides[0], &batch), ERR_OK);
    do {
        before = count;
        for (int i = 0; i < SIDES * CLAIMS; i++)
            start_claim(&s, i % SIDES, &claims[i % SIDES][i / SIDES], types);
        wait_for_all(&s);
        for (int i = 0; i < SIDES * CLAIMS; i++) {
            const struct racing_claim *claim = &claims[i % SIDES][i / SIDES];
            by_side[i % SIDES] += (int)claim->call.count;
            for (size_t j = 0; j < claim->call.count; j++) {
                assert_true(count < COUNT);
                assert_int_equal(claim->kept[j].process.attempt, 1);
                taken[count++] = claim->kept[j].process.id;
            }
        }
    } while (count > before);
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_false(same_id(&taken[i], &taken[j]));
    assert_true(by_side[0] > 0 && by_side[1] > 0);
    assert_int_equal(sync_counts(&s.sides[1]).by_status[PROCESS_RUNNING], COUNT);
    close_shared(&s);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void every_transition_has_one_winner(void **state)
{
    enum { ROUNDS = 50 };
    struct shared s = open_shared(*state);
    static struct kept kept;
    static const enum process_event rivals[] = {EVENT_COMPLETE, EVENT_FAIL, EVENT_RELEASE,
                                                EVENT_CANCEL};
    for (int round = 0; round < ROUNDS; round++) {
        struct repo_transition calls[SIDES];
        int winners = 0;
        conformance_running(s.c, &kept);
        for (int side = 0; side < SIDES; side++) {
            enum process_event event = rivals[(round + side) % 4];
            calls[side] = (struct repo_transition){.id = kept.process.id,
                                                   .change = conformance_change(s.c, event, &kept)};
            calls[side].change.if_version = kept.process.version;
            process_op_init(&calls[side].op, counted);
            open_calls++;
        }
        for (int side = 0; side < SIDES; side++)
            repository_transition(s.sides[side].repository, &calls[side]);
        wait_for_all(&s);
        for (int side = 0; side < SIDES; side++) {
            winners += calls[side].op.result == ERR_OK && calls[side].changed;
            assert_true(calls[side].op.result == ERR_OK || calls[side].op.result == ERR_STALE ||
                        calls[side].op.result == ERR_CONFLICT);
        }
        assert_int_equal(winners, 1);
        conformance_get(s.c, &kept.process.id, &kept);
        assert_int_equal(kept.process.version, 3);
        struct process_change cancel = conformance_change(s.c, EVENT_CANCEL, NULL);
        if (!process_status_is_final(kept.process.status)) /* out of the way */
            assert_int_equal(sync_change(&s.sides[1], &kept.process.id, &cancel, NULL, NULL),
                             ERR_OK);
    }
    close_shared(&s);
}

static void sweeps_at_once_do_no_harm(void **state)
{
    enum { COUNT = 60 };
    struct shared s = open_shared(*state);
    static struct kept kept[COUNT], after;
    struct repo_advance calls[SIDES * 4];
    int lapsed = 0, expired = 0, released = 0;
    size_t settled = 0;
    for (int i = 0; i < COUNT; i++) {
        conformance_running(s.c, &kept[i]);
        struct process draft = conformance_draft(s.c);
        draft.type = SPAN("other");
        draft.deadline = s.c->now + 1000;
        assert_int_equal(sync_create(&s.sides[0], &draft), ERR_OK);
        draft = conformance_draft(s.c);
        draft.type = SPAN("other");
        draft.run_at = s.c->now + 1000;
        assert_int_equal(sync_create(&s.sides[0], &draft), ERR_OK);
    }
    for (int i = 0; i < SIDES * 4; i++) {
        calls[i] = (struct repo_advance){.now = s.c->now + 60000, .limit = 25, .jitter = 1};
        process_op_init(&calls[i].op, counted);
        open_calls++;
    }
    for (int i = 0; i < SIDES * 4; i++)
        repository_advance(s.sides[i % SIDES].repository, &calls[i]);
    wait_for_all(&s);
    for (int i = 0; i < SIDES * 4; i++) {
        assert_int_equal(calls[i].op.result, ERR_OK);
        lapsed += calls[i].lapsed;
        expired += calls[i].expired;
        released += calls[i].released;
        settled += calls[i].settled_count;
    }
    assert_int_equal(settled, 2 * COUNT); /* each told by one of them */
    assert_int_equal(lapsed, COUNT);
    assert_int_equal(expired, COUNT);
    assert_int_equal(released, COUNT);
    for (int i = 0; i < COUNT; i++) {
        conformance_get(s.c, &kept[i].process.id, &after);
        assert_int_equal(after.process.version, 3);
        assert_int_equal(after.process.stalls, 1);
    }
    close_shared(&s);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void a_key_that_both_use_at_once_leads_to_one(void **state)
{
    enum { ROUNDS = 20, SIZE = 3 };
    struct shared s = open_shared(*state);
    char key[16];
    for (int round = 0; round < ROUNDS; round++) {
        struct repo_create_batch calls[SIDES];
        struct process drafts[SIDES][SIZE];
        snprintf(key, sizeof(key), "k%d", round);
        for (int side = 0; side < SIDES; side++) {
            calls[side] = conformance_batch(s.c, drafts[side], SIZE);
            calls[side].idempotency_key = span_of(key);
            process_op_init(&calls[side].op, counted);
            open_calls++;
        }
        for (int side = 0; side < SIDES; side++)
            repository_create_batch(s.sides[(side + round) % SIDES].repository, &calls[side]);
        wait_for_all(&s);
        assert_int_equal(calls[0].op.result, ERR_OK);
        assert_int_equal(calls[1].op.result, ERR_OK);
        assert_int_equal(calls[0].replayed + calls[1].replayed, 1);
        assert_true(same_id(&calls[0].base, &calls[1].base));
        assert_int_equal(sync_counts(&s.sides[0]).total, (round + 1) * SIZE);
    }
    close_shared(&s);
}

/* --- telling of work -------------------------------------------------------------------------- */

static void told_of_work(void *arg, struct span type)
{
    if (type.data == NULL || span_is(type, "t"))
        *(bool *)arg = true;
}

static size_t listen_for(const struct shared *s, const char *type)
{
    const struct span types[1] = {span_of(type)};
    const struct repo_claim call = {.types = types,
                                    .type_count = 1,
                                    .worker = SPAN("right"),
                                    .announce = true,
                                    .listen = true,
                                    .max = 1,
                                    .now = s->c->now,
                                    .lease_ms = 60000};
    return sync_claim_as(&s->sides[1], &call, NULL);
}

static void who_listens_hears_of_the_others_work(void **state)
{
    struct shared s = open_shared(*state);
    struct process_repository *listener = s.sides[1].repository;
    static struct kept kept;
    bool told = false;
    listener->on_work = told_of_work;
    listener->on_work_arg = &told;
    assert_int_equal(listen_for(&s, "t"), 0);
    conformance_add(s.c);
    sync_wait(s.c->sync.loop, &told);
    assert_int_equal(sync_claim(&s.sides[1], "t", 1, s.c->now, 60000, &kept), 1);

    told = false; /* once more: what is handed back */
    assert_int_equal(listen_for(&s, "t"), 0);
    assert_int_equal(conformance_try(s.c, &kept, EVENT_RELEASE), ERR_OK);
    sync_wait(s.c->sync.loop, &told);
    assert_int_equal(sync_claim(&s.sides[1], "t", 1, s.c->now + 20, 60000, &kept), 1);

    told = false; /* ... or lapses */
    struct repo_advance advanced;
    assert_int_equal(listen_for(&s, "t"), 0);
    assert_int_equal(sync_advance(&s.sides[0], s.c->now + 70000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, 1);
    sync_wait(s.c->sync.loop, &told);

    assert_true(sync_pause(&s.sides[0], SPAN("t"), true)); /* ... or was paused */
    told = false;
    assert_int_equal(listen_for(&s, "t"), 0);
    assert_true(sync_pause(&s.sides[0], SPAN("t"), false));
    sync_wait(s.c->sync.loop, &told);
    listener->on_work = NULL;
    close_shared(&s);
}

int conformance_shared_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(what_one_stores_the_other_has),
        CONFORMANCE_TEST(no_attempt_is_claimed_twice),
        CONFORMANCE_TEST(every_transition_has_one_winner),
        CONFORMANCE_TEST(sweeps_at_once_do_no_harm),
        CONFORMANCE_TEST(a_key_that_both_use_at_once_leads_to_one),
        CONFORMANCE_TEST(who_listens_hears_of_the_others_work),
    };
    if (subject->join == NULL)
        return 0;
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
