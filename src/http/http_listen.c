#include "proctrack/http_server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool enable(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

/* A wildcard IPv6 address serves IPv4 as well, whatever the system's default. */
static void open_to_ipv4(int fd, const struct sockaddr *address)
{
    int off = 0;
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

static int listen_on(const struct addrinfo *address, bool shared)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    open_to_ipv4(fd, address->ai_addr);
    if (enable(fd, SOL_SOCKET, SO_REUSEADDR) && (!shared || enable(fd, SOL_SOCKET, SO_REUSEPORT)) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0)
        return -1;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int http_listen(const char *host, int port, bool shared, int *ret_port, const char **ret_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses;
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    int failed = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &addresses);
    if (failed != 0) {
        *ret_why = failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed);
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *each = addresses; each != NULL && fd < 0; each = each->ai_next)
        fd = listen_on(each, shared);
    if (fd < 0)
        *ret_why = strerror(errno);
    else
        *ret_port = port_of(fd);
    freeaddrinfo(addresses);
    return fd;
}
