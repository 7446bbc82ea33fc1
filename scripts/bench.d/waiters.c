/* Clients that wait for processes to change: COUNT connections, each to the next of the PORTs and
 * for the next of the TARGETS (a file, one a line).
 *
 *     waiters poll|stream COUNT TARGETS CHANGE PORT...
 *
 * Prints "asked" when all have asked, and streams have their first event. A line on the standard
 * input sends CHANGE (a file with a request) to the first port; when all have been told of it, one
 * line of JSON says how long after. Ends then, or at the end of the input. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 16384
#define EVENTS      1024
#define PATIENCE_MS 30000

struct waiter {
    int fd;
    bool told;
};

static bool streams;
static struct waiter *waiters;
static uint32_t *latencies;
static size_t told;
static int64_t changed_at;

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);
    if (file == NULL || text == NULL)
        fail(path, strerror(errno));
    text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int connect_to(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("connect", strerror(errno));
    return fd;
}

static void ask(int fd, const char *target)
{
    char text[1024];
    int len = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: %s\r\n\r\n",
                       target, streams ? "text/event-stream" : "application/json");
    if (write(fd, text, (size_t)len) != len)
        fail("write", strerror(errno));
}

/* What tells of a state: an event of a stream, the answer of a poll. */
static void on_readable(struct waiter *waiter)
{
    static char answer[BUFFER_SIZE];
    ssize_t got = read(waiter->fd, answer, BUFFER_SIZE - 1);
    if (got <= 0)
        fail("read", got == 0 ? "closed" : strerror(errno));
    answer[got] = '\0';
    if (strncmp(answer, "HTTP/1.1 ", 9) == 0 && strncmp(answer, "HTTP/1.1 200", 12) != 0)
        fail("answer", answer);
    if (waiter->told || (streams && strstr(answer, "data:") == NULL))
        return;
    if (!streams && changed_at == 0)
        fail("answer before the change", answer);
    waiter->told = true;
    if (changed_at != 0)
        latencies[told] = (uint32_t)(now_us() - changed_at);
    told++;
}

/* Until all were told. */
static void collect(int epoll, size_t count)
{
    struct epoll_event events[EVENTS];
    while (told < count) {
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
        if (ready <= 0)
            fail("wait", ready == 0 ? "not all were told" : strerror(errno));
        for (int i = 0; i < ready; i++)
            on_readable(events[i].data.ptr);
    }
}

static void start_all(int epoll, size_t count, char *targets, char **ports)
{
    size_t ports_count = 0;
    while (ports[ports_count] != NULL)
        ports_count++;
    const char *target = targets;
    for (size_t i = 0; i < count; i++) {
        struct waiter *waiter = &waiters[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = waiter};
        waiter->fd = connect_to(ports[i % ports_count]);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, waiter->fd, &event) != 0)
            fail("epoll_ctl", strerror(errno));
        ask(waiter->fd, target);
        if ((i + 1) % ports_count == 0) {
            target += strlen(target) + 1;
            if (*target == '\0')
                target = targets;
        }
    }
    if (streams)
        collect(epoll, count);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void change(int epoll, size_t count, const char *request, const char *port)
{
    char answer[BUFFER_SIZE];
    int fd = connect_to(port);
    for (size_t i = 0; i < count; i++)
        waiters[i].told = false;
    told = 0;
    changed_at = now_us();
    if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
        fail("write", strerror(errno));
    collect(epoll, count);
    ssize_t got = read(fd, answer, sizeof(answer) - 1);
    answer[got > 0 ? got : 0] = '\0';
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        fail("change", answer);
    qsort(latencies, count, sizeof(*latencies), compare);
    printf("{\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n", latencies[count / 2],
           latencies[count - 1 - count / 100], latencies[count - 1]);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        fail("usage", "waiters poll|stream COUNT TARGETS CHANGE PORT...");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    streams = strcmp(argv[1], "stream") == 0;
    size_t count = strtoul(argv[2], NULL, 10);
    char *targets = read_file(argv[3]), *request = read_file(argv[4]);
    for (char *at = targets; (at = strchr(at, '\n')) != NULL;)
        *at++ = '\0';
    waiters = calloc(count, sizeof(*waiters));
    latencies = calloc(count, sizeof(*latencies));
    int epoll = epoll_create1(0);
    if (waiters == NULL || latencies == NULL || epoll < 0 || count == 0)
        fail("start", argv[2]);
    start_all(epoll, count, targets, argv + 5);
    puts("asked");
    fflush(stdout);
    char line[16];
    if (fgets(line, sizeof(line), stdin) != NULL)
        change(epoll, count, request, argv[5]);
    return 0;
}
