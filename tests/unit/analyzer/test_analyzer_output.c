#include "support/test.h"

#include "analyzer/analyzer_output.h"
#include "analyzer/analyzer_report.h"

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define FFFD "\xEF\xBF\xBD"

static const struct {
    struct span output;
    const char *result;
} results[] = {
    {{NULL, 0}, "{\"text\":\"\"}"},
    {BYTES(""), "{\"text\":\"\"}"},
    {BYTES(" {\"a\":1.10}\n"), "{\"a\":1.10}"},
    {BYTES("null\n"), "null"},
    {BYTES("{\"a\":1}\n{\"a\":2}\n"), "{\"text\":\"{\\\"a\\\":1}\\n{\\\"a\\\":2}\\n\"}"},
    {BYTES("plain\ttext"), "{\"text\":\"plain\\ttext\"}"},
    {BYTES("\"\\u0000\""), "{\"text\":\"\\\"\\\\u0000\\\"\"}"},
    {BYTES("a\0b"), "{\"text\":\"a" FFFD "b\"}"},
    {BYTES("\x1B[1m"), "{\"text\":\"\\u001b[1m\"}"},
    {BYTES("\xC3\xA4\xFFx\xC3"), "{\"text\":\"\xC3\xA4" FFFD "x" FFFD "\"}"},
    {BYTES("\xE2\x82x\xF0\x9F\x98"), "{\"text\":\"" FFFD "x" FFFD "\"}"},
    {BYTES("\xC0\xAF"), "{\"text\":\"" FFFD "\"}"},
    {BYTES("\xED\xA0\x80"), "{\"text\":\"" FFFD "\"}"},
    {BYTES("\x80\x80"), "{\"text\":\"" FFFD FFFD "\"}"},
};

static void test_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct text_buffer out;
        text_buffer_init(&out, SIZE_MAX);
        output_append_result(&out, results[i].output);
        assert_span(text_buffer_span(&out), span_of(results[i].result));
        text_buffer_finish(&out);
    }
}

static void expect_tail(const struct log_tail *tail, struct span expected)
{
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    log_tail_append(&out, tail);
    assert_int_equal(out.len, expected.len);
    if (expected.len > 0)
        assert_memory_equal(out.data, expected.data, expected.len);
    text_buffer_finish(&out);
}

static void test_tail_of_little(void **state)
{
    (void)state;
    static struct log_tail tail;
    expect_tail(&tail, SPAN(""));
    log_tail_feed(&tail, SPAN("one\n"));
    log_tail_feed(&tail, SPAN("two \xFF\n \n"));
    expect_tail(&tail, SPAN("one\ntwo " FFFD "\n \n"));
}

/* However the stream is cut into reads, its last 4096 bytes stay. */
static void test_tail_of_much(void **state)
{
    (void)state;
    static char text[20000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    static const size_t sizes[] = {1, 7, 4095, 4096, 4097, 8192, 20000};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        static struct log_tail tail;
        memset(&tail, 0, sizeof(tail));
        for (size_t at = 0; at < sizeof(text); at += sizes[s]) {
            size_t left = sizeof(text) - at;
            log_tail_feed(&tail, (struct span){text + at, left < sizes[s] ? left : sizes[s]});
        }
        expect_tail(&tail, (struct span){text + sizeof(text) - LOG_TAIL_MAX, LOG_TAIL_MAX});
    }
}

static void test_tail_starts_with_a_whole_character(void **state)
{
    (void)state;
    static struct log_tail tail;
    static char text[2 * LOG_TAIL_MAX + 1];
    for (size_t i = 0; i < 2 * LOG_TAIL_MAX; i += 2)
        memcpy(text + i, "\xC3\xA4", 2);
    text[2 * LOG_TAIL_MAX] = 'x'; /* the cut falls into a character */
    log_tail_feed(&tail, (struct span){text, sizeof(text)});
    expect_tail(&tail, (struct span){text + LOG_TAIL_MAX + 2, LOG_TAIL_MAX - 1});
}

static void test_reports(void **state)
{
    (void)state;
    struct process_usage usage;
    int error;
    assert_true(report_parse(SPAN("exited 3 signal 0 wall_ms 12 cpu_ms 4 peak_memory_kib 567\n"),
                             &usage, &error));
    assert_int_equal(error, 0);
    assert_int_equal(usage.exit_code, 3);
    assert_int_equal(usage.signal, 0);
    assert_int_equal(usage.wall_ms, 12);
    assert_int_equal(usage.cpu_ms, 4);
    assert_int_equal(usage.peak_memory_kib, 567);
    assert_true(report_parse(SPAN("exited -1 signal 9 wall_ms 0 cpu_ms 0 peak_memory_kib 0\n"),
                             &usage, &error));
    assert_int_equal(usage.exit_code, -1);
    assert_int_equal(usage.signal, 9);
    assert_true(report_parse(SPAN("failed 2\n"), &usage, &error));
    assert_int_equal(error, 2);
}

static void test_bad_reports(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\n",
        "failed 2",
        "failed x\n",
        "failed 2 3\n",
        "exited 0 signal 0 wall_ms 12 cpu_ms 4 peak_memory_kib 5",
        "exited 0 signal 0 wall_ms 12 cpu_ms 4\n",
        "exited 256 signal 0 wall_ms 12 cpu_ms 4 peak_memory_kib 5\n",
        "exited 0 signal 0 wall_ms 12 cpu_ms 4 peak_memory_kib 5 more\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct process_usage usage;
        int error;
        assert_false(report_parse(span_of(lines[i]), &usage, &error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_tail_of_little),
        cmocka_unit_test(test_tail_of_much),
        cmocka_unit_test(test_tail_starts_with_a_whole_character),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_bad_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
