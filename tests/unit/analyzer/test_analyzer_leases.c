/* How the pool ends runs, keeps their leases and passes on their progress. */
#include "pool_fixture.h"

/* --- how runs are ended -------------------------------------------------------------------------
 */

/* The command and its child ignore TERM: only KILL to the whole group ends them. */
#define STUBBORN "trap '' TERM\ntouch running\n(trap '' TERM; while :; do sleep 1000; done)\n"

static void test_timeout_kills_what_ignores_term(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "stubborn", "echo last words >&2\n" STUBBORN)->timeout_ms = 100;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "stubborn", "1", 0);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_FAIL) == 0)
        fixture_turn(fixture, &deadline);
    fixture_get(fixture, id, &outcome);
    expect_text(outcome.error, "\"code\":\"timeout\"");
    expect_text(outcome.error, "\"log\":\"last words\\n\"");
    expect_text(outcome.usage, "\"signal\":9");
}

/* Stops proctrack-run, through which the command is ended. */
static void test_timeout_ends_what_is_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "stopped", "kill -STOP $PPID $$\n")->timeout_ms = 100;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "stopped", "1", 0);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_FAIL) == 0)
        fixture_turn(fixture, &deadline);
    fixture_get(fixture, id, &outcome);
    expect_text(outcome.error, "\"code\":\"timeout\"");
}

static void test_timeout_of_the_process_goes_first(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "waits", "sleep 1000\n")->timeout_ms = 3600000;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "waits", "1", 1500);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_FAIL) == 0)
        fixture_turn(fixture, &deadline);
    fixture_get(fixture, id, &outcome);
    expect_text(outcome.error, "\"code\":\"timeout\"");
    expect_text(outcome.usage, "\"signal\":15"); /* TERM was enough */
}

/* A deadline over all attempts that comes before both timeouts: no attempt is left. */
static void test_deadline_ends_a_run_for_good(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "waits", "sleep 1000\n")->timeout_ms = 3600000;
    fixture_start(fixture);
    struct process_id id =
        fixture_submit_until(fixture, "waits", "1", 3600000, clock_wall_ms() + 1500);
    fixture_await(fixture, id, PROCESS_FAILED, &outcome);
    expect_text(outcome.error, "\"code\":\"deadline_exceeded\"");
    expect_text(outcome.usage, "\"signal\":15");
    assert_int_equal(outcome.attempt, 1);
}

static void test_cancel_terms_then_kills(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "polite",
                "trap 'touch asked; exit 1' TERM\ntouch running\n"
                "while :; do sleep 0.01; done\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "polite", "1", 0);
    fixture_await_file(fixture, "running");
    fixture_cancel(fixture, id);
    fixture_await(fixture, id, PROCESS_CANCELED, &outcome);
    assert_true(fixture_has_file(fixture, "asked"));
    assert_int_equal(fixture_count(fixture, EVENT_CANCELED), 1);
    expect_text(outcome.usage, "\"exit_code\":1");
}

static void test_cancel_kills_what_ignores_term(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "stubborn", STUBBORN);
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_await_file(fixture, "running");
    fixture_cancel(fixture, id);
    fixture_await(fixture, id, PROCESS_CANCELED, &outcome);
    expect_text(outcome.usage, "\"signal\":9");
}

/* Asked for through another instance: no kick tells of it, a heartbeat's answer does. */
static void test_cancel_asked_elsewhere_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "waits", "touch running; sleep 1000\n");
    fixture->options.lease_ms = 600;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "waits", "1", 0);
    fixture_await_file(fixture, "running");
    struct analyzer_pool *pool = fixture->pool;
    fixture->pool = NULL; /* no kick */
    fixture_cancel(fixture, id);
    fixture->pool = pool;
    fixture_await(fixture, id, PROCESS_CANCELED, NULL);
    assert_int_equal(fixture_count(fixture, EVENT_CANCELED), 1);
}

static void test_stop_hands_back(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "stubborn", STUBBORN)->concurrency = 2;
    fixture_start(fixture);
    struct process_id running = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_await_file(fixture, "running");
    struct process_id second = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_await(fixture, second, PROCESS_RUNNING, NULL);
    struct process_id third = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_stop(fixture);
    assert_int_equal(fixture_count(fixture, EVENT_RELEASE), 2);
    assert_int_equal(fixture_get(fixture, running, &outcome), PROCESS_PENDING);
    assert_int_equal(fixture_get(fixture, second, &outcome), PROCESS_PENDING);
    assert_string_equal(outcome.error, "");
    assert_int_equal(fixture_get(fixture, third, &outcome), PROCESS_PENDING);
    assert_int_equal(outcome.attempt, 0);
}

static void test_stop_without_work(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "any", "echo 1\n");
    fixture_start(fixture);
    fixture_stop(fixture);
}

/* --- leases -------------------------------------------------------------------------------------
 */

static void spoil(struct fixture *fixture, enum err with, int changes, unsigned events)
{
    fixture->repository->spoil_with = with;
    fixture->repository->spoil_changes = changes;
    fixture->repository->spoil_events = events;
}

static void await_idle(struct fixture *fixture)
{
    int64_t deadline = 0;
    while (analyzer_pool_load(fixture->pool, fixture->set.analyzers[0].type).busy > 0)
        fixture_turn(fixture, &deadline);
}

static void test_lost_lease_kills_and_drops(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "stubborn", STUBBORN);
    fixture->options.lease_ms = 300;
    fixture->options.cancel_grace_ms = 3600000; /* not waited for */
    fixture_start(fixture);
    spoil(fixture, ERR_LEASE_LOST, 1, 1u << EVENT_HEARTBEAT);
    struct process_id id = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_await(fixture, id, PROCESS_RUNNING, NULL);
    await_idle(fixture);
    assert_int_equal(fixture_get(fixture, id, NULL), PROCESS_RUNNING); /* nothing was reported */
    assert_int_equal(fixture_count(fixture, EVENT_HEARTBEAT), 1);
    assert_int_equal(fixture->repository->change_count, 1);
}

static void test_report_is_repeated_until_it_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "quick", "echo 42\n");
    fixture_start(fixture);
    spoil(fixture, ERR_UNAVAILABLE, 3, 1u << EVENT_COMPLETE);
    struct process_id id = fixture_submit(fixture, "quick", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "42");
    assert_int_equal(fixture_count(fixture, EVENT_COMPLETE), 4);
}

static void test_heartbeats_survive_an_outage(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "quick",
                "read x; touch running\nwhile [ ! -e go ]; do sleep 0.01; done\n");
    fixture->options.lease_ms = 1500;
    fixture_start(fixture);
    spoil(fixture, ERR_TIMEOUT, 2, 1u << EVENT_HEARTBEAT);
    struct process_id id = fixture_submit(fixture, "quick", "1", 0);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_HEARTBEAT) < 3)
        fixture_turn(fixture, &deadline);
    fixture_make_file(fixture, "go");
    fixture_await(fixture, id, PROCESS_COMPLETED, NULL);
}

static void test_outage_longer_than_the_lease_ends_the_run(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "stubborn", STUBBORN);
    fixture->options.lease_ms = 300;
    fixture_start(fixture);
    spoil(fixture, ERR_UNAVAILABLE, 1000, ~0u);
    struct process_id id = fixture_submit(fixture, "stubborn", "1", 0);
    fixture_await(fixture, id, PROCESS_RUNNING, NULL);
    await_idle(fixture);
    assert_int_equal(fixture_count(fixture, EVENT_FAIL) + fixture_count(fixture, EVENT_COMPLETE),
                     0);
}

/* --- progress -----------------------------------------------------------------------------------
 */

static void test_progress_is_coalesced_and_its_last_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "works",
                "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo '{\"step\":'$i'}' >&3; done\n"
                "while [ ! -e go ]; do sleep 0.01; done\n"
                "printf '{\"percent\":100,\"message\":\"done\"}' >/dev/fd/3\necho 1\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "works", "1", 0);
    int64_t deadline = 0; /* a command that ends sooner brings its only progress with its end */
    while (fixture_count(fixture, EVENT_PROGRESS) == 0)
        fixture_turn(fixture, &deadline);
    fixture_make_file(fixture, "go");
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    const struct watched_repository *seen = fixture->repository;
    assert_true(fixture_count(fixture, EVENT_PROGRESS) < 200);
    assert_string_equal(seen->changes[seen->change_count - 1].progress, outcome.progress);
    assert_int_equal(seen->changes[seen->change_count - 1].event, EVENT_COMPLETE);
    assert_string_equal(outcome.progress,
                        "{\"percent\":100,\"message\":\"done\",\"step\":null,\"steps\":null}");
}

/* The fixture's repository asserts that no second call is sent while one is open. */
static void test_one_progress_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "works",
                "echo '{\"step\":1}' >&3\nwhile [ ! -e go ]; do sleep 0.01; done\n"
                "echo '{\"step\":2}' >&3; echo '{\"step\":3}' >&3; echo 7\n");
    fixture->repository->hold_progress = true;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "works", "1", 0);
    int64_t deadline = 0;
    while (fixture->repository->held == NULL)
        fixture_turn(fixture, &deadline);
    fixture_make_file(fixture, "go");
    /* The command can end while its first progress is still under way. */
    for (int turn = 0; turn < 20; turn++)
        fixture_turn(fixture, &deadline);
    struct repo_transition *held = fixture->repository->held;
    fixture->repository->held = NULL;
    repository_transition(fixture->repository->behind, held);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    expect_text(outcome.progress, "\"step\":3");
    assert_string_equal(outcome.result, "7");
}

static void test_progress_survives_an_outage(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "works", "echo '{\"percent\":12.345}' >&3\n");
    fixture_start(fixture);
    spoil(fixture, ERR_TIMEOUT, 2, 1u << EVENT_PROGRESS);
    struct process_id id = fixture_submit(fixture, "works", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    expect_text(outcome.progress, "\"percent\":12.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(test_timeout_kills_what_ignores_term),
        POOL_TEST(test_timeout_ends_what_is_stopped),
        POOL_TEST(test_timeout_of_the_process_goes_first),
        POOL_TEST(test_deadline_ends_a_run_for_good),
        POOL_TEST(test_cancel_terms_then_kills),
        POOL_TEST(test_cancel_kills_what_ignores_term),
        POOL_TEST(test_cancel_asked_elsewhere_is_noticed),
        POOL_TEST(test_stop_hands_back),
        POOL_TEST(test_stop_without_work),
        POOL_TEST(test_lost_lease_kills_and_drops),
        POOL_TEST(test_report_is_repeated_until_it_arrives),
        POOL_TEST(test_heartbeats_survive_an_outage),
        POOL_TEST(test_outage_longer_than_the_lease_ends_the_run),
        POOL_TEST(test_progress_is_coalesced_and_its_last_is_kept),
        POOL_TEST(test_one_progress_in_flight),
        POOL_TEST(test_progress_survives_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
