/* One alarm is the deadline of everything: of finding the name, connecting, sending and reading.
 * So all calls may block. */
#include "app/healthcheck.h"

#include "proctrack/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_S   5
#define ANSWER_MAX   8192 /* bytes that are read of it; a health answer is smaller */
#define REQUEST_SIZE 512
#define URL_SIZE     320

static void on_late(int signo)
{
    static const char line[] = "unhealthy: no answer within 5 seconds\n";
    (void)signo;
    (void)!write(STDOUT_FILENO, line, sizeof(line) - 1);
    _exit(EXIT_UNHEALTHY);
}

static void set_deadline(void)
{
    struct sigaction late = {.sa_handler = on_late};
    sigaction(SIGALRM, &late, NULL);
    alarm(DEADLINE_S);
}

/* A server that listens on every interface is asked on the loopback one. */
static void avoid_wildcard(struct sockaddr *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
    if (address->sa_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        v6->sin6_addr = in6addr_loopback;
}

static int connect_to_one(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    avoid_wildcard(address->ai_addr);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* -1 with *ret_why. */
static int connect_to(const char *host, int port, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses;
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    int failed = getaddrinfo(host, service, &hints, &addresses);
    if (failed != 0) {
        *ret_why = failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed);
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *each = addresses; each != NULL && fd < 0; each = each->ai_next)
        fd = connect_to_one(each);
    if (fd < 0)
        *ret_why = strerror(errno);
    freeaddrinfo(addresses);
    return fd;
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        data += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* Up to its end or to what the buffer holds, and ends it. */
static size_t receive_all(int fd, char ret_answer[ANSWER_MAX + 1])
{
    size_t len = 0;
    while (len < ANSWER_MAX) {
        ssize_t got = recv(fd, ret_answer + len, ANSWER_MAX - len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    ret_answer[len] = '\0';
    return len;
}

/* -1 for what is no HTTP answer. */
static int status_of(const char *answer)
{
    int64_t status;
    if (strncmp(answer, "HTTP/1.", 7) != 0 || answer[7] == '\0' || answer[8] != ' ' ||
        strnlen(answer + 9, 3) < 3 || !span_to_int((struct span){answer + 9, 3}, 100, 599, &status))
        return -1;
    return (int)status;
}

/* On one line, whatever it holds. */
static void print_body(const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n");
    for (body = body != NULL ? body + 4 : ""; *body != '\0'; body++)
        putchar(*body >= ' ' && *body <= '~' ? *body : '?');
}

static enum exit_code judge(const char *url, const char *answer, size_t len)
{
    int status = status_of(answer);
    if (status == 200) {
        printf("healthy: %s answered 200\n", url);
        return EXIT_OK;
    }
    if (len == 0)
        printf("unhealthy: %s closed the connection without an answer", url);
    else if (status < 0)
        printf("unhealthy: %s did not answer in HTTP", url);
    else
        printf("unhealthy: %s answered %d ", url, status);
    if (status >= 0)
        print_body(answer);
    putchar('\n');
    return EXIT_UNHEALTHY;
}

static enum exit_code ask(const char *host, int port, const char *path, const char *url)
{
    char request[REQUEST_SIZE], answer[ANSWER_MAX + 1];
    const char *why = "";
    int fd = connect_to(host, port, &why);
    if (fd < 0) {
        printf("unhealthy: %s: %s\n", url, why);
        return EXIT_UNHEALTHY;
    }
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: proctrackd\r\n"
                       "Connection: close\r\n\r\n",
                       path);
    size_t got = send_all(fd, request, (size_t)len) ? receive_all(fd, answer) : 0;
    close(fd);
    return judge(url, got > 0 ? answer : "", got);
}

enum exit_code healthcheck_run(const struct config *config, const char *path)
{
    char url[URL_SIZE];
    bool has_admin = config->admin_port != NO_ADMIN_PORT;
    int port = (int)(has_admin ? config->admin_port : config->port);
    bool is_v6 = strchr(config->host, ':') != NULL;
    if (port == 0) {
        fprintf(stderr,
                "proctrackd: %s=0: the server picks a port, so that --healthcheck cannot know it; "
                "give one\n",
                has_admin ? "ADMIN_PORT" : "PORT");
        return EXIT_CONFIG;
    }
    snprintf(url, sizeof(url), "http://%s%s%s:%d%s", is_v6 ? "[" : "", config->host,
             is_v6 ? "]" : "", port, path);
    set_deadline();
    enum exit_code code = ask(config->host, port, path, url);
    alarm(0);
    return code;
}
