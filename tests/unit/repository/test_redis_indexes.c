/* The further indexes of the repository on Redis: types, workers, groups, deadlines, timelines. */
#include "repository/redis_bench.h"

static void a_type_is_announced_now_and_then(void **state)
{
    struct bench *bench = *state;
    add(bench);
    redis_fixture_ask(&bench->redis, "DEL process_types");
    add(bench);
    assert_answer(bench, "EXISTS", "process_types", "0");
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE normal SKIPME yes");
    wait_ready(bench);
    add(bench); /* what the Redis of a new connection knows is not known */
    assert_answer(bench, "EXISTS", "process_types", "1");
}

static void a_running_process_stands_with_its_type_and_its_worker(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    char key[PROCESS_WORKER_MAX + 20];
    struct draft one = draft(bench);
    one.process.group = SPAN("g");
    one.process.deadline = bench->now + 5000;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    assert_answer(bench, "ZRANGE", "process_deadlines 0 -1", one.id);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    snprintf(key, sizeof(key), "process_held:" SPAN_FMT " 0 -1", SPAN_ARG(kept.process.worker));
    assert_answer(bench, "ZRANGE", key, one.id);
    assert_answer(bench, "ZRANGE", "process_running:t 0 -1", one.id);
    assert_answer(bench, "ZRANGE", "process_group:running:g 0 -1", one.id);
    assert_answer(bench, "EXISTS", "process_group:pending:g process_deadlines", "0");
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    assert_answer(bench, "EXISTS", "process_running:t process_group:running:g", "0");
    snprintf(key, sizeof(key), "process_held:" SPAN_FMT, SPAN_ARG(kept.process.worker));
    assert_answer(bench, "EXISTS", key, "0");
    assert_answer(bench, "ZRANGE", "process_group:completed:g 0 -1", one.id);
}

static void a_timeline_is_cut_and_goes_with_its_process(void **state)
{
    struct bench *bench = *state;
    struct draft one = add(bench);
    char key[100];
    snprintf(key, sizeof(key), "process_events:%s", one.id);
    assert_answer(bench, "EXISTS", key, "0");
    for (int i = 0; i < 60; i++) {
        assert_int_equal(change(bench, &one, EVENT_CANCEL, NULL), ERR_OK);
        assert_in_range(atoll(redis_fixture_ask(&bench->redis, "PTTL %s", key)),
                        2 * INT64_C(86400000) - 60000, 2 * INT64_C(86400000));
        assert_int_equal(change(bench, &one, EVENT_RETRY, NULL), ERR_OK);
        assert_answer(bench, "PTTL", key, "-1");
    }
    assert_answer(bench, "LLEN", key, "100");
    assert_int_equal(change(bench, &one, EVENT_CANCEL, NULL), ERR_OK);
    assert_int_equal(sync_remove(&bench->sync, &one.process.id, bench->now, 0, NULL), ERR_OK);
    assert_answer(bench, "EXISTS", key, "0");
}

static void a_batch_leaves_a_note_of_its_own_kind(void **state)
{
    struct bench *bench = *state;
    struct process processes[3];
    bool replayed;
    char id[PROCESS_ID_TEXT_SIZE], expected[80];
    struct repo_create_batch batch = {.processes = processes,
                                      .count = 3,
                                      .idempotency_key = SPAN("k"),
                                      .fingerprint = 0xabc,
                                      .now = bench->now};
    assert_true(process_id_new(&batch.base));
    process_id_format(&batch.base, id);
    for (unsigned i = 0; i < 3; i++) {
        processes[i] = draft(bench).process;
        process_id_nth(&batch.base, i, &processes[i].id);
    }
    assert_int_equal(sync_create_batch(&bench->sync, &batch), ERR_OK);
    snprintf(expected, sizeof(expected), "%s 0000000000000abc batch", id);
    assert_answer(bench, "GET", "process_idempotency:k", expected);
    assert_answer(bench, "ZCARD", "process_queue:t", "3");
    assert_int_equal(sync_create_with_key(&bench->sync, &processes[0], "k", 0xabc, &replayed, NULL),
                     ERR_KEY_REUSED);
}

static void a_batch_is_whole_or_not_at_all(void **state)
{
    static const char *const spoilt[] = {"process_ids",     "process_times",
                                         "process_queue:u", "process_schedule",
                                         "process_types",   "process_group:all:g"};
    struct bench *bench = *state;
    struct process processes[3] = {draft(bench).process, draft(bench).process,
                                   draft(bench).process};
    struct repo_create_batch batch = {
        .base = processes[0].id, .processes = processes, .count = 3, .now = bench->now};
    processes[1].group = SPAN("g");
    processes[1].run_at += 1000;
    processes[2].type = SPAN("u");
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        redis_fixture_ask(&bench->redis, "SET %s nonsense", spoilt[i]);
        assert_int_equal(sync_create_batch(&bench->sync, &batch), ERR_CORRUPT);
        redis_fixture_ask(&bench->redis, "DEL %s", spoilt[i]);
        assert_answer(bench, "KEYS", "*", "process_schema");
    }
    assert_int_equal(sync_create_batch(&bench->sync, &batch), ERR_OK);
    assert_answer(bench, "SCARD", "process_ids", "3");
}

static void a_thousand_are_stored_in_one_step(void **state)
{
    static struct process processes[REPO_BATCH_MAX];
    struct bench *bench = *state;
    struct repo_create_batch batch = {.processes = processes, .count = REPO_BATCH_MAX};
    for (size_t i = 0; i < REPO_BATCH_MAX; i++)
        processes[i] = draft(bench).process;
    batch.base = processes[0].id;
    batch.now = bench->now;
    redis_fixture_ask(&bench->redis, "CONFIG RESETSTAT");
    assert_int_equal(sync_create_batch(&bench->sync, &batch), ERR_OK);
    assert_true(answer_has(bench, "INFO commandstats", "cmdstat_evalsha:calls=1,"));
    assert_answer(bench, "ZCARD", "process_queue:t", "1000");
}

/* Who looked long ago is forgotten, unless it still holds something. */
static void workers_that_left_are_forgotten(void **state)
{
    struct bench *bench = *state;
    struct repo_claim look = {.types = (const struct span[]){SPAN("t")},
                              .type_count = 1,
                              .announce = true,
                              .worker = SPAN("old"),
                              .max = 1,
                              .now = bench->now,
                              .lease_ms = 1000};
    add(bench);
    assert_int_equal(sync_claim_as(&bench->sync, &look, NULL), 1);
    look.worker = SPAN("older");
    assert_int_equal(sync_claim_as(&bench->sync, &look, NULL), 0);
    assert_answer(bench, "ZCARD", "process_type_workers:t", "2");
    look.worker = SPAN("new");
    look.now += 86400001;
    assert_int_equal(sync_claim_as(&bench->sync, &look, NULL), 0);
    assert_answer(bench, "ZRANGE", "process_type_workers:t 0 -1", "new");
    assert_answer(bench, "ZRANGE", "process_workers 0 -1", "old\nnew");
}

static void entries_of_lost_processes_do_not_count_for_ever(void **state)
{
    struct bench *bench = *state;
    struct repo_worker worker;
    struct repo_type type;
    bool more;
    struct draft one = add(bench);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, NULL), 1);
    redis_fixture_ask(&bench->redis, "DEL process:%s", one.id);
    assert_int_equal(sync_types(&bench->sync, bench->now, 0, &type, 1, &more), 1);
    assert_int_equal(type.state.running, 0);
    assert_int_equal(sync_workers(&bench->sync, bench->now, &worker, 1, &more), 1);
    assert_int_equal(worker.held, 0);
    assert_int_equal(bench->sync.repository->counters.healed, 2);
}

static struct draft add_to_group(const struct bench *bench, struct span group)
{
    struct draft one = draft(bench);
    one.process.group = group;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    return one;
}

/* What a claim has taken is not lost when the next one's keys cannot be used. */
static void a_spoilt_group_takes_no_claimed_process_along(void **state)
{
    struct bench *bench = *state;
    static struct kept kept[2];
    struct draft first = add(bench);
    bench->now++;
    add_to_group(bench, SPAN("g"));
    redis_fixture_ask(&bench->redis, "SET process_group:running:g nonsense");
    assert_int_equal(sync_claim(&bench->sync, "t", 2, bench->now, 1000, kept), 1);
    assert_true(process_id_compare(&kept[0].process.id, &first.process.id) == 0);
}

/* Nobody else of its type waits behind it; its record stays for a person to look at. */
static void a_spoilt_process_is_set_aside(void **state)
{
    static const char *const keys[] = {"process_events:%s", "process_group:running:g"};
    struct bench *bench = *state;
    static struct kept kept;
    for (size_t i = 0; i < 2; i++) {
        struct draft spoilt = add_to_group(bench, SPAN("g"));
        bench->now++;
        struct draft other = add(bench);
        char key[80];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(key, sizeof(key), keys[i], spoilt.id);
#pragma GCC diagnostic pop
        redis_fixture_ask(&bench->redis, "DEL %s", key);
        redis_fixture_ask(&bench->redis, "SET %s nonsense", key);
        assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
        assert_int_equal(process_id_compare(&kept.process.id, &other.process.id), 0);
        assert_int_equal(sync_get(&bench->sync, &spoilt.process.id, false, &kept), ERR_OK);
        assert_int_equal(kept.process.status, PROCESS_PENDING);
    }
}

static void a_spoilt_group_does_not_keep_the_others_from_going(void **state)
{
    struct bench *bench = *state;
    struct draft spoilt = add_to_group(bench, SPAN("g")), other = add(bench);
    struct repo_sweep sweep = {.kind = SWEEP_EXPIRED, .limit = 10};
    assert_int_equal(change(bench, &spoilt, EVENT_CANCEL, NULL), ERR_OK);
    bench->now++;
    assert_int_equal(change(bench, &other, EVENT_CANCEL, NULL), ERR_OK);
    redis_fixture_ask(&bench->redis, "SET process_group:all:g nonsense");
    sweep.before = sweep.now = bench->now + 2 * INT64_C(86400000);
    assert_int_equal(sync_sweep(&bench->sync, &sweep), ERR_OK);
    assert_int_equal(sweep.matched[PROCESS_CANCELED], 1);
    assert_answer(bench, "SMEMBERS", "process_ids", spoilt.id);
}

/* Names that were used once must not pile up. */
static void types_that_nothing_is_heard_of_are_forgotten(void **state)
{
    struct bench *bench = *state;
    struct repo_advance advanced;
    add(bench);
    redis_fixture_ask(&bench->redis, "ZADD process_types 1 idle 1 t %lld young",
                      (long long)bench->now - 3600000);
    assert_int_equal(sync_advance(&bench->sync, bench->now, 10, &advanced), ERR_OK);
    assert_answer(bench, "ZRANGE", "process_types 0 -1", "young\nt");
}

static void look_for_a_thousand(const struct bench *bench, int first, int64_t now)
{
    static char names[REPO_CLAIM_TYPES_MAX][16];
    struct span types[REPO_CLAIM_TYPES_MAX];
    struct repo_claim look = {.types = types,
                              .type_count = REPO_CLAIM_TYPES_MAX,
                              .announce = true,
                              .worker = SPAN("w"),
                              .max = 1,
                              .now = now,
                              .lease_ms = 1000};
    for (int i = 0; i < REPO_CLAIM_TYPES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", first + i);
        types[i] = span_of(names[i]);
    }
    assert_int_equal(sync_claim_as(&bench->sync, &look, NULL), 0);
}

/* The longest unheard of goes for a new one, unless it is in use. */
static void there_are_not_ever_more_types(void **state)
{
    struct bench *bench = *state;
    add(bench);
    for (int i = 0; i < 10; i++)
        look_for_a_thousand(bench, i * 1000, bench->now + 1 + i);
    look_for_a_thousand(bench, 10000, bench->now + 100);
    assert_answer(bench, "ZCARD", "process_types", "10000");
    assert_answer(bench, "EXISTS", "process_types process_type_workers:n10000", "2");
    assert_answer(bench, "EXISTS", "process_type_workers:n0 process_type_workers:n999", "0");
    assert_true(atoll(redis_fixture_ask(&bench->redis, "ZSCORE process_types t")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(a_type_is_announced_now_and_then),
        PLAIN(a_running_process_stands_with_its_type_and_its_worker),
        PLAIN(a_timeline_is_cut_and_goes_with_its_process),
        PLAIN(a_batch_leaves_a_note_of_its_own_kind),
        PLAIN(a_batch_is_whole_or_not_at_all),
        PLAIN(a_thousand_are_stored_in_one_step),
        PLAIN(workers_that_left_are_forgotten),
        PLAIN(entries_of_lost_processes_do_not_count_for_ever),
        PLAIN(a_spoilt_group_takes_no_claimed_process_along),
        PLAIN(a_spoilt_process_is_set_aside),
        PLAIN(a_spoilt_group_does_not_keep_the_others_from_going),
        PLAIN(types_that_nothing_is_heard_of_are_forgotten),
        PLAIN(there_are_not_ever_more_types),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
