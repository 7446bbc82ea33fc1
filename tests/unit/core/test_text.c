#include "support/test.h"

#include "proctrack/text.h"

static void spans_compare(void **state)
{
    (void)state;
    assert_true(span_equal(SPAN("a"), SPAN("a")));
    assert_false(span_equal(SPAN("a"), SPAN("b")));
    assert_false(span_equal(SPAN("a"), SPAN("ab")));
    assert_true(span_equal(SPAN_NONE, SPAN_NONE));
    assert_false(span_equal(SPAN_NONE, SPAN(""))); /* absent is not empty */
    assert_true(span_is(SPAN("x"), "x"));
    assert_false(span_is(SPAN("x\0y"), "x"));
    assert_true(span_is(span_of(NULL), NULL));
    assert_true(span_is_nocase(SPAN("KeeP-aLive"), "keep-alive"));
    assert_false(span_is_nocase(SPAN("[eep"), "{eep")); /* 32 apart, but no letters */
    assert_false(span_is_nocase(SPAN("kee"), "keep"));
    assert_false(span_is_nocase(SPAN_NONE, ""));
    assert_true(span_starts(SPAN("redis://x"), "redis://"));
    assert_false(span_starts(SPAN("redi"), "redis://"));
    assert_false(span_starts(SPAN_NONE, ""));
}

static void spans_are_trimmed_of_blanks_and_tabs_only(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), SPAN("a b"));
    assert_span(span_trim(SPAN(" \n ")), SPAN("\n"));
    assert_int_equal(span_trim(SPAN(" \t ")).len, 0);
    assert_span(span_trim(SPAN_NONE), SPAN_NONE);
}

static void a_span_is_split_to_the_end(void **state)
{
    (void)state;
    struct span rest = SPAN("a,,bc,");
    struct span part;
    static const char *const parts[] = {"a", "", "bc", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_true(span_split(&rest, ',', &part));
        assert_span(part, span_of(parts[i]));
    }
    assert_null(rest.data);
    part = SPAN("untouched");
    assert_false(span_split(&rest, ',', &part));
    assert_span(part, SPAN("untouched"));

    rest = SPAN(""); /* empty is one empty part */
    assert_true(span_split(&rest, ',', &part));
    assert_span(part, SPAN(""));
    assert_false(span_split(&rest, ',', &part));
}

static void integers_are_read_within_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", 0, 10, true, 0},
        {"10", 0, 10, true, 10},
        {"11", 0, 10, false, 0},
        {"007", 0, 10, true, 7},
        {"-1", 0, 10, false, 0},
        {"-0", 0, 10, false, 0},
        {"-1", -1, 10, true, -1},
        {"-2", -1, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-", -10, 10, false, 0},
        {"--1", -10, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"1e1", 0, 100, false, 0},
        {"0x1", 0, 100, false, 0},
        {"1.0", 0, 100, false, 0},
        {"9223372036854775807", 0, INT64_MAX, true, INT64_MAX},
        {"9223372036854775808", 0, INT64_MAX, false, 0},
        {"-9223372036854775808", INT64_MIN, 0, true, INT64_MIN},
        {"-9223372036854775809", INT64_MIN, 0, false, 0},
        {"18446744073709551617", INT64_MIN, INT64_MAX, false, 0},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 4711;
        const bool ok = span_to_int(span_of(cases[i].text), cases[i].min, cases[i].max, &value);
        assert_int_equal(ok, cases[i].ok);
        assert_true(value == (ok ? cases[i].value : 4711));
    }
    int64_t value;
    assert_false(span_to_int(SPAN_NONE, 0, 10, &value));
}

static void copies_never_truncate(void **state)
{
    (void)state;
    char text[4] = "old";
    assert_false(text_copy(text, sizeof(text), SPAN("1234")));
    assert_string_equal(text, "old");
    assert_true(text_copy(text, sizeof(text), SPAN("123")));
    assert_string_equal(text, "123");
    assert_true(text_copy(text, sizeof(text), SPAN_NONE));
    assert_string_equal(text, "");
    assert_false(text_copy(text, 0, SPAN("")));
}

static void utf8_is_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain ascii that is longer than eight bytes",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "1234567\xc3\xa4",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80", /* overlong */
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3", /* cut short */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(",
        "\xe2(\xac",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "12345678\xc3",
        "1234567\xfezzzzzzzz",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(utf8_valid(span_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(utf8_valid(span_of(bad[i])));
    assert_true(utf8_valid(SPAN_NONE));
    assert_true(utf8_valid(SPAN("a\0b")));
}

static void a_buffer_grows(void **state)
{
    (void)state;
    struct text_buffer buffer;
    text_buffer_init(&buffer, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        text_append_int(&buffer, i);
        text_append_char(&buffer, ' ');
    }
    text_append_literal(&buffer, "end");
    text_append_str(&buffer, "!");
    text_append_span(&buffer, SPAN("?"));
    text_append_span(&buffer, SPAN_NONE);
    text_append_format(&buffer, "%s-%d", "x", 5);
    assert_false(buffer.failed);
    assert_int_equal(buffer.len, 10 * 2 + 90 * 3 + 900 * 4 + 3 + 1 + 1 + 3);
    char *text = text_buffer_take(&buffer);
    assert_memory_equal(text, "0 1 2 3 4 5 6 7 8 9 10 ", 23);
    assert_string_equal(text + strlen(text) - 12, "999 end!?x-5");
    free(text);
    assert_null(buffer.data);
    text_append_literal(&buffer, "again"); /* usable after it was taken from */
    assert_span(text_buffer_span(&buffer), SPAN("again"));
    text_buffer_finish(&buffer);
    text_buffer_finish(&buffer);
}

static void integers_are_written(void **state)
{
    (void)state;
    struct text_buffer buffer;
    text_buffer_init(&buffer, 100);
    text_append_int(&buffer, INT64_MIN);
    text_append_char(&buffer, ',');
    text_append_int(&buffer, INT64_MAX);
    text_append_char(&buffer, ',');
    text_append_int(&buffer, 0);
    assert_span(text_buffer_span(&buffer), SPAN("-9223372036854775808,9223372036854775807,0"));
    text_buffer_finish(&buffer);
}

static void a_buffer_keeps_its_maximum_and_remembers(void **state)
{
    (void)state;
    struct text_buffer buffer;
    text_buffer_init(&buffer, 10);
    text_append_literal(&buffer, "0123456789");
    assert_false(buffer.failed);
    text_append_char(&buffer, 'x');
    assert_true(buffer.failed);
    assert_span(text_buffer_span(&buffer), SPAN("0123456789"));
    assert_null(text_buffer_take(&buffer));
    assert_false(buffer.failed); /* taken: empty again */

    text_append_format(&buffer, "%s", "0123456789");
    assert_false(buffer.failed);
    text_append_format(&buffer, "%s", "1");
    assert_true(buffer.failed);
    text_buffer_finish(&buffer);

    assert_true(text_buffer_reserve(&buffer, 10));
    assert_false(text_buffer_reserve(&buffer, 11));
    text_append_literal(&buffer, ""); /* nothing is appended after a failure */
    text_append_literal(&buffer, "1");
    assert_int_equal(buffer.len, 0);
    text_buffer_finish(&buffer);

    text_buffer_init(&buffer, SIZE_MAX);
    assert_false(text_buffer_reserve(&buffer, SIZE_MAX));
    text_buffer_finish(&buffer);
    text_append_literal(&buffer, "fits");
    assert_span(text_buffer_span(&buffer), SPAN("fits"));
    text_buffer_finish(&buffer);
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
    (void)state;
    struct text_buffer buffer;
    text_buffer_init(&buffer, 0);
    char *text = text_buffer_take(&buffer);
    assert_string_equal(text, "");
    free(text);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    const struct {
        struct span text;
        const char *json;
    } cases[] = {
        {SPAN(""), "\"\""},
        {SPAN_NONE, "\"\""},
        {SPAN("plain and longer than eight"), "\"plain and longer than eight\""},
        {SPAN("\"\\/"), "\"\\\"\\\\/\""},
        {SPAN("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {SPAN("a\0b\x01\x1f\x7f"), "\"a\\u0000b\\u0001\\u001f\x7f\""},
        {SPAN("1234567\n12345678\n"), "\"1234567\\n12345678\\n\""},
        {SPAN("12345678\"12345678"), "\"12345678\\\"12345678\""},
        {SPAN("\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac"), "\"\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text_buffer buffer;
        text_buffer_init(&buffer, 1000);
        text_append_json_string(&buffer, cases[i].text);
        assert_span(text_buffer_span(&buffer), span_of(cases[i].json));
        text_buffer_finish(&buffer);

        text_buffer_init(&buffer, strlen(cases[i].json) - 1);
        text_append_json_string(&buffer, cases[i].text);
        assert_true(buffer.failed);
        text_buffer_finish(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare),
        cmocka_unit_test(spans_are_trimmed_of_blanks_and_tabs_only),
        cmocka_unit_test(a_span_is_split_to_the_end),
        cmocka_unit_test(integers_are_read_within_their_range),
        cmocka_unit_test(copies_never_truncate),
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(a_buffer_grows),
        cmocka_unit_test(integers_are_written),
        cmocka_unit_test(a_buffer_keeps_its_maximum_and_remembers),
        cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
        cmocka_unit_test(json_strings_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
