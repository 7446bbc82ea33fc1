#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Standard error is a pipe of packets meanwhile, so that each read gives what one write wrote. */
static int saved_stderr;
static int lines;

static int capture_start(void **state)
{
    (void)state;
    int ends[2];
    if (pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    lines = ends[0];
    return 0;
}

static int capture_end(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(lines);
    log_set_level(LOG_INFO);
    log_set_rate(0);
    return 0;
}

/* The next line without its end; its length, or -1 when there is none. */
static ssize_t next_line(char *ret_line, size_t size)
{
    const ssize_t len = read(lines, ret_line, size - 1);
    if (len <= 0)
        return -1;
    assert_int_equal(ret_line[len - 1], '\n');
    ret_line[len - 1] = '\0';
    assert_null(strchr(ret_line, '\n'));
    return len - 1;
}

static void expect_line(const char *expected)
{
    char line[4096];
    int64_t ms;
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_true(time_parse((struct span){line, TIME_TEXT_SIZE - 1}, &ms));
    assert_string_equal(line + TIME_TEXT_SIZE, expected);
}

static void expect_nothing(void)
{
    char line[4096];
    assert_int_equal(next_line(line, sizeof(line)), -1);
}

static void a_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    errno = ENOENT;
    log_warn("redis lost", log_text("host", "localhost"), log_int("retry_ms", 250));
    assert_int_equal(errno, ENOENT);
    expect_line("level=warn redis lost host=localhost retry_ms=250");
    log_info("stopped");
    expect_line("level=info stopped");
    expect_nothing();
}

static void a_pipe_is_no_terminal(void **state)
{
    char line[4096];
    (void)state;
    log_set_format(LOG_FORMAT_AUTO);
    log_info("listening", log_int("port", 80));
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(line + 9 + TIME_TEXT_SIZE - 1,
                        "\",\"level\":\"info\",\"message\":\"listening\",\"port\":80}");
    log_set_format(LOG_FORMAT_TEXT);
    log_info("listening", log_int("port", 80));
    expect_line("level=info listening port=80");
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    log_debug("one");
    log_info("two");
    expect_line("level=info two");
    log_set_level(LOG_ERROR);
    log_warn("three");
    assert_false(log_turn(LOG_WARN));
    log_error("four");
    expect_line("level=error four");
    log_set_level(LOG_DEBUG);
    log_debug("five");
    expect_line("level=debug five");
    expect_nothing();
}

static void a_line_that_cannot_be_written_is_lost_and_told(void **state)
{
    char line[4096];
    const uint64_t dropped = log_lines_dropped();
    (void)state;
    while (write(STDERR_FILENO, "full\n", 5) > 0)
        ;
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_DIRECT), 0); /* from here on it would wait */
    errno = ENOENT;
    log_info("lost");
    log_info("lost too");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(log_lines_dropped() - dropped, 2);
    while (next_line(line, sizeof(line)) >= 0)
        assert_string_equal(line, "full");
    log_info("again");
    expect_line("level=info again lines_lost=2");
    log_info("and again");
    expect_line("level=info and again");
    assert_int_equal(log_lines_dropped() - dropped, 2);
}

/* How many lines there are that begin so behind their time; the pipe is empty then. */
static int count_lines(const char *start)
{
    char line[4096];
    int count = 0;
    while (next_line(line, sizeof(line)) >= 0)
        count += strncmp(line + TIME_TEXT_SIZE, start, strlen(start)) == 0;
    return count;
}

/* One a second comes back, and a test may take some: so more than the bucket holds may be written,
 * by a few. */
static void what_is_too_much_is_dropped_and_told(void **state)
{
    const uint64_t dropped = log_lines_dropped();
    int written = 0;
    char expected[64];
    (void)state;
    log_set_rate(1);
    for (int i = 0; i < 1000; i++) {
        if (log_turn(LOG_INFO))
            log_in_turn(LOG_INFO, "often", log_int("number", i));
        written += count_lines("level=info often number=");
    }
    assert_in_range(written, 0, 1 + 20); /* what was written before may have left none */
    assert_int_equal(log_lines_dropped() - dropped, 1000 - written);
    log_info("seldom"); /* has a part of its own; and the next line tells what was dropped */
    snprintf(expected, sizeof(expected), "level=warn log lines dropped count=%d", 1000 - written);
    expect_line(expected);
    expect_line("level=info seldom");
    written = 0;
    for (int i = 0; i < 200; i++) {
        log_info("seldom");
        written += count_lines("level=info seldom");
    }
    assert_in_range(written, 99 - 1, 99 + 20);
    written = 0;
    for (int i = 0; i < 300; i++) { /* in a bucket of their own */
        log_error("serious");
        written += count_lines("level=error serious");
    }
    assert_in_range(written, 102 - 2, 102 + 40); /* others may have come before */
}

static void without_a_rate_nothing_is_dropped(void **state)
{
    const uint64_t dropped = log_lines_dropped();
    (void)state;
    log_set_rate(0);
    for (int i = 0; i < 3000; i++) {
        log_info("often");
        assert_true(log_turn(LOG_INFO));
        assert_int_equal(count_lines("level=info often"), 1);
    }
    assert_int_equal(log_lines_dropped(), dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_message_and_fields, capture_start,
                                        capture_end),
        cmocka_unit_test_setup_teardown(a_pipe_is_no_terminal, capture_start, capture_end),
        cmocka_unit_test_setup_teardown(lower_levels_are_left_out, capture_start, capture_end),
        cmocka_unit_test_setup_teardown(a_line_that_cannot_be_written_is_lost_and_told,
                                        capture_start, capture_end),
        cmocka_unit_test_setup_teardown(without_a_rate_nothing_is_dropped, capture_start,
                                        capture_end),
        cmocka_unit_test_setup_teardown(what_is_too_much_is_dropped_and_told, capture_start,
                                        capture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
