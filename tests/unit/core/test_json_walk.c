#include "support/test.h"

#include "proctrack/json_scan.h"

static struct span checked(struct span text)
{
    struct span value;
    struct json_fault fault = {0, ""};
    if (!json_check(text, &value, &fault))
        fail_msg("'" SPAN_FMT "': %s", SPAN_ARG(text), fault.reason);
    return value;
}

static void kinds_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(json_kind_of(SPAN("null")), JSON_KIND_NULL);
    assert_int_equal(json_kind_of(SPAN("true")), JSON_KIND_BOOL);
    assert_int_equal(json_kind_of(SPAN("false")), JSON_KIND_BOOL);
    assert_int_equal(json_kind_of(SPAN("-1")), JSON_KIND_NUMBER);
    assert_int_equal(json_kind_of(SPAN("0")), JSON_KIND_NUMBER);
    assert_int_equal(json_kind_of(SPAN("\"\"")), JSON_KIND_STRING);
    assert_int_equal(json_kind_of(SPAN("[]")), JSON_KIND_ARRAY);
    assert_int_equal(json_kind_of(SPAN("{}")), JSON_KIND_OBJECT);
    assert_int_equal(json_kind_of(SPAN_NONE), JSON_KIND_NONE);
    assert_true(json_means_true(SPAN("true")));
    assert_false(json_means_true(SPAN("false")));
    assert_false(json_means_true(SPAN_NONE));
}

static void members_come_in_order_byte_for_byte(void **state)
{
    (void)state;
    const struct span object = checked(SPAN(
        " { \"a\" :1,\"b\\\"}\":\t[1,{\"x\":\"]}\\\\\"},[ ]] ,\"\":\"y,\\\"}\" , \"long key\" : { "
        "\"z\" : \"0123456789\\\"0123456789\" } ,\"t\":true,\"n\":-1.5e3,\"e\":{},\"l\":null } "));
    static const char *const expected[][2] = {
        {"\"a\"", "1"},          {"\"b\\\"}\"", "[1,{\"x\":\"]}\\\\\"},[ ]]"},
        {"\"\"", "\"y,\\\"}\""}, {"\"long key\"", "{ \"z\" : \"0123456789\\\"0123456789\" }"},
        {"\"t\"", "true"},       {"\"n\"", "-1.5e3"},
        {"\"e\"", "{}"},         {"\"l\"", "null"},
    };
    size_t cursor = 0;
    struct span key, value;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(json_object_next(object, &cursor, &key, &value));
        assert_span(key, span_of(expected[i][0]));
        assert_span(value, span_of(expected[i][1]));
    }
    assert_false(json_object_next(object, &cursor, &key, &value));
    assert_false(json_object_next(object, &cursor, &key, &value));
}

static void items_come_in_order_byte_for_byte(void **state)
{
    (void)state;
    const struct span array =
        checked(SPAN("[ 1 ,\"a,]\",[[\"]\"],[]],{\"k\":[0]} ,false,\"\\\\\" , 2.5]"));
    static const char *const expected[] = {"1",     "\"a,]\"",  "[[\"]\"],[]]", "{\"k\":[0]}",
                                           "false", "\"\\\\\"", "2.5"};
    size_t cursor = 0;
    struct span item;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(json_array_next(array, &cursor, &item));
        assert_span(item, span_of(expected[i]));
    }
    assert_false(json_array_next(array, &cursor, &item));
}

static void empty_and_foreign_values_have_no_members(void **state)
{
    (void)state;
    struct span key, value;
    size_t cursor = 0;
    assert_false(json_object_next(checked(SPAN("{ }")), &cursor, &key, &value));
    assert_false(json_array_next(checked(SPAN("[ ]")), &cursor, &value));
    assert_false(json_object_next(checked(SPAN("[1]")), &cursor, &key, &value));
    assert_false(json_array_next(checked(SPAN("{\"a\":1}")), &cursor, &value));
    assert_false(json_array_next(checked(SPAN("\"[1]\"")), &cursor, &value));
    assert_false(json_object_next(SPAN_NONE, &cursor, &key, &value));
    assert_int_equal(cursor, 0);
}

static void strings_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u0041\\u007f\\u0080\\u07ff\\u0800\\uFFFF\"",
         "aA\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"\"\\ud83d\\ude00\\uD800\\uDC00\\udbff\\udfff\"",
         "\xf0\x9f\x98\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\"\xc3\xa4\\n\xe2\x82\xac\"", "\xc3\xa4\n\xe2\x82\xac"},
        {"\"\\\\u0041\"", "\\u0041"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct span string = checked(span_of(cases[i].json));
        const size_t len = strlen(cases[i].text);
        char text[64] = "old";
        size_t copied = 4711;
        assert_true(json_string_is(string, cases[i].text));
        assert_false(json_string_copy(string, text, len, &copied)); /* no room for the zero */
        assert_string_equal(text, "old");
        assert_int_equal(copied, 4711);
        assert_true(json_string_copy(string, text, len + 1, &copied));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(copied, len);
        assert_true(json_string_copy(string, text, sizeof(text), NULL));
    }
}

static void other_strings_are_not_the_same(void **state)
{
    (void)state;
    char text[8] = "old";
    assert_false(json_string_is(SPAN("\"a\""), "b"));
    assert_false(json_string_is(SPAN("\"a\""), ""));
    assert_false(json_string_is(SPAN("\"a\""), "aa"));
    assert_false(json_string_is(SPAN("\"\\u0061\""), "aa"));
    assert_false(json_string_is(SPAN("\"\\u0061a\""), "a"));
    assert_false(json_string_is(SPAN("\"\\u0061\""), ""));
    assert_false(json_string_is(SPAN("true"), "true"));
    assert_false(json_string_is(SPAN_NONE, ""));
    assert_false(json_string_copy(SPAN("12"), text, sizeof(text), NULL));
    assert_false(json_string_copy(SPAN_NONE, text, sizeof(text), NULL));
    assert_string_equal(text, "old");
}

static void integers_are_read(void **state)
{
    (void)state;
    int64_t value = 4711;
    assert_true(json_to_int(SPAN("-5"), -5, 5, &value) && value == -5);
    assert_true(json_to_int(SPAN("-0"), 0, 5, &value) && value == 0);
    assert_true(json_to_int(SPAN("9223372036854775807"), 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    static const char *const refused[] = {"6",     "-6",   "1.0",  "1e0", "9223372036854775808",
                                          "\"1\"", "true", "null", "[1]", ""};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(json_to_int(span_of(refused[i]), -5, 5, &value));
    assert_true(value == INT64_MAX);
}

static void reals_are_read(void **state)
{
    (void)state;
    double value = 1;
    assert_true(json_to_double(SPAN("42.5"), &value) && value >= 42.5 && value <= 42.5);
    assert_true(json_to_double(SPAN("-1e-2"), &value) && value >= -0.01 && value <= -0.01);
    assert_true(json_to_double((struct span){"123456", 3}, &value)); /* ends where the span does */
    assert_true(value >= 123 && value <= 123);
    char digits[400];
    memset(digits, '0', sizeof(digits));
    digits[0] = '7';
    assert_true(json_to_double((struct span){digits, 101}, &value));
    assert_true(value >= 7e100 && value <= 7e100);
    assert_false(json_to_double((struct span){digits, 400}, &value)); /* beyond a double */
    assert_false(json_to_double(SPAN("1e999"), &value));
    assert_false(json_to_double(SPAN("\"1\""), &value));
    assert_false(json_to_double(SPAN("null"), &value));
    assert_false(json_to_double(SPAN_NONE, &value));
    assert_true(value >= 7e100 && value <= 7e100);
}

/* Spans that nobody checked may give nonsense, but no read beyond them and no endless walk. */
static void walk_unchecked(struct span text)
{
    struct span key, value;
    char out[16];
    size_t cursor = 0;
    for (size_t steps = 0; json_object_next(text, &cursor, &key, &value); steps++)
        assert_true(steps <= text.len);
    cursor = 0;
    for (size_t steps = 0; json_array_next(text, &cursor, &value); steps++)
        assert_true(steps <= text.len);
    json_string_is(text, "abc");
    json_string_copy(text, out, sizeof(out), NULL);
}

static void unchecked_spans_do_no_harm(void **state)
{
    (void)state;
    const struct span texts[] = {
        SPAN("{"),         SPAN("{\""),       SPAN("{\"a"),         SPAN("{\"a\""),
        SPAN("{\"a\":"),   SPAN("{\"a\":\""), SPAN("{\"a\":\"\\"),  SPAN("{,"),
        SPAN("{\"a\":,,"), SPAN("{\"a\":]"),  SPAN("{\"a\":[["),    SPAN("{1:2}"),
        SPAN("["),         SPAN("[["),        SPAN("[\""),          SPAN("[\"\\"),
        SPAN("[,,"),       SPAN("[}"),        SPAN("[[}\0"),        SPAN("[\0\0"),
        SPAN("\"\\u"),     SPAN("\"\\u12"),   SPAN("\"\\ud800\\u"), SPAN("\""),
        SPAN("\"\\"),      SPAN("\"abc\\"),   SPAN("\"abc\0\"\\"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *copy = malloc(texts[i].len); /* ends where its memory ends */
        assert_non_null(copy);
        memcpy(copy, texts[i].data, texts[i].len);
        walk_unchecked((struct span){copy, texts[i].len});
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(members_come_in_order_byte_for_byte),
        cmocka_unit_test(items_come_in_order_byte_for_byte),
        cmocka_unit_test(empty_and_foreign_values_have_no_members),
        cmocka_unit_test(strings_mean_what_they_say),
        cmocka_unit_test(other_strings_are_not_the_same),
        cmocka_unit_test(integers_are_read),
        cmocka_unit_test(reals_are_read),
        cmocka_unit_test(unchecked_spans_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
