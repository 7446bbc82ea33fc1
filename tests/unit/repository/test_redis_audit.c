/* The audit where somebody else has written to Redis: it finds each disagreement, mends it to what
 * was there before, and touches nothing else. */
#include "repository/redis_bench.h"

#define LOST "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55" /* an id without a record */

/* One process of each kind; they are not changed in these tests. */
struct cast {
    struct draft waiting, scheduled, running, finished;
};

static struct draft cast_one(const struct bench *bench, const char *type, int64_t run_in_ms)
{
    struct draft one = draft(bench);
    one.process.type = span_of(type);
    one.process.group = SPAN("g");
    one.process.run_at += run_in_ms;
    one.process.deadline = bench->now + 86400000;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    return one;
}

static struct cast cast_all(const struct bench *bench)
{
    static struct kept kept;
    struct cast cast;
    cast.finished = cast_one(bench, "f", 0);
    assert_int_equal(sync_claim(&bench->sync, "f", 1, bench->now, 60000, &kept), 1);
    assert_int_equal(change(bench, &cast.finished, EVENT_COMPLETE, &kept), ERR_OK);
    cast.running = cast_one(bench, "r", 0);
    assert_int_equal(sync_claim(&bench->sync, "r", 1, bench->now, 60000, &kept), 1);
    cast.waiting = cast_one(bench, "t", 0);
    cast.scheduled = cast_one(bench, "t", 3600000);
    return cast;
}

/* All that is stored, as a hash. */
static void digest(const struct bench *bench, char ret_digest[64])
{
    static const char script[] =
        "local function sorted(list) table.sort(list) return table.concat(list, ' ') end "
        "local read = {"
        "zset = function(k) return table.concat(redis.call('ZRANGE', k, 0, -1, 'WITHSCORES'), ' ') "
        "end, set = function(k) return sorted(redis.call('SMEMBERS', k)) end, "
        "hash = function(k) return sorted(redis.call('HGETALL', k)) end, "
        "list = function(k) return table.concat(redis.call('LRANGE', k, 0, -1), ' ') end, "
        "string = function(k) return redis.call('GET', k) end} "
        "local keys, text = redis.call('KEYS', '*'), '' table.sort(keys) "
        "for _, k in ipairs(keys) do "
        "text = redis.sha1hex(text .. k .. ' ' .. read[redis.call('TYPE', k).ok](k) .. "
        "tostring(redis.call('PTTL', k) >= 0)) end return text";
    const char *const words[] = {"EVAL", script, "0", NULL};
    snprintf(ret_digest, 64, "%s", redis_fixture_ask_words(&bench->redis, words));
    assert_int_equal(strlen(ret_digest), 40);
}

static void assert_found(const struct repo_audit *audit, const char *what,
                         const int64_t expected[REPO_AUDIT_FINDINGS])
{
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        if (audit->found[i] != expected[i])
            fail_msg("after %s: found[%d] is %lld, not %lld", what, i, (long long)audit->found[i],
                     (long long)expected[i]);
}

static void assert_clean(const struct bench *bench, const char *after)
{
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, after, (const int64_t[REPO_AUDIT_FINDINGS]){0});
    assert_int_equal(audit.mended, 0);
}

static void spoil(const struct bench *bench, const char *command, const char *id)
{
    char text[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), command, id);
#pragma GCC diagnostic pop
    assert_null(strstr(redis_fixture_ask(&bench->redis, "%s", text), "(error)"));
}

/* A command does `finding` to one of the indexes; the audit takes it back. */
static void check_mended(const struct bench *bench, const char *command, const char *id,
                         enum repo_audit_finding finding)
{
    char before[64], after[64];
    int64_t expected[REPO_AUDIT_FINDINGS] = {0};
    digest(bench, before);
    spoil(bench, command, id);
    digest(bench, after);
    assert_string_not_equal(after, before);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    expected[finding] = 1;
    assert_found(&audit, command, expected);
    assert_int_equal(audit.mended, 1);
    digest(bench, after);
    if (strcmp(after, before) != 0)
        fail_msg("after %s: not as before", command);
}

struct disagreement {
    const char *command;
    enum repo_audit_finding finding;
};
#define CHECK_ALL(bench, id, ...)                                    \
    do {                                                             \
        static const struct disagreement all[] = {__VA_ARGS__};      \
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)    \
            check_mended(bench, all[i].command, id, all[i].finding); \
        assert_clean(bench, "all");                                  \
    } while (false)

static void what_every_process_stands_in(void **state)
{
    struct bench *bench = *state;
    struct cast cast = cast_all(bench);
    assert_clean(bench, "nothing");
    CHECK_ALL(bench, cast.waiting.id, {"SREM process_ids %s", AUDIT_MISSING},
              {"ZREM process_times %s", AUDIT_MISSING}, {"ZADD process_times 5 %s", AUDIT_MOVED},
              {"ZREM process_status:pending %s", AUDIT_MISSING},
              {"ZADD process_status:pending 5 %s", AUDIT_MOVED},
              {"ZADD process_status:running 5 %s", AUDIT_STRAY},
              {"ZADD process_status:completed 5 %s", AUDIT_STRAY},
              {"ZREM process_group:all:g %s", AUDIT_MISSING},
              {"ZADD process_group:all:g 5 %s", AUDIT_MOVED},
              {"ZADD process_group:all:h 5 %s", AUDIT_STRAY},
              {"ZREM process_group:pending:g %s", AUDIT_MISSING},
              {"ZADD process_group:pending:g 5 %s", AUDIT_MOVED},
              {"ZADD process_group:failed:g 5 %s", AUDIT_STRAY},
              {"ZADD process_group:pending:h 5 %s", AUDIT_STRAY});
}

static void what_a_waiting_one_stands_in(void **state)
{
    struct bench *bench = *state;
    struct cast cast = cast_all(bench);
    CHECK_ALL(
        bench, cast.waiting.id, {"ZREM process_queue:t %s", AUDIT_MISSING},
        {"ZADD process_queue:t 5 %s", AUDIT_MOVED}, {"ZADD process_queue:u 5 %s", AUDIT_STRAY},
        {"ZADD process_schedule 5 %s", AUDIT_STRAY}, {"ZADD process_leases 5 %s", AUDIT_STRAY},
        {"ZADD process_retention 5 %s", AUDIT_STRAY}, {"ZADD process_running:t 5 %s", AUDIT_STRAY},
        {"ZADD process_running:u 5 %s", AUDIT_STRAY}, {"ZADD process_held:w 5 %s", AUDIT_STRAY},
        {"ZREM process_deadlines %s", AUDIT_MISSING}, {"ZADD process_deadlines 5 %s", AUDIT_MOVED},
        {"ZREM process_types t", AUDIT_MISSING}, {"EXPIRE process:%s 1000", AUDIT_STRAY});
    CHECK_ALL(bench, cast.scheduled.id, {"ZREM process_schedule %s", AUDIT_MISSING},
              {"ZADD process_schedule 5 %s", AUDIT_MOVED},
              {"ZADD process_queue:t 5 %s", AUDIT_STRAY});
}

static void what_a_running_or_finished_one_stands_in(void **state)
{
    struct bench *bench = *state;
    struct cast cast = cast_all(bench);
    CHECK_ALL(
        bench, cast.running.id, {"ZREM process_leases %s", AUDIT_MISSING},
        {"ZADD process_leases 5 %s", AUDIT_MOVED}, {"ZREM process_running:r %s", AUDIT_MISSING},
        {"ZADD process_running:r 5 %s", AUDIT_MOVED},
        {"ZREM process_held:tester/1 %s", AUDIT_MISSING},
        {"ZADD process_held:tester/1 5 %s", AUDIT_MOVED}, {"ZADD process_held:w 5 %s", AUDIT_STRAY},
        {"ZADD process_running:x 5 %s", AUDIT_STRAY},
        {"ZREM process_workers tester/1", AUDIT_MISSING}, {"ZREM process_types r", AUDIT_MISSING},
        {"ZADD process_queue:r 5 %s", AUDIT_STRAY}, {"ZADD process_deadlines 5 %s", AUDIT_STRAY});
    CHECK_ALL(bench, cast.finished.id, {"ZREM process_retention %s", AUDIT_MISSING},
              {"ZADD process_retention 5 %s", AUDIT_MOVED},
              {"ZADD process_status:completed 5 %s", AUDIT_MOVED},
              {"ZADD process_leases 5 %s", AUDIT_STRAY},
              {"ZADD process_running:f 5 %s", AUDIT_STRAY},
              {"ZADD process_held:tester/1 5 %s", AUDIT_STRAY},
              {"ZADD process_queue:f 5 %s", AUDIT_STRAY});
}

static void what_leads_to_no_record(void **state)
{
    struct bench *bench = *state;
    cast_all(bench);
    CHECK_ALL(
        bench, LOST, {"SADD process_ids %s", AUDIT_STRAY},
        {"SADD process_ids nonsense", AUDIT_STRAY}, {"ZADD process_times 5 %s", AUDIT_STRAY},
        {"ZADD process_status:failed 5 %s", AUDIT_STRAY},
        {"ZADD process_queue:t 5 %s", AUDIT_STRAY},
        {"ZADD process_queue:u 5 nonsense", AUDIT_STRAY},
        {"ZADD process_schedule 5 %s", AUDIT_STRAY}, {"ZADD process_leases 5 %s", AUDIT_STRAY},
        {"ZADD process_retention 5 %s", AUDIT_STRAY}, {"ZADD process_deadlines 5 %s", AUDIT_STRAY},
        {"ZADD process_running:r 5 %s", AUDIT_STRAY},
        {"ZADD process_held:tester/1 5 %s", AUDIT_STRAY},
        {"ZADD process_group:all:g 5 %s", AUDIT_STRAY},
        {"ZADD process_group:canceled:h 5 %s", AUDIT_STRAY},
        {"RPUSH process_events:%s {}", AUDIT_STRAY});
}

/* A person is to look at it: nothing of it is touched, and nothing else. */
static void what_cannot_be_read_is_left_alone(void **state)
{
    static const char *const commands[] = {"HDEL process:%s type", "HSET process:%s status odd",
                                           "HSET process:%s version x",
                                           "HSET process:%s created_at yesterday"};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char before[64], after[64];
        struct cast cast = cast_all(bench);
        spoil(bench, commands[i], cast.waiting.id);
        digest(bench, before);
        struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
        assert_found(&audit, commands[i], (int64_t[]){0, 0, 0, (int64_t)i + 1});
        assert_int_equal(audit.mended, 0);
        digest(bench, after);
        assert_string_equal(after, before);
        assert_true(bench->sync.repository->counters.damaged > i);
    }
}

/* Those that can be looked at are; those that stand aside because of it are left aside. */
static void keys_of_another_type_are_counted(void **state)
{
    static const char *const keys[] = {"process_times", "process_status:pending", "process_queue:t",
                                       "process_ids",   "process_schedule",       "process_held:w"};
    struct bench *bench = *state;
    cast_all(bench);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        redis_fixture_ask(&bench->redis, "RENAME %s aside", keys[i]);
        redis_fixture_ask(&bench->redis, "SET %s nonsense", keys[i]);
        struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
        assert_found(&audit, keys[i], (int64_t[]){0, 0, 0, 1});
        redis_fixture_ask(&bench->redis, "DEL %s", keys[i]);
        redis_fixture_ask(&bench->redis, "RENAME aside %s", keys[i]);
    }
    assert_clean(bench, "all");
}

/* What a claim or a sweep has put out of its way must not come back. */
static void what_stands_aside_stays_there(void **state)
{
    static const char *const keys[] = {"process_group:failed:g",    "process_group:canceled:g",
                                       "process_group:completed:g", "process_group:all:g",
                                       "process_group:pending:g",   "process_group:running:g"};
    struct bench *bench = *state;
    char text[100];
    struct cast cast = cast_all(bench);
    redis_fixture_ask(&bench->redis, "ZREM process_queue:t %s", cast.waiting.id);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        redis_fixture_ask(&bench->redis, "RENAME %s aside", keys[i]);
        redis_fixture_ask(&bench->redis, "SET %s nonsense", keys[i]);
        struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
        assert_found(&audit, keys[i], (int64_t[]){0, 0, 0, 4 + 1}); /* all are of the group */
        redis_fixture_ask(&bench->redis, "DEL %s", keys[i]);
        redis_fixture_ask(&bench->redis, "RENAME aside %s", keys[i]);
    }
    snprintf(text, sizeof(text), "process_events:%s", cast.waiting.id);
    redis_fixture_ask(&bench->redis, "SET %s nonsense", text);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, text, (int64_t[]){0, 0, 0, 1});
    redis_fixture_ask(&bench->redis, "DEL %s", text);
    audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "all", (int64_t[]){1, 0, 0, 0});
}

/* Where the record does not say when, the entry does; without that, it is now. */
static void an_end_that_only_the_entry_knows_stays(void **state)
{
    struct bench *bench = *state;
    struct cast cast = cast_all(bench);
    char now[32];
    snprintf(now, sizeof(now), "%lld", (long long)bench->now);
    redis_fixture_ask(&bench->redis, "HDEL process:%s lease_until", cast.running.id);
    redis_fixture_ask(&bench->redis, "HDEL process:%s expires_at", cast.finished.id);
    assert_clean(bench, "HDEL");
    redis_fixture_ask(&bench->redis, "DEL process_leases process_retention");
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "DEL", (int64_t[]){2, 0, 0, 0});
    assert_answer(bench, "ZSCORE process_leases", cast.running.id, now);
    assert_answer(bench, "ZSCORE process_retention", cast.finished.id, now);
}

static void a_record_that_is_nowhere_is_everywhere_again(void **state)
{
    struct bench *bench = *state;
    char before[64], after[64];
    struct draft one = add(bench);
    digest(bench, before);
    redis_fixture_ask(&bench->redis, "DEL process_ids process_times process_status:pending "
                                     "process_queue:t process_types");
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "DEL", (int64_t[]){5, 0, 0, 0});
    assert_answer(bench, "SMEMBERS", "process_ids", one.id);
    digest(bench, after);
    assert_string_equal(after, before);
}

static void a_torn_record_that_is_not_listed_is_counted(void **state)
{
    struct bench *bench = *state;
    redis_fixture_ask(&bench->redis, "HSET process:" LOST " status pending");
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "HSET", (int64_t[]){0, 0, 0, 1});
    assert_answer(bench, "EXISTS", "process_ids", "0");
}

/* The whole of what a lost record leaves: everywhere, also by type, worker and group. */
static void a_deleted_record_leaves_nothing(void **state)
{
    struct bench *bench = *state;
    struct cast cast = cast_all(bench);
    const char *const ids[] = {cast.waiting.id, cast.scheduled.id, cast.running.id,
                               cast.finished.id};
    for (size_t i = 0; i < 4; i++)
        redis_fixture_ask(&bench->redis, "DEL process:%s", ids[i]);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_true(audit.found[AUDIT_STRAY] >= 4);
    assert_int_equal(audit.mended, audit.found[AUDIT_STRAY]);
    redis_fixture_ask(&bench->redis, "DEL process_schema process_types process_workers");
    assert_answer(bench, "KEYS", "*", "");
}

/* Keys that others keep in the same Redis do not matter, whatever their names; a prefix may be a
 * pattern. */
static void only_its_own_keys_are_looked_at(void **state)
{
    struct bench *bench = *state;
    struct bench other = *bench;
    char before[64], after[64];
    other.prefix = "p[*]?:";
    open_repository(&other);
    struct cast cast = cast_all(&other);
    redis_fixture_ask(&bench->redis, "ZADD process_queue:t 5 " LOST);
    redis_fixture_ask(&bench->redis, "ZADD px:process_queue:t 5 " LOST);
    redis_fixture_ask(&bench->redis, "ZADD p[*]?:process_queues 5 " LOST);
    redis_fixture_ask(&bench->redis, "HSET p[*]?:process:note text mine");
    redis_fixture_ask(&bench->redis, "SET p[*]?:process_status:odd nonsense");
    digest(&other, before);
    assert_clean(&other, "others' keys");
    digest(&other, after);
    assert_string_equal(after, before);
    check_mended(&other, "ZADD p[*]?:process_schedule 5 %s", cast.waiting.id, AUDIT_STRAY);
    repository_destroy(other.sync.repository);
    loop_destroy(other.sync.loop);
}

/* More than one step of an index, and of keys. */
static void a_long_index_is_walked_to_its_end(void **state)
{
    enum { COUNT = 400 };
    struct bench *bench = *state;
    for (int i = 0; i < COUNT; i++)
        add(bench);
    redis_fixture_ask(&bench->redis, "ZUNIONSTORE process_queue:u 1 process_queue:t");
    for (int i = 0; i < 3; i++)
        redis_fixture_ask(&bench->redis, "ZADD process_leases %d lost-%d", i, i);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 7);
    assert_found(&audit, "many", (int64_t[]){0, COUNT + 3, 0, 0});
    assert_answer(bench, "EXISTS", "process_queue:u process_leases", "0");
    assert_clean(bench, "many");
}

static void what_nobody_could_find_is_claimable_again(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    redis_fixture_ask(&bench->redis, "ZREM process_queue:t %s", one.id);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 60000, &kept), 0);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "ZREM", (int64_t[]){1, 0, 0, 0});
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 60000, &kept), 1);
    assert_int_equal(process_id_compare(&kept.process.id, &one.process.id), 0);
}

/* A due one stays in the schedule until somebody moves it on; another's clock may be ahead. */
static void clocks_that_differ_are_no_finding(void **state)
{
    struct bench *bench = *state;
    struct repo_advance advanced;
    struct draft one = draft(bench);
    one.process.run_at += 50000;
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_OK);
    bench->now += 50000;
    assert_clean(bench, "a due one");
    assert_int_equal(sync_advance(&bench->sync, bench->now, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 1);
    bench->now -= 50000;
    assert_clean(bench, "an early one");
    bench->now -= 50000;
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_found(&audit, "far too early", (int64_t[]){1, 1, 0, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(what_every_process_stands_in),
        PLAIN(what_a_waiting_one_stands_in),
        PLAIN(what_a_running_or_finished_one_stands_in),
        PLAIN(what_leads_to_no_record),
        PLAIN(what_cannot_be_read_is_left_alone),
        PLAIN(keys_of_another_type_are_counted),
        PLAIN(what_stands_aside_stays_there),
        PLAIN(an_end_that_only_the_entry_knows_stays),
        PLAIN(a_record_that_is_nowhere_is_everywhere_again),
        PLAIN(a_torn_record_that_is_not_listed_is_counted),
        PLAIN(a_deleted_record_leaves_nothing),
        PLAIN(only_its_own_keys_are_looked_at),
        PLAIN(a_long_index_is_walked_to_its_end),
        PLAIN(what_nobody_could_find_is_claimable_again),
        PLAIN(clocks_that_differ_are_no_finding),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
