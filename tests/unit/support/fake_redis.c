#include "support/fake_redis.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fake_redis {
    struct loop *loop;
    fake_redis_reply *reply;
    void *arg;
    char directory[64], path[80]; /* or a port */
    int port;
    int listener, connection; /* one at a time: a new one replaces the old */
    struct loop_watch *accepting, *reading;
    struct text_buffer input;
    int accepted;
};

static void hang_up(struct fake_redis *fake)
{
    if (fake->connection < 0)
        return;
    loop_watch_destroy(fake->reading);
    close(fake->connection);
    fake->connection = -1;
}

/* One line of the protocol, "*3" or "$4"; false while it is not there as a whole. */
static bool take_number(struct span *rest, char kind, size_t *ret_number)
{
    const char *end = memchr(rest->data, '\n', rest->len);
    if (end == NULL)
        return false;
    assert(rest->data[0] == kind);
    *ret_number = strtoul(rest->data + 1, NULL, 10);
    rest->len -= (size_t)(end + 1 - rest->data);
    rest->data = end + 1;
    return true;
}

static bool take_command(struct span *input, char *ret_name, size_t size)
{
    struct span rest = *input;
    size_t args, len;
    if (rest.len == 0 || !take_number(&rest, '*', &args))
        return false;
    for (size_t i = 0; i < args; i++) {
        if (rest.len == 0 || !take_number(&rest, '$', &len) || rest.len < len + 2)
            return false;
        if (i == 0)
            assert(text_copy(ret_name, size, (struct span){rest.data, len}));
        rest = (struct span){rest.data + len + 2, rest.len - len - 2};
    }
    *input = rest;
    return true;
}

static void say(struct fake_redis *fake, const char *text)
{
    size_t len = strlen(text);
    if (send(fake->connection, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        hang_up(fake);
}

static void answer(struct fake_redis *fake)
{
    struct span rest = text_buffer_span(&fake->input);
    char name[64];
    while (fake->connection >= 0 && take_command(&rest, name, sizeof(name))) {
        const char *reply = fake->reply(fake->arg, name);
        if (reply == NULL)
            hang_up(fake);
        else if (reply[0] != '\0')
            say(fake, reply);
    }
    if (rest.len > 0)
        memmove(fake->input.data, rest.data, rest.len);
    fake->input.len = rest.len;
}

static void on_readable(void *arg, int events)
{
    struct fake_redis *fake = arg;
    char bytes[16384];
    (void)events;
    ssize_t got = recv(fake->connection, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got <= 0) {
        hang_up(fake);
        return;
    }
    text_append(&fake->input, bytes, (size_t)got);
    answer(fake);
}

static void on_connection(void *arg, int events)
{
    struct fake_redis *fake = arg;
    (void)events;
    hang_up(fake);
    fake->input.len = 0;
    fake->connection = accept4(fake->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert(fake->connection >= 0);
    fake->reading = loop_watch_create(fake->loop, fake->connection, on_readable, fake);
    loop_watch_set(fake->reading, LOOP_READ);
    fake->accepted++;
}

static struct fake_redis *new_fake(struct loop *loop, fake_redis_reply *reply, void *arg,
                                   int family)
{
    struct fake_redis *fake = calloc(1, sizeof(*fake));
    assert(fake != NULL);
    *fake = (struct fake_redis){.loop = loop, .reply = reply, .arg = arg, .connection = -1};
    fake->listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    text_buffer_init(&fake->input, (size_t)1024 * 1024);
    return fake;
}

static void listen_on(struct fake_redis *fake, const void *address, socklen_t size)
{
    assert(bind(fake->listener, address, size) == 0);
    assert(listen(fake->listener, 8) == 0);
    fake->accepting = loop_watch_create(fake->loop, fake->listener, on_connection, fake);
    loop_watch_set(fake->accepting, LOOP_READ);
}

struct fake_redis *fake_redis_create(struct loop *loop, fake_redis_reply *reply, void *arg)
{
    struct fake_redis *fake = new_fake(loop, reply, arg, AF_UNIX);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(fake->directory, "/tmp/fake-redis-XXXXXX");
    assert(mkdtemp(fake->directory) != NULL);
    snprintf(fake->path, sizeof(fake->path), "%s/socket", fake->directory);
    strcpy(address.sun_path, fake->path);
    listen_on(fake, &address, sizeof(address));
    return fake;
}

struct fake_redis *fake_redis_create_on_port(struct loop *loop, fake_redis_reply *reply, void *arg)
{
    struct fake_redis *fake = new_fake(loop, reply, arg, AF_INET);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    listen_on(fake, &address, size);
    assert(getsockname(fake->listener, (void *)&address, &size) == 0);
    fake->port = ntohs(address.sin_port);
    return fake;
}

int fake_redis_port(const struct fake_redis *fake)
{
    return fake->port;
}

void fake_redis_destroy(struct fake_redis *fake)
{
    hang_up(fake);
    loop_watch_destroy(fake->accepting);
    close(fake->listener);
    if (fake->port == 0) {
        unlink(fake->path);
        rmdir(fake->directory);
    }
    text_buffer_finish(&fake->input);
    free(fake);
}

const char *fake_redis_socket(const struct fake_redis *fake)
{
    return fake->path;
}

int fake_redis_connections(const struct fake_redis *fake)
{
    return fake->accepted;
}

void fake_redis_say(struct fake_redis *fake, const char *text)
{
    say(fake, text);
}

const char *fake_redis_session_reply(const char *name)
{
    static const char *const replies[][2] = {
        {"AUTH", "+OK\r\n"},   {"CLIENT", "+OK\r\n"},
        {"SELECT", "+OK\r\n"}, {"SCRIPT", "$40\r\n0123456789012345678901234567890123456789\r\n"},
        {"SET", "+OK\r\n"},    {"GET", "$1\r\n1\r\n"},
        {"PING", "+PONG\r\n"},
    };
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        if (strcmp(name, replies[i][0]) == 0)
            return replies[i][1];
    }
    return NULL;
}
