#include "support/test.h"

#include "proctrack/json_scan.h"

#include <pthread.h>
#include <stdio.h>

enum { ACCEPTED = -1 };

/* Checks a copy that ends where its memory ends, so that a sanitizer sees a read beyond it. The
 * offset of the fault, or ACCEPTED. */
static int64_t fault_of(struct span text, const char **ret_reason)
{
    char *copy = malloc(text.len > 0 ? text.len : 1);
    assert_non_null(copy);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    struct span value = SPAN("untouched");
    struct json_fault fault = {4711, "untouched"};
    const bool ok = json_check((struct span){copy, text.len}, &value, &fault);
    if (ok) {
        assert_string_equal(fault.reason, "untouched");
        assert_true(value.data >= copy && value.data + value.len <= copy + text.len);
    } else {
        assert_span(value, SPAN("untouched"));
        assert_true(fault.offset <= text.len);
        *ret_reason = fault.reason;
    }
    free(copy);
    return ok ? ACCEPTED : (int64_t)fault.offset;
}

struct scan_case {
    struct span text;
    int64_t offset; /* of the fault, or ACCEPTED */
    const char *reason;
};

static void expect(const struct scan_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *reason = NULL;
        const int64_t offset = fault_of(cases[i].text, &reason);
        if (offset != cases[i].offset)
            fail_msg("'" SPAN_FMT "': %lld (%s), expected %lld", SPAN_ARG(cases[i].text),
                     (long long)offset, reason != NULL ? reason : "accepted",
                     (long long)cases[i].offset);
        if (cases[i].reason != NULL)
            assert_string_equal(reason, cases[i].reason);
    }
}

#define EXPECT(cases) expect((cases), sizeof(cases) / sizeof((cases)[0]))
#define T(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define EARLY      "the text ends too early"
#define IN_STRING  "the text ends within a string"
#define NO_VALUE   "a JSON value is expected"
#define NO_PARTNER "the surrogate escape has no partner"
#define BAD_UTF8   "invalid UTF-8"
#define TWICE      "the key stands twice in its object"

static void values_are_accepted(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {T("null"), ACCEPTED, NULL},
        {T("true"), ACCEPTED, NULL},
        {T("false"), ACCEPTED, NULL},
        {T("\"\""), ACCEPTED, NULL},
        {T("{}"), ACCEPTED, NULL},
        {T("[]"), ACCEPTED, NULL},
        {T("{ }"), ACCEPTED, NULL},
        {T("[\n]"), ACCEPTED, NULL},
        {T(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \t\r\n"), ACCEPTED, NULL},
        {T("[[],{},[{}],\"\",0,null]"), ACCEPTED, NULL},
        {T("{\"\":1}"), ACCEPTED, NULL},
        {T("{\"a\":1,\"A\":1,\"a \":1,\"\":1}"), ACCEPTED, NULL},
        {T("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"), ACCEPTED, NULL},
        {T("\"\x7f\""), ACCEPTED, NULL},
        {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), ACCEPTED, NULL},
        {T("\"\\u0001\\uFFFF\\uabCD\\ud7ff\\ue000\""), ACCEPTED, NULL},
        {T("\"\\uD83D\\uDE00\\udbff\\udfff\""), ACCEPTED, NULL},
        {T("\"\\\\u0000\\\\ud800\""), ACCEPTED, NULL}, /* escaped backslashes, then letters */
        {T("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"
           "\""),
         ACCEPTED, NULL},
    };
    EXPECT(cases);
}

static void numbers_follow_the_grammar(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {T("0"), ACCEPTED, NULL},
        {T("-0"), ACCEPTED, NULL},
        {T("10"), ACCEPTED, NULL},
        {T("-1.50"), ACCEPTED, NULL},
        {T("0.0e0"), ACCEPTED, NULL},
        {T("1E+05"), ACCEPTED, NULL},
        {T("1e-999"), ACCEPTED, NULL},
        {T("1e999"), ACCEPTED, NULL},
        {T("18446744073709551616"), ACCEPTED, NULL},
        {T("-9223372036854775809"), ACCEPTED, NULL},
        {T("01"), 1, "a number may not begin with 0"},
        {T("-01"), 2, "a number may not begin with 0"},
        {T("00"), 1, "a number may not begin with 0"},
        {T("1."), 2, "a digit is missing"},
        {T("[1.]"), 3, "a digit is missing"},
        {T("1.e1"), 2, "a digit is missing"},
        {T(".5"), 0, NO_VALUE},
        {T("1e"), 2, "a digit is missing"},
        {T("1e+"), 3, "a digit is missing"},
        {T("1e1.5"), 3, NULL},
        {T("-"), 1, "a digit is missing"},
        {T("--1"), 1, "a digit is missing"},
        {T("+1"), 0, NO_VALUE},
        {T("- 1"), 1, "a digit is missing"},
        {T("1 2"), 2, "something follows the JSON value"},
        {T("1_000"), 1, NULL},
        {T("0x10"), 1, NULL},
        {T("NaN"), 0, NO_VALUE},
        {T("-Infinity"), 1, NULL},
    };
    EXPECT(cases);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {{NULL, 0}, 0, "the text is empty"},
        {T(""), 0, "the text is empty"},
        {T(" \n"), 2, EARLY},
        {T("nul"), 0, NO_VALUE},
        {T("nulL"), 0, NO_VALUE},
        {T("True"), 0, NO_VALUE},
        {T("truefalse"), 4, "something follows the JSON value"},
        {T("'a'"), 0, NO_VALUE},
        {T("a"), 0, NO_VALUE},
        {T("\xef\xbb\xbf{}"), 0, NO_VALUE}, /* a byte order mark */
        {T("{}\0"), 2, NULL},
        {T("\0"), 0, NULL},
        {T("\x0b"
           "1"),
         0, NULL},
        {T("\x0c"
           "1"),
         0, NULL},
        {T("1\xc2\xa0"), 1, NULL}, /* a no-break space is no blank of JSON */
        {T("//x\n1"), 0, NULL},
        {T("[1,]"), 3, NO_VALUE},
        {T("[,1]"), 1, NO_VALUE},
        {T("[1,,2]"), 3, NO_VALUE},
        {T("[1 2]"), 3, "a comma or ] is expected"},
        {T("[1}"), 2, "a comma or ] is expected"},
        {T("{\"a\":1]"), 6, "a comma or } is expected"},
        {T("[1"), 2, EARLY},
        {T("["), 1, EARLY},
        {T("[1,"), 3, EARLY},
        {T("{"), 1, EARLY},
        {T("{\"a\""), 4, EARLY},
        {T("{\"a\":"), 5, EARLY},
        {T("{\"a\":1"), 6, EARLY},
        {T("{\"a\":1,"), 7, EARLY},
        {T("{\"a\":1,}"), 7, "a key in quotes is expected"},
        {T("{,}"), 1, "a key in quotes is expected"},
        {T("{a:1}"), 1, "a key in quotes is expected"},
        {T("{1:1}"), 1, "a key in quotes is expected"},
        {T("{\"a\" 1}"), 5, "a colon is expected"},
        {T("{\"a\"}"), 4, "a colon is expected"},
        {T("{\"a\":}"), 5, NO_VALUE},
        {T("]"), 0, NO_VALUE},
        {T("{}}"), 2, "something follows the JSON value"},
        {T("[]]"), 2, "something follows the JSON value"},
        {T("{}{}"), 2, "something follows the JSON value"},
    };
    EXPECT(cases);
}

static void strings_are_checked_to_the_byte(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {T("\""), 1, IN_STRING},
        {T("\"abc"), 4, IN_STRING},
        {T("\"abcdefghijklmnop"), 17, IN_STRING},
        {T("\"\\"), 2, IN_STRING},
        {T("\"a\\\""), 4, IN_STRING},
        {T("\"a\nb\""), 2, "a control character must be escaped"},
        {T("\"a\0b\""), 2, "a control character must be escaped"},
        {T("\"0123456789\x1f\""), 11, "a control character must be escaped"},
        {T("\"01234567890123456789\x1f\""), 21, "a control character must be escaped"},
        {T("\"\\x41\""), 1, "no such escape"},
        {T("\"\\'\""), 1, "no such escape"},
        {T("\"\\U0041\""), 1, "no such escape"},
        {T("\"\\\n\""), 1, "no such escape"},
        {T("\"\\u\""), 1, NULL},
        {T("\"\\u12"), 1, NULL},
        {T("\"\\u12g4\""), 1, "\\u needs four hexadecimal digits"},
        {T("\"\\u-123\""), 1, "\\u needs four hexadecimal digits"},
        {T("\"\\u 123\""), 1, "\\u needs four hexadecimal digits"},
        {T("\"ab\\u0000\""), 3, "\\u0000 is not accepted"},
        {T("{\"\\u0000\":1}"), 2, "\\u0000 is not accepted"},
        {T("\"\\ud800\""), 1, NO_PARTNER},
        {T("\"\\udbff"), 1, NO_PARTNER},
        {T("\"\\udc00\""), 1, NO_PARTNER},
        {T("\"\\udfff\""), 1, NO_PARTNER},
        {T("\"\\ud800\\ud800\""), 1, NO_PARTNER},
        {T("\"\\ud800\\u0041\""), 1, NO_PARTNER},
        {T("\"\\ud800\\\\dc00\""), 1, NO_PARTNER},
        {T("\"\\ud800xxxxxx\""), 1, NO_PARTNER},
        {T("\"\\ud800\\udc0\""), 1, NO_PARTNER},
        {T("\"\\udc00\\ud800\""), 1, NO_PARTNER},
    };
    EXPECT(cases);
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {T("\"\x80\""), 1, BAD_UTF8},
        {T("\"\xbf\""), 1, BAD_UTF8},
        {T("\"\xc0\xaf\""), 1, BAD_UTF8}, /* overlong */
        {T("\"\xc1\xbf\""), 1, BAD_UTF8},
        {T("\"\xe0\x9f\xbf\""), 1, BAD_UTF8},
        {T("\"\xf0\x8f\xbf\xbf\""), 1, BAD_UTF8},
        {T("\"\xed\xa0\x80\""), 1, BAD_UTF8}, /* surrogates */
        {T("\"\xed\xbf\xbf\""), 1, BAD_UTF8},
        {T("\"\xed\xa0\xbd\xed\xb8\x80\""), 1, BAD_UTF8},
        {T("\"\xf4\x90\x80\x80\""), 1, BAD_UTF8}, /* above U+10FFFF */
        {T("\"\xf5\x80\x80\x80\""), 1, BAD_UTF8},
        {T("\"\xf8\x88\x80\x80\x80\""), 1, BAD_UTF8},
        {T("\"\xfe\""), 1, BAD_UTF8},
        {T("\"\xff\""), 1, BAD_UTF8},
        {T("\"\xc3\""), 1, BAD_UTF8}, /* cut short by a quote */
        {T("\"\xe2\x82\""), 1, BAD_UTF8},
        {T("\"\xf0\x9f\x98\""), 1, BAD_UTF8},
        {T("\"\xc3"), 1, BAD_UTF8}, /* and by the end */
        {T("\"\xe2\x82"), 1, BAD_UTF8},
        {T("\"\xf0\x9f\x98"), 1, BAD_UTF8},
        {T("\"\xc3\x28\""), 1, BAD_UTF8},
        {T("\"\xe2\x28\xa1\""), 1, BAD_UTF8},
        {T("\"\xe2\x82\x28\""), 1, BAD_UTF8},
        {T("\"\xf0\x28\x8c\xbc\""), 1, BAD_UTF8},
        {T("\"\xf0\x90\x28\xbc\""), 1, BAD_UTF8},
        {T("\"\xf0\x90\x8c\x28\""), 1, BAD_UTF8},
        {T("\"\xc3\xa4\xe4\""), 3, BAD_UTF8}, /* after a good one: Latin-1 */
        {T("\"0123456789\xe4 \""), 11, BAD_UTF8},
        {T("{\"\xff\":1}"), 2, BAD_UTF8},
        {T("\xff"), 0, NO_VALUE},
    };
    EXPECT(cases);
}

static void no_key_may_stand_twice(void **state)
{
    (void)state;
    static const struct scan_case cases[] = {
        {T("{\"a\":1,\"a\":1}"), 7, TWICE},
        {T("{\"a\":1,\"b\":2,\"a\":1}"), 13, TWICE},
        {T("{\"\":1,\"\":1}"), 6, TWICE},
        {T("[{\"a\":{\"x\":1,\"y\":1,\"x\":1}}]"), 19, TWICE},
        {T("{\"a\":{\"a\":1},\"a\":1}"), 13, TWICE},
        {T("{\"a\":1,\"\\u0061\":1}"), 7, TWICE}, /* compared unescaped */
        {T("{\"\\u0061\":1,\"a\":1}"), 12, TWICE},
        {T("{\"\\u00e4\":1,\"\xc3\xa4\":1}"), 12, TWICE},
        {T("{\"\\u20AC\":1,\"\\u20ac\":1}"), 12, TWICE},
        {T("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}"), 18, TWICE},
        {T("{\"a/b\":1,\"a\\/b\":1}"), 9, TWICE},
        {T("{\"\\n\\t\\b\\f\\r\\\"\\\\\":1,\"\\u000a\\u0009\\u0008\\u000c\\u000D\\u0022\\u005c\":"
           "1}"),
         20, TWICE},
        {T("{\"12345678\":1,\"1234567\\u0038\":1}"), 14, TWICE}, /* at the hash's word length */
        {T("{\"123456789\":1,\"12345678\\u0039\":1}"), 15, TWICE},
        {T("{\"a\\\\u0061\":1,\"aa\":1}"), ACCEPTED, NULL},
        {T("{\"\\n\":1,\"n\":1}"), ACCEPTED, NULL},
        {T("{\"12345678\":1,\"1234567\":1,\"123456789\":1}"), ACCEPTED, NULL},
    };
    EXPECT(cases);
}

static void append_keys(struct text_buffer *text, int count)
{
    text_append_char(text, '{');
    for (int i = 0; i < count; i++)
        text_append_format(text, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
}

/* Around the sizes where the scanner changes its way: by hand, at hand, on the heap. */
static void any_number_of_keys_is_compared(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 15, 16, 17, 18, 63, 64, 65, 129, 1000, 200000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct text_buffer text;
        const char *reason = NULL;
        text_buffer_init(&text, 1 << 24);
        append_keys(&text, counts[i]);
        const size_t len = text.len;
        text_append_char(&text, '}');
        assert_int_equal(fault_of(text_buffer_span(&text), &reason), ACCEPTED);

        /* The last key once more, then the first: told is the one that comes first. */
        text.len = len;
        text_append_format(&text, ",\"\\u006b%d\":0,\"k0\":0}", counts[i] - 1);
        assert_false(text.failed);
        assert_int_equal(fault_of(text_buffer_span(&text), &reason), (int64_t)len + 1);
        assert_string_equal(reason, TWICE);
        text_buffer_finish(&text);
    }
}

static void keys_of_outer_objects_survive_inner_ones(void **state)
{
    (void)state;
    struct text_buffer text;
    const char *reason = NULL;
    text_buffer_init(&text, 1 << 20);
    append_keys(&text, 40);
    text_append_literal(&text, ",\"inner\":");
    append_keys(&text, 100);
    text_append_literal(&text, "},\"other\":");
    append_keys(&text, 10);
    text_append_literal(&text, "}");
    const size_t len = text.len;
    text_append_literal(&text, "}");
    assert_int_equal(fault_of(text_buffer_span(&text), &reason), ACCEPTED);
    text.len = len;
    text_append_literal(&text, ",\"k39\":0}");
    assert_int_equal(fault_of(text_buffer_span(&text), &reason), (int64_t)len + 1);
    text_buffer_finish(&text);
}

static void nest(struct text_buffer *text, int depth, const char *open, const char *inner,
                 const char *close)
{
    for (int i = 0; i < depth; i++)
        text_append_str(text, open);
    text_append_str(text, inner);
    for (int i = 0; i < depth; i++)
        text_append_str(text, close);
}

static void depth_is_limited(void **state)
{
    (void)state;
    static const struct {
        int depth;
        const char *open, *inner, *close;
        int64_t offset;
    } cases[] = {
        {64, "[", "", "]", ACCEPTED},          {65, "[", "", "]", 64},
        {64, "[", "1", "]", ACCEPTED},         {64, "{\"a\":", "1", "}", ACCEPTED},
        {65, "{\"a\":", "1", "}", 64 * 5},     {32, "[{\"a\":", "1", "}]", ACCEPTED},
        {32, "[{\"a\":", "{}", "}]", 32 * 6},  {100000, "[", "", "]", 64},
        {100000, "{\"a\":", "1", "}", 64 * 5}, {100000, "[", "", "", 64},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text_buffer text;
        const char *reason = NULL;
        text_buffer_init(&text, 1 << 24);
        nest(&text, cases[i].depth, cases[i].open, cases[i].inner, cases[i].close);
        assert_int_equal(fault_of(text_buffer_span(&text), &reason), cases[i].offset);
        if (cases[i].offset != ACCEPTED)
            assert_string_equal(reason, "nested too deep");
        text_buffer_finish(&text);
    }
    const char *reason = NULL; /* depth is what is open, not what ever was */
    struct text_buffer text;
    text_buffer_init(&text, 1 << 20);
    text_append_char(&text, '[');
    for (int i = 0; i < 1000; i++)
        text_append_literal(&text, "[{}],");
    text_append_literal(&text, "0]");
    assert_int_equal(fault_of(text_buffer_span(&text), &reason), ACCEPTED);
    text_buffer_finish(&text);
}

static void what_stands_around_may_add_levels(void **state)
{
    (void)state;
    for (int around = 0; around <= JSON_AROUND_MAX; around++) {
        for (int more = 0; more < 2; more++) {
            struct text_buffer text;
            struct json_fault fault;
            struct span value;
            text_buffer_init(&text, 1 << 12);
            nest(&text, JSON_MAX_DEPTH + around + more, "[", "", "]");
            const bool accepted =
                json_check_around(text_buffer_span(&text), (size_t)around, &value, &fault);
            assert_int_equal(accepted, more == 0);
            text_buffer_finish(&text);
        }
    }
}

static void *check_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        const char *reason = NULL;
        assert_int_equal(fault_of(SPAN("{\"a\":1,\"a\":1}"), &reason), 7);
    }
    return NULL;
}

static void threads_may_check_at_the_same_time(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static struct span checked(struct span text)
{
    struct span value;
    struct json_fault fault;
    assert_true(json_check(text, &value, &fault));
    return value;
}

static void the_value_comes_without_the_blanks_around(void **state)
{
    (void)state;
    assert_span(checked(SPAN(" \n{ \"a\" : 1 }\t")), SPAN("{ \"a\" : 1 }"));
    assert_span(checked(SPAN("12 ")), SPAN("12"));
    assert_span(checked(SPAN("\" x \"")), SPAN("\" x \""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_accepted),
        cmocka_unit_test(numbers_follow_the_grammar),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(strings_are_checked_to_the_byte),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(no_key_may_stand_twice),
        cmocka_unit_test(any_number_of_keys_is_compared),
        cmocka_unit_test(keys_of_outer_objects_survive_inner_ones),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(what_stands_around_may_add_levels),
        cmocka_unit_test(threads_may_check_at_the_same_time),
        cmocka_unit_test(the_value_comes_without_the_blanks_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
