/* REDIS_URL and the single settings together; secrets, their files, and that they never show. */
#include "loaded_config.h"

#include <unistd.h>

static void a_url_turns_redis_on_and_an_explicit_false_turns_it_off(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=redis://h"));
    assert_true(config.use_redis);
    config_finish(&config);
    load_good(&config, ARGUMENTS("--enable-redis-persistence=false"),
              ENVIRONMENT("REDIS_URL=redis://h"));
    assert_false(config.use_redis);
    config_finish(&config);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT("ENABLE_REDIS_PERSISTENCE=true"));
    assert_true(config.use_redis);
    assert_string_equal(config.redis.host, "127.0.0.1");
    assert_int_equal(config.redis.port, 6379);
    assert_int_equal(config.redis.database, 0);
    config_finish(&config);
}

static void a_wrong_url_is_told_even_where_redis_is_off(void **state)
{
    (void)state;
    struct config config;
    load_bad(&config, NO_ARGUMENTS,
             ENVIRONMENT("ENABLE_REDIS_PERSISTENCE=false", "REDIS_URL=http://u:s3cret@h"));
    assert_holds(faults_of(&config), "REDIS_URL: ");
    assert_lacks(faults_of(&config), "s3cret");
    config_finish(&config);
}

static void the_url_and_the_single_settings_are_put_together(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS,
              ENVIRONMENT("REDIS_URL=redis://user:from%20url@h:7000/3", "REDIS_PASSWORD=p@ss"));
    assert_string_equal(config.redis.host, "h");
    assert_int_equal(config.redis.port, 7000);
    assert_int_equal(config.redis.database, 3);
    assert_string_equal(config.redis.username, "user");
    assert_string_equal(config.redis.password, "p@ss");
    config_finish(&config);
    load_good(&config, ARGUMENTS("--redis-db=0", "--redis-host=other", "--redis-port=1"),
              ENVIRONMENT("REDIS_URL=redis://h:7000/3", "REDIS_COMMAND_TIMEOUT_MS=77",
                          "REDIS_CONNECT_TIMEOUT_MS=78", "REDIS_WAIT_REPLICAS=2"));
    assert_string_equal(config.redis.host, "other");
    assert_int_equal(config.redis.port, 1);
    assert_int_equal(config.redis.database, 0);
    assert_int_equal(config.redis.command_timeout_ms, 77);
    assert_int_equal(config.redis.connect_timeout_ms, 78);
    assert_int_equal(config.redis.wait_replicas, 2);
    config_finish(&config);
}

static void contradictions_are_faults(void **state)
{
    (void)state;
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=unix:///run/r.sock", "REDIS_HOST=h"),
                 "REDIS_HOST: contradicts REDIS_URL, which names a unix socket");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=redis+sentinel://h/m", "REDIS_PORT=1"),
                 "REDIS_PORT: contradicts REDIS_URL, which names sentinels");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=redis://h", "REDIS_USERNAME=u"),
                 "REDIS_USERNAME: needs REDIS_PASSWORD too");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=redis://h", "REDIS_TLS_CA_FILE=/x"),
                 "REDIS_TLS_CA_FILE: only rediss:// in REDIS_URL uses it");
}

static void tls_is_refused_by_a_build_that_has_none(void **state)
{
    (void)state;
    struct config config;
    bool fine = config_load(&config, NO_ARGUMENTS, ENVIRONMENT("REDIS_URL=rediss://h"));
    end_remarks(&config);
    assert_int_equal(fine, redis_client_has_tls());
    if (!fine)
        assert_holds(faults_of(&config), "TLS");
    config_finish(&config);
}

static void settings_of_a_redis_that_is_off_are_warned_of(void **state)
{
    (void)state;
    struct config config;
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT("REDIS_HOST=h"));
    assert_false(config.use_redis);
    assert_holds(warnings_of(&config), "REDIS_HOST is given, but Redis is not in use");
    config_finish(&config);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT("REDIS_HOST=h", "ENABLE_REDIS_PERSISTENCE=false"));
    assert_string_equal(warnings_of(&config), "");
    config_finish(&config);
}

struct secret_file {
    char path[64], variable[128], option[128];
};

static struct secret_file secret_file(const void *content, size_t len)
{
    struct secret_file file = {.path = "/tmp/proctrack-secret-XXXXXX"};
    int fd = mkstemp(file.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), (ssize_t)len);
    close(fd);
    snprintf(file.variable, sizeof(file.variable), "REDIS_PASSWORD_FILE=%s", file.path);
    snprintf(file.option, sizeof(file.option), "--redis-password-file=%s", file.path);
    return file;
}

static void expect_secret(const char *content, const char *password)
{
    struct secret_file file = secret_file(content, strlen(content));
    struct config config;
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(file.variable, "REDIS_URL=redis://h"));
    assert_string_equal(config.redis.password, password);
    config_finish(&config);
    load_good(&config, ARGUMENTS(file.option),
              ENVIRONMENT("REDIS_PASSWORD=lost", "REDIS_URL=redis://h"));
    assert_string_equal(config.redis.password, password);
    config_finish(&config);
    unlink(file.path);
}

static void a_secret_file_is_read_without_the_newline_at_its_end(void **state)
{
    (void)state;
    expect_secret("s3cret\n", "s3cret");
    expect_secret("s3cret", "s3cret");
    expect_secret("s3cret\r\n", "s3cret");
    expect_secret("s3cret\n\n", "s3cret\n");
    expect_secret(" s3cret ", " s3cret ");
    expect_secret("", "");
}

static void a_secret_file_that_is_no_good_is_a_fault(void **state)
{
    (void)state;
    struct config config;
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_PASSWORD_FILE=/nonexistent/s"),
                 "REDIS_PASSWORD_FILE=/nonexistent/s: cannot be read: No such file or directory");
    expect_fault(ARGUMENTS("--redis-password-file", "/"), NOTHING,
                 "--redis-password-file=/: cannot be read: Is a directory");
    expect_fault(NO_ARGUMENTS, ENVIRONMENT("REDIS_PASSWORD_FILE=/x", "REDIS_PASSWORD=s3cret"),
                 "REDIS_PASSWORD and REDIS_PASSWORD_FILE: give only one of them");

    struct secret_file zero = secret_file("s3cret\0more", 11);
    load_bad(&config, NO_ARGUMENTS, ENVIRONMENT(zero.variable));
    assert_holds(faults_of(&config), "must hold text of at most");
    assert_lacks(faults_of(&config), "s3cret");
    config_finish(&config);
    unlink(zero.path);

    char long_text[1025];
    memset(long_text, 'x', sizeof(long_text));
    struct secret_file large = secret_file(long_text, sizeof(long_text));
    load_bad(&config, NO_ARGUMENTS, ENVIRONMENT(large.variable));
    assert_holds(faults_of(&config), "REDIS_PASSWORD_FILE: must be at most 1023 bytes\n");
    assert_lacks(faults_of(&config), "xx");
    config_finish(&config);
    unlink(large.path);
}

static void expect_printed_url(const char *url, const char *line)
{
    struct config config;
    char variable[256];
    snprintf(variable, sizeof(variable), "REDIS_URL=%s", url);
    load_good(&config, NO_ARGUMENTS, ENVIRONMENT(variable));
    char *text = printed(&config);
    assert_holds(text, line);
    assert_lacks(text, "s3c");
    free(text);
    config_finish(&config);
}

static void secrets_are_never_printed(void **state)
{
    (void)state;
    expect_printed_url("redis://:s3cret@h:7000/2",
                       "REDIS_URL=redis://***@h:7000/2  # environment\n");
    expect_printed_url("redis://user:s3cret%40@h", "REDIS_URL=redis://***@h  # environment\n");
    expect_printed_url("redis://h/1?password=s3cret", "REDIS_URL=redis://h/1?***  # environment\n");
    expect_printed_url("unix://:s3cret@/run/r.sock?db=4", "REDIS_URL=unix://***@/run/r.sock?db=4");
    expect_printed_url("redis://h?db=4&password=s3c@h", "REDIS_URL=redis://***@h  #");
    expect_printed_url("redis://h:7000/2", "# processes are kept in Redis at h:7000, database 2");
    expect_printed_url("redis://h:7000/2", "# REDIS_PORT: as REDIS_URL says\n");

    struct config config;
    load_good(&config, ARGUMENTS("--enable-redis-persistence"),
              ENVIRONMENT("REDIS_PASSWORD=s3cret"));
    char *text = printed(&config);
    assert_holds(text, "REDIS_PASSWORD=***  # environment\n");
    assert_lacks(text, "s3cret");
    free(text);
    config_finish(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_turns_redis_on_and_an_explicit_false_turns_it_off),
        cmocka_unit_test(a_wrong_url_is_told_even_where_redis_is_off),
        cmocka_unit_test(the_url_and_the_single_settings_are_put_together),
        cmocka_unit_test(contradictions_are_faults),
        cmocka_unit_test(tls_is_refused_by_a_build_that_has_none),
        cmocka_unit_test(settings_of_a_redis_that_is_off_are_warned_of),
        cmocka_unit_test(a_secret_file_is_read_without_the_newline_at_its_end),
        cmocka_unit_test(a_secret_file_that_is_no_good_is_a_fault),
        cmocka_unit_test(secrets_are_never_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
