#include "support/test.h"

#include "storage/redis_commands.h"

#include <hiredis/hiredis.h>

static void writes_resp(void **state)
{
    struct redis_commands commands;
    (void)state;
    redis_commands_init(&commands, NULL);
    for (int again = 0; again < 2; again++) { /* the buffer is used again */
        redis_commands_begin(&commands, false);
        redis_command(&commands, "SET");
        redis_arg(&commands, SPAN("a\0b"));
        redis_arg(&commands, SPAN(""));
        redis_command(&commands, "PING");
        redis_command(&commands, "ECHO");
        redis_arg_int(&commands, INT64_MIN);
        assert_true(redis_commands_end(&commands));
        assert_int_equal(commands.count, 3);
        assert_span(commands.parts[0], SPAN("*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$0\r\n\r\n"));
        assert_span(commands.parts[1], SPAN("*1\r\n$4\r\nPING\r\n"));
        assert_span(commands.parts[2], SPAN("*2\r\n$4\r\nECHO\r\n$20\r\n-9223372036854775808\r\n"));
    }
    redis_commands_finish(&commands);
}

static void counts_many_arguments(void **state)
{
    struct redis_commands commands;
    (void)state;
    redis_commands_init(&commands, NULL);
    redis_commands_begin(&commands, false);
    redis_command(&commands, "DEL");
    for (int i = 0; i < 1233; i++)
        redis_arg_str(&commands, "k");
    assert_true(redis_commands_end(&commands));
    assert_memory_equal(commands.parts[0].data, "*1234\r\n$3\r\nDEL\r\n", 16);
    redis_commands_finish(&commands);
}

static void calls_scripts_by_hash_or_text(void **state)
{
    const struct span scripts[] = {SPAN("return 1"), SPAN("return 2")};
    struct redis_commands commands;
    (void)state;
    redis_commands_init(&commands, scripts);
    strcpy(commands.hashes[1], "0123");
    redis_commands_begin(&commands, false);
    redis_command_script(&commands, 1, SPAN("key"));
    assert_true(redis_commands_end(&commands));
    assert_span(commands.parts[0],
                SPAN("*4\r\n$7\r\nEVALSHA\r\n$4\r\n0123\r\n$1\r\n1\r\n$3\r\nkey\r\n"));
    redis_commands_begin(&commands, true);
    redis_command_script(&commands, 1, SPAN("key"));
    assert_true(redis_commands_end(&commands));
    assert_span(commands.parts[0],
                SPAN("*4\r\n$4\r\nEVAL\r\n$8\r\nreturn 2\r\n$1\r\n1\r\n$3\r\nkey\r\n"));
    redis_commands_finish(&commands);
}

static void too_many_commands_are_no_request(void **state)
{
    struct redis_commands commands;
    (void)state;
    redis_commands_init(&commands, NULL);
    redis_commands_begin(&commands, false);
    assert_false(redis_commands_end(&commands)); /* none at all */
    for (int i = 0; i < REDIS_COMMANDS_MAX + 1; i++)
        redis_command(&commands, "PING");
    redis_arg_str(&commands, "lost");
    assert_false(redis_commands_end(&commands));
    redis_commands_begin(&commands, false); /* and the next is fine again */
    redis_command(&commands, "PING");
    assert_true(redis_commands_end(&commands));
    redis_commands_finish(&commands);
}

static void error_replies_have_one_meaning(void **state)
{
    static const struct {
        const char *text;
        enum err err;
    } cases[] = {
        {"WRONGTYPE Operation against a key", ERR_CORRUPT},
        {"OOM command not allowed when used memory > 'maxmemory'.", ERR_FULL},
        {"OOM command not allowed. script: 12ab, on @user_script:3.", ERR_FULL},
        {"READONLY You can't write against a read only replica.", ERR_UNAVAILABLE},
        {"LOADING Redis is loading the dataset in memory", ERR_UNAVAILABLE},
        {"CLUSTERDOWN The cluster is down", ERR_UNAVAILABLE},
        {"MASTERDOWN Link with MASTER is down", ERR_UNAVAILABLE},
        {"NOPERM this user has no permissions", ERR_UNAVAILABLE},
        {"NOAUTH Authentication required.", ERR_UNAVAILABLE},
        {"NOREPLICAS Not enough good replicas to write.", ERR_UNAVAILABLE},
        {"MISCONF Redis is configured to save RDB snapshots", ERR_UNAVAILABLE},
        {"EXECABORT Transaction discarded because of previous errors.", ERR_UNAVAILABLE},
        {"ERR Error running script (call to f_1): @user_script:9: -OOM command not", ERR_FULL},
        {"ERR unknown command 'OOM'", ERR_INTERNAL},
        {"OOMPH is no code", ERR_INTERNAL},
        {"", ERR_INTERNAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[100];
        strcpy(text, cases[i].text);
        redisReply reply = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
        assert_int_equal(redis_reply_error(&reply), cases[i].err);
        reply.type = REDIS_REPLY_STRING;
        assert_int_equal(redis_reply_error(&reply), ERR_OK);
    }
}

static void arguments_that_redis_repeats_are_not_shown(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"ERR unknown command 'AUTH', with args beginning with: 'secret' ",
         "ERR unknown command 'AUTH'"},
        {"WRONGPASS invalid username-password pair", "WRONGPASS invalid username-password pair"},
        {"", ""},
    };
    char text[1000];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_span(((struct span){cases[i].text, (size_t)redis_error_shown(cases[i].text)}),
                    span_of(cases[i].shown));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_in_range(redis_error_shown(text), 100, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_resp),
        cmocka_unit_test(counts_many_arguments),
        cmocka_unit_test(calls_scripts_by_hash_or_text),
        cmocka_unit_test(too_many_commands_are_no_request),
        cmocka_unit_test(error_replies_have_one_meaning),
        cmocka_unit_test(arguments_that_redis_repeats_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
