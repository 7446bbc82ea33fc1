/* What a second reading of the configuration says otherwise, and what of it a loop gets. */
#include "loaded_config.h"

#include "app/config_diff.h"
#include "app/service_settings.h"
#include "proctrack/loop.h"

#include <pthread.h>
#include <stdlib.h>

static void expect_changes(const struct config *a, const struct config *b, bool that_reload,
                           const char *expected)
{
    struct text_buffer out;
    text_buffer_init(&out, 4096);
    config_append_changes(&out, a, b, that_reload);
    text_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    text_buffer_finish(&out);
}

static void changes_are_told_apart(void **state)
{
    (void)state;
    struct config first, same, other;
    load_good(&first, ARGUMENTS("--analyzer=a=cat"), ENVIRONMENT("PORT=1", "HOST=a"));
    load_good(&same, ARGUMENTS("--analyzer=a=cat"), ENVIRONMENT("PORT=1", "HOST=a"));
    load_good(&other, ARGUMENTS("--analyzer=a=cat", "--analyzer=b=cat"),
              ENVIRONMENT("PORT=2", "HOST=b", "LOG_LEVEL=warn", "REDIS_PASSWORD=x",
                          "REDIS_REQUIRED=1", "MAX_WAITERS=1"));
    expect_changes(&first, &same, true, "");
    expect_changes(&first, &same, false, "");
    expect_changes(&first, &other, true, "MAX_WAITERS, ANALYZER, LOG_LEVEL");
    expect_changes(&first, &other, false, "HOST, PORT, REDIS_PASSWORD, REDIS_REQUIRED");
    config_finish(&first);
    config_finish(&same);
    config_finish(&other);
}

/* The name may hold a process id, and cores come and go: nobody has changed that. */
static void computed_defaults_do_not_differ(void **state)
{
    (void)state;
    struct config first, other;
    load_good(&first, NO_ARGUMENTS, NOTHING);
    load_good(&other, NO_ARGUMENTS, NOTHING);
    other.io_threads++;
    assert_false(config_differs(&first, &other, SETTING_INDEX(io_threads)));
    other.sources[SETTING_INDEX(io_threads)] = SOURCE_OPTION;
    assert_true(config_differs(&first, &other, SETTING_INDEX(io_threads)));
    config_finish(&first);
    config_finish(&other);
}

static struct service_base base_of(const struct config *config, char *runner)
{
    return (struct service_base){
        .config = config, .runner = runner, .loops = 2, .max_connections = 7};
}

static struct config *loaded(const char *const argv[])
{
    struct config *config = calloc(1, sizeof(*config));
    assert_non_null(config);
    load_good(config, argv, NOTHING);
    return config;
}

static void a_generation_changes_what_reloads_and_nothing_else(void **state)
{
    (void)state;
    struct config first;
    char runner[] = "/runner";
    load_good(&first, ARGUMENTS("--base-path=/one", "--instance=one"), NOTHING);
    struct service_base base = base_of(&first, runner);
    struct config *next = loaded(ARGUMENTS(
        "--base-path=/two", "--instance=two", "--max-body-bytes=5", "--max-waiters=3",
        "--idle-timeout-seconds=9", "--cors-allow-origins=http://a", "--analyzer=a=cat",
        "--status-cache-bytes=0", "--max-connections=1", "--default-max-attempts=4",
        "--retention-failed-seconds=1", "--analyzer-poll-ms=50", "--cancel-grace-seconds=1"));
    struct service_settings *settings = service_settings_create(&base, next, next, 2);
    assert_non_null(settings);
    assert_int_equal(settings->http.config_generation, 2);
    assert_int_equal(settings->http.max_body_bytes, 5);
    assert_int_equal(settings->http.max_waiters, 2);
    assert_int_equal(settings->http.idle_timeout_s, 9);
    assert_string_equal(settings->http.cors_origins[0], "http://a");
    assert_span(settings->http.known_types[0], span_of("a"));
    assert_span(settings->manager.default_type, span_of("a"));
    assert_int_equal(settings->manager.default_max_attempts, 4);
    assert_int_equal(settings->pool.set->count, 1);
    assert_int_equal(settings->pool.poll_ms, 50);
    assert_string_equal(settings->http.base_path, "/one");
    assert_string_equal(settings->http.instance, "one");
    assert_int_equal(settings->http.max_connections, 7);
    assert_int_equal(settings->http.status_cache_bytes, first.status_cache_bytes / 2);
    assert_ptr_equal(settings->manager.policy, &first.policy);
    assert_int_equal(settings->pool.cancel_grace_ms, 10000);
    assert_int_equal(settings->admin.max_waiters, 0);
    service_settings_release(settings);
    config_finish(&first);
}

static void *share_and_release(void *settings)
{
    for (int i = 0; i < 1000; i++)
        service_settings_release(service_settings_share(settings));
    service_settings_release(settings);
    return NULL;
}

/* The sanitizers see a second one to free it, or none. */
static void the_last_one_to_let_go_frees_it(void **state)
{
    (void)state;
    struct config first;
    char runner[] = "";
    pthread_t threads[3];
    load_good(&first, NO_ARGUMENTS, NOTHING);
    struct service_base base = base_of(&first, runner);
    struct config *next = loaded(ARGUMENTS("--analyzer=a=cat"));
    struct service_settings *settings = service_settings_create(&base, next, next, 2);
    assert_non_null(settings);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, share_and_release, service_settings_share(settings)),
            0);
    service_settings_release(settings);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    config_finish(&first);
}

static void count_up(void *counter)
{
    ++*(int *)counter;
}

static void it_is_told_when_all_loops_have_taken_it_up(void **state)
{
    (void)state;
    struct config first;
    char runner[] = "";
    int told = 0;
    struct loop *loop = loop_create();
    load_good(&first, NO_ARGUMENTS, NOTHING);
    struct service_base base = base_of(&first, runner);
    base.adopted = loop_wakeup_create(loop, count_up, &told);
    assert_non_null(base.adopted);
    struct service_settings *settings = service_settings_create(&base, &first, NULL, 2);
    assert_non_null(settings);
    service_settings_adopted(settings);
    loop_turn(loop, 0);
    assert_int_equal(told, 0);
    service_settings_adopted(settings);
    for (int turns = 0; told == 0 && turns < 100; turns++)
        loop_turn(loop, 10);
    assert_int_equal(told, 1);
    service_settings_release(settings);
    config_finish(&first);
    loop_wakeup_destroy(base.adopted);
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_told_apart),
        cmocka_unit_test(computed_defaults_do_not_differ),
        cmocka_unit_test(a_generation_changes_what_reloads_and_nothing_else),
        cmocka_unit_test(the_last_one_to_let_go_frees_it),
        cmocka_unit_test(it_is_told_when_all_loops_have_taken_it_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
