/* The start-up check, against real servers. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "support/redis_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>

/* This one stands before the C library's: a name server that does not answer until it is told to.
 */
static sem_t answer, answered;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool silent = strcmp(host, "silent.invalid") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0;
    if (!silent)
        return real(host, service, hints, list);
    sem_wait(&answer);
    sem_post(&answered);
    return EAI_NONAME;
}

static struct redis_fixture redis;
static struct redis_options options;
static struct redis_probe probe;

static void start(const char *const *arguments)
{
    redis_fixture_start(&redis, arguments);
    redis_fixture_options(&redis, &options);
}

static int stop(void **state)
{
    (void)state;
    redis_fixture_stop(&redis);
    return 0;
}

static void tells_what_the_server_is(void **state)
{
    (void)state;
    start(NULL);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_true(probe.version[0] >= '5');
    assert_string_equal(probe.maxmemory_policy, "noeviction");
    assert_false(probe.has_maxmemory);
    assert_false(probe.persists);
    assert_string_equal(probe.problem, "");
    redis_fixture_ask(&redis, "CONFIG SET maxmemory 100mb");
    redis_fixture_ask(&redis, "CONFIG SET maxmemory-policy allkeys-lru");
    redis_fixture_ask(&redis, "CONFIG SET appendonly yes");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_string_equal(probe.maxmemory_policy, "allkeys-lru");
    assert_true(probe.has_maxmemory);
    assert_true(probe.persists);
}

static void snapshots_persist_too(void **state)
{
    static const char *const arguments[] = {"--save", "3600 1", NULL};
    (void)state;
    start(arguments);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_true(probe.persists);
}

/* No alarm about what cannot be known. */
static void what_is_not_told_is_not_complained_about(void **state)
{
    (void)state;
    start(NULL);
    redis_fixture_ask(&redis, "ACL SETUSER u on >p ~* +@all -config");
    strcpy(options.username, "u");
    strcpy(options.password, "p");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_true(probe.persists);
    redis_fixture_ask(&redis, "ACL SETUSER u -info");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_string_equal(probe.version, "");
    assert_string_equal(probe.maxmemory_policy, "");
    assert_true(probe.persists);
}

static void assert_news(const char *rule, bool tracks, bool publishes)
{
    redis_fixture_ask(&redis, "ACL SETUSER u reset on >p ~* &* +@all %s", rule);
    strcpy(options.username, "u");
    strcpy(options.password, "p");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_int_equal(probe.tracks, tracks);
    assert_int_equal(probe.publishes, publishes);
}

static void tells_how_changes_can_be_heard_of(void **state)
{
    (void)state;
    start(NULL);
    assert_news("+ping", true, false);
    assert_news("-client|tracking", false, true);
    assert_news("-client|caching", false, true);
    assert_news("-pttl", false, true);
    assert_news("-exists", false, true);
    assert_news("-client", false, true);
    assert_news("resetchannels &changes", false, true);
    assert_news("-client|tracking -publish", false, false);
    assert_news("resetchannels", false, false);
}

static void refused_credentials_are_invalid_and_not_told(void **state)
{
    static const char *const arguments[] = {"--requirepass", "right", NULL};
    (void)state;
    start(arguments);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_INVALID);
    assert_non_null(strstr(probe.problem, "NOAUTH"));
    strcpy(options.password, "topsecret");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_INVALID);
    assert_non_null(strstr(probe.problem, "credentials"));
    assert_null(strstr(probe.problem, "topsecret"));
    strcpy(options.password, "right");
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
}

static void a_refused_database_is_invalid(void **state)
{
    (void)state;
    start(NULL);
    options.database = 15;
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    options.database = 16;
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_INVALID);
    assert_non_null(strstr(probe.problem, "database"));
}

static void a_replica_cannot_be_used(void **state)
{
    static const char *const arguments[] = {"--replicaof", "127.0.0.1", "1", NULL};
    (void)state;
    start(arguments);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_UNAVAILABLE);
    assert_non_null(strstr(probe.problem, "replica"));
}

static void a_silent_server_costs_the_timeout_once(void **state)
{
    (void)state;
    start(NULL);
    options.connect_timeout_ms = 1500;
    redis_fixture_pause(&redis);
    int64_t began = clock_steady_ms();
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_TIMEOUT);
    assert_in_range(clock_steady_ms() - began, 1490, 2980);
    assert_non_null(strstr(probe.problem, "1500 ms"));
}

static void nobody_there_is_unavailable(void **state)
{
    (void)state;
    start(NULL);
    redis_fixture_kill(&redis);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_UNAVAILABLE);
    assert_string_not_equal(probe.problem, "");
    options.unix_path[0] = '\0';
    strcpy(options.host, "127.0.0.1");
    options.port = redis_fixture_free_port();
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_UNAVAILABLE);
    assert_non_null(strstr(probe.problem, "refused"));
    strcpy(options.host, "no-such-host.invalid");
    assert_int_not_equal(redis_probe(&options, "changes", &probe), ERR_OK);
    assert_string_not_equal(probe.problem, "");
}

static void a_name_server_that_is_silent_costs_the_timeout_once(void **state)
{
    (void)state;
    start(NULL);
    options.unix_path[0] = '\0';
    options.connect_timeout_ms = 1500;
    strcpy(options.host, "silent.invalid");
    int64_t began = clock_steady_ms();
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_TIMEOUT);
    assert_in_range(clock_steady_ms() - began, 1490, 2980);
    assert_non_null(strstr(probe.problem, "name"));
    sem_post(&answer); /* the thread that was left behind ends */
    sem_wait(&answered);
}

static void reaches_a_name(void **state)
{
    char port[8];
    const char *const arguments[] = {"--port", port, "--bind", "127.0.0.1", NULL};
    (void)state;
    snprintf(port, sizeof(port), "%d", redis_fixture_free_port());
    start(arguments);
    options.unix_path[0] = '\0';
    strcpy(options.host, "localhost");
    options.port = atoi(port);
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_OK);
}

static void tls_is_refused_with_a_sentence_where_there_is_none(void **state)
{
    (void)state;
    start(NULL);
    if (redis_client_has_tls())
        skip();
    options.tls = true;
    assert_int_equal(redis_probe(&options, "changes", &probe), ERR_INVALID);
    assert_non_null(strstr(probe.problem, "TLS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tells_what_the_server_is, stop),
        cmocka_unit_test_teardown(snapshots_persist_too, stop),
        cmocka_unit_test_teardown(what_is_not_told_is_not_complained_about, stop),
        cmocka_unit_test_teardown(tells_how_changes_can_be_heard_of, stop),
        cmocka_unit_test_teardown(refused_credentials_are_invalid_and_not_told, stop),
        cmocka_unit_test_teardown(a_refused_database_is_invalid, stop),
        cmocka_unit_test_teardown(a_replica_cannot_be_used, stop),
        cmocka_unit_test_teardown(a_silent_server_costs_the_timeout_once, stop),
        cmocka_unit_test_teardown(nobody_there_is_unavailable, stop),
        cmocka_unit_test_teardown(a_name_server_that_is_silent_costs_the_timeout_once, stop),
        cmocka_unit_test_teardown(reaches_a_name, stop),
        cmocka_unit_test_teardown(tls_is_refused_with_a_sentence_where_there_is_none, stop),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    sem_init(&answer, 0, 0);
    sem_init(&answered, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
