/* Offers one request again and again at a fixed rate, whether or not the answers keep up; rate 0:
 * each connection asks again as soon as it is answered. A connection that is asked to close, or is
 * closed, is opened again. Prints one line of JSON.
 *   overload <port> <rate> <connections> <milliseconds> <file with the request> */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_MAX  2048
#define SAMPLES_MAX (8 * 1000 * 1000)
#define LAST_MS     2000 /* for the answers that are still to come */

struct connection {
    int fd;
    bool busy, connecting, closes;
    int64_t asked_us;
    int status; /* 0: the header is not complete */
    size_t len; /* of the header so far */
    long body_left;
    char header[HEADER_MAX];
};

struct samples {
    uint32_t *us;
    size_t count;
};

static struct sockaddr_in address;
static char request[1 << 20];
static size_t request_len;
static int poller;
static struct connection **idle; /* a stack */
static size_t idle_count;
static struct samples good, shed;
static uint64_t others, broken, missed, offered;

static void open_connection(struct connection *connection)
{
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        fail("socket", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection->connecting =
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0;
    if (connection->connecting && errno != EINPROGRESS)
        fail("connect", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event);
}

static void be_idle(struct connection *connection)
{
    connection->busy = false;
    idle[idle_count++] = connection;
}

static void send_request(struct connection *connection)
{
    if (connection->connecting)
        return; /* when it is writable */
    ssize_t sent = send(connection->fd, request, request_len, MSG_NOSIGNAL);
    if (sent >= 0 && (size_t)sent != request_len)
        fail("send", "the request does not fit the socket");
}

static void ask(int64_t now)
{
    offered++;
    if (idle_count == 0) {
        missed++;
        return;
    }
    struct connection *connection = idle[--idle_count];
    connection->busy = true;
    connection->asked_us = now;
    connection->status = 0;
    connection->len = 0;
    if (connection->fd < 0)
        open_connection(connection);
    send_request(connection);
}

static void note(struct samples *samples, int64_t us)
{
    if (samples->count < SAMPLES_MAX)
        samples->us[samples->count++] = (uint32_t)us;
}

static void finish(struct connection *connection)
{
    int64_t took = now_us() - connection->asked_us;
    if (connection->status >= 200 && connection->status < 300)
        note(&good, took);
    else if (connection->status == 503)
        note(&shed, took);
    else
        others++;
    if (connection->closes) {
        close(connection->fd);
        connection->fd = -1;
    }
    be_idle(connection);
}

static void lose(struct connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
    if (!connection->busy)
        return; /* it reopens when it is used */
    broken++;
    be_idle(connection);
}

/* How many of the bytes belong to the header. */
static size_t take_header(struct connection *connection, const char *data, size_t len)
{
    size_t room = HEADER_MAX - 1 - connection->len, before = connection->len;
    size_t part = len < room ? len : room;
    memcpy(connection->header + connection->len, data, part);
    connection->len += part;
    connection->header[connection->len] = '\0';
    char *end = strstr(connection->header, "\r\n\r\n");
    if (end == NULL)
        return part;
    *end = '\0';
    connection->status = atoi(connection->header + sizeof("HTTP/1.1"));
    const char *length = strcasestr(connection->header, "\r\nContent-Length:");
    connection->body_left = length != NULL ? atol(length + sizeof("\r\nContent-Length:") - 1) : 0;
    connection->closes = strcasestr(connection->header, "\r\nConnection: close") != NULL;
    return (size_t)(end + 4 - connection->header) - before;
}

static void read_answer(struct connection *connection)
{
    static char data[256 * 1024];
    while (connection->fd >= 0) {
        ssize_t got = recv(connection->fd, data, sizeof(data), 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            lose(connection);
            return;
        }
        size_t at = connection->status == 0 ? take_header(connection, data, (size_t)got) : 0;
        if (connection->status == 0)
            continue;
        connection->body_left -= got - (ssize_t)at;
        if (connection->busy && connection->body_left <= 0)
            finish(connection);
    }
}

static void on_event(const struct epoll_event *event)
{
    struct connection *connection = event->data.ptr;
    if (connection->fd < 0)
        return;
    if (connection->connecting && (event->events & (EPOLLOUT | EPOLLERR)) != 0) {
        connection->connecting = false;
        if (connection->busy)
            send_request(connection);
    }
    if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_answer(connection);
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static double part_ms(const struct samples *samples, double part)
{
    if (samples->count == 0)
        return 0;
    return samples->us[(size_t)((double)(samples->count - 1) * part)] / 1000.0;
}

static void print(const char *name, struct samples *samples)
{
    qsort(samples->us, samples->count, sizeof(*samples->us), by_size);
    printf("\"%s\":%zu,\"%s_p50_ms\":%.2f,\"%s_p99_ms\":%.2f,\"%s_max_ms\":%.2f,", name,
           samples->count, name, part_ms(samples, 0.5), name, part_ms(samples, 0.99), name,
           part_ms(samples, 1));
}

static void run(double rate, int64_t for_us, size_t connections)
{
    int64_t began = now_us(), now = began;
    while (now < began + for_us + (idle_count < connections ? LAST_MS * 1000 : 0)) {
        bool asking = now < began + for_us;
        uint64_t due = (uint64_t)((double)(now - began) * rate / 1e6);
        if (asking && rate <= 0)
            due = offered + idle_count;
        while (asking && offered < due)
            ask(now);
        struct epoll_event events[512];
        int count = epoll_wait(poller, events, 512, 1);
        for (int i = 0; i < count; i++)
            on_event(&events[i]);
        now = now_us();
        if (!asking && idle_count == connections)
            break;
    }
}

int main(int argc, char **argv)
{
    if (argc != 6)
        fail("usage", "<port> <rate> <connections> <milliseconds> <request>");
    size_t connections = (size_t)atol(argv[3]);
    FILE *file = fopen(argv[5], "rb");
    if (file == NULL)
        fail(argv[5], strerror(errno));
    request_len = fread(request, 1, sizeof(request), file);
    fclose(file);
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc(connections, sizeof(*all));
    idle = calloc(connections, sizeof(struct connection *));
    good.us = malloc(SAMPLES_MAX * sizeof(uint32_t));
    shed.us = malloc(SAMPLES_MAX * sizeof(uint32_t));
    if (all == NULL || idle == NULL || good.us == NULL || shed.us == NULL)
        fail("memory", "none");
    for (size_t i = 0; i < connections; i++) {
        all[i].fd = -1;
        be_idle(&all[i]);
    }
    int64_t for_us = atol(argv[4]) * INT64_C(1000);
    run(atof(argv[2]), for_us, connections);
    printf("{");
    print("good", &good);
    print("shed", &shed);
    printf("\"offered\":%llu,\"others\":%llu,\"broken\":%llu,\"missed\":%llu,\"unanswered\":%zu}\n",
           (unsigned long long)offered, (unsigned long long)others, (unsigned long long)broken,
           (unsigned long long)missed, connections - idle_count);
    return 0;
}
