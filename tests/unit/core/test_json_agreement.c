/* Our scanner and jansson must accept and refuse the same texts, and read the same from them. Known
 * and wanted differences, which the generated texts therefore leave out: integers beyond 64 bits
 * and reals beyond a double (we keep the digits, jansson refuses) and more than 64 levels (we
 * refuse, jansson takes 2048). */
#include "support/test.h"

#include "proctrack/json_scan.h"

#include <jansson.h>

static uint32_t random_state;

/* The same texts in every run: a fixed linear congruential generator. */
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

#define PICK(list) (list)[random_below(sizeof(list) / sizeof((list)[0]))]

static void generate_blanks(struct text_buffer *text)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t \r\n"};
    text_append_str(text, PICK(blanks));
}

static void generate_string(struct text_buffer *text)
{
    static const char *const pieces[] = {
        "a",
        "b",
        "key",
        "0123456789abcdef",
        " ",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0061",
        "\\u00e4",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\\u20AC",
        "\xf0\x9f\x98\x80",
        "\\ud83d\\ude00",
        "\x7f",
        "\\b\\f\\r\\t",
        "]},:",
    };
    text_append_char(text, '"');
    for (uint32_t left = random_below(4); left > 0; left--)
        text_append_str(text, PICK(pieces));
    text_append_char(text, '"');
}

static void generate_scalar(struct text_buffer *text)
{
    static const char *const scalars[] = {"null", "true", "false", "0",   "-0",
                                          "1",    "-12",  "4096",  "0.5", "-1.25e3",
                                          "1E-5", "1e+2", "10.0",  "0e0", "123456.75"};
    if (random_below(2) == 0)
        generate_string(text);
    else
        text_append_str(text, PICK(scalars));
}

static void generate_value(struct text_buffer *text, int depth)
{
    const uint32_t kind = depth > 0 ? random_below(4) : 3;
    generate_blanks(text);
    if (kind >= 2) {
        generate_scalar(text);
    } else {
        text_append_char(text, kind == 0 ? '{' : '[');
        const uint32_t count = random_below(5);
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0)
                text_append_char(text, ',');
            generate_blanks(text);
            if (kind == 0) {
                generate_string(text);
                generate_blanks(text);
                text_append_char(text, ':');
            }
            generate_value(text, depth - 1);
        }
        generate_blanks(text);
        text_append_char(text, kind == 0 ? '}' : ']');
    }
    generate_blanks(text);
}

/* One byte is changed, dropped or doubled, or the text is cut. */
static void damage(struct text_buffer *text)
{
    static const char bytes[] =
        "{}[]\",:\\ueE+-.019 \n\t\x01\x80\xbf\xc3\xe2\xed\xa0\xf0\xf4\xff\x7f";
    if (text->len == 0)
        return;
    const size_t at = random_below((uint32_t)text->len);
    switch (random_below(4)) {
    case 0:
        text->data[at] = bytes[random_below(sizeof(bytes) - 1)];
        break;
    case 1:
        memmove(text->data + at, text->data + at + 1, text->len - at - 1);
        text->len--;
        break;
    case 2:
        text_append_char(text, ' ');
        memmove(text->data + at + 1, text->data + at, text->len - at - 1);
        break;
    default:
        text->len = at;
        break;
    }
}

static void assert_same(struct span ours, json_t *theirs);

static void assert_same_members(struct span object, json_t *theirs)
{
    size_t cursor = 0, count = 0;
    struct span key, value;
    for (; json_object_next(object, &cursor, &key, &value); count++) {
        char name[256];
        assert_true(json_string_copy(key, name, sizeof(name), NULL));
        assert_true(json_string_is(key, name));
        assert_same(value, json_object_get(theirs, name));
    }
    assert_int_equal(count, json_object_size(theirs));
}

static void assert_same_items(struct span array, json_t *theirs)
{
    size_t cursor = 0, count = 0;
    struct span item;
    for (; json_array_next(array, &cursor, &item); count++)
        assert_same(item, json_array_get(theirs, count));
    assert_int_equal(count, json_array_size(theirs));
}

static void assert_same_number(struct span ours, json_t *theirs)
{
    int64_t integer;
    double real;
    assert_true(json_is_number(theirs));
    assert_true(json_to_double(ours, &real));
    const double difference = real - json_number_value(theirs);
    assert_true(difference >= 0 && difference <= 0);
    assert_int_equal(json_to_int(ours, INT64_MIN, INT64_MAX, &integer), json_is_integer(theirs));
    if (json_is_integer(theirs))
        assert_true(integer == json_integer_value(theirs));
}

static void assert_same(struct span ours, json_t *theirs)
{
    char text[256];
    assert_non_null(theirs);
    switch (json_kind_of(ours)) {
    case JSON_KIND_NONE:
        fail();
        break;
    case JSON_KIND_NULL:
        assert_true(json_is_null(theirs));
        break;
    case JSON_KIND_BOOL:
        assert_true(json_is_boolean(theirs));
        assert_int_equal(json_means_true(ours), json_boolean_value(theirs));
        break;
    case JSON_KIND_NUMBER:
        assert_same_number(ours, theirs);
        break;
    case JSON_KIND_STRING:
        assert_true(json_string_copy(ours, text, sizeof(text), NULL));
        assert_string_equal(text, json_string_value(theirs));
        break;
    case JSON_KIND_ARRAY:
        assert_same_items(ours, theirs);
        break;
    case JSON_KIND_OBJECT:
        assert_same_members(ours, theirs);
        break;
    }
}

/* True when both accept. */
static bool agree(struct span text)
{
    struct span value;
    struct json_fault fault = {0, "accepted"};
    json_error_t error = {.text = "accepted"};
    const bool ours = json_check(text, &value, &fault);
    json_t *theirs = json_loadb(text.data != NULL ? text.data : "", text.len,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (ours != (theirs != NULL))
        fail_msg("'" SPAN_FMT "': ours: %s at %zu, jansson: %s", SPAN_ARG(text), fault.reason,
                 fault.offset, error.text);
    if (ours)
        assert_same(value, theirs);
    json_decref(theirs);
    return ours;
}

static void generated_texts(void **state)
{
    (void)state;
    int accepted = 0, refused = 0;
    random_state = 1;
    for (int i = 0; i < 3000; i++) {
        struct text_buffer text;
        text_buffer_init(&text, 1 << 20);
        generate_value(&text, 5);
        const bool whole = agree(text_buffer_span(&text)); /* refused only for a key that repeats */
        damage(&text);
        const bool damaged = agree(text_buffer_span(&text));
        accepted += whole + damaged;
        refused += !whole + !damaged;
        text_buffer_finish(&text);
    }
    assert_true(accepted > 1000 && refused > 1000); /* the texts are worth something */
}

static void the_largest_integers(void **state)
{
    (void)state;
    assert_true(agree(SPAN("9223372036854775807")));
    assert_true(agree(SPAN("-9223372036854775808")));
}

/* Where we differ on purpose: should jansson change its mind, this list gets shorter. */
static void known_differences(void **state)
{
    (void)state;
    static const char *const only_ours[] = {"9223372036854775808", "-9223372036854775809",
                                            "18446744073709551616", "1e999", "-1e400"};
    struct span value;
    struct json_fault fault;
    for (size_t i = 0; i < sizeof(only_ours) / sizeof(only_ours[0]); i++) {
        assert_true(json_check(span_of(only_ours[i]), &value, &fault));
        assert_null(json_loads(only_ours[i], JSON_DECODE_ANY, NULL));
    }
    char deep[131];
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    json_t *theirs = json_loads(deep, JSON_DECODE_ANY, NULL);
    assert_non_null(theirs);
    json_decref(theirs);
    assert_false(json_check(span_of(deep), &value, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_texts),
        cmocka_unit_test(the_largest_integers),
        cmocka_unit_test(known_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
