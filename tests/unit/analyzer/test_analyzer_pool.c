/* What becomes of processes that the pool runs, and what surrounds their commands. */
#include "pool_fixture.h"

#include <stdio.h>
#include <unistd.h>

/* --- how runs end -------------------------------------------------------------------------------
 */

static void test_completes_with_its_json_output(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "copy", "echo\ncat\necho\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "copy", "{\"a\": [0.10, 1e3]}", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "{\"a\": [0.10, 1e3]}");
    assert_string_equal(outcome.error, "");
    assert_string_equal(outcome.worker, "test/analyzer-1");
    expect_text(outcome.usage, "\"exit_code\":0");
    expect_text(outcome.usage, "\"peak_memory_kib\":");
    assert_null(strstr(outcome.usage, "\"peak_memory_kib\":0"));
}

static void test_wraps_output_that_is_no_json(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "text", "printf 'a \"b\"\\377\\n'\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "text", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "{\"text\":\"a \\\"b\\\"\xEF\xBF\xBD\\n\"}");
}

/* A large input that nobody reads, and a large one that is read and returned. */
static void test_input_larger_than_a_pipe(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    static char input[300001];
    memset(input, 'x', sizeof(input) - 1);
    input[0] = input[sizeof(input) - 2] = '"';
    fixture_add(fixture, "ignores", "echo 1\n");
    fixture_add(fixture, "counts", "wc -c\n");
    fixture_start(fixture);
    struct process_id ignored = fixture_submit(fixture, "ignores", input, 0);
    struct process_id counted = fixture_submit(fixture, "counts", input, 0);
    fixture_await(fixture, ignored, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "1");
    fixture_await(fixture, counted, PROCESS_COMPLETED, &outcome);
    assert_string_equal(outcome.result, "300000");
}

static void test_exit_status_fails_and_is_retried(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "fails", "echo useless; echo 'it broke \"here\"' >/dev/stderr; exit 3\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "fails", "1", 0);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_FAIL) == 0)
        fixture_turn(fixture, &deadline);
    assert_int_equal(fixture_get(fixture, id, &outcome), PROCESS_PENDING); /* backing off */
    assert_string_equal(outcome.result, "");
    expect_text(outcome.error, "\"code\":\"exit_status\"");
    expect_text(outcome.error, "\"message\":\"exit status 3\"");
    expect_text(outcome.error, "\"retryable\":true");
    expect_text(outcome.error, "\"attempt\":1");
    expect_text(outcome.error, "\"log\":\"it broke \\\"here\\\"\\n\"");
    expect_text(outcome.usage, "\"exit_code\":3");
}

static void test_data_error_is_final(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "dataerr", "exit 65\n");
    fixture_add(fixture, "usage", "exit 64\n");
    fixture_start(fixture);
    struct process_id data = fixture_submit(fixture, "dataerr", "1", 0);
    struct process_id usage = fixture_submit(fixture, "usage", "1", 0);
    fixture_await(fixture, data, PROCESS_FAILED, &outcome);
    expect_text(outcome.error, "\"retryable\":false");
    expect_text(outcome.error, "\"log\":null");
    fixture_await(fixture, usage, PROCESS_FAILED, &outcome);
}

static void test_signal_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "crashes", "kill -SEGV $$\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "crashes", "1", 0);
    int64_t deadline = 0;
    while (fixture_count(fixture, EVENT_FAIL) == 0)
        fixture_turn(fixture, &deadline);
    fixture_get(fixture, id, &outcome);
    expect_text(outcome.error, "\"code\":\"signal\"");
    expect_text(outcome.error, "ended by signal 11 (Segmentation fault)");
    expect_text(outcome.usage, "\"exit_code\":-1");
    expect_text(outcome.usage, "\"signal\":11");
}

static void test_command_that_vanished_is_final(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct analyzer *analyzer = fixture_add(fixture, "gone", "echo 1\n");
    free(analyzer->argv[0]);
    analyzer->argv[0] = strdup("/nowhere/at-all");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "gone", "1", 0);
    fixture_await(fixture, id, PROCESS_FAILED, &outcome);
    expect_text(outcome.error, "\"code\":\"not_started\"");
    expect_text(outcome.error, "cannot start /nowhere/at-all: No such file or directory");
    assert_int_equal(analyzer_pool_load(fixture->pool, fixture->set.analyzers[0].type).busy, 0);
}

static void test_missing_runner_is_final(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "any", "echo 1\n");
    fixture->options.runner = "/nowhere/proctrack-run";
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "any", "1", 0);
    fixture_await(fixture, id, PROCESS_FAILED, &outcome);
    expect_text(outcome.error, "\"code\":\"not_started\"");
}

static void test_too_much_output_kills(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    fixture_add(fixture, "babbles", "trap '' TERM\nwhile :; do echo 0123456789; done\n")
        ->max_output_bytes = 1000;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "babbles", "1", 0);
    fixture_await(fixture, id, PROCESS_FAILED, &outcome);
    expect_text(outcome.error, "\"code\":\"output_too_large\"");
    expect_text(outcome.error, "more than 1000 bytes");
    expect_text(outcome.error, "\"retryable\":false");
    assert_string_equal(outcome.result, "");
}

static void test_output_may_just_fit(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "fits", "echo 123456789\n")->max_output_bytes = 10;
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "fits", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, NULL);
}

/* --- slots and surroundings ---------------------------------------------------------------------
 */

static int count_running(struct fixture *fixture, const struct process_id *ids, int count)
{
    int running = 0, workers = 0;
    for (int i = 0; i < count; i++) {
        struct outcome outcome;
        if (fixture_get(fixture, ids[i], &outcome) != PROCESS_RUNNING)
            continue;
        running++;
        workers += outcome.worker[strlen(outcome.worker) - 1] - '0';
    }
    assert_int_equal(workers, running * (running + 1) / 2); /* each slot has its own name */
    return running;
}

static void test_claims_only_as_many_as_slots(void **state)
{
    struct fixture *fixture = *state;
    struct process_id ids[5];
    fixture_add(fixture, "waits", "while [ ! -e go ]; do sleep 0.01; done; echo 1\n")->concurrency =
        2;
    fixture_start(fixture);
    for (int i = 0; i < 5; i++)
        ids[i] = fixture_submit(fixture, "waits", "1", 0);
    int64_t deadline = 0;
    while (count_running(fixture, ids, 5) < 2)
        fixture_turn(fixture, &deadline);
    for (int turn = 0; turn < 5; turn++)
        loop_turn(fixture->loop, 0);
    assert_int_equal(count_running(fixture, ids, 5), 2);
    assert_int_equal(analyzer_pool_load(fixture->pool, fixture->set.analyzers[0].type).busy, 2);
    assert_int_equal(analyzer_pool_load(fixture->pool, fixture->set.analyzers[0].type).slots, 2);
    fixture_make_file(fixture, "go");
    for (int i = 0; i < 5; i++)
        fixture_await(fixture, ids[i], PROCESS_COMPLETED, NULL);
}

static void on_created(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
}

/* Another instance stores it, and the store tells: long before the next poll. */
static void test_work_that_the_store_tells_of_is_taken(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "any", "echo 1\n");
    fixture_start(fixture);
    loop_turn(fixture->loop, 0);
    struct repo_create create = {.process = {.type = SPAN("any"),
                                             .input = SPAN("1"),
                                             .version = 1,
                                             .max_attempts = 1,
                                             .retention_ms = -1}};
    int64_t now = create.process.created_at = create.process.updated_at = clock_wall_ms();
    create.process.run_at = now;
    assert_true(process_id_new(&create.process.id));
    process_op_init(&create.op, on_created);
    repository_create(fixture->repository->behind, &create);
    struct process_repository *base = &fixture->repository->base;
    base->on_work(base->on_work_arg, SPAN("any"));
    fixture_await(fixture, create.process.id, PROCESS_COMPLETED, NULL);
}

/* Work of another instance comes without a kick where the repository does not tell: the poll finds
 * it. */
static void test_poll_finds_work(void **state)
{
    struct fixture *fixture = *state;
    fixture->repository->base.watching = "none";
    fixture_add(fixture, "any", "echo 1\n");
    fixture->options.poll_ms = 20;
    fixture_start(fixture);
    loop_turn(fixture->loop, 0);
    struct analyzer_pool *pool = fixture->pool;
    fixture->pool = NULL; /* no kick */
    struct process_id id = fixture_submit(fixture, "any", "1", 0);
    fixture->pool = pool;
    fixture_await(fixture, id, PROCESS_COMPLETED, NULL);
}

/* Each look ends with a claim of "any"; a poll of its own would make more of them. */
static void test_who_is_told_does_not_poll(void **state)
{
    struct fixture *fixture = *state;
    fixture_add(fixture, "any", "echo 1\n");
    fixture_add(fixture, "slow", "sleep 0.2\n");
    fixture->options.poll_ms = 1;
    fixture_start(fixture);
    loop_turn(fixture->loop, 0);
    struct process_id id = fixture_submit(fixture, "slow", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, NULL);
    assert_in_range(fixture->repository->claim_count, 2, 10);
}

static void test_environment_is_an_allow_list(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    setenv("REDIS_PASSWORD", "secret", 1);
    setenv("MY_OWN", "mine", 1);
    setenv("TZ", "UTC", 1);
    struct analyzer *analyzer = fixture_add(fixture, "env", "/usr/bin/env\n");
    analyzer->environment = calloc(3, sizeof(char *));
    analyzer->environment[0] = strdup("MY_OWN");
    analyzer->environment[1] = strdup("NOT_SET_ANYWHERE");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "env", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    char text[PROCESS_ID_TEXT_SIZE], expected[80];
    process_id_format(&id, text);
    snprintf(expected, sizeof(expected), "PROCESS_ID=%s\\n", text);
    expect_text(outcome.result, expected);
    expect_text(outcome.result, "PROCESS_TYPE=env\\n");
    expect_text(outcome.result, "PROCESS_ATTEMPT=1\\n");
    expect_text(outcome.result, "MY_OWN=mine\\n");
    expect_text(outcome.result, "TZ=UTC\\n");
    assert_null(strstr(outcome.result, "REDIS_PASSWORD"));
    assert_null(strstr(outcome.result, "secret"));
    assert_null(strstr(outcome.result, "PROCTRACK_RUN"));
    assert_null(strstr(outcome.result, "NOT_SET_ANYWHERE"));
}

/* A descriptor of ours that was not marked close-on-exec stays ours. */
static void test_no_descriptor_leaks(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    int leaky = dup2(0, 77);
    assert_int_equal(leaky, 77);
    fixture_add(fixture, "lists",
                "for i in 4 5 6 7 8 9 10 11 12 13 14 15 77; do\n"
                "[ -e /proc/self/fd/$i ] && readlink /proc/$$/fd/$i | grep -v '\\.sh$'\ndone\n"
                "[ -e /proc/self/fd/3 ] && echo three\n");
    fixture_start(fixture);
    struct process_id id = fixture_submit(fixture, "lists", "1", 0);
    fixture_await(fixture, id, PROCESS_COMPLETED, &outcome);
    close(leaky);
    assert_string_equal(outcome.result, "{\"text\":\"three\\n\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(test_completes_with_its_json_output),
        POOL_TEST(test_wraps_output_that_is_no_json),
        POOL_TEST(test_input_larger_than_a_pipe),
        POOL_TEST(test_exit_status_fails_and_is_retried),
        POOL_TEST(test_data_error_is_final),
        POOL_TEST(test_signal_is_told),
        POOL_TEST(test_command_that_vanished_is_final),
        POOL_TEST(test_missing_runner_is_final),
        POOL_TEST(test_too_much_output_kills),
        POOL_TEST(test_output_may_just_fit),
        POOL_TEST(test_claims_only_as_many_as_slots),
        POOL_TEST(test_work_that_the_store_tells_of_is_taken),
        POOL_TEST(test_poll_finds_work),
        POOL_TEST(test_who_is_told_does_not_poll),
        POOL_TEST(test_environment_is_an_allow_list),
        POOL_TEST(test_no_descriptor_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
