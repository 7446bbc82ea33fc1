/* Every kind of setting, where values come from, and that all faults are told. */
#include "loaded_config.h"

#include "app/config_table.h"
#include "proctrack/log.h"

static void defaults_are_those_documented(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS, NOTHING);
    assert_int_equal(config.action, CONFIG_RUN);
    assert_string_equal(config.host, "127.0.0.1");
    assert_int_equal(config.port, 8080);
    assert_string_equal(config.base_path, "");
    assert_in_range(config.io_threads, 1, 64);
    assert_int_equal(config.max_body_bytes, 1024 * 1024);
    assert_int_equal(config.max_connections, 12000);
    assert_int_equal(config.cors_allow_origins.count, 0);
    assert_int_equal(config.log_level, LOG_INFO);
    assert_int_equal(config.shutdown_timeout_s, 25);
    assert_false(config.use_redis);
    assert_int_equal(config.redis.command_timeout_ms, 500);
    assert_int_equal(config.redis.connect_timeout_ms, 2000);
    assert_int_equal(config.accept_types, ACCEPT_ANY);
    assert_int_equal(config.default_max_attempts, 1);
    assert_null(config.type_of_none.data);
    assert_int_equal(config.policy.retention_ms[PROCESS_COMPLETED], INT64_C(86400000));
    assert_int_equal(config.policy.retention_ms[PROCESS_CANCELED], INT64_C(86400000));
    assert_int_equal(config.policy.retention_ms[PROCESS_FAILED], INT64_C(604800000));
    assert_int_equal(config.policy.tombstone_ms, INT64_C(86400000));
    assert_int_equal(config.policy.cancel_grace_ms, 10000);
    assert_int_equal(config.policy.retry_base_ms, 2000);
    assert_int_equal(config.policy.retry_cap_ms, 600000);
    assert_int_equal(config.policy.max_stalls, 1);
    assert_int_equal(config.policy.events_max, 100);
    assert_int_equal(config.types.count, 0);
    assert_non_null(strchr(config.instance, ':'));
    assert_string_equal(warnings_of(&config), "");
    config_finish(&config);
}

static void every_kind_is_read_from_the_environment(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS,
              ENVIRONMENT("PORT=0", "REDIS_REQUIRED=Yes", "HOST=::1", "LOG_LEVEL=warn",
                          "CORS_ALLOW_ORIGINS= https://a.example , http://localhost:3000,",
                          "REDIS_PASSWORD=x", "INSTANCE=web-1", "TOMBSTONE_SECONDS=7"));
    assert_int_equal(config.port, 0);
    assert_true(config.redis_required);
    assert_string_equal(config.host, "::1");
    assert_int_equal(config.log_level, LOG_WARN);
    assert_int_equal(config.cors_allow_origins.count, 2);
    assert_string_equal(config.cors_allow_origins.items[0], "https://a.example");
    assert_string_equal(config.cors_allow_origins.items[1], "http://localhost:3000");
    assert_null(config.cors_allow_origins.items[2]);
    assert_string_equal(config.redis_password, "x");
    assert_string_equal(config.instance, "web-1");
    assert_string_equal(config.redis.client_name, "web-1");
    assert_int_equal(config.policy.tombstone_ms, 7000);
    config_finish(&config);
}

static void every_kind_is_read_from_options_in_both_forms(void **state)
{
    (void)state;
    struct config config;
    load_good(&config,
              ARGUMENTS("--port=81", "--host", "::", "--redis-required", "--log-level", "debug",
                        "--cors-allow-origins=*", "--enable-redis-persistence", "false",
                        "--redis-password=", "--analyzer", "one=/bin/cat", "--analyzer=two=cat -u"),
              NOTHING);
    assert_int_equal(config.port, 81);
    assert_string_equal(config.host, "::");
    assert_true(config.redis_required);
    assert_int_equal(config.log_level, LOG_DEBUG);
    assert_string_equal(config.cors_allow_origins.items[0], "*");
    assert_false(config.enable_redis_persistence);
    assert_int_equal(config.analyzers.count, 2);
    assert_span(config.known_types[0], span_of("one"));
    assert_span(config.known_types[1], span_of("two"));
    config_finish(&config);
}

static void booleans_stand_alone_or_take_a_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"true", true},   {"1", true},  {"ON", true},   {"yes", true},
                 {"False", false}, {"0", false}, {"off", false}, {"no", false}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct config config;
        load_good(&config, ARGUMENTS("--redis-required", words[i].text), NOTHING);
        assert_int_equal(config.redis_required, words[i].value);
        config_finish(&config);
    }
    struct config config;
    load_good(&config, ARGUMENTS("--redis-required", "--port", "1"), NOTHING);
    assert_true(config.redis_required);
    assert_int_equal(config.port, 1);
    config_finish(&config);
}

static void options_win_over_the_environment(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--port=1", "--port=2", "--analyzer", "b=cat"),
              ENVIRONMENT("PORT=3", "HOST=a", "ANALYZER=a=cat"));
    assert_int_equal(config.port, 2);
    assert_string_equal(config.host, "a");
    assert_int_equal(config.analyzers.count, 1);
    assert_span(config.known_types[0], span_of("b"));
    assert_int_equal(config.sources[SETTING_INDEX(port)], SOURCE_OPTION);
    assert_int_equal(config.sources[SETTING_INDEX(host)], SOURCE_ENVIRONMENT);
    assert_int_equal(config.sources[SETTING_INDEX(base_path)], SOURCE_DEFAULT);
    config_finish(&config);
}

static void an_overridden_variable_may_be_wrong(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--redis-port=1"), ENVIRONMENT("REDIS_PORT=tcp://10.0.0.1:6379"));
    assert_int_equal(config.redis_port, 1);
    config_finish(&config);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS,
              ENVIRONMENT("PORT=", "HOST=", "REDIS_URL=", "REDIS_PASSWORD_FILE=", "LOG_LEVEL=",
                          "ENABLE_REDIS_PERSISTENCE=", "PORTS=9", "XPORT=9"));
    assert_int_equal(config.port, 8080);
    assert_string_equal(config.host, "127.0.0.1");
    assert_false(config.use_redis);
    config_finish(&config);
}

static void an_empty_data_dir_says_that_there_is_none(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS, NOTHING);
    assert_string_equal(config.data_dir, "./data");
    assert_int_equal(config.journal_fsync, JOURNAL_FSYNC_ALWAYS);
    config_finish(&config);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT("DATA_DIR="));
    assert_string_equal(config.data_dir, "");
    assert_string_equal(warnings_of(&config), "");
    config_finish(&config);
    load_good(&config, ARGUMENTS("--data-dir="), ENVIRONMENT("DATA_DIR=/x", "JOURNAL_FSYNC=no"));
    assert_string_equal(config.data_dir, "");
    assert_int_equal(config.journal_fsync, JOURNAL_FSYNC_NO);
    assert_holds(warnings_of(&config), "JOURNAL_FSYNC is given, but DATA_DIR is empty");
    config_finish(&config);
}

static void repair_is_asked_for_by_a_word_alone(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--port=1"), NOTHING);
    assert_false(config.repair);
    config_finish(&config);
    load_good(&config, ARGUMENTS("--repair", "--port=1"), NOTHING);
    assert_true(config.repair);
    assert_int_equal(config.action, CONFIG_RUN);
    assert_int_equal(config.port, 1);
    config_finish(&config);
    expect_fault(ARGUMENTS("--repair"), ENVIRONMENT("DATA_DIR="),
                 "--repair: DATA_DIR is empty, so that there is nothing to repair");
    expect_fault(ARGUMENTS("--repiar"), NOTHING,
                 "--repiar: there is no such option; is --repair meant? See --help");
}

static void a_delay_must_leave_time_to_stop(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--shutdown-delay-seconds=24"), NOTHING);
    assert_int_equal(config.shutdown_delay_s, 24);
    config_finish(&config);
    load_good(&config, ARGUMENTS("--shutdown-timeout-seconds=0"), NOTHING);
    config_finish(&config);
    expect_fault(ARGUMENTS("--shutdown-delay-seconds=25"), NOTHING,
                 "SHUTDOWN_DELAY_SECONDS=25: must be less than SHUTDOWN_TIMEOUT_SECONDS=25, which "
                 "includes it");
    load_good(&config, ARGUMENTS("--analyzer=t=/bin/true", "--shutdown-delay-seconds=15"), NOTHING);
    assert_holds(warnings_of(&config), "less SHUTDOWN_DELAY_SECONDS is no longer than");
    config_finish(&config);
}

static void operators_get_a_port_of_their_own(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS, NOTHING);
    assert_int_equal(config.admin_port, NO_ADMIN_PORT);
    config_finish(&config);
    load_good(&config, ARGUMENTS("--admin-port=0", "--port=0"), NOTHING);
    assert_int_equal(config.admin_port, 0);
    config_finish(&config);
    expect_fault(ARGUMENTS("--admin-port=8080"), NOTHING,
                 "ADMIN_PORT=8080: must be another than PORT");
}

static void each_wrong_value_is_named_with_what_is_allowed(void **state)
{
    (void)state;
    static const char *const ports[] = {
        "-1", "65536", "x", "80 ", "0x50", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        char variable[64], line[128];
        snprintf(variable, sizeof(variable), "PORT=%s", ports[i]);
        snprintf(line, sizeof(line), "PORT=%s: must be a whole number from 0 to 65535", ports[i]);
        expect_fault(NO_ARGUMENTS, ENVIRONMENT(variable), line);
    }
    expect_fault(ARGUMENTS("--idle-timeout-seconds", "0"), NOTHING,
                 "--idle-timeout-seconds=0: must be a whole number from 1 to 86400 (seconds)");
    expect_fault(ARGUMENTS("--port="), NOTHING, "--port=: must be a whole number from 0 to 65535");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_REQUIRED=maybe"),
                 "REDIS_REQUIRED=maybe: must be true or false");
    expect_fault(ARGUMENTS("--redis-required", "maybe"), NOTHING,
                 "--redis-required=maybe: must be true or false");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("LOG_LEVEL=loud"),
                 "LOG_LEVEL=loud: must be one of debug, info, warn, error");
    expect_fault(ARGUMENTS("--host="), NOTHING,
                 "--host=: must be an address or a name, at most 255 bytes");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_PORT=tcp://10.0.0.1:6379"),
                 "REDIS_PORT=tcp://10.0.0.1:6379: must be a whole number from 1 to 65535 "
                 "(Kubernetes sets it for a service of that name: set enableServiceLinks: false)");
    expect_fault(ARGUMENTS("--port", "1\n2\x1b[2J"), NOTHING,
                 "--port=1?2?[2J: must be a whole number from 0 to 65535");
}

static void texts_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "BASE_PATH=api",
        "BASE_PATH=/",
        "BASE_PATH=/api/",
        "BASE_PATH=/a//b",
        "BASE_PATH=/a/../b",
        "BASE_PATH=/a b",
        "BASE_PATH=/%61",
        "BASE_PATH=/a?b",
        "INSTANCE=two words",
        "INSTANCE=a/b",
        "DEFAULT_TYPE=a b",
        "REDIS_KEY_PREFIX={tag}",
        "REDIS_KEY_PREFIX=\xff",
        "CORS_ALLOW_ORIGINS=example.org",
        "CORS_ALLOW_ORIGINS=https://a.example/",
        "CORS_ALLOW_ORIGINS=https://",
        "CORS_ALLOW_ORIGINS=HTTPS://a.example",
        "CORS_ALLOW_ORIGINS=*,https://a.example",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config config;
        load_bad(&config, NO_ARGUMENTS, ENVIRONMENT(bad[i]));
        size_t name = strcspn(bad[i], "=");
        assert_memory_equal(faults_of(&config), bad[i], name);
        config_finish(&config);
    }
    struct config config;
    load_good(&config, ARGUMENTS("--base-path", "/api/v1.2"), NOTHING);
    assert_string_equal(config.base_path, "/api/v1.2");
    config_finish(&config);
}

static void all_faults_are_told_not_only_the_first(void **state)
{
    (void)state;
    struct config config;
    load_bad(&config, ARGUMENTS("--prot=1", "stray", "--host"),
             ENVIRONMENT("PORT=x", "REDIS_DB=-1", "ANALYZERS_FILE=/nonexistent/a.json",
                         "RETRY_BASE_MS=10", "RETRY_CAP_MS=5"));
    const char *faults = faults_of(&config);
    assert_holds(faults, "--prot: there is no such option; is --port meant? See --help\n");
    assert_holds(faults, "stray: is no option; settings are given as --name=value, see --help\n");
    assert_holds(faults, "--host: needs a value\n");
    assert_holds(faults, "PORT=x: must be");
    assert_holds(faults, "REDIS_DB=-1: must be");
    assert_holds(faults, "ANALYZERS_FILE=/nonexistent/a.json: ");
    assert_holds(faults, "RETRY_CAP_MS=5: must not be less than RETRY_BASE_MS=10\n");
    config_finish(&config);
}

static void unknown_options_get_a_hint_only_when_one_is_near(void **state)
{
    (void)state;
    expect_fault(ARGUMENTS("--frobnicate-all=1"), NOTHING,
                 "--frobnicate-all: there is no such option; see --help");
    expect_fault(ARGUMENTS("--redis_url=redis://:s3cret@h"), NOTHING,
                 "--redis_url: there is no such option; is --redis-url meant? See --help");
    expect_fault(ARGUMENTS("--port-file=/x"), NOTHING,
                 "--port-file: there is no such option; see --help");
    expect_fault(ARGUMENTS("-p"), NOTHING,
                 "-p: is no option; settings are given as --name=value, see --help");
}

static void actions_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        enum config_action action;
    } actions[] = {{"--check-config", CONFIG_CHECK}, {"--print-config", CONFIG_PRINT}};
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        struct config config;
        load_good(&config, ARGUMENTS(actions[i].option), NOTHING);
        assert_int_equal(config.action, actions[i].action);
        config_finish(&config);
    }
    /* Help is what somebody needs whose configuration is wrong. */
    struct config config;
    assert_true(config_load(&config, ARGUMENTS("--prot", "--help", "--check-config"),
                            ENVIRONMENT("PORT=x")));
    assert_int_equal(config.action, CONFIG_HELP);
    config_finish(&config);
}

static void help_lists_every_setting_with_its_option_and_default(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print_help(out);
    fclose(out);
    for (size_t i = 0; i < config_setting_count; i++) {
        char option[OPTION_TEXT_SIZE], entry[200];
        setting_option(&config_settings[i], option);
        snprintf(entry, sizeof(entry), "\n  %s, %s  (", config_settings[i].name, option);
        assert_holds(text, entry);
    }
    assert_holds(text, "\n  MAX_BODY_BYTES, --max-body-bytes  (1..33554432 bytes; reloads; "
                       "default: 1048576)\n");
    assert_holds(text, "\n  IO_THREADS, --io-threads  (1..64; default: one per core)\n");
    assert_holds(text, "also REDIS_PASSWORD_FILE");
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 100);
    free(text);
}

static void print_shows_values_and_where_they_came_from(void **state)
{
    (void)state;
    struct config config;
    load_good(
        &config, ARGUMENTS("--port=0", "--analyzer", "a=cat", "--analyzer=b=cat"),
        ENVIRONMENT("HOST=::1", "ACCEPT_TYPES=known", "CORS_ALLOW_ORIGINS=http://a,http://b"));
    char *text = printed(&config);
    assert_holds(text, "PORT=0  # option\n");
    assert_holds(text, "HOST=::1  # environment\n");
    assert_holds(text, "ACCEPT_TYPES=known  # environment\n");
    assert_holds(text, "REDIS_REQUIRED=false  # default\n");
    assert_holds(text, "ANALYZER=a=cat\nANALYZER=b=cat  # option\n");
    assert_holds(text, "CORS_ALLOW_ORIGINS=http://a,http://b  # environment\n");
    assert_holds(text, "# processes are kept in memory, on one I/O loop, and stored in ./data\n# "
                       "analyzers: a b\n");
    free(text);
    config_finish(&config);
}

static void the_only_analyzer_is_the_default_type(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--analyzer", "only=cat"), NOTHING);
    assert_span(config.type_of_none, span_of("only"));
    config_finish(&config);
    load_good(&config, ARGUMENTS("--analyzer", "a=cat", "--analyzer", "b=cat"), NOTHING);
    assert_null(config.type_of_none.data);
    config_finish(&config);
    load_good(&config, ARGUMENTS("--analyzer", "only=cat", "--default-type=other"), NOTHING);
    assert_span(config.type_of_none, span_of("other"));
    config_finish(&config);
}

static void known_types_must_be_servable(void **state)
{
    (void)state;
    struct config config;
    load_bad(&config, ARGUMENTS("--accept-types=known"), NOTHING);
    assert_holds(faults_of(&config), "ACCEPT_TYPES=known: no analyzer is configured");
    config_finish(&config);
    load_bad(&config, ARGUMENTS("--accept-types=known", "--default-type=b", "--analyzer", "a=cat"),
             NOTHING);
    assert_holds(faults_of(&config), "DEFAULT_TYPE=b: no analyzer serves it");
    config_finish(&config);
    load_good(&config, ARGUMENTS("--accept-types=known", "--analyzer", "a=cat"), NOTHING);
    config_finish(&config);
}

static void every_wrong_analyzer_is_told(void **state)
{
    (void)state;
    struct config config;
    load_bad(&config, ARGUMENTS("--analyzer", "noequals", "--analyzer", "b d=cat"), NOTHING);
    assert_holds(faults_of(&config), "--analyzer=noequals: ");
    assert_holds(faults_of(&config), "--analyzer=b d=cat: ");
    config_finish(&config);
}

static void a_stop_shorter_than_the_grace_is_warned_of(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, ARGUMENTS("--analyzer", "a=cat", "--shutdown-timeout-seconds=5"), NOTHING);
    assert_holds(warnings_of(&config), "SHUTDOWN_TIMEOUT_SECONDS=5 is no longer than");
    config_finish(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_documented),
        cmocka_unit_test(every_kind_is_read_from_the_environment),
        cmocka_unit_test(every_kind_is_read_from_options_in_both_forms),
        cmocka_unit_test(booleans_stand_alone_or_take_a_value),
        cmocka_unit_test(options_win_over_the_environment),
        cmocka_unit_test(an_overridden_variable_may_be_wrong),
        cmocka_unit_test(an_empty_variable_counts_as_not_set),
        cmocka_unit_test(an_empty_data_dir_says_that_there_is_none),
        cmocka_unit_test(repair_is_asked_for_by_a_word_alone),
        cmocka_unit_test(a_delay_must_leave_time_to_stop),
        cmocka_unit_test(operators_get_a_port_of_their_own),
        cmocka_unit_test(each_wrong_value_is_named_with_what_is_allowed),
        cmocka_unit_test(texts_are_checked),
        cmocka_unit_test(all_faults_are_told_not_only_the_first),
        cmocka_unit_test(unknown_options_get_a_hint_only_when_one_is_near),
        cmocka_unit_test(actions_are_found),
        cmocka_unit_test(help_lists_every_setting_with_its_option_and_default),
        cmocka_unit_test(print_shows_values_and_where_they_came_from),
        cmocka_unit_test(the_only_analyzer_is_the_default_type),
        cmocka_unit_test(known_types_must_be_servable),
        cmocka_unit_test(every_wrong_analyzer_is_told),
        cmocka_unit_test(a_stop_shorter_than_the_grace_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
