#include "support/redis_fixture.h"

#include "support/patience.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "redis fixture: %s\n", what);
    abort();
}

bool redis_fixture_available(void)
{
    const char *path = getenv("PATH");
    struct span rest = span_of(path), part;
    while (span_split(&rest, ':', &part)) {
        char name[4096];
        snprintf(name, sizeof(name), SPAN_FMT "/redis-server", SPAN_ARG(part));
        if (access(name, X_OK) == 0)
            return true;
    }
    return false;
}

/* --- life ------------------------------------------------------------------------------------ */

static void run_server(const struct redis_fixture *fixture, int output)
{
    const char *argv[64] = {"redis-server",
                            "--port",
                            "0",
                            "--unixsocket",
                            fixture->socket,
                            "--dir",
                            fixture->directory,
                            "--save",
                            "",
                            "--appendonly",
                            "no",
                            "--daemonize",
                            "no"};
    size_t count = 13;
    for (size_t i = 0; fixture->arguments != NULL && fixture->arguments[i] != NULL; i++)
        argv[count++] = fixture->arguments[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void wait_until_ready(int output)
{
    char text[65536] = "";
    size_t len = 0;
    struct pollfd watched = {.fd = output, .events = POLLIN};
    while (strstr(text, "eady to accept connections") == NULL) {
        demand(poll(&watched, 1, PATIENCE_MS) == 1, "redis-server does not start");
        ssize_t got = read(output, text + len, sizeof(text) - 1 - len);
        demand(got > 0, text);
        len += (size_t)got;
        text[len] = '\0';
    }
}

static void spawn(struct redis_fixture *fixture)
{
    int output[2];
    demand(pipe2(output, O_CLOEXEC) == 0, "no pipe");
    fixture->pid = fork();
    demand(fixture->pid >= 0, "no fork");
    if (fixture->pid == 0)
        run_server(fixture, output[1]);
    close(output[1]);
    wait_until_ready(output[0]);
    close(output[0]); /* what it says later is lost, which does not trouble it */
}

void redis_fixture_start(struct redis_fixture *fixture, const char *const *arguments)
{
    const char *parent = getenv("TMPDIR");
    *fixture = (struct redis_fixture){.arguments = arguments};
    signal(SIGPIPE, SIG_IGN); /* as every program that uses the client */
    if (parent == NULL || strlen(parent) > 40)
        parent = "/tmp";
    snprintf(fixture->directory, sizeof(fixture->directory), "%s/redis-XXXXXX", parent);
    demand(mkdtemp(fixture->directory) != NULL, "no temporary directory");
    snprintf(fixture->socket, sizeof(fixture->socket), "%s/socket", fixture->directory);
    spawn(fixture);
}

void redis_fixture_kill(struct redis_fixture *fixture)
{
    if (fixture->pid == 0)
        return;
    kill(fixture->pid, SIGKILL);
    waitpid(fixture->pid, NULL, 0);
    fixture->pid = 0;
}

void redis_fixture_restart(struct redis_fixture *fixture)
{
    unlink(fixture->socket);
    spawn(fixture);
}

void redis_fixture_pause(struct redis_fixture *fixture)
{
    int status;
    kill(fixture->pid, SIGSTOP);
    waitpid(fixture->pid, &status, WUNTRACED); /* it has stopped only then */
}

void redis_fixture_resume(struct redis_fixture *fixture)
{
    kill(fixture->pid, SIGCONT);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

void redis_fixture_stop(struct redis_fixture *fixture)
{
    redis_fixture_kill(fixture);
    nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Not one of those that the kernel gives to connections, which would take it meanwhile. */
int redis_fixture_free_port(void)
{
    enum { FIRST = 10000, COUNT = 20000, OF_EACH = 16 };
    static unsigned next;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int port, bound;
    do {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        port = FIRST + (int)((OF_EACH * (unsigned)getpid() + next++) % COUNT);
        address.sin_port = htons((uint16_t)port);
        bound = bind(fd, (const void *)&address, sizeof(address));
        close(fd);
    } while (bound != 0 && next < COUNT);
    demand(bound == 0, "no port");
    return port;
}

void redis_fixture_options(const struct redis_fixture *fixture, struct redis_options *ret_options)
{
    redis_options_defaults(ret_options);
    ret_options->host[0] = '\0';
    demand(
        text_copy(ret_options->unix_path, sizeof(ret_options->unix_path), span_of(fixture->socket)),
        "path too long");
    ret_options->connect_timeout_ms = ret_options->command_timeout_ms = PATIENCE_MS / 2;
}

/* --- questions ------------------------------------------------------------------------------- */

static void print_reply(struct text_buffer *out, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER)
        text_append_int(out, reply->integer);
    else if (reply->type == REDIS_REPLY_NIL)
        text_append_literal(out, "(nil)");
    else if (reply->type == REDIS_REPLY_ERROR)
        text_append_format(out, "(error) %s", reply->str);
    else if (reply->type != REDIS_REPLY_ARRAY)
        text_append(out, reply->str, reply->len);
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (i > 0)
            text_append_char(out, '\n');
        print_reply(out, reply->element[i]);
    }
}

static const char *ask(const struct redis_fixture *fixture, int argc, const char **argv)
{
    static char answer[65536];
    redisContext *context = redisConnectUnix(fixture->socket);
    demand(context != NULL && context->err == 0, "no connection");
    redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
    demand(reply != NULL, "no reply");
    struct text_buffer text;
    text_buffer_init(&text, sizeof(answer) - 1);
    print_reply(&text, reply);
    demand(text_copy(answer, sizeof(answer), text.len > 0 ? text_buffer_span(&text) : SPAN("")),
           "answer too long");
    text_buffer_finish(&text);
    freeReplyObject(reply);
    redisFree(context);
    return answer;
}

const char *redis_fixture_ask_words(const struct redis_fixture *fixture, const char *const *words)
{
    const char *argv[64];
    int argc = 0;
    while (words[argc] != NULL) {
        argv[argc] = words[argc];
        argc++;
    }
    return ask(fixture, argc, argv);
}

const char *redis_fixture_ask(const struct redis_fixture *fixture, const char *format, ...)
{
    const char *argv[128];
    int argc = 0;
    char *command, *rest;
    va_list args;
    va_start(args, format);
    demand(vasprintf(&command, format, args) >= 0, "out of memory");
    va_end(args);
    for (char *word = strtok_r(command, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    const char *answer = ask(fixture, argc, argv);
    free(command);
    return answer;
}
