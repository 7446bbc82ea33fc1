/* The types file: what it says is taken over, and whatever is not understood is refused. */
#include "app/type_table.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void write_file(const char *text)
{
    snprintf(path, sizeof(path), "/tmp/types-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static bool load(const char *text, struct type_table *ret_table, char *ret_why, size_t size)
{
    *ret_table = (struct type_table){NULL, 0};
    ret_why[0] = '\0';
    write_file(text);
    bool ok = type_table_load(ret_table, path, ret_why, size);
    unlink(path);
    return ok;
}

static void every_member_is_read(void **state)
{
    (void)state;
    struct type_table table;
    char why[512];
    assert_true(load("{\"types\": {\"ocr\": {\"max_attempts\": 3, \"timeout_seconds\": 60,"
                     " \"queue_timeout_seconds\": 3600, \"retention_seconds\": 0,"
                     " \"retry\": {\"backoff\": \"fixed\", \"delay_seconds\": 30}},"
                     " \"plain\": {},"
                     " \"slow\": {\"retry\": {\"backoff\": \"exponential\","
                     " \"max_delay_seconds\": 9}},"
                     " \"slower\": {\"retry\": {\"backoff\": \"exponential\","
                     " \"delay_seconds\": 700}}}}",
                     &table, why, sizeof(why)));
    assert_int_equal(table.count, 4);
    const struct process_type_defaults *ocr = &table.items[0], *plain = &table.items[1];
    assert_span(ocr->type, SPAN("ocr"));
    assert_int_equal(ocr->max_attempts, 3);
    assert_int_equal(ocr->timeout_ms, 60000);
    assert_int_equal(ocr->queue_timeout_ms, 3600000);
    assert_int_equal(ocr->retention_ms, 0);
    assert_int_equal(ocr->backoff, BACKOFF_FIXED);
    assert_int_equal(ocr->retry_base_ms, 30000);
    assert_int_equal(plain->max_attempts, 0);
    assert_int_equal(plain->retention_ms, -1);
    assert_int_equal(plain->backoff, BACKOFF_POLICY);
    assert_int_equal(table.items[2].retry_base_ms, 2000);
    assert_int_equal(table.items[2].retry_cap_ms, 9000);
    assert_int_equal(table.items[3].retry_cap_ms, 700000);
    type_table_finish(&table);
    type_table_finish(&table);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "byte 0"},
        {"[]", "one member, \"types\""},
        {"{\"types\": {}, \"more\": 1}", "one member, \"types\""},
        {"{\"types\": []}", "/types: must be an object"},
        {"{\"types\": {\"a b\": {}}}", "/types: \"a b\" is no type"},
        {"{\"types\": {\"a\": 1}}", "/types/a: must be an object"},
        {"{\"types\": {\"a\": {\"attempts\": 1}}}", "/types/a: unknown member \"attempts\""},
        {"{\"types\": {\"a\": {\"max_attempts\": 0}}}", "/types/a/max_attempts: must be"},
        {"{\"types\": {\"a\": {\"timeout_seconds\": \"1\"}}}", "/types/a/timeout_seconds: must"},
        {"{\"types\": {\"a\": {\"retry\": {}}}}", "/types/a/retry: must say backoff"},
        {"{\"types\": {\"a\": {\"retry\": {\"backoff\": \"x\"}}}}",
         "/types/a/retry/backoff: must be"},
        {"{\"types\": {\"a\": {\"retry\": {\"backoff\": \"fixed\", \"max_delay_seconds\": 1}}}}",
         "exponential backoff only"},
        {"{\"types\": {\"a\": {\"retry\": {\"backoff\": \"exponential\", \"delay_seconds\": 9,"
         " \"max_delay_seconds\": 8}}}}",
         "must not be less than delay_seconds"},
        {"{\"types\": {\"a\": {\"retry\": {\"pause\": 1}}}}", "unknown member \"pause\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct type_table table;
        char why[512];
        assert_false(load(cases[i].text, &table, why, sizeof(why)));
        if (strstr(why, cases[i].why) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].why, why);
        type_table_finish(&table);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct type_table table = {NULL, 0};
    char why[512];
    assert_false(type_table_load(&table, "/nowhere/types.json", why, sizeof(why)));
    assert_string_equal(why, "/nowhere/types.json: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
