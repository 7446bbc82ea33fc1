/* What is particular to the repository on Redis: its keys, and what others may do to them. The rest
 * is the conformance suite's. */
#include "repository/redis_bench.h"

/* --- keys and values ------------------------------------------------------------------------- */

static void a_new_process_is_one_hash_and_its_indexes(void **state)
{
    struct bench *bench = *state;
    char key[100], time[TIME_TEXT_SIZE], number[32];
    struct draft one = draft(bench);
    one.process.group = SPAN("g");
    one.process.metadata = SPAN("{ \"a\" : 0.1 }");
    one.process.priority = 7;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);

    assert_answer(bench, "DBSIZE", "", "9"); /* those below, and process_schema */
    assert_answer(bench, "GET", "process_schema", "1");
    snprintf(key, sizeof(key), "process:%s", one.id);
    assert_answer(bench, "TYPE", key, "hash");
    assert_answer(bench, "TTL", key, "-1");
    snprintf(key, sizeof(key), "process:%s status", one.id);
    assert_answer(bench, "HGET", key, "pending");
    snprintf(key, sizeof(key), "process:%s metadata", one.id);
    assert_answer(bench, "HGET", key, "{ \"a\" : 0.1 }");
    snprintf(key, sizeof(key), "process:%s priority", one.id);
    assert_answer(bench, "HGET", key, "7");
    snprintf(key, sizeof(key), "process:%s worker", one.id);
    assert_answer(bench, "HEXISTS", key, "0");
    snprintf(key, sizeof(key), "process:%s traceparent", one.id);
    assert_answer(bench, "HEXISTS", key, "0");
    snprintf(key, sizeof(key), "process:%s created_at", one.id);
    time_format(bench->now, time);
    assert_answer(bench, "HGET", key, time);

    assert_answer(bench, "SMEMBERS", "process_ids", one.id);
    snprintf(number, sizeof(number), "%lld", (long long)bench->now);
    snprintf(key, sizeof(key), "process_times %s", one.id);
    assert_answer(bench, "ZSCORE", key, number);
    snprintf(key, sizeof(key), "process_status:pending %s", one.id);
    assert_answer(bench, "ZSCORE", key, number);
    snprintf(key, sizeof(key), "process_queue:t %s", one.id);
    snprintf(number, sizeof(number), "%lld", (long long)process_queue_score(&one.process));
    assert_answer(bench, "ZSCORE", key, number);
    snprintf(number, sizeof(number), "%lld", (long long)bench->now);
    assert_answer(bench, "ZSCORE", "process_types t", number);
    snprintf(key, sizeof(key), "process_group:all:g %s", one.id);
    assert_answer(bench, "ZSCORE", key, number);
    snprintf(key, sizeof(key), "process_group:pending:g %s", one.id);
    assert_answer(bench, "ZSCORE", key, number);
}

static void it_is_in_one_moving_index_at_a_time(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct draft one = draft(bench);
    one.process.run_at = bench->now + 5;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    assert_answer(bench, "ZCARD", "process_schedule", "1");
    assert_answer(bench, "EXISTS", "process_queue:t", "0");
    struct repo_advance step;
    assert_int_equal(sync_advance(&bench->sync, bench->now + 5, 10, &step), ERR_OK);
    assert_answer(bench, "EXISTS", "process_schedule", "0");
    assert_answer(bench, "ZCARD", "process_queue:t", "1");
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now + 5, 1000, &kept), 1);
    assert_answer(bench, "EXISTS", "process_queue:t", "0");
    assert_answer(bench, "ZCARD", "process_leases", "1");
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    assert_answer(bench, "EXISTS", "process_leases", "0");
    assert_answer(bench, "ZCARD", "process_retention", "1");
    assert_answer(bench, "KEYS", "process_status:*", "process_status:completed");
}

/* However wrong the caller's clock is. */
static void a_finished_hash_has_a_late_safety_net_until_it_is_retried(void **state)
{
    struct bench *bench = *state;
    char key[100];
    bench->now -= INT64_C(1000) * 86400000;
    struct draft one = add(bench);
    snprintf(key, sizeof(key), "process:%s", one.id);
    assert_int_equal(change(bench, &one, EVENT_CANCEL, NULL), ERR_OK);
    int64_t expected = bench->policy.retention_ms[PROCESS_CANCELED] + INT64_C(86400000);
    assert_in_range(atoll(redis_fixture_ask(&bench->redis, "PTTL %s", key)), expected - 60000,
                    expected);
    assert_int_equal(change(bench, &one, EVENT_RETRY, NULL), ERR_OK);
    assert_answer(bench, "PTTL", key, "-1");
}

static void a_tombstone_tells_what_was_and_goes(void **state)
{
    struct bench *bench = *state;
    char key[100], time[TIME_TEXT_SIZE], expected[300];
    struct draft one = add_finished(bench);
    assert_int_equal(sync_remove(&bench->sync, &one.process.id, bench->now, 0, NULL), ERR_OK);
    time_format(bench->now, time);
    snprintf(key, sizeof(key), "process_gone:%s", one.id);
    snprintf(expected, sizeof(expected),
             "{\"status\":\"completed\",\"created_at\":\"%s\",\"completed_at\":\"%s\","
             "\"removed_at\":\"%s\"}",
             time, time, time);
    assert_answer(bench, "GET", key, expected);
    assert_in_range(atoll(redis_fixture_ask(&bench->redis, "PTTL %s", key)), 86000000, 86400000);
    /* And process_schema, process_types, process_workers. */
    assert_answer(bench, "DBSIZE", "", "4");
    assert_int_equal(sync_get(&bench->sync, &one.process.id, false, NULL), ERR_GONE);
    redis_fixture_ask(&bench->redis, "DEL %s", key);
    assert_int_equal(sync_get(&bench->sync, &one.process.id, false, NULL), ERR_NOT_FOUND);
}

static void an_idempotency_key_leads_to_the_id(void **state)
{
    struct bench *bench = *state;
    bool replayed;
    char expected[64];
    struct draft one = draft(bench);
    assert_int_equal(sync_create_with_key(&bench->sync, &one.process, "k1", 0xabc, &replayed, NULL),
                     ERR_OK);
    snprintf(expected, sizeof(expected), "%s 0000000000000abc", one.id);
    assert_answer(bench, "GET", "process_idempotency:k1", expected);
    assert_in_range(atoll(redis_fixture_ask(&bench->redis, "PTTL process_idempotency:k1")),
                    86000000, 86400000);
    redis_fixture_ask(&bench->redis, "SET process_idempotency:k1 nonsense");
    assert_int_equal(sync_create_with_key(&bench->sync, &one.process, "k1", 0xabc, &replayed, NULL),
                     ERR_CORRUPT);
}

static void times_are_written_as_the_clock_writes_them(void **state)
{
    static const int64_t moments[] = {INT64_C(1),
                                      INT64_C(951782400000) /* 2000-02-29 */,
                                      INT64_C(1709251199999),
                                      INT64_C(4107542400000) /* 2100-03-01 */,
                                      INT64_C(13569465600123) /* 2400-01-01 */,
                                      TIME_MAX - INT64_C(400) * 86400000};
    struct bench *bench = *state;
    char key[100], expected[TIME_TEXT_SIZE];
    static struct kept kept;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct draft one = add(bench);
        assert_int_equal(sync_claim(&bench->sync, "t", 1, moments[i], 86400000, &kept), 1);
        time_format(moments[i] + 86400000, expected);
        snprintf(key, sizeof(key), "process:%s lease_until", one.id);
        assert_answer(bench, "HGET", key, expected);
        assert_int_equal(kept.process.lease_until, moments[i] + 86400000);
        /* And read back: the lease must be seen to run still. */
        struct process_change lapse = {.event = EVENT_LAPSE, .now = moments[i] + 86399999};
        assert_int_equal(sync_change(&bench->sync, &one.process.id, &lapse, NULL, NULL),
                         ERR_CONFLICT);
        lapse.now++;
        assert_int_equal(sync_change(&bench->sync, &one.process.id, &lapse, NULL, NULL), ERR_OK);
        redis_fixture_ask(&bench->redis, "FLUSHALL");
    }
}

static void a_new_attempt_begins_without_the_progress_of_the_last(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    struct process_change step = {.event = EVENT_PROGRESS,
                                  .now = bench->now,
                                  .lease_ms = 1000,
                                  .progress = SPAN("{\"percent\":1}"),
                                  .usage = SPAN("{}"),
                                  .token = kept.process.lease_token};
    assert_int_equal(sync_change(&bench->sync, &one.process.id, &step, NULL, NULL), ERR_OK);
    assert_int_equal(change(bench, &one, EVENT_RELEASE, &kept), ERR_OK);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_null(kept.process.progress.data);
    assert_null(kept.process.usage.data);
}

/* --- what others do to the keys -------------------------------------------------------------- */

static void forgotten_scripts_are_sent_again(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    add(bench);
    redis_fixture_ask(&bench->redis, "SCRIPT FLUSH");
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    add(bench);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_true(answer_has(bench, "INFO commandstats", "cmdstat_eval:calls=1,"));
}

static uint64_t damaged(const struct bench *bench)
{
    return bench->sync.repository->counters.damaged;
}

/* Every call on it is refused, counted, and harms nothing else. */
static void assert_damaged(struct bench *bench, const struct draft *one)
{
    uint64_t before = damaged(bench);
    assert_int_equal(sync_get(&bench->sync, &one->process.id, false, NULL), ERR_CORRUPT);
    assert_int_equal(change(bench, one, EVENT_CANCEL, NULL), ERR_CORRUPT);
    assert_int_equal(sync_remove(&bench->sync, &one->process.id, bench->now, 0, NULL), ERR_CORRUPT);
    assert_int_equal(damaged(bench), before + 3);
    struct draft other = add(bench);
    assert_int_equal(sync_get(&bench->sync, &other.process.id, false, NULL), ERR_OK);
}

static void a_hash_of_the_wrong_type_is_damaged(void **state)
{
    struct bench *bench = *state;
    struct draft one = add(bench);
    redis_fixture_ask(&bench->redis, "SET process:%s nonsense", one.id);
    assert_damaged(bench, &one);
}

static void a_half_record_is_damaged(void **state)
{
    static const char *const spoilers[] = {
        "HDEL process:%s type",         "HDEL process:%s status",
        "HDEL process:%s version",      "HDEL process:%s created_at",
        "HSET process:%s status odd",   "HSET process:%s version x",
        "HSET process:%s attempt 1.5",  "HSET process:%s run_at yesterday",
        "HSET process:%s created_at 5",
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        char command[100];
        struct draft one = add(bench);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(command, sizeof(command), spoilers[i], one.id);
#pragma GCC diagnostic pop
        redis_fixture_ask(&bench->redis, "%s", command);
        assert_damaged(bench, &one);
    }
}

/* What would spoil every answer and every export that it stands in. */
static void what_is_no_json_is_damaged(void **state)
{
    static const char *const spoilers[][2] = {
        {"metadata", "{"},
        {"progress", "[1]"},
        {"result", "1,\"error\":{}"},
        {"error", "\"text\""},
        {"usage", "{}{}"},
        {"result", "\"\xff\""},
        {"result", "{\"a\":1,\"a\":2}"},
        {"result", "\"\x01\""},
        {"group", "a\xff"},
        {"worker", "\x01"},
        {"type", "\xff"},
        {"traceparent", "\xff"},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        struct draft one = add(bench), other = add(bench);
        struct repo_list list = {.limit = 100};
        struct process_id ids[100];
        assert_int_equal(sync_list(&bench->sync, &list, ids), ERR_OK);
        const size_t count = list.count;
        redis_fixture_ask(&bench->redis, "HSET process:%s %s %s", one.id, spoilers[i][0],
                          spoilers[i][1]);
        const uint64_t before = damaged(bench);
        assert_int_equal(sync_get(&bench->sync, &one.process.id, false, NULL), ERR_CORRUPT);
        assert_int_equal(sync_list(&bench->sync, &list, ids), ERR_OK);
        assert_int_equal(list.count, count - 1);
        assert_int_equal(damaged(bench), before + 2);
        assert_int_equal(sync_get(&bench->sync, &other.process.id, false, NULL), ERR_OK);
        redis_fixture_ask(&bench->redis, "DEL process:%s", one.id);
    }
}

struct dumping {
    struct repo_dump call;
    struct process_id first;
    bool done;
};

static void on_dumped(struct process_op *op)
{
    struct dumping *dumping = container_of(op, struct dumping, call.op);
    assert_int_equal(op->result, ERR_OK);
    if (dumping->call.count > 0)
        dumping->first = dumping->call.items[0].process.id;
    dumping->done = true;
}

static void what_is_no_json_is_left_out_of_a_dump(void **state)
{
    static struct kept kept;
    static struct kept_events events;
    struct bench *bench = *state;
    struct draft input = add(bench), told = add(bench), good = add(bench);
    redis_fixture_ask(&bench->redis, "HSET process:%s input 1,2", input.id);
    redis_fixture_ask(&bench->redis, "RPUSH process_events:%s nonsense", told.id);
    assert_int_equal(sync_get(&bench->sync, &input.process.id, true, &kept), ERR_CORRUPT);
    assert_int_equal(sync_get(&bench->sync, &input.process.id, false, &kept), ERR_OK);
    assert_int_equal(sync_events(&bench->sync, &told.process.id, &kept, &events), ERR_CORRUPT);
    struct dumping dumping = {.call = {.now = bench->now}};
    process_op_init(&dumping.call.op, on_dumped);
    repository_dump(bench->sync.repository, &dumping.call);
    sync_wait(bench->sync.loop, &dumping.done);
    assert_int_equal(dumping.call.damaged, 2);
    assert_int_equal(dumping.call.count, 1);
    assert_int_equal(process_id_compare(&dumping.first, &good.process.id), 0);
}

/* --- restore ---------------------------------------------------------------------------------- */

struct restoring {
    struct repo_restore call;
    bool done;
};

static void on_restored(struct process_op *op)
{
    container_of(op, struct restoring, call.op)->done = true;
}

static enum err restore(struct bench *bench, const struct process *process, size_t *ret_stored)
{
    const struct repo_item item = {.kind = ITEM_PROCESS, .process = *process};
    struct restoring restoring = {.call = {.items = &item, .count = 1, .now = bench->now}};
    process_op_init(&restoring.call.op, on_restored);
    repository_restore(bench->sync.repository, &restoring.call);
    sync_wait(bench->sync.loop, &restoring.done);
    *ret_stored = restoring.call.stored;
    return restoring.call.op.result;
}

static void a_full_redis_keeps_the_older_one(void **state)
{
    static struct kept kept;
    struct bench *bench = *state;
    struct draft one = add(bench);
    size_t stored;
    one.process.version = 7;
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 1");
    assert_int_equal(restore(bench, &one.process, &stored), ERR_FULL);
    assert_int_equal(sync_get(&bench->sync, &one.process.id, true, &kept), ERR_OK);
    assert_int_equal(kept.process.version, 1);
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 0");
    assert_int_equal(restore(bench, &one.process, &stored), ERR_OK);
    assert_int_equal(stored, 1);
}

/* It must not count as done: who moves everything would leave it behind. */
static void an_index_of_the_wrong_type_stops_a_restore(void **state)
{
    static const char *const spoilt[] = {"process_ids", "process_times", "process_queue:t",
                                         "process_types"};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        struct draft one = draft(bench);
        size_t stored;
        redis_fixture_ask(&bench->redis, "DEL %s", spoilt[i]);
        redis_fixture_ask(&bench->redis, "SET %s nonsense", spoilt[i]);
        assert_int_equal(restore(bench, &one.process, &stored), ERR_UNAVAILABLE);
        assert_int_equal(stored, 0);
        assert_int_equal(sync_get(&bench->sync, &one.process.id, true, NULL), ERR_NOT_FOUND);
        redis_fixture_ask(&bench->redis, "DEL %s", spoilt[i]);
        assert_int_equal(restore(bench, &one.process, &stored), ERR_OK);
        assert_int_equal(stored, 1);
    }
}

static void a_record_without_any_known_field_is_damaged_not_unknown(void **state)
{
    struct bench *bench = *state;
    struct draft one = add(bench);
    redis_fixture_ask(&bench->redis, "DEL process:%s", one.id);
    redis_fixture_ask(&bench->redis, "HSET process:%s input {}", one.id);
    assert_damaged(bench, &one);
}

static void damaged_ones_do_not_hold_up_the_others(void **state)
{
    struct bench *bench = *state;
    static struct kept kept[2];
    struct draft bad = add(bench), good = add(bench);
    struct repo_list list = {.limit = 10};
    struct process_id ids[10];
    redis_fixture_ask(&bench->redis, "ZADD process_queue:t 1 %s", bad.id); /* the head */
    redis_fixture_ask(&bench->redis, "HDEL process:%s type", bad.id);
    assert_int_equal(sync_list(&bench->sync, &list, ids), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(damaged(bench), 1);
    assert_int_equal(sync_claim(&bench->sync, "t", 2, bench->now, 1000, kept), 1);
    assert_int_equal(process_id_compare(&kept[0].process.id, &good.process.id), 0);
    assert_int_equal(damaged(bench), 2);

    struct repo_advance step;
    redis_fixture_ask(&bench->redis, "ZADD process_leases 1 %s", bad.id);
    assert_int_equal(sync_advance(&bench->sync, bench->now + 2000, 1, &step), ERR_OK);
    assert_int_equal(sync_advance(&bench->sync, bench->now + 2000, 1, &step), ERR_OK);
    assert_int_equal(step.lapsed, 1);

    struct repo_sweep sweep = {
        .kind = SWEEP_EXPIRED, .before = bench->now, .now = bench->now, .limit = 10};
    redis_fixture_ask(&bench->redis, "ZADD process_retention 1 %s", bad.id);
    assert_int_equal(sync_sweep(&bench->sync, &sweep), ERR_OK);
    assert_int_equal(damaged(bench), 4);
    assert_answer(bench, "EXISTS process_retention process_queue:t", "", "1"); /* the good one's */
}

static void keys_of_the_wrong_type_do_not_hold_up_the_others(void **state)
{
    struct bench *bench = *state;
    static struct kept kept[2];
    struct draft bad = add(bench), good = add(bench);
    struct repo_list list = {.limit = 10};
    struct process_id ids[10];
    redis_fixture_ask(&bench->redis, "ZADD process_queue:t 1 %s", bad.id); /* the head */
    redis_fixture_ask(&bench->redis, "SET process:%s nonsense", bad.id);
    assert_int_equal(sync_list(&bench->sync, &list, ids), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(process_id_compare(&ids[0], &good.process.id), 0);
    assert_int_equal(sync_claim(&bench->sync, "t", 2, bench->now, 1000, kept), 1);
    assert_int_equal(process_id_compare(&kept[0].process.id, &good.process.id), 0);
    assert_int_equal(damaged(bench), 2);
}

static void creation_is_undone_when_an_index_has_the_wrong_type(void **state)
{
    static const char *const spoilt[] = {
        "process_ids",       "process_times",       "process_status:pending",  "process_queue:t",
        "process_deadlines", "process_group:all:g", "process_group:pending:g", "process_types"};
    const size_t spoilt_count = sizeof(spoilt) / sizeof(spoilt[0]);
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        bool replayed;
        struct draft one = draft(bench);
        redis_fixture_ask(&bench->redis, "FLUSHALL");
        redis_fixture_ask(&bench->redis, "SET %s nonsense", spoilt[i]);
        one.process.group = SPAN("g");
        one.process.deadline = bench->now + 1000;
        assert_int_equal(sync_create(&bench->sync, &one.process), ERR_CORRUPT);
        redis_fixture_ask(&bench->redis, "DEL process_types"); /* that it was announced may stay */
        assert_answer(bench, "DBSIZE", "", i == spoilt_count - 1 ? "0" : "1");
        redis_fixture_ask(&bench->redis, "SET %s nonsense", spoilt[i]);
        assert_int_equal(sync_create_with_key(&bench->sync, &one.process, "k", 1, &replayed, NULL),
                         ERR_CORRUPT);
        assert_answer(bench, "DBSIZE", "", "1");
    }
    assert_int_equal(damaged(bench), 2 * spoilt_count);
}

static void a_change_is_whole_or_not_at_all(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    char events[100];
    const char *const spoilt[] = {"process_status:canceled", "process_retention",
                                  "process_schedule", events};
    snprintf(events, sizeof(events), "process_events:%s", one.id);
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        redis_fixture_ask(&bench->redis, "SET %s nonsense", spoilt[i]);
        assert_int_equal(change(bench, &one, EVENT_CANCEL, NULL), ERR_CORRUPT);
        redis_fixture_ask(&bench->redis, "DEL %s", spoilt[i]);
        assert_int_equal(sync_get(&bench->sync, &one.process.id, false, &kept), ERR_OK);
        assert_int_equal(kept.process.status, PROCESS_PENDING);
        assert_answer(bench, "ZCARD", "process_queue:t", "1");
        assert_answer(bench, "ZCARD", "process_status:pending", "1");
    }
    assert_int_equal(change(bench, &one, EVENT_CANCEL, NULL), ERR_OK);
}

static void indexes_heal_when_a_hash_is_gone(void **state)
{
    struct bench *bench = *state;
    static struct kept kept[3];
    struct process_id ids[10];
    struct repo_list list = {.limit = 10};
    struct draft lost = add(bench);
    redis_fixture_ask(&bench->redis, "DEL process:%s", lost.id);
    assert_int_equal(sync_get(&bench->sync, &lost.process.id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(change(bench, &lost, EVENT_CANCEL, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, kept), 0);
    assert_answer(bench, "DBSIZE", "", "2"); /* process_types and process_schema */
    assert_int_equal(bench->sync.repository->counters.healed, 1);

    struct draft other = add_finished(bench), kept_one = add(bench);
    redis_fixture_ask(&bench->redis, "DEL process:%s", other.id);
    assert_int_equal(sync_list(&bench->sync, &list, ids), ERR_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(process_id_compare(&ids[0], &kept_one.process.id), 0);
    assert_answer(bench, "EXISTS", "process_retention", "0");
    assert_int_equal(bench->sync.repository->counters.healed, 2);
    assert_int_equal(sync_counts(&bench->sync).total, 1);
}

static void a_full_redis_refuses_writes_and_answers_reads(void **state)
{
    struct bench *bench = *state;
    bool replayed;
    struct draft one = add(bench), two = draft(bench);
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 1");
    assert_int_equal(sync_create(&bench->sync, &two.process), ERR_FULL);
    assert_int_equal(sync_create_with_key(&bench->sync, &two.process, "k", 1, &replayed, NULL),
                     ERR_FULL);
    assert_int_equal(sync_get(&bench->sync, &one.process.id, false, NULL), ERR_OK);
    assert_int_equal(sync_get(&bench->sync, &two.process.id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_counts(&bench->sync).total, 1);
    struct repo_standing_item item = {.id = one.process.id, .type = "t"};
    sync_standing(&bench->sync, &item, 1);
    assert_int_equal(item.position, 1);
    redis_fixture_ask(&bench->redis, "CONFIG SET maxmemory 0");
    assert_int_equal(sync_create(&bench->sync, &two.process), ERR_OK);
}

/* --- other configurations -------------------------------------------------------------------- */

static void missing_replicas_make_writes_unavailable(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL, "");
    bench.options.wait_replicas = 1;
    bench.options.command_timeout_ms = 300;
    open_repository(&bench);
    struct draft one = draft(&bench);
    assert_int_equal(sync_create(&bench.sync, &one.process), ERR_UNAVAILABLE);
    assert_int_equal(change(&bench, &one, EVENT_CANCEL, NULL), ERR_UNAVAILABLE);
    assert_int_equal(sync_get(&bench.sync, &one.process.id, false, NULL), ERR_OK);
    assert_int_equal(bench.sync.repository->counters.reconnects, 0);
    tear_down(&bench);
}

static void two_prefixes_do_not_meet(void **state)
{
    struct bench *bench = *state;
    struct sync other = {.loop = bench->sync.loop};
    other.repository =
        redis_repository_create(other.loop, &bench->options, "app:", false, &bench->policy);
    struct bench second = {.sync = other};
    wait_ready(&second);
    struct draft one = add(bench);
    assert_int_equal(sync_get(&other, &one.process.id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_create(&other, &one.process), ERR_OK);
    assert_answer(bench, "SCARD", "app:process_ids", "1");
    assert_int_equal(sync_counts(&other).total, 1);
    repository_destroy(other.repository);
}

static void two_repositories_share_one_redis(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct sync other = {.loop = bench->sync.loop};
    other.repository =
        redis_repository_create(other.loop, &bench->options, "", false, &bench->policy);
    struct bench second = {.sync = other};
    wait_ready(&second);
    struct draft one = add(bench);
    assert_int_equal(sync_claim(&other, "t", 1, bench->now, 1000, &kept), 1);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 0);
    assert_int_equal(sync_get(&bench->sync, &one.process.id, false, &kept), ERR_OK);
    assert_int_equal(kept.process.status, PROCESS_RUNNING);
    repository_destroy(other.repository);
}

/* Everything that touches a process must stay in the slot that the tag names. */
static void a_cluster_takes_a_prefix_with_a_hash_tag(void **state)
{
    char port[8], bus[8];
    const char *const arguments[] = {
        "--port",         port, "--bind", "127.0.0.1", "--cluster-enabled", "yes",
        "--cluster-port", bus,  NULL};
    static struct kept kept;
    struct bench bench;
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_fixture_free_port());
    snprintf(bus, sizeof(bus), "%d", redis_fixture_free_port());
    set_up(&bench, arguments, "{pt00}");
    redis_fixture_ask(&bench.redis, "CLUSTER ADDSLOTSRANGE 0 16383");
    while (!answer_has(&bench, "CLUSTER INFO", "cluster_state:ok"))
        ;
    open_repository(&bench);
    bool replayed;
    struct draft one = add_finished(&bench), two = draft(&bench);
    assert_int_equal(sync_create_with_key(&bench.sync, &two.process, "k", 1, &replayed, NULL),
                     ERR_OK);
    struct repo_list list = {.limit = 10};
    struct process_id ids[10];
    assert_int_equal(sync_list(&bench.sync, &list, ids), ERR_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(sync_counts(&bench.sync).total, 2);
    assert_int_equal(sync_claim(&bench.sync, "t", 1, bench.now, 1000, &kept), 1);
    struct repo_advance step;
    assert_int_equal(sync_advance(&bench.sync, bench.now + 1000, 10, &step), ERR_OK);
    assert_int_equal(step.lapsed, 1);
    struct repo_sweep sweep = {
        .kind = SWEEP_EXPIRED, .before = TIME_MAX, .now = bench.now, .limit = 10};
    assert_int_equal(sync_sweep(&bench.sync, &sweep), ERR_OK);
    assert_int_equal(sweep.matched[PROCESS_COMPLETED], 1);
    assert_int_equal(sync_get(&bench.sync, &one.process.id, false, NULL), ERR_GONE);
    assert_int_equal(sync_remove(&bench.sync, &two.process.id, bench.now, 0, &kept), ERR_CONFLICT);
    tear_down(&bench);
}

/* --- outages --------------------------------------------------------------------------------- */

struct slow_get {
    struct repo_get call;
    int ends;
    enum err result;
};

static void on_slow(struct process_op *op)
{
    struct slow_get *slow = container_of(op, struct slow_get, call.op);
    slow->ends++;
    slow->result = op->result;
}

static void replies_never_cross_after_a_timeout(void **state)
{
    static struct kept kept;
    struct slow_get slow = {.ends = 0};
    struct bench bench;
    (void)state;
    set_up(&bench, NULL, "");
    bench.options.command_timeout_ms = 100;
    open_repository(&bench);
    struct draft mine = add(&bench), yours = add(&bench);
    redis_fixture_pause(&bench.redis);
    slow.call.id = mine.process.id;
    process_op_init(&slow.call.op, on_slow);
    repository_get(bench.sync.repository, &slow.call);
    while (slow.ends == 0)
        loop_turn(bench.sync.loop, 50);
    assert_int_equal(slow.result, ERR_TIMEOUT);
    const struct repository_counters *counters = &bench.sync.repository->counters;
    assert_int_equal(counters->timeouts, 1);
    assert_int_equal(counters->links, 1);
    assert_int_equal(counters->links_up, 0);
    assert_true(counters->commands >= 3);
    assert_in_range(metric_observed(&counters->command_latency), 2, counters->commands - 1);
    assert_int_equal(sync_get(&bench.sync, &yours.process.id, false, NULL), ERR_UNAVAILABLE);
    redis_fixture_resume(&bench.redis);
    wait_ready(&bench);
    assert_int_equal(sync_get(&bench.sync, &yours.process.id, false, &kept), ERR_OK);
    assert_int_equal(process_id_compare(&kept.process.id, &yours.process.id), 0);
    assert_true(counters->reconnects >= 1);
    assert_int_equal(counters->links_up, 1);
    tear_down(&bench);
}

static void close_cancels_open_calls(void **state)
{
    struct bench *bench = *state;
    struct slow_get slow[3] = {{.ends = 0}};
    struct draft one = add(bench);
    redis_fixture_pause(&bench->redis);
    for (int i = 0; i < 3; i++) {
        slow[i].call.id = one.process.id;
        process_op_init(&slow[i].call.op, on_slow);
        repository_get(bench->sync.repository, &slow[i].call);
    }
    loop_turn(bench->sync.loop, 0);
    repository_close(bench->sync.repository);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(slow[i].ends, 1);
        assert_int_equal(slow[i].result, ERR_CANCELED);
    }
    redis_fixture_resume(&bench->redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(a_new_process_is_one_hash_and_its_indexes),
        PLAIN(it_is_in_one_moving_index_at_a_time),
        PLAIN(a_finished_hash_has_a_late_safety_net_until_it_is_retried),
        PLAIN(a_tombstone_tells_what_was_and_goes),
        PLAIN(an_idempotency_key_leads_to_the_id),
        PLAIN(times_are_written_as_the_clock_writes_them),
        PLAIN(a_new_attempt_begins_without_the_progress_of_the_last),
        PLAIN(forgotten_scripts_are_sent_again),
        PLAIN(a_hash_of_the_wrong_type_is_damaged),
        PLAIN(a_half_record_is_damaged),
        PLAIN(what_is_no_json_is_damaged),
        PLAIN(what_is_no_json_is_left_out_of_a_dump),
        PLAIN(a_full_redis_keeps_the_older_one),
        PLAIN(an_index_of_the_wrong_type_stops_a_restore),
        PLAIN(a_record_without_any_known_field_is_damaged_not_unknown),
        PLAIN(damaged_ones_do_not_hold_up_the_others),
        PLAIN(keys_of_the_wrong_type_do_not_hold_up_the_others),
        PLAIN(creation_is_undone_when_an_index_has_the_wrong_type),
        PLAIN(a_change_is_whole_or_not_at_all),
        PLAIN(indexes_heal_when_a_hash_is_gone),
        PLAIN(a_full_redis_refuses_writes_and_answers_reads),
        cmocka_unit_test(missing_replicas_make_writes_unavailable),
        PLAIN(two_prefixes_do_not_meet),
        PLAIN(two_repositories_share_one_redis),
        cmocka_unit_test(a_cluster_takes_a_prefix_with_a_hash_tag),
        cmocka_unit_test(replies_never_cross_after_a_timeout),
        PLAIN(close_cancels_open_calls),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
