#include "support/test.h"

#include "analyzer/analyzer_words.h"

static const struct {
    const char *text;
    const char *words[5];
} good[] = {
    {"", {NULL}},
    {" \t\n ", {NULL}},
    {"a", {"a"}},
    {"  one two\tthree\n", {"one", "two", "three"}},
    {"'a b' \"c d\" e\\ f", {"a b", "c d", "e f"}},
    {"'' \"\"", {"", ""}},
    {"a'b'\"c\"d", {"abcd"}},
    {"'\\n \"'", {"\\n \""}},
    {"\"a\\\"b\\\\c\\$d\\`e\\n'\"", {"a\"b\\c$d`e\\n'"}},
    {"$HOME * ~ a|b", {"$HOME", "*", "~", "a|b"}},
    {"\\'x\\\"", {"'x\""}},
    {"\xC3\xA4 \xE2\x82\xAC", {"\xC3\xA4", "\xE2\x82\xAC"}},
};

static void test_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct words words = {NULL, 0};
        const char *why = NULL;
        if (!words_split(&words, good[i].text, &why))
            fail_msg("%s: %s", good[i].text, why);
        size_t count = 0;
        for (; good[i].words[count] != NULL; count++) {
            assert_true(count < words.count);
            assert_string_equal(words.items[count], good[i].words[count]);
        }
        assert_int_equal(words.count, count);
        if (count > 0)
            assert_null(words.items[count]);
        words_finish(&words);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"a 'b", "a ' is not closed"},
    {"a \"b'", "a \" is not closed"},
    {"a\\", "nothing follows the last backslash"},
    {"\"a\\\"", "a \" is not closed"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct words words = {NULL, 0};
        const char *why = NULL;
        assert_false(words_split(&words, bad[i].text, &why));
        assert_string_equal(why, bad[i].why);
        words_finish(&words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
