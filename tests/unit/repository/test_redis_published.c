/* Where the server does not tell of changes: what instances publish. */
#include "repository/redis_ear.h"
#include "support/client_calls.h"

#include <hiredis/hiredis.h>

/* Somebody who reads along. */
static struct {
    struct redis_client *client;
    struct redis_client_setup setup;
    char last[200];
    int count;
} reader;

static void on_text(void *arg, const struct redisReply *payload)
{
    (void)arg;
    reader.count++;
    assert_true(
        text_copy(reader.last, sizeof(reader.last), (struct span){payload->str, payload->len}));
}

static int set_up_published(void **state)
{
    static struct bench bench;
    set_up(&bench, NULL, "app:");
    bench.publishes = true;
    begin_to_hear(&bench, "publish");
    reader.setup =
        (struct redis_client_setup){.channel = "app:process_changes", .on_message = on_text};
    reader.client = redis_client_create(bench.sync.loop, &bench.options, &reader.setup);
    assert_non_null(reader.client);
    client_wait_ready(bench.sync.loop, reader.client, true);
    reader.count = 0;
    *state = &bench;
    return 0;
}

static int tear_down_published(void **state)
{
    redis_client_destroy(reader.client);
    tear_down(*state);
    return 0;
}

static void assert_published(const struct bench *bench, const char *id, const char *what)
{
    char text[100];
    snprintf(text, sizeof(text), "%s %s", id, what);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (reader.count == 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(bench->sync.loop, 20);
    }
    assert_string_equal(reader.last, text);
    assert_int_equal(reader.count, 1);
    reader.count = 0;
}

/* --- what is published ----------------------------------------------------------------------- */

static void what_becomes_of_a_process_is_published_once_each(void **state)
{
    const struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    assert_published(bench, one.id, "pending t");
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_published(bench, one.id, "running t");
    assert_int_equal(change(bench, &one, EVENT_PROGRESS, &kept), ERR_OK);
    assert_published(bench, one.id, "running t");
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    assert_published(bench, one.id, "completed t");
    assert_int_equal(sync_remove(&bench->sync, &one.process.id, bench->now, 0, NULL), ERR_OK);
    assert_published(bench, one.id, "removed t");
}

static void one_with_a_key_is_published_once(void **state)
{
    const struct bench *bench = *state;
    static struct kept kept;
    struct draft one = draft(bench), mark = draft(bench);
    bool replayed = false;
    assert_int_equal(sync_create_with_key(&bench->sync, &one.process, "k", 1, &replayed, &kept),
                     ERR_OK);
    assert_published(bench, one.id, "pending t");
    assert_int_equal(sync_create_with_key(&bench->sync, &one.process, "k", 1, &replayed, &kept),
                     ERR_OK);
    assert_true(replayed);
    assert_int_equal(sync_create(&bench->sync, &mark.process), ERR_OK);
    assert_published(bench, mark.id, "pending t");
}

static void what_changes_no_version_is_not_published(void **state)
{
    const struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    assert_published(bench, one.id, "pending t");
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_published(bench, one.id, "running t");
    assert_int_equal(change(bench, &one, EVENT_HEARTBEAT, &kept), ERR_OK);
    assert_int_equal(change(bench, &one, EVENT_RETRY, NULL), ERR_CONFLICT);
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    assert_published(bench, one.id, "completed t");
}

static void one_that_has_vanished_is_published_when_it_is_missed(void **state)
{
    const struct bench *bench = *state;
    struct draft one = add(bench);
    assert_published(bench, one.id, "pending t");
    ask_of(bench, "DEL %s", &one.process.id);
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, NULL), 0);
    assert_published(bench, one.id, "removed -");
}

static void what_an_audit_makes_claimable_is_published(void **state)
{
    const struct bench *bench = *state;
    struct draft one = add(bench);
    assert_published(bench, one.id, "pending t");
    redis_fixture_ask(&bench->redis, "ZADD app:process_queue:t 5 %s", one.id);
    struct repo_audit audit = sync_audit(&bench->sync, bench->now, 10);
    assert_int_equal(audit.found[AUDIT_MOVED], 1); /* no news: it could be claimed all the time */
    redis_fixture_ask(&bench->redis, "ZREM app:process_queue:t %s", one.id);
    audit = sync_audit(&bench->sync, bench->now, 10);
    assert_int_equal(audit.found[AUDIT_MISSING], 1);
    assert_published(bench, one.id, "pending t");
}

static void a_creation_that_is_undone_is_taken_back(void **state)
{
    const struct bench *bench = *state;
    struct draft one = draft(bench);
    redis_fixture_ask(&bench->redis, "SET app:process_times x");
    assert_int_equal(sync_create(&bench->sync, &one.process), ERR_CORRUPT);
    WAIT_UNTIL(bench, reader.count == 2);
    assert_non_null(strstr(reader.last, "removed"));
}

static void nothing_is_published_where_the_server_tells(void **state)
{
    const struct bench *bench = *state;
    struct sync other = {.loop = bench->sync.loop};
    other.repository =
        redis_repository_create(other.loop, &bench->options, "app:", false, &bench->policy);
    struct bench second = {.sync = other, .now = bench->now};
    wait_ready(&second);
    add_finished(&second); /* first: a claim takes any that waits */
    add(&second);
    repository_destroy(other.repository);
    struct draft mark = add(bench);
    assert_published(bench, mark.id, "pending t");
}

/* --- what is heard --------------------------------------------------------------------------- */

static void while_it_listens_a_read_is_watched(void **state)
{
    const struct bench *bench = *state;
    struct process_id id = watched(bench);
    redis_fixture_ask(&bench->redis, "CLIENT KILL TYPE pubsub");
    WAIT_UNTIL(bench, ear.all == 1);
    assert_true(is_watching(bench, "none"));
    assert_false(get(bench, &id, true));
    WAIT_UNTIL(bench, is_watching(bench, "publish"));
    assert_int_equal(ear.all, 2);
    assert_true(get(bench, &id, true));
}

static void work_is_heard_of(void **state)
{
    const struct bench *bench = *state;
    struct repo_advance step;
    struct draft later = draft(bench);
    struct draft one = add(bench);
    WAIT_UNTIL(bench, ear.work == 1);
    assert_told_next(bench, 1, &one.process.id);
    later.process.run_at = bench->now + 5;
    assert_int_equal(sync_create(&bench->sync, &later.process), ERR_OK);
    WAIT_UNTIL(bench, ear.work == 2);
    assert_int_equal(sync_advance(&bench->sync, bench->now + 5, 10, &step), ERR_OK);
    WAIT_UNTIL(bench, ear.work == 3);
    assert_told_next(bench, 3, &later.process.id);
}

static void a_type_that_is_resumed_is_heard_of(void **state)
{
    const struct bench *bench = *state;
    assert_true(sync_pause(&bench->sync, SPAN("t"), true));
    assert_false(sync_pause(&bench->sync, SPAN("t"), true));
    int before = ear.work;
    assert_true(sync_pause(&bench->sync, SPAN("t"), false));
    WAIT_UNTIL(bench, ear.work > before);
    assert_false(sync_pause(&bench->sync, SPAN("t"), false));
    assert_int_equal(ear.told, 0);
}

static void nonsense_is_not_heard(void **state)
{
    static const char *const texts[] = {"",       "-", "x pending", "- pending ", "- pending t/t",
                                        "a b c d"};
    const struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        redis_fixture_ask_words(
            &bench->redis, (const char *const[]){"PUBLISH", "app:process_changes", texts[i], NULL});
    struct draft one = add(bench);
    assert_told_next(bench, 1, &one.process.id);
    assert_int_equal(ear.work, 1);
    assert_int_equal(ear.all, 0);
}

static void who_may_not_subscribe_hears_nothing_and_publishes(void **state)
{
    struct bench *bench = *state, other = {.redis = bench->redis, .options = bench->options};
    enter_as_limited(&other, "-subscribe");
    other.sync.loop = bench->sync.loop;
    other.sync.repository =
        redis_repository_create(bench->sync.loop, &other.options, "app:", true, &bench->policy);
    other.now = bench->now;
    wait_ready(&other);
    struct draft one = add(&other);
    assert_published(bench, one.id, "pending t");
    assert_string_equal(other.sync.repository->watching, "none");
    assert_false(get(&other, &one.process.id, true));
    repository_destroy(other.sync.repository);
}

/* A change is worth more than the news of it. */
static void a_script_that_may_not_publish_does_its_work(void **state)
{
    struct bench *bench = *state;
    static struct kept kept;
    struct draft one = add(bench);
    redis_fixture_ask(&bench->redis, "ACL SETUSER default -publish");
    assert_int_equal(sync_claim(&bench->sync, "t", 1, bench->now, 1000, &kept), 1);
    assert_int_equal(change(bench, &one, EVENT_COMPLETE, &kept), ERR_OK);
    assert_int_equal(sync_remove(&bench->sync, &one.process.id, bench->now, 0, NULL), ERR_OK);
}

#define PUBLISHED(test) cmocka_unit_test_setup_teardown(test, set_up_published, tear_down_published)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISHED(what_becomes_of_a_process_is_published_once_each),
        PUBLISHED(one_with_a_key_is_published_once),
        PUBLISHED(what_changes_no_version_is_not_published),
        PUBLISHED(one_that_has_vanished_is_published_when_it_is_missed),
        PUBLISHED(what_an_audit_makes_claimable_is_published),
        PUBLISHED(a_creation_that_is_undone_is_taken_back),
        PUBLISHED(nothing_is_published_where_the_server_tells),
        PUBLISHED(while_it_listens_a_read_is_watched),
        PUBLISHED(work_is_heard_of),
        PUBLISHED(a_type_that_is_resumed_is_heard_of),
        PUBLISHED(nonsense_is_not_heard),
        PUBLISHED(who_may_not_subscribe_hears_nothing_and_publishes),
        PUBLISHED(a_script_that_may_not_publish_does_its_work),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
