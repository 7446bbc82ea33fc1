/* The cases of the W3C recommendation and of its test suite. */
#include "support/test.h"

#include "proctrack/trace_context.h"

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define GOOD   "00-" TRACE "-" PARENT "-01"

static void reads_what_is_valid(void **state)
{
    static const struct {
        const char *value, *read;
    } table[] = {
        {GOOD, GOOD},
        {"00-" TRACE "-" PARENT "-00", "00-" TRACE "-" PARENT "-00"},
        {"00-" TRACE "-" PARENT "-03", "00-" TRACE "-" PARENT "-03"},
        {"00-" TRACE "-" PARENT "-ff", "00-" TRACE "-" PARENT "-03"}, /* flags nobody knows */
        {"00-" TRACE "-" PARENT "-04", "00-" TRACE "-" PARENT "-00"},
        {"00-00000000000000000000000000000001-0000000000000001-00",
         "00-00000000000000000000000000000001-0000000000000001-00"},
        /* later versions: only what version 00 defines, whatever comes behind a dash */
        {"01-" TRACE "-" PARENT "-01", GOOD},
        {"cc-" TRACE "-" PARENT "-01", GOOD},
        {"fe-" TRACE "-" PARENT "-03", GOOD},
        {"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like", GOOD},
        {"cc-" TRACE "-" PARENT "-01-", GOOD},
    };
    char read[TRACEPARENT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (!traceparent_read(span_of(table[i].value), read))
            fail_msg("refused: %s", table[i].value);
        assert_string_equal(read, table[i].read);
        assert_true(traceparent_is_valid(span_of(read)));
    }
}

static const char *const bad[] = {
    "",
    "00",
    "00-" TRACE "-" PARENT,                                    /* no flags */
    "00-" TRACE "-" PARENT "-",                                /* ... */
    "00-" TRACE "-" PARENT "-1",                               /* one digit of them */
    "00-" TRACE "-" PARENT "-011",                             /* three */
    "00-" TRACE "-" PARENT "-01-",                             /* more than version 00 has */
    "00-" TRACE "-" PARENT "-01-what-the-future-will-be-like", /* ... */
    "00-" TRACE "-" PARENT "-01.",                             /* ... */
    "cc-" TRACE "-" PARENT "-01.what-the-future-will-not-be-like",
    "cc-" TRACE "-" PARENT "-01what",
    "ff-" TRACE "-" PARENT "-01",
    "ff-" TRACE "-" PARENT "-01-more",
    "0-" TRACE "-" PARENT "-01",
    "000-" TRACE "-" PARENT "-01",
    "AA-" TRACE "-" PARENT "-01",
    "0x-" TRACE "-" PARENT "-01",
    ".0-" TRACE "-" PARENT "-01",
    "00-00000000000000000000000000000000-" PARENT "-01",
    "00-" TRACE "-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
    "00-" TRACE "-B7AD6B7169203331-01",
    "00-" TRACE "-" PARENT "-0A",
    "00-.af7651916cd43dd8448eb211c80319c-" PARENT "-01",
    "00-" TRACE "-.7ad6b7169203331-01",
    "00-" TRACE "-" PARENT "-x1",
    "00-" TRACE "-" PARENT "-1.",
    "00-af7651916cd43dd8448eb211c80319c-" PARENT "-011",
    "00-00af7651916cd43dd8448eb211c80319c-" PARENT "-1",
    "00_" TRACE "-" PARENT "-01",
    "00-" TRACE "_" PARENT "-01",
    "00-" TRACE "-" PARENT "_01",
    GOOD "," GOOD,
    " " GOOD,
    GOOD " ",
    GOOD "\n",
    "00-" TRACE "-" PARENT "-0\xc3",
};

static void refuses_what_is_not(void **state)
{
    char read[TRACEPARENT_SIZE] = "as it was";
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (traceparent_read(span_of(bad[i]), read) || traceparent_is_valid(span_of(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_false(traceparent_read(SPAN_NONE, read));
    assert_false(traceparent_is_valid(SPAN_NONE));
    assert_false(traceparent_read((struct span){GOOD "\0", sizeof(GOOD)}, read));
    assert_string_equal(read, "as it was");
}

/* Each byte that is not as it has to be makes it another, or none. */
static void looks_at_each_byte(void **state)
{
    char text[] = GOOD, read[TRACEPARENT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        for (int c = 0; c < 256; c++) {
            text[i] = (char)c;
            bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            bool dash = i == 2 || i == 35 || i == 52;
            if (traceparent_read(span_of(text), read) != (dash ? c == '-' : hex))
                fail_msg("byte %d at %zu", c, i);
        }
        text[i] = GOOD[i];
    }
}

static void is_valid_as_it_is_written(void **state)
{
    (void)state;
    assert_true(traceparent_is_valid(SPAN(GOOD)));
    assert_false(traceparent_is_valid(SPAN("cc-" TRACE "-" PARENT "-01")));
    assert_false(traceparent_is_valid(SPAN("00-" TRACE "-" PARENT "-09")));
    assert_span(traceparent_trace_id(SPAN(GOOD)), SPAN(TRACE));
    assert_null(traceparent_trace_id(SPAN_NONE).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_valid),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(looks_at_each_byte),
        cmocka_unit_test(is_valid_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
