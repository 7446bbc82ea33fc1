/* proctrack-run alone, as the server would start it. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct runner {
    pid_t pid;
    int output, report; /* our ends */
};

static const char *program(void)
{
    const char *path = getenv("PROCTRACK_RUN");
    return path != NULL ? path : "proctrack-run";
}

static void make_pipe(int *ret_ours, int *ret_theirs)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *ret_ours = fcntl(ends[0], F_DUPFD_CLOEXEC, 100);
    *ret_theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, 100);
    close(ends[0]);
    close(ends[1]);
}

static void become_runner(const char *const *command, int output, int report)
{
    const char *argv[8] = {"proctrack-run", "--"};
    for (int i = 0; command[i] != NULL; i++)
        argv[i + 2] = command[i];
    dup2(output, 1);
    dup2(output, 3);
    dup2(report, 4);
    execv(program(), (char **)(uintptr_t)argv);
    _exit(99);
}

static struct runner start(const char *const *command)
{
    struct runner runner;
    int output, report;
    make_pipe(&runner.output, &output);
    make_pipe(&runner.report, &report);
    runner.pid = fork();
    assert_true(runner.pid >= 0);
    if (runner.pid == 0)
        become_runner(command, output, report);
    close(output);
    close(report);
    return runner;
}

static struct runner start_shell(const char *script)
{
    return start((const char *const[]){"/bin/sh", "-c", script, NULL});
}

static void await_readable(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    if (poll(&watched, 1, PATIENCE_MS) != 1)
        fail_msg("nothing came");
}

static void expect_line(int fd, const char *line)
{
    char got[64];
    size_t len = 0;
    while (len < sizeof(got) - 1 && (len == 0 || got[len - 1] != '\n')) {
        await_readable(fd);
        ssize_t n = read(fd, got + len, 1);
        assert_true(n == 1);
        len++;
    }
    got[len] = '\0';
    assert_string_equal(got, line);
}

/* All until the end of the stream: nobody holds its other end any more. */
static void read_all(int fd, char *ret_text, size_t size)
{
    size_t len = 0;
    for (;;) {
        await_readable(fd);
        ssize_t n = read(fd, ret_text + len, size - 1 - len);
        assert_true(n >= 0);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    ret_text[len] = '\0';
    close(fd);
}

/* The report; the output is returned through ret_output. */
static const char *finish(struct runner *runner, char *ret_output, size_t size)
{
    static char report[256];
    read_all(runner->output, ret_output, size);
    read_all(runner->report, report, sizeof(report));
    int status;
    assert_int_equal(waitpid(runner->pid, &status, 0), runner->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return report;
}

static void expect_start(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("%s does not start with %s", text, start);
}

static long number_after(const char *report, const char *name)
{
    const char *at = strstr(report, name);
    assert_non_null(at);
    return strtol(at + strlen(name), NULL, 10);
}

static void test_reports_what_it_cost(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 7");
    const char *report = finish(&runner, output, sizeof(output));
    expect_start(report, "exited 7 signal 0 wall_ms ");
    long wall_ms = number_after(report, "wall_ms "), cpu_ms = number_after(report, "cpu_ms ");
    assert_true(cpu_ms > 5 && cpu_ms <= wall_ms + 20);
    assert_true(number_after(report, "peak_memory_kib ") > 100);
}

/* The memory is the command's, however large we are. */
static void test_memory_is_not_ours(void **state)
{
    (void)state;
    char output[64];
    size_t size = (size_t)200 * 1024 * 1024;
    char *ballast = malloc(size);
    assert_non_null(ballast);
    memset(ballast, 1, size);
    struct runner runner = start_shell("exit 0");
    const char *report = finish(&runner, output, sizeof(output));
    free(ballast);
    long peak = number_after(report, "peak_memory_kib ");
    assert_true(peak > 0 && peak < 50 * 1024);
}

static void test_reports_a_signal(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("kill -9 $$");
    expect_start(finish(&runner, output, sizeof(output)), "exited -1 signal 9 wall_ms ");
}

static void test_reports_a_failed_start(void **state)
{
    (void)state;
    char output[64];
    struct runner missing = start((const char *const[]){"/nowhere/x", NULL});
    assert_string_equal(finish(&missing, output, sizeof(output)), "failed 2\n");
    struct runner no_program = start((const char *const[]){"/dev/null", NULL});
    assert_string_equal(finish(&no_program, output, sizeof(output)), "failed 13\n");
}

static void test_searches_path(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start((const char *const[]){"echo", "found", NULL});
    expect_start(finish(&runner, output, sizeof(output)), "exited 0 ");
    assert_string_equal(output, "found\n");
}

/* Both hold the output open: that it ends shows that they have. The second has left the group
 * (the substitution ends once it has) and can only be found as an orphan. */
static void test_leftovers_are_killed(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("sleep 1000 &\n"
                                       "x=$(setsid sh -c 'exec sleep 1000 >/dev/null' &); exit 3");
    expect_start(finish(&runner, output, sizeof(output)), "exited 3 signal 0 ");
}

static void test_term_reaches_the_group(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("trap 'echo asked; exit 5' TERM; echo ready\n"
                                       "while :; do sleep 0.01; done");
    expect_line(runner.output, "ready\n");
    kill(runner.pid, SIGTERM);
    expect_start(finish(&runner, output, sizeof(output)), "exited 5 signal 0 ");
    assert_string_equal(output, "asked\n");
}

static void test_term_ends_what_is_stopped(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("echo ready; kill -STOP $$; exit 5");
    expect_line(runner.output, "ready\n");
    kill(runner.pid, SIGTERM);
    expect_start(finish(&runner, output, sizeof(output)), "exited -1 signal 15 ");
}

static void test_usr1_kills_the_group(void **state)
{
    (void)state;
    char output[64];
    struct runner runner = start_shell("trap '' TERM USR1; echo ready; sh -c 'trap \"\" TERM USR1\n"
                                       "while :; do sleep 1000; done'");
    expect_line(runner.output, "ready\n");
    kill(runner.pid, SIGTERM);
    kill(runner.pid, SIGUSR1);
    expect_start(finish(&runner, output, sizeof(output)), "exited -1 signal 9 ");
}

/* A server that is killed without a chance to tell anybody takes its commands along. */
static void test_end_of_the_server_kills(void **state)
{
    (void)state;
    char output[64];
    int ours, theirs;
    make_pipe(&ours, &theirs);
    pid_t server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        int report_ours, report;
        make_pipe(&report_ours, &report);
        if (fork() == 0)
            become_runner((const char *const[]){"/bin/sh", "-c",
                                                "trap '' TERM HUP USR1; sleep 1000 &\n"
                                                "x=$(setsid sh -c 'exec sleep 1000 >/dev/null' &)\n"
                                                "echo ready; wait",
                                                NULL},
                          theirs, report);
        close(theirs);
        for (;;)
            pause();
    }
    close(theirs);
    expect_line(ours, "ready\n");
    kill(server, SIGKILL);
    assert_int_equal(waitpid(server, NULL, 0), server);
    read_all(ours, output, sizeof(output));
}

static void test_no_descriptor_leaks(void **state)
{
    (void)state;
    char output[256];
    int leaky = dup2(0, 55);
    assert_int_equal(leaky, 55);
    struct runner runner = start_shell("for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 55 100 101 102 103; "
                                       "do [ -e /proc/self/fd/$i ] && echo $i; done");
    finish(&runner, output, sizeof(output));
    close(leaky);
    assert_string_equal(output, "0\n1\n2\n3\n");
}

static void test_signals_are_as_usual_for_the_command(void **state)
{
    (void)state;
    char output[256];
    signal(SIGPIPE, SIG_IGN);
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, &before);
    struct runner runner =
        start((const char *const[]){"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL});
    finish(&runner, output, sizeof(output));
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    assert_string_equal(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_wrong_use(void **state)
{
    (void)state;
    static const char *const uses[][4] = {
        {"proctrack-run", NULL},
        {"proctrack-run", "--", NULL},
        {"proctrack-run", "sh", "x", NULL},
        {"proctrack-run", "--", "true", NULL}, /* without descriptor 4 */
    };
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(2);
            close(4);
            execv(program(), (char **)(uintptr_t)uses[i]);
            _exit(99);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_what_it_cost),
        cmocka_unit_test(test_memory_is_not_ours),
        cmocka_unit_test(test_reports_a_signal),
        cmocka_unit_test(test_reports_a_failed_start),
        cmocka_unit_test(test_searches_path),
        cmocka_unit_test(test_leftovers_are_killed),
        cmocka_unit_test(test_term_reaches_the_group),
        cmocka_unit_test(test_term_ends_what_is_stopped),
        cmocka_unit_test(test_usr1_kills_the_group),
        cmocka_unit_test(test_end_of_the_server_kills),
        cmocka_unit_test(test_no_descriptor_leaks),
        cmocka_unit_test(test_signals_are_as_usual_for_the_command),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
