/* What Redis reaches without any HTTP: the same transaction again and again over one connection,
 * DEPTH of them under way, each for another id.
 *
 *     pipelined PORT SECONDS DEPTH TRANSACTION ID
 *
 * TRANSACTION is a file with the commands as Redis takes them; ID, 36 characters, is what stands
 * for the id in it. Every reply of theirs is a single line. Prints one line of JSON. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ID_LEN     36
#define DEPTH_MAX  1024
#define PLACES_MAX 32
#define TEXT_MAX   16384

struct transaction {
    char text[TEXT_MAX];
    size_t len, places[PLACES_MAX], count;
    unsigned replies; /* lines */
};

static struct transaction transaction;
static int64_t sent_at[DEPTH_MAX];
static uint32_t *latencies;
static size_t done, room;

/* Each command is an array; MULTI and each queued one are answered by a line, and EXEC by a line
 * for itself and one for each that was queued. */
static void load(const char *path, const char *id)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, strerror(errno));
    transaction.len = fread(transaction.text, 1, sizeof(transaction.text) - 1, file);
    fclose(file);
    for (const char *at = transaction.text; (at = strstr(at, id)) != NULL; at += ID_LEN) {
        if (transaction.count == PLACES_MAX)
            fail(path, "too many ids");
        transaction.places[transaction.count++] = (size_t)(at - transaction.text);
    }
    unsigned commands = transaction.text[0] == '*';
    for (const char *at = transaction.text; (at = strstr(at, "\r\n*")) != NULL; at++)
        commands++;
    if (commands < 3 || transaction.count == 0)
        fail(path, "no transaction");
    transaction.replies = 1 + 2 * (commands - 2) + 1;
}

/* Ids that rise as times do, so that the sorted sets grow at their end as they do in life. */
static void add(char *batch, size_t *len)
{
    static uint32_t number;
    char id[ID_LEN + 1];
    char *at = batch + *len;
    memcpy(at, transaction.text, transaction.len);
    snprintf(id, sizeof(id), "%08x-0000-4000-8000-0000%08x", number >> 8, number);
    number++;
    for (size_t i = 0; i < transaction.count; i++)
        memcpy(at + transaction.places[i], id, ID_LEN);
    *len += transaction.len;
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = write(fd, data, len);
        if (sent < 0)
            fail("write", strerror(errno));
        data += sent;
        len -= (size_t)sent;
    }
}

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

/* Counts whole transactions in what came; a line that tells of an error ends the program. */
static size_t count_replies(const char *data, size_t len)
{
    static unsigned lines;
    static char line_end = '\n';
    size_t whole = 0;
    for (size_t i = 0; i < len; i++) {
        if (line_end == '\n' && strchr("+:*", data[i]) == NULL)
            fail("answer", data + i);
        line_end = data[i];
        if (data[i] == '\n' && ++lines == transaction.replies) {
            lines = 0;
            whole++;
        }
    }
    return whole;
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        fail("connect", strerror(errno));
    return fd;
}

/* As many as were answered are sent anew in one write. */
static void run(int fd, size_t depth, int64_t end)
{
    static char answers[65536 + 1];
    char *batch = malloc(depth * transaction.len);
    if (batch == NULL)
        fail("memory", "none left");
    size_t oldest = 0;
    for (size_t fresh = depth; sent_at[oldest] < end;) {
        size_t len = 0;
        int64_t now = now_us();
        for (size_t i = 0; i < fresh; i++) {
            add(batch, &len);
            sent_at[(oldest + depth - fresh + i) % depth] = now;
        }
        send_all(fd, batch, len);
        ssize_t got = read(fd, answers, sizeof(answers) - 1);
        if (got <= 0)
            fail("read", got == 0 ? "closed" : strerror(errno));
        answers[got] = '\0';
        fresh = count_replies(answers, (size_t)got);
        now = now_us();
        for (size_t i = 0; i < fresh; i++, oldest = (oldest + 1) % depth)
            note(now - sent_at[oldest]);
    }
    free(batch);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 6 || strlen(argv[5]) != ID_LEN)
        fail("usage", "pipelined PORT SECONDS DEPTH TRANSACTION ID");
    long depth = atol(argv[3]);
    if (depth < 1 || depth > DEPTH_MAX)
        fail("depth", argv[3]);
    load(argv[4], argv[5]);
    int fd = connect_to(atoi(argv[1]));
    int64_t begin = now_us();
    run(fd, (size_t)depth, begin + atol(argv[2]) * 1000000);
    int64_t took = now_us() - begin;
    if (done == 0)
        fail("nothing", "no transaction was answered");
    qsort(latencies, done, sizeof(*latencies), compare);
    printf("{\"done\": %zu, \"microseconds\": %lld, \"p50_us\": %u, \"p99_us\": %u}\n", done,
           (long long)took, latencies[done / 2], latencies[done - 1 - done / 100]);
    return 0;
}
