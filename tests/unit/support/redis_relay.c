#include "support/redis_relay.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct side {
    struct redis_relay *relay;
    int fd;
    struct loop_watch *watch;
    struct side *other;
    bool is_server;
    bool is_subscribed; /* the server's: the client has asked for messages */
};

struct redis_relay {
    struct loop *loop;
    const char *server;
    char directory[64], path[80];
    int listener, accepted;
    struct loop_watch *accepting;
    int replace;             /* the value that is to be replaced */
    const char *replacement; /* NULL: nothing is */
    bool has_replaced;
    struct {
        struct side client, server;
    } connections[REDIS_RELAY_MAX];
};

static int open_socket(const char *path, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert(strlen(path) < sizeof(ret_address->sun_path));
    strcpy(ret_address->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    return fd;
}

static void end_side(struct side *side)
{
    if (side->fd < 0)
        return;
    loop_watch_destroy(side->watch);
    close(side->fd);
    side->fd = -1;
}

static void end_both(struct side *side)
{
    end_side(side->other);
    end_side(side);
}

static bool pass_on(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && poll(&room, 1, 5000) != 1)
            return false;
        if (sent < 0 && (room.revents & (POLLERR | POLLHUP)) != 0)
            return false;
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* The end of a value that begins there, an array's with all that is in it. NULL: it is not all
 * there. */
static const char *end_of_value(const char *at, const char *end)
{
    const char *line = memchr(at, '\n', (size_t)(end - at));
    if (line == NULL)
        return NULL;
    const long number = strtol(at + 1, NULL, 10);
    const char *next = line + 1;
    if (*at == '$' && number >= 0)
        return number + 2 <= end - next ? next + number + 2 : NULL;
    for (long i = 0; *at == '*' && i < number && next != NULL; i++)
        next = next < end ? end_of_value(next, end) : NULL;
    return next;
}

/* Goes into arrays. */
static const char *nth_value(const char *at, const char *end, int nth)
{
    for (int i = 0; i < nth && at != NULL && at < end; i++) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        at = *at == '*' && line != NULL ? line + 1 : end_of_value(at, end);
    }
    return at < end ? at : NULL;
}

static bool pass_on_replaced(struct redis_relay *relay, int fd, const char *bytes, size_t len)
{
    const char *text = relay->replacement, *end = bytes + len;
    const char *from = nth_value(bytes, end, relay->replace);
    const char *to = from != NULL ? end_of_value(from, end) : NULL;
    relay->replacement = NULL;
    if (to == NULL)
        return pass_on(fd, bytes, len);
    relay->has_replaced = true;
    return pass_on(fd, bytes, (size_t)(from - bytes)) && pass_on(fd, text, strlen(text)) &&
           pass_on(fd, to, (size_t)(end - to));
}

static void on_readable(void *arg, int events)
{
    struct side *side = arg;
    struct redis_relay *relay = side->relay;
    char bytes[65536];
    (void)events;
    ssize_t got = recv(side->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 0 && !side->is_server && memmem(bytes, (size_t)got, "SUBSCRIBE", 9) != NULL)
        side->other->is_subscribed = true;
    const bool replaces =
        got > 0 && side->is_server && !side->is_subscribed && relay->replacement != NULL;
    if (got <= 0 || !(replaces ? pass_on_replaced(relay, side->other->fd, bytes, (size_t)got)
                               : pass_on(side->other->fd, bytes, (size_t)got)))
        end_both(side);
}

static void begin_side(struct redis_relay *relay, struct side *side, int fd, struct side *other)
{
    *side = (struct side){.relay = relay, .fd = fd, .other = other};
    side->watch = loop_watch_create(relay->loop, fd, on_readable, side);
    assert(side->watch != NULL);
    loop_watch_set(side->watch, LOOP_READ);
}

static void on_connection(void *arg, int events)
{
    struct redis_relay *relay = arg;
    struct sockaddr_un address;
    (void)events;
    int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = open_socket(relay->server, &address);
    assert(client >= 0 && relay->accepted < REDIS_RELAY_MAX);
    assert(connect(server, (const void *)&address, sizeof(address)) == 0);
    int n = relay->accepted++;
    begin_side(relay, &relay->connections[n].client, client, &relay->connections[n].server);
    begin_side(relay, &relay->connections[n].server, server, &relay->connections[n].client);
    relay->connections[n].server.is_server = true;
}

struct redis_relay *redis_relay_create(struct loop *loop, const char *server)
{
    struct redis_relay *relay = calloc(1, sizeof(*relay));
    struct sockaddr_un address;
    assert(relay != NULL);
    relay->loop = loop;
    relay->server = server;
    strcpy(relay->directory, "/tmp/redis-relay-XXXXXX");
    assert(mkdtemp(relay->directory) != NULL);
    snprintf(relay->path, sizeof(relay->path), "%s/socket", relay->directory);
    relay->listener = open_socket(relay->path, &address);
    assert(bind(relay->listener, (const void *)&address, sizeof(address)) == 0);
    assert(listen(relay->listener, 8) == 0);
    relay->accepting = loop_watch_create(loop, relay->listener, on_connection, relay);
    loop_watch_set(relay->accepting, LOOP_READ);
    return relay;
}

void redis_relay_destroy(struct redis_relay *relay)
{
    if (relay == NULL)
        return;
    for (int n = 0; n < relay->accepted; n++)
        end_both(&relay->connections[n].client);
    loop_watch_destroy(relay->accepting);
    close(relay->listener);
    unlink(relay->path);
    rmdir(relay->directory);
    free(relay);
}

const char *redis_relay_socket(const struct redis_relay *relay)
{
    return relay->path;
}

int redis_relay_connections(const struct redis_relay *relay)
{
    return relay->accepted;
}

void redis_relay_hold(struct redis_relay *relay, int connection, bool held)
{
    assert(connection < relay->accepted);
    struct side *server = &relay->connections[connection].server;
    if (server->fd >= 0)
        loop_watch_set(server->watch, held ? 0 : LOOP_READ);
}

void redis_relay_replace(struct redis_relay *relay, int nth, const char *text)
{
    relay->replace = nth;
    relay->replacement = text;
    relay->has_replaced = false;
}

bool redis_relay_has_replaced(struct redis_relay *relay)
{
    relay->replacement = NULL;
    return relay->has_replaced;
}
