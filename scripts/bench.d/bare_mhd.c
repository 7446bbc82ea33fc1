/* What libmicrohttpd alone can do, the yardstick of scripts/bench: one loop that gives every
 * request the same answer and drives the daemon as proctrackd does, from an epoll of our own.
 *
 * Usage: bare_mhd HEADERS BODY STATUS: files with `Name: value` lines and the bytes of the body.
 * The response is made once for all. Serves a free port of 127.0.0.1 until it is killed. */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define CONNECTION_MEMORY (8 * 1024)
#define CONNECTIONS       2048

static unsigned status;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bare_mhd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static char *read_file(const char *path, size_t *ret_len)
{
    enum { MAX = 64 * 1024 };
    FILE *file = fopen(path, "rb");
    char *text = malloc(MAX + 1);
    if (file == NULL || text == NULL)
        fail(path);
    *ret_len = fread(text, 1, MAX, file);
    text[*ret_len] = '\0';
    fclose(file);
    return text;
}

static struct MHD_Response *prepare(const char *headers_path, const char *body_path)
{
    size_t body_len, headers_len;
    char *body = read_file(body_path, &body_len);
    char *headers = read_file(headers_path, &headers_len);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        fail("response");
    char *rest = headers;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char *value = strstr(line, ": ");
        if (value == NULL)
            continue;
        *value = '\0';
        if (MHD_add_response_header(response, line, value + 2) != MHD_YES)
            fail(line);
    }
    free(headers);
    return response;
}

/* Answers on the second call, as a server must that reads bodies: answering on the first one
 * closes the connection. */
static enum MHD_Result answer(void *response, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    static char seen;
    (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, status, response);
}

static int wait_ms(struct MHD_Daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    if (MHD_get_timeout(daemon, &timeout) != MHD_YES)
        return -1;
    return timeout > 60000 ? 60000 : (int)timeout;
}

static void serve(struct MHD_Daemon *daemon)
{
    const int inner = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    const int outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (outer < 0 || epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) != 0)
        fail("epoll");
    for (;;) {
        if (epoll_wait(outer, &event, 1, wait_ms(daemon)) < 0 && errno != EINTR)
            fail("epoll_wait");
        MHD_run(daemon);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: bare_mhd HEADERS BODY STATUS\n", stderr);
        return 2;
    }
    status = (unsigned)atoi(argv[3]);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &address}, /* port 0: a free one */
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, prepare(argv[1], argv[2]),
                         MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (daemon == NULL)
        fail("daemon");
    serve(daemon);
}
