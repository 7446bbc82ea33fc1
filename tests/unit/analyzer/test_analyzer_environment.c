#include "support/test.h"

#include "analyzer/analyzer_environment.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"A", "_", "MY_KEY2", "path"};
    static const char *const bad[] = {"",           "2A",         "A-B",          "A=B",
                                      "Ä",          "PROCESS_ID", "PROCESS_TYPE", "PROCESS_ATTEMPT",
                                      "TRACEPARENT"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(environment_name_is_valid(span_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(environment_name_is_valid(span_of(bad[i])));
}

static int count_starting(const struct words *words, const char *start)
{
    int count = 0;
    for (size_t i = 0; i < words->count; i++)
        count += strncmp(words->items[i], start, strlen(start)) == 0;
    return count;
}

static void test_build(void **state)
{
    (void)state;
    clearenv();
    setenv("PATH", "/bin", 1);
    setenv("LANG", "", 1);
    setenv("TOKEN_FILE", "/run/token", 1);
    setenv("REDIS_PASSWORD", "secret", 1);
    char token[] = "TOKEN_FILE", path[] = "PATH", unset[] = "UNSET";
    char *names[] = {token, path, token, unset, NULL};
    const struct analyzer analyzer = {.type = SPAN("ocr"), .environment = names};
    const struct process_id id = {{0xAB}};
    struct words words = {NULL, 0};
    assert_true(environment_build(&words, &analyzer, &id, 12, SPAN(TRACEPARENT)));
    assert_int_equal(words.count, 7);
    assert_int_equal(count_starting(&words, "PATH=/bin"), 1);
    assert_int_equal(count_starting(&words, "LANG="), 1);
    assert_int_equal(count_starting(&words, "TOKEN_FILE=/run/token"), 1);
    assert_int_equal(count_starting(&words, "PROCESS_ID=ab000000-0000-0000-0000-000000000000"), 1);
    assert_int_equal(count_starting(&words, "PROCESS_TYPE=ocr"), 1);
    assert_int_equal(count_starting(&words, "PROCESS_ATTEMPT=12"), 1);
    assert_int_equal(count_starting(&words, "TRACEPARENT=" TRACEPARENT), 1);
    words_finish(&words);
}

static void test_build_without_names(void **state)
{
    (void)state;
    clearenv();
    const struct analyzer analyzer = {.type = SPAN("ocr")};
    const struct process_id id = {{0}};
    struct words words = {NULL, 0};
    assert_true(environment_build(&words, &analyzer, &id, 1, SPAN_NONE));
    assert_int_equal(words.count, 3);
    words_finish(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_build_without_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
