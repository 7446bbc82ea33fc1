#include "support/test.h"

#include "analyzer/analyzer_progress.h"

#include <stdio.h>

static const struct {
    const char *line, *canonical;
} lines_good[] = {
    {"{}", "{\"percent\":null,\"message\":null,\"step\":null,\"steps\":null}"},
    {" {\"percent\": 40, \"message\": \"half \\u00e4\", \"step\": 2, \"steps\": 5} \r",
     "{\"percent\":40,\"message\":\"half \xC3\xA4\",\"step\":2,\"steps\":5}"},
    {"{\"percent\":0,\"step\":0}", "{\"percent\":0,\"message\":null,\"step\":0,\"steps\":null}"},
    {"{\"percent\":42.5}", "{\"percent\":42.5,\"message\":null,\"step\":null,\"steps\":null}"},
    {"{\"percent\":99.996}", "{\"percent\":100,\"message\":null,\"step\":null,\"steps\":null}"},
    {"{\"percent\":7.051}", "{\"percent\":7.05,\"message\":null,\"step\":null,\"steps\":null}"},
    {"{\"percent\":1e2}", "{\"percent\":100,\"message\":null,\"step\":null,\"steps\":null}"},
    {"{\"percent\":null,\"message\":\"\",\"eta\":[1]}",
     "{\"percent\":null,\"message\":\"\",\"step\":null,\"steps\":null}"},
};

static void test_good_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines_good) / sizeof(lines_good[0]); i++) {
        struct text_buffer out;
        text_buffer_init(&out, PROGRESS_TEXT_MAX);
        assert_true(progress_parse(span_of(lines_good[i].line), &out));
        assert_span(text_buffer_span(&out), span_of(lines_good[i].canonical));
        text_buffer_finish(&out);
    }
}

static const char *const lines_bad[] = {
    "40",
    "[]",
    "{\"percent\":40",
    "{\"percent\":-1}",
    "{\"percent\":100.01}",
    "{\"percent\":1e999}",
    "{\"percent\":\"40\"}",
    "{\"percent\":1,\"percent\":2}",
    "{\"message\":1}",
    "{\"message\":\"\\u0000\"}",
    "{\"message\":\"\xFF\"}",
    "{\"step\":-1}",
    "{\"step\":1.5}",
    "{\"steps\":99999999999999999999}",
    "{\"steps\":true}",
    "{} {}",
};

static void test_bad_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines_bad) / sizeof(lines_bad[0]); i++) {
        struct text_buffer out;
        text_buffer_init(&out, PROGRESS_TEXT_MAX);
        if (progress_parse(span_of(lines_bad[i]), &out))
            fail_msg("accepted: %s", lines_bad[i]);
        assert_int_equal(out.len, 0);
        text_buffer_finish(&out);
    }
}

/* 500 characters of up to four bytes are let through, 501 of one byte are not. */
static void test_message_is_measured_in_characters(void **state)
{
    (void)state;
    for (int count = 500; count <= 501; count++) {
        char line[4096] = "{\"message\":\"";
        for (int i = 0; i < count; i++)
            strcat(line, count == 500 ? "\xF0\x9F\x98\x80" : "a");
        strcat(line, "\"}");
        struct text_buffer out;
        text_buffer_init(&out, PROGRESS_TEXT_MAX);
        assert_int_equal(progress_parse(span_of(line), &out), count == 500);
        assert_false(out.failed);
        text_buffer_finish(&out);
    }
}

static void test_lines_cut_by_reads(void **state)
{
    (void)state;
    struct progress_lines lines;
    progress_lines_init(&lines);
    assert_false(progress_lines_feed(&lines, SPAN("{\"st")));
    assert_false(progress_lines_feed(&lines, SPAN("ep\":1")));
    assert_true(progress_lines_feed(&lines, SPAN("}\n\n \r\nnonsense\n{\"step\":2}\n{\"step\":")));
    assert_span(text_buffer_span(&lines.latest),
                SPAN("{\"percent\":null,\"message\":null,\"step\":2,\"steps\":null}"));
    assert_true(progress_lines_feed(&lines, SPAN("3}\n")));
    assert_false(progress_lines_feed(&lines, SPAN("{\"step\":4}")));
    assert_true(progress_lines_end(&lines));
    assert_span(text_buffer_span(&lines.latest),
                SPAN("{\"percent\":null,\"message\":null,\"step\":4,\"steps\":null}"));
    assert_false(progress_lines_end(&lines));
    assert_int_equal(lines.ignored, 1);
    progress_lines_finish(&lines);
}

static void test_bad_line_keeps_the_last_good_one(void **state)
{
    (void)state;
    struct progress_lines lines;
    progress_lines_init(&lines);
    assert_true(progress_lines_feed(&lines, SPAN("{\"step\":1}\n{\"step\":-1}\n")));
    assert_non_null(strstr(lines.latest.data, "\"step\":1"));
    progress_lines_finish(&lines);
}

static void test_long_line_is_skipped(void **state)
{
    (void)state;
    static char flood[3 * PROGRESS_LINE_MAX];
    memset(flood, ' ', sizeof(flood));
    struct progress_lines lines;
    progress_lines_init(&lines);
    for (int i = 0; i < 4; i++)
        assert_false(progress_lines_feed(&lines, (struct span){flood, PROGRESS_LINE_MAX / 2}));
    assert_true(progress_lines_feed(&lines, SPAN("{\"step\":1}\n{\"step\":2}\n")));
    assert_non_null(strstr(lines.latest.data, "\"step\":2"));
    assert_int_equal(lines.ignored, 1);
    flood[sizeof(flood) - 1] = '\n'; /* in one piece */
    flood[0] = '{';
    assert_false(progress_lines_feed(&lines, (struct span){flood, sizeof(flood)}));
    assert_int_equal(lines.ignored, 2);
    progress_lines_finish(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_message_is_measured_in_characters),
        cmocka_unit_test(test_lines_cut_by_reads),
        cmocka_unit_test(test_bad_line_keeps_the_last_good_one),
        cmocka_unit_test(test_long_line_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
