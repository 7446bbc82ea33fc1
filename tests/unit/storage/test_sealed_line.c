#include "support/test.h"

#include "proctrack/sealed_line.h"

static void a_sealed_line_is_known_again(void **state)
{
    (void)state;
    struct text_buffer out;
    text_buffer_init(&out, 1000);
    text_append_str(&out, "before");
    const size_t begin = sealed_line_begin(&out);
    text_append_str(&out, ",\"a\":1");
    assert_true(sealed_line_end(&out, begin));
    const struct span line = {out.data + begin, out.len - begin};
    /* The check value of CRC-32 over ,"a":1} by another program. */
    assert_span(line, SPAN("{\"crc\":\"b0697b96\",\"a\":1}"));
    struct span members;
    assert_true(sealed_line_check(line, &members));
    assert_span(members, SPAN(",\"a\":1}"));
    for (size_t cut = 0; cut < line.len; cut++)
        assert_false(sealed_line_check((struct span){line.data, cut}, &members));
    text_buffer_finish(&out);
}

static void the_checksum_is_the_common_one(void **state)
{
    (void)state;
    char hex[SEAL_HEX];
    const uint32_t crc = seal_crc(seal_crc(0, SPAN("1234")), SPAN("56789"));
    assert_int_equal(crc, 0xcbf43926);
    seal_hex(crc, hex);
    assert_memory_equal(hex, "cbf43926", SEAL_HEX);
    seal_hex(0xa, hex);
    assert_memory_equal(hex, "0000000a", SEAL_HEX);
}

static void a_line_that_does_not_fit_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t max = 0; max < 60; max++) {
        struct text_buffer out;
        struct span members;
        text_buffer_init(&out, max);
        size_t begin = sealed_line_begin(&out);
        text_append_str(&out, ",\"first\":1");
        const bool first = sealed_line_end(&out, begin);
        const size_t len = out.len;
        assert_int_equal(len, first ? 28 : 0);
        begin = sealed_line_begin(&out);
        text_append_str(&out, ",\"second\":2");
        assert_int_equal(sealed_line_end(&out, begin), max >= 57 || (!first && max >= 29));
        assert_false(out.failed);
        if (first)
            assert_true(sealed_line_check((struct span){out.data, len}, &members));
        text_buffer_finish(&out);
    }
}

static void an_abandoned_line_leaves_no_trace(void **state)
{
    (void)state;
    struct text_buffer out;
    text_buffer_init(&out, 1000);
    text_append_str(&out, "before");
    const size_t begin = sealed_line_begin(&out);
    text_append_str(&out, ",\"a\":1");
    sealed_line_abandon(&out, begin);
    assert_span(text_buffer_span(&out), SPAN("before"));
    text_buffer_finish(&out);
}

static void what_is_written_otherwise_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{}",
        "{\"crc\":\"b0697b96\"}",
        "{\"crc\":\"B0697B96\",\"a\":1}",
        " {\"crc\":\"b0697b96\",\"a\":1}",
        "{\"crc\":\"b0697b96\",\"a\":1} ",
        "{\"crc\":\"b0697b96\",\"a\":2}",
        "{\"CRC\":\"b0697b96\",\"a\":1}",
        "{\"crc\":\"b0697b96' ,\"a\":1}",
    };
    struct span members;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(sealed_line_check(span_of(lines[i]), &members));
}

static void numbers_are_read_from_the_front(void **state)
{
    (void)state;
    struct span members = SPAN(",\"seq\":120,\"b\":0}");
    uint64_t number = 9;
    assert_false(sealed_line_number(&members, "se", &number));
    assert_false(sealed_line_number(&members, "seq2", &number));
    assert_true(sealed_line_number(&members, "seq", &number));
    assert_int_equal(number, 120);
    assert_true(sealed_line_number(&members, "b", &number));
    assert_int_equal(number, 0);
    assert_span(members, SPAN("}"));
    static const char *const wrong[] = {
        "",           ",",          ",\"n\":",  ",\"n\":}", ",\"n\":-1}",
        ",\"n\":01}", ",\"n\" :1}", "\"n\":1}", ",'n':1}",  ",\"n\":9223372036854775808}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        members = span_of(wrong[i]);
        assert_false(sealed_line_number(&members, "n", &number));
        assert_span(members, span_of(wrong[i]));
    }
}

static void a_beginning_is_told_from_anything_else(void **state)
{
    (void)state;
    assert_true(sealed_line_begins(SPAN("{\"crc\":\"1")));
    assert_true(sealed_line_begins(SPAN("{\"cr")));
    assert_true(sealed_line_begins(SPAN("")));
    assert_false(sealed_line_begins(SPAN("{\"cR")));
    assert_false(sealed_line_begins(SPAN("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_line_is_known_again),
        cmocka_unit_test(the_checksum_is_the_common_one),
        cmocka_unit_test(a_line_that_does_not_fit_leaves_no_trace),
        cmocka_unit_test(an_abandoned_line_leaves_no_trace),
        cmocka_unit_test(what_is_written_otherwise_is_refused),
        cmocka_unit_test(numbers_are_read_from_the_front),
        cmocka_unit_test(a_beginning_is_told_from_anything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
