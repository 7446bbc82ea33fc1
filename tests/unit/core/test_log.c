#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <errno.h>
#include <fcntl.h>
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

static void a_line_has_time_level_and_text(void **state)
{
    (void)state;
    char line[4096];
    errno = ENOENT;
    log_warn("redis lost host=%s retry_ms=%d", "localhost", 250);
    assert_int_equal(errno, ENOENT);
    assert_true(next_line(line, sizeof(line)) > 0);
    int64_t ms;
    assert_true(time_parse((struct span){line, TIME_TEXT_SIZE - 1}, &ms));
    assert_string_equal(line + TIME_TEXT_SIZE - 1,
                        " level=warn redis lost host=localhost retry_ms=250");
    assert_int_equal(next_line(line, sizeof(line)), -1);
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    char line[4096];
    log_debug("one");
    log_info("two");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "level=info two"));
    log_set_level(LOG_ERROR);
    log_warn("three");
    log_error("four");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "level=error four"));
    log_set_level(LOG_DEBUG);
    log_debug("five");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "level=debug five"));
    assert_int_equal(next_line(line, sizeof(line)), -1);
}

static void a_value_forges_no_line(void **state)
{
    (void)state;
    char line[4096];
    log_info("id=%s", "a\nlevel=error forged\x1b[2J\x7f");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "id=a?level=error forged?[2J?"));
    assert_int_equal(next_line(line, sizeof(line)), -1);
}

static void a_long_line_is_cut_and_shows_it(void **state)
{
    (void)state;
    char text[5000];
    char line[4096];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_info("%s", text);
    const ssize_t len = next_line(line, sizeof(line));
    assert_true(len > 1000 && len < 4000);
    assert_string_equal(line + len - 6, "xxx...");
    assert_int_equal(next_line(line, sizeof(line)), -1);
}

static void a_line_that_cannot_be_written_is_dropped(void **state)
{
    (void)state;
    char line[4096];
    while (write(STDERR_FILENO, "full\n", 5) > 0)
        ;
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_DIRECT), 0); /* from here on it would wait */
    errno = ENOENT;
    log_info("lost");
    log_info("lost too");
    assert_int_equal(errno, ENOENT);
    while (next_line(line, sizeof(line)) >= 0)
        assert_string_equal(line, "full");
    log_info("again");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "level=info lines_lost=2 again"));
    log_info("and again");
    assert_true(next_line(line, sizeof(line)) > 0);
    assert_non_null(strstr(line, "level=info and again"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_and_text, capture_start, capture_end),
        cmocka_unit_test_setup_teardown(lower_levels_are_left_out, capture_start, capture_end),
        cmocka_unit_test_setup_teardown(a_value_forges_no_line, capture_start, capture_end),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_shows_it, capture_start,
                                        capture_end),
        cmocka_unit_test_setup_teardown(a_line_that_cannot_be_written_is_dropped, capture_start,
                                        capture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
