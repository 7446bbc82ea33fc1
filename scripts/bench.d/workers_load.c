/* Workers as a load: N connections that each take work and end it, as fast as they are answered.
 *
 *     workers_load complete|release|beanstalkd PORT WORKERS SECONDS
 *
 * complete: POST /claim once, then POST /processes/<id>/complete with claim_next: one round trip a
 * process. release: claim and hand back in turn, so that as many wait as before. beanstalkd: delete
 * and the next reserve in one write. Ends when the time is over or when nothing is left, and prints
 * one line of JSON. Any answer that is not expected ends it with status 1. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE 16384
#define WORKERS_MAX 1024
#define ID_SIZE     37
#define TOKEN_SIZE  33

enum protocol { COMPLETE, RELEASE, BEANSTALKD };

struct worker {
    int fd, number;
    bool holds, idle;
    int64_t asked_at;
    size_t len;
    char answer[BUFFER_SIZE];
};

static enum protocol protocol;
static struct worker workers[WORKERS_MAX];
static uint32_t *latencies;
static size_t done, room;
static int idle_workers;

static void note(int64_t latency)
{
    if (done == room) {
        room = room > 0 ? room * 2 : 65536;
        latencies = realloc(latencies, room * sizeof(*latencies));
        if (latencies == NULL)
            fail("memory", "none left");
    }
    latencies[done++] = (uint32_t)latency;
}

static void ask(struct worker *worker, const char *text, int len)
{
    worker->asked_at = now_us();
    worker->len = 0;
    if (write(worker->fd, text, (size_t)len) != len)
        fail("write", strerror(errno));
}

static void post(struct worker *worker, const char *path, const char *body)
{
    char text[2048];
    int len = snprintf(text, sizeof(text),
                       "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       path, strlen(body), body);
    ask(worker, text, len);
}

static void claim(struct worker *worker)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"types\":[\"bench\"],\"worker\":\"worker-%d\"}",
             worker->number);
    worker->holds = false;
    post(worker, "/claim", body);
}

/* The value of a member whose value is a text of known length; false when there is none. */
static bool find(const char *text, const char *member, char *ret_value, size_t size)
{
    const char *at = strstr(text, member);
    if (at == NULL)
        return false;
    snprintf(ret_value, size, "%.*s", (int)size - 1, at + strlen(member));
    return true;
}

static void rest(struct worker *worker)
{
    worker->idle = true;
    idle_workers++;
}

/* Ends what the answer has given, or rests when it gave nothing. */
static void end_one(struct worker *worker, const char *given)
{
    char id[ID_SIZE], token[TOKEN_SIZE], path[64], body[512];
    if (!find(given, "\"process_id\":\"", id, sizeof(id)) ||
        !find(given, "\"lease_token\":\"", token, sizeof(token))) {
        rest(worker);
        return;
    }
    worker->holds = true;
    if (protocol == RELEASE) {
        snprintf(path, sizeof(path), "/processes/%s/release", id);
        snprintf(body, sizeof(body), "{\"lease_token\":\"%s\"}", token);
    } else {
        snprintf(path, sizeof(path), "/processes/%s/complete", id);
        snprintf(body, sizeof(body),
                 "{\"lease_token\":\"%s\",\"result\":{\"ok\":true},\"claim_next\":"
                 "{\"types\":[\"bench\"],\"worker\":\"worker-%d\"}}",
                 token, worker->number);
    }
    post(worker, path, body);
}

/* Whether the answer is there as a whole; *ret_body is what follows the header. */
static bool is_whole(struct worker *worker, char **ret_body)
{
    worker->answer[worker->len] = '\0';
    char *end = strstr(worker->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *field = strstr(worker->answer, "Content-Length: ");
    size_t length = field != NULL && field < end ? strtoul(field + 16, NULL, 10) : 0;
    *ret_body = end + 4;
    return worker->len >= (size_t)(*ret_body - worker->answer) + length;
}

static void on_http(struct worker *worker)
{
    char *body;
    if (!is_whole(worker, &body))
        return;
    if (memcmp(worker->answer, "HTTP/1.1 20", 11) != 0)
        fail("answer", worker->answer);
    if (!worker->holds) {
        end_one(worker, body);
        return;
    }
    note(now_us() - worker->asked_at);
    if (protocol == RELEASE) {
        claim(worker);
        return;
    }
    char *claimed = strstr(body, "\"claimed\":[");
    if (claimed == NULL)
        fail("answer", body);
    end_one(worker, claimed);
}

static void on_beanstalkd(struct worker *worker)
{
    worker->answer[worker->len] = '\0';
    char *reserved = worker->answer;
    if (worker->holds) {
        if (worker->len < 9)
            return;
        if (memcmp(reserved, "DELETED\r\n", 9) != 0)
            fail("answer", reserved);
        reserved += 9;
    }
    char *line_end = strstr(reserved, "\r\n");
    if (line_end == NULL)
        return;
    unsigned long long id = 0;
    size_t length = 0;
    bool given = sscanf(reserved, "RESERVED %llu %zu", &id, &length) == 2;
    if (!given && strncmp(reserved, "TIMED_OUT", 9) != 0)
        fail("answer", reserved);
    if (given && worker->answer + worker->len < line_end + 2 + length + 2)
        return;
    if (worker->holds)
        note(now_us() - worker->asked_at);
    worker->holds = given;
    if (!given) {
        rest(worker);
        return;
    }
    char text[96];
    int len = snprintf(text, sizeof(text), "delete %llu\r\nreserve-with-timeout 0\r\n", id);
    ask(worker, text, len);
}

static void on_readable(struct worker *worker)
{
    ssize_t got = read(worker->fd, worker->answer + worker->len, BUFFER_SIZE - 1 - worker->len);
    if (got <= 0)
        fail("read", got == 0 ? "closed" : strerror(errno));
    worker->len += (size_t)got;
    if (protocol == BEANSTALKD)
        on_beanstalkd(worker);
    else
        on_http(worker);
}

static void start(struct worker *worker, int number, int port, int epoll)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = worker};
    const int on = 1;
    worker->number = number;
    worker->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (worker->fd < 0 || connect(worker->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(worker->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, worker->fd, &event) != 0)
        fail("connect", strerror(errno));
    if (protocol == BEANSTALKD)
        ask(worker, "reserve-with-timeout 0\r\n", 24);
    else
        claim(worker);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        fail("usage", "workers_load complete|release|beanstalkd PORT WORKERS SECONDS");
    protocol = strcmp(argv[1], "beanstalkd") == 0 ? BEANSTALKD
               : strcmp(argv[1], "release") == 0  ? RELEASE
                                                  : COMPLETE;
    int port = atoi(argv[2]), count = atoi(argv[3]);
    if (count < 1 || count > WORKERS_MAX)
        fail("workers", argv[3]);
    int epoll = epoll_create1(0);
    struct epoll_event events[WORKERS_MAX];
    int64_t begin = now_us(), end = begin + (int64_t)atoi(argv[4]) * 1000000, now = begin;
    for (int i = 0; i < count; i++)
        start(&workers[i], i, port, epoll);
    while (idle_workers < count && (now = now_us()) < end) {
        int ready = epoll_wait(epoll, events, count, (int)((end - now) / 1000) + 1);
        for (int i = 0; i < ready; i++)
            on_readable(events[i].data.ptr);
    }
    now = now_us();
    if (done == 0)
        fail("nothing", "there was nothing to do");
    qsort(latencies, done, sizeof(*latencies), compare);
    printf("{\"done\": %zu, \"microseconds\": %lld, \"p50_us\": %u, \"p99_us\": %u}\n", done,
           (long long)(now - begin), latencies[done / 2], latencies[done - 1 - done / 100]);
    return 0;
}
