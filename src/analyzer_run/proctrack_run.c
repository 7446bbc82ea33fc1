/* proctrack-run: stands between proctrackd and one analyzer command.
 *
 *     proctrack-run -- command argument …
 *
 * Descriptors 0, 1, 2 (the usual ones) and 3 (progress) go to the command as they are; all above 4
 * are closed. On descriptor 4 one line says how it ended, and then this program exits with 0:
 *
 *     exited <code> signal <n> wall_ms <n> cpu_ms <n> peak_memory_kib <n>
 *     failed <errno>                                  the command could not be started
 *
 * The code is -1 after a signal; the signal is 0 after an exit. CPU time and memory are those of
 * the command and of all that it started: a process this small makes the peak the command's own,
 * where a fork of a large server would begin with the server's.
 *
 * SIGTERM (SIGINT, SIGHUP) is passed on to the command's process group, and wakes what is stopped
 * there, so that it can end. SIGUSR1, which the kernel also sends when proctrackd is gone, kills
 * the group. Nothing that the command has started outlives it: orphans are handed to this program
 * (a subreaper), which kills them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPORT_FD  4
#define EXIT_USAGE 64
#define EXIT_OS    71

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
        return;
#endif
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1048576)
        limit.rlim_cur = 1048576;
    for (int fd = first; fd < (int)limit.rlim_cur; fd++)
        close(fd);
}

/* The signals that are waited for instead of handled. */
static sigset_t waited_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    return set;
}

static void report(const char *line)
{
    size_t len = strlen(line), done = 0;
    while (done < len) {
        ssize_t n = write(REPORT_FD, line + done, len - done);
        if (n < 0 && errno != EINTR)
            return; /* nobody is left to tell */
        if (n > 0)
            done += (size_t)n;
    }
}

/* In the forked child. */
static void become_command(char **argv, int failure_fd)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    int failure = errno;
    ssize_t written = write(failure_fd, &failure, sizeof(failure));
    _exit(written == (ssize_t)sizeof(failure) ? 127 : 126);
}

/* The command's pid, or -1 with errno set to why it could not be started. */
static pid_t start_command(char **argv)
{
    int failure_pipe[2];
    if (pipe2(failure_pipe, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        become_command(argv, failure_pipe[1]);
    setpgid(pid, pid); /* also here: a signal may have to be passed on before the child runs */
    close(failure_pipe[1]);
    int failure = 0;
    ssize_t n;
    do
        n = read(failure_pipe[0], &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    close(failure_pipe[0]);
    if (n != (ssize_t)sizeof(failure))
        return pid;
    waitpid(pid, NULL, 0);
    errno = failure;
    return -1;
}

/* Reaps whatever has ended; true when the command is among them. */
static bool reap(pid_t command, int *ret_status)
{
    bool ended = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == command) {
            *ret_status = status;
            ended = true;
        }
    }
    return ended;
}

/* Kills the children that have left the command's group, among them orphans handed to us. */
static void kill_children(void)
{
    char path[64], list[4096];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* a kernel without this list: the group was killed, more cannot be known */
    ssize_t n = read(fd, list, sizeof(list) - 1);
    close(fd);
    list[n > 0 ? n : 0] = '\0';
    for (char *at = list, *end; *at != '\0'; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at || *end != ' ')
            return; /* the end, or a number cut by the buffer: the next round sees it */
        kill((pid_t)pid, SIGKILL);
        end++;
    }
}

/* Until no child is left (or one second has passed: a child in an uninterruptible wait must not
 * hold the report). A killed child's own children come to us, hence the rounds. */
static void end_leftovers(pid_t command)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    kill(-command, SIGKILL);
    for (int round = 0; round < 500; round++) {
        kill_children();
        pid_t pid;
        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid > 0);
        if (pid < 0)
            return;
        nanosleep(&pause, NULL);
    }
}

/* Waits for the end of the command, passing signals on; its wait status. */
static int supervise(pid_t command, const sigset_t *signals)
{
    int status = 0;
    while (!reap(command, &status)) {
        int signo = sigwaitinfo(signals, NULL);
        if (signo == SIGUSR1) {
            kill(-command, SIGKILL);
            kill_children();
        } else if (signo > 0 && signo != SIGCHLD) {
            kill(-command, SIGTERM);
            kill(-command, SIGCONT);
        }
    }
    end_leftovers(command);
    return status;
}

static void report_end(int status, int64_t wall_ms)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    int64_t cpu_us = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    char line[160];
    snprintf(
        line, sizeof(line), "exited %d signal %d wall_ms %lld cpu_ms %lld peak_memory_kib %ld\n",
        WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        (long long)wall_ms, (long long)((cpu_us + 999) / 1000), usage.ru_maxrss);
    report(line);
}

/* True when nobody reads the report any more. Asked after the kernel was told to signal our
 * parent's end, it closes the gap in which the parent may have ended before. */
static bool server_is_gone(void)
{
    struct pollfd watched = {.fd = REPORT_FD, .events = POLLOUT};
    return poll(&watched, 1, 0) == 1 && (watched.revents & POLLERR) != 0;
}

int main(int argc, char **argv)
{
    const sigset_t signals = waited_signals();
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3 || strcmp(argv[1], "--") != 0 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) != 0) {
        fprintf(stderr, "usage: proctrack-run -- command argument …\n"
                        "proctrackd starts this with descriptor 4 open for the report.\n");
        return EXIT_USAGE;
    }
    close_from(REPORT_FD + 1);
    if (prctl(PR_SET_PDEATHSIG, SIGUSR1) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return EXIT_OS;
    if (server_is_gone())
        return EXIT_OS;
    int64_t started = now_ms();
    pid_t command = start_command(argv + 2);
    if (command < 0) {
        char line[32];
        snprintf(line, sizeof(line), "failed %d\n", errno);
        report(line);
        return 0;
    }
    for (int fd = 0; fd < REPORT_FD; fd++)
        close(fd); /* their other ends must see when the command closes them */
    int status = supervise(command, &signals);
    report_end(status, now_ms() - started);
    _exit(0); /* nothing is left to do, and a sanitizer's look at the end can hang on our signals */
}
