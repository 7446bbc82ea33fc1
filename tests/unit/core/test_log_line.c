#include "support/test.h"

#include "core/log_private.h"
#include "proctrack/clock.h"
#include "proctrack/json_scan.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#define TIME_TEXT "2025-11-08T10:00:00.000Z"

static char line[LOG_LINE_SIZE + 1];

static struct log_event event_of(const struct log_field *fields)
{
    int64_t wall_ms;
    assert_true(time_parse(span_of(TIME_TEXT), &wall_ms));
    return (struct log_event){
        .wall_ms = wall_ms, .level = LOG_WARN, .message = "redis lost", .fields = fields};
}

static void expect_json(const struct log_event *event, const char *expected)
{
    struct span value;
    struct json_fault fault;
    const size_t len = log_format_line(LOG_FORMAT_JSON, event, line);
    assert_true(len < PIPE_BUF);
    assert_int_equal(line[len - 1], '\n');
    line[len - 1] = '\0';
    assert_true(json_check((struct span){line, len - 1}, &value, &fault));
    if (expected != NULL)
        assert_string_equal(line, expected);
}

static void expect_text(const struct log_event *event, const char *expected)
{
    const size_t len = log_format_line(LOG_FORMAT_TEXT, event, line);
    assert_true(len < PIPE_BUF);
    assert_int_equal(line[len - 1], '\n');
    line[len - 1] = '\0';
    assert_string_equal(line, expected);
}

#define JSON_HEAD "{\"time\":\"" TIME_TEXT "\",\"level\":\"warn\",\"message\":\"redis lost\""
#define TEXT_HEAD TIME_TEXT " level=warn redis lost"

static void each_kind_of_field_is_written(void **state)
{
    (void)state;
    const struct log_field fields[] = {
        log_text("host", "localhost"),
        log_int("retry_ms", -250),
        log_float("share", 0.1254),
        log_bool("first", true),
        log_bool("last", false),
        log_time("since", 1000),
        log_span("type", SPAN("text-stats")),
        LOG_END,
    };
    const struct log_event event = event_of(fields);
    expect_json(&event, JSON_HEAD ",\"host\":\"localhost\",\"retry_ms\":-250,\"share\":0.125"
                                  ",\"first\":true,\"last\":false"
                                  ",\"since\":\"1970-01-01T00:00:01.000Z\""
                                  ",\"type\":\"text-stats\"}");
    expect_text(&event, TEXT_HEAD " host=localhost retry_ms=-250 share=0.125 first=true last=false"
                                  " since=1970-01-01T00:00:01.000Z type=text-stats");
}

static void levels_have_names(void **state)
{
    (void)state;
    const struct log_field fields[] = {LOG_END};
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        char expected[200];
        struct log_event event = event_of(fields);
        event.level = (enum log_level)level;
        snprintf(expected, sizeof(expected), TIME_TEXT " level=%s redis lost", names[level]);
        expect_text(&event, expected);
        snprintf(expected, sizeof(expected),
                 "{\"time\":\"" TIME_TEXT "\",\"level\":\"%s\",\"message\":\"redis lost\"}",
                 names[level]);
        expect_json(&event, expected);
    }
}

static void lost_lines_are_told(void **state)
{
    (void)state;
    const struct log_field fields[] = {log_int("port", 1), LOG_END};
    struct log_event event = event_of(fields);
    event.lost = 3;
    expect_json(&event, JSON_HEAD ",\"lines_lost\":3,\"port\":1}");
    expect_text(&event, TEXT_HEAD " lines_lost=3 port=1");
}

static void what_has_no_value_is_left_out(void **state)
{
    (void)state;
    const struct log_field fields[] = {
        log_text("a", NULL),         log_span("b", SPAN_NONE),
        log_float("c", (double)NAN), log_float("d", (double)INFINITY),
        log_float("e", 1e300),       log_time("f", TIME_NONE),
        log_time("g", INT64_MAX),    log_time("h", -1),
        log_text("i", ""),           LOG_END,
    };
    const struct log_event event = event_of(fields);
    expect_json(&event, JSON_HEAD ",\"i\":\"\"}");
    expect_text(&event, TEXT_HEAD " i=\"\"");
}

static void characters_that_mean_something_are_escaped(void **state)
{
    static const struct {
        const char *value, *json, *text;
    } cases[] = {
        {"plain", "\"plain\"", "plain"},
        {"two words", "\"two words\"", "\"two words\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"a\nlevel=error forged", "\"a\\nlevel=error forged\"", "\"a\\nlevel=error forged\""},
        {"\"", "\"\\\"\"", "\"\\\"\""},
        {"\\", "\"\\\\\"", "\"\\\\\""},
        {"\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"", "\"\\b\\t\\n\\f\\r\""},
        {"\x1b[2J\x7f\x01", "\"\\u001b[2J\\u007f\\u0001\"", "\"\\u001b[2J\\u007f\\u0001\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc2\x85\xc2\x9b", "\"\\u0085\\u009b\"", "\"\\u0085\\u009b\""},
        {"\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6", "\"\\u2028\\u202e\\u2066\"",
         "\"\\u2028\\u202e\\u2066\""},
        {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\"", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[300];
        const struct log_field fields[] = {log_text("v", cases[i].value), LOG_END};
        const struct log_event event = event_of(fields);
        snprintf(expected, sizeof(expected), JSON_HEAD ",\"v\":%s}", cases[i].json);
        expect_json(&event, expected);
        snprintf(expected, sizeof(expected), TEXT_HEAD " v=%s", cases[i].text);
        expect_text(&event, expected);
    }
}

static void a_zero_byte_is_replaced(void **state)
{
    (void)state;
    const struct log_field fields[] = {log_span("v", SPAN("a\0b")), LOG_END};
    const struct log_event event = event_of(fields);
    expect_json(&event, JSON_HEAD ",\"v\":\"a\xef\xbf\xbd"
                                  "b\"}");
    expect_text(&event, TEXT_HEAD " v=\"a\xef\xbf\xbd"
                                  "b\"");
}

static void a_long_value_is_cut_and_says_so(void **state)
{
    static const char *const pieces[] = {"x", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80", "\xff", "\x01"};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char value[20000] = "";
        for (size_t at = 0; at + 8 < sizeof(value); at += strlen(pieces[i]))
            strcpy(value + at, pieces[i]);
        const struct log_field fields[] = {log_text("v", value), log_int("after", 1), LOG_END};
        const struct log_event event = event_of(fields);
        expect_json(&event, NULL);
        assert_non_null(strstr(line, "...\",\"after\":1,\"cut\":true}"));
        assert_in_range(strlen(line), 1024, 1024 + 200);
    }
}

/* Fields that fit not even cut are left out; those that do are whole. */
static void a_long_line_is_cut_and_stays_valid(void **state)
{
    char value[3000], names[40][8];
    struct log_field fields[41];
    (void)state;
    memset(value, '"', sizeof(value));
    for (size_t len = 0; len < 300; len++) {
        for (size_t i = 0; i < 40; i++) {
            snprintf(names[i], sizeof(names[i]), "n%d", (int)i);
            fields[i] = i % 2 == 0 ? log_span(names[i], (struct span){value, 2 * len + i})
                                   : log_int(names[i], INT64_MIN);
        }
        fields[40] = LOG_END;
        const struct log_event event = event_of(fields);
        expect_json(&event, NULL);
        if (len > 100)
            assert_non_null(strstr(line, ",\"cut\":true}"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_field_is_written),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(lost_lines_are_told),
        cmocka_unit_test(what_has_no_value_is_left_out),
        cmocka_unit_test(characters_that_mean_something_are_escaped),
        cmocka_unit_test(a_zero_byte_is_replaced),
        cmocka_unit_test(a_long_value_is_cut_and_says_so),
        cmocka_unit_test(a_long_line_is_cut_and_stays_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
