#include "support/test.h"

#include "proctrack/redis_client.h"

#include <stdio.h>

struct good {
    const char *url, *host;
    int port;
    const char *unix_path, *username, *password;
    int database;
    bool tls;
};

static const struct good goods[] = {
    {"redis://localhost", "localhost", 6379, "", "", "", 0, false},
    {"redis://redis.example.org:7000", "redis.example.org", 7000, "", "", "", 0, false},
    {"redis://my_redis-1:1/15", "my_redis-1", 1, "", "", "", 15, false},
    {"REDIS://h", "h", 6379, "", "", "", 0, false},
    {"redis://h/", "h", 6379, "", "", "", 0, false},
    {"redis://h:65535/0", "h", 65535, "", "", "", 0, false},
    {"redis://:secret@h", "h", 6379, "", "", "secret", 0, false},
    {"redis://user@h", "h", 6379, "", "user", "", 0, false},
    {"redis://user:secret@h/2", "h", 6379, "", "user", "secret", 2, false},
    {"redis://us%65r:p%40ss%3A%2f%25@h", "h", 6379, "", "user", "p@ss:/%", 0, false},
    {"redis://user:a:b@c@h", "h", 6379, "", "user", "a:b@c", 0, false},
    {"redis://user:p%C3%A4ss@h", "h", 6379, "", "user", "p\xc3\xa4ss", 0, false},
    {"rediss://h:6380/1", "h", 6380, "", "", "", 1, true},
    {"redis://[::1]", "::1", 6379, "", "", "", 0, false},
    {"redis://u:p@[fe80::1:2]:6400/3", "fe80::1:2", 6400, "", "u", "p", 3, false},
    {"redis://127.0.0.1:6400", "127.0.0.1", 6400, "", "", "", 0, false},
    {"redis://", "127.0.0.1", 6379, "", "", "", 0, false},
    {"redis://:7000", "127.0.0.1", 7000, "", "", "", 0, false},
    {"redis:///4", "127.0.0.1", 6379, "", "", "", 4, false},
    {"redis://h?db=3", "h", 6379, "", "", "", 3, false},
    {"redis://h/1?db=3&username=u&password=p%26q", "h", 6379, "", "u", "p&q", 3, false},
    {"redis://h?", "h", 6379, "", "", "", 0, false},
    {"unix:///run/redis.sock", "", 6379, "/run/redis.sock", "", "", 0, false},
    {"unix://:secret@/run/redis.sock?db=5", "", 6379, "/run/redis.sock", "", "secret", 5, false},
    {"unix://u:p@/tmp/a%20b%3F.sock", "", 6379, "/tmp/a b?.sock", "u", "p", 0, false},
};

static const char *const bads[] = {
    "",
    "h",
    "localhost:6379",
    "http://h",
    "redis:/h",
    "redis//h",
    "redis://h:0",
    "redis://h:65536",
    "redis://h:",
    "redis://h:port",
    "redis://h:+1",
    "redis://h:6379x",
    "redis://h/x",
    "redis://h/-1",
    "redis://h/1/2",
    "redis://h/99999999999",
    "redis://h?db=x",
    "redis://h?db",
    "redis://h?timeout=3",
    "redis://h?ssl_cert_reqs=none",
    "redis://h#fragment",
    "redis://a b",
    "redis://h%00ost",
    "redis://u:%zz@h",
    "redis://u:%4@h",
    "redis://u:%@h",
    "redis://u:a%00b@h",
    "redis://::1",
    "redis://[::1",
    "redis://[::1]x",
    "redis://[::g]",
    "redis://[127.0.0.1]",
    "redis://[]",
    "unix://",
    "unix:///",
    "unix://relative.sock",
    "unix:///a%00b",
    "unix:///"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaaaaaaaaaaaaaaaaaa",
};

static void reads_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        const struct good *good = &goods[i];
        struct redis_options options;
        const char *why = NULL;
        redis_options_defaults(&options);
        if (!redis_options_parse_url(&options, good->url, &why))
            fail_msg("%s: %s", good->url, why);
        assert_string_equal(options.host, good->host);
        assert_int_equal(options.port, good->port);
        assert_string_equal(options.unix_path, good->unix_path);
        assert_string_equal(options.username, good->username);
        assert_string_equal(options.password, good->password);
        assert_int_equal(options.database, good->database);
        assert_int_equal(options.tls, good->tls);
    }
}

static void refuses_what_is_wrong_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        struct redis_options options, before;
        const char *why = NULL;
        redis_options_defaults(&options);
        before = options;
        if (redis_options_parse_url(&options, bads[i], &why))
            fail_msg("taken: %s", bads[i]);
        assert_non_null(why);
        assert_memory_equal(&options, &before, sizeof(options));
    }
}

static void a_reason_holds_no_secret(void **state)
{
    struct redis_options options;
    const char *why = "";
    (void)state;
    redis_options_defaults(&options);
    assert_false(redis_options_parse_url(&options, "redis://u:topsecret@h:99999", &why));
    assert_null(strstr(why, "topsecret"));
}

static void refuses_what_is_too_long(void **state)
{
    char url[4096];
    struct redis_options options;
    const char *why;
    (void)state;
    redis_options_defaults(&options);
    snprintf(url, sizeof(url), "redis://%0*d@h", 256, 0);
    assert_false(redis_options_parse_url(&options, url, &why));
    snprintf(url, sizeof(url), "redis://:%0*d@h", 1024, 0);
    assert_false(redis_options_parse_url(&options, url, &why));
    snprintf(url, sizeof(url), "redis://:%0*d@h", 1023, 0);
    assert_true(redis_options_parse_url(&options, url, &why));
    snprintf(url, sizeof(url), "redis://%0*d", 256, 0);
    assert_false(redis_options_parse_url(&options, url, &why));
}

static void a_tcp_url_replaces_a_socket_and_back(void **state)
{
    struct redis_options options;
    const char *why;
    (void)state;
    redis_options_defaults(&options);
    assert_true(redis_options_parse_url(&options, "unix:///run/r", &why));
    assert_true(redis_options_parse_url(&options, "redis://h", &why));
    assert_string_equal(options.unix_path, "");
    assert_string_equal(options.host, "h");
}

static void names_sentinels_and_their_service(void **state)
{
    struct redis_options options;
    const char *why = NULL;
    (void)state;
    redis_options_defaults(&options);
    assert_true(
        redis_options_parse_url(&options,
                                "redis+sentinel://u:p%40@h1,10.0.0.2:7000,[::1]:7001/"
                                "my%2Fmaster/3?sentinel_username=su&sentinel_password=s%26p",
                                &why));
    assert_int_equal(options.sentinel_count, 3);
    assert_string_equal(options.sentinels[0].host, "h1");
    assert_int_equal(options.sentinels[0].port, 26379);
    assert_string_equal(options.sentinels[1].host, "10.0.0.2");
    assert_int_equal(options.sentinels[1].port, 7000);
    assert_string_equal(options.sentinels[2].host, "::1");
    assert_int_equal(options.sentinels[2].port, 7001);
    assert_string_equal(options.host, "");
    assert_string_equal(options.service, "my/master");
    assert_int_equal(options.database, 3);
    assert_string_equal(options.username, "u");
    assert_string_equal(options.password, "p@");
    assert_string_equal(options.sentinel_username, "su");
    assert_string_equal(options.sentinel_password, "s&p");
    assert_true(redis_options_parse_url(&options, "redis://h", &why));
    assert_int_equal(options.sentinel_count, 0);
}

static void refuses_what_names_no_sentinels(void **state)
{
    static const char *const wrong[] = {
        "redis+sentinel://",
        "redis+sentinel:///mymaster",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel://h//1",
        "redis+sentinel://h,/mymaster",
        "redis+sentinel://,h/mymaster",
        "redis+sentinel://h1,h2:0/mymaster",
        "redis+sentinel://h1,h 2/mymaster",
        "redis+sentinel://h/mymaster/x",
        "redis+sentinel://h/mymaster/1/2",
        "redis+sentinel://h/mymaster?master=x",
        "redis+sentinel://1,2,3,4,5,6,7,8,9/mymaster",
        "redis://h?sentinel_password=x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct redis_options options, before;
        const char *why = NULL;
        redis_options_defaults(&options);
        before = options;
        if (redis_options_parse_url(&options, wrong[i], &why))
            fail_msg("taken: %s", wrong[i]);
        assert_non_null(why);
        assert_memory_equal(&options, &before, sizeof(options));
    }
}

static void assert_described(const char *url, const char *expected)
{
    struct redis_options options;
    const char *why;
    char text[300];
    redis_options_defaults(&options);
    assert_true(redis_options_parse_url(&options, url, &why));
    redis_options_describe(&options, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void describes_where_without_secrets(void **state)
{
    (void)state;
    assert_described("redis://u:secret@h:7000/3", "h:7000");
    assert_described("redis://[::1]", "[::1]:6379");
    assert_described("redis+sentinel://u:p@h1,[::1]:7/m/1?sentinel_password=x",
                     "h1:26379,[::1]:7/m");
    assert_described("unix://u:secret@/run/r.sock", "/run/r.sock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_what_is_wrong_and_changes_nothing),
        cmocka_unit_test(a_reason_holds_no_secret),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(a_tcp_url_replaces_a_socket_and_back),
        cmocka_unit_test(names_sentinels_and_their_service),
        cmocka_unit_test(refuses_what_names_no_sentinels),
        cmocka_unit_test(describes_where_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
