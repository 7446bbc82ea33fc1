/* The HTTP contract (design §8) on one loop: its own libmicrohttpd daemon, driven from outside. */
#ifndef PROCTRACK_HTTP_SERVER_H
#define PROCTRACK_HTTP_SERVER_H

#include "proctrack/loop.h"
#include "proctrack/process_manager.h"

/* Constant after start, shared by all threads. */
struct http_options {
    const char *base_path;           /* "" or "/api": everything is also served below it */
    const char *const *cors_origins; /* exact origins, or a single "*"; NULL-ended */
    size_t max_body_bytes;
    unsigned max_connections;  /* of this daemon */
    unsigned max_waiters;      /* long polls and streams at a time, likewise */
    size_t status_cache_bytes; /* kept of processes' states; 0: nothing */
    unsigned header_timeout_s; /* from accept until the first header is complete */
    unsigned body_timeout_s;   /* from there until the body is complete */
    unsigned write_timeout_s;  /* for an answer to be read, and a second for each 64 KiB of it */
    unsigned shed_wait_ms;     /* requests that waited longer to be read are shed; 0: none is */
    unsigned idle_timeout_s;   /* without a byte, and from an answer to the next whole header */
    const char *version;       /* of the program */
    const char *instance;      /* this instance's name */
    bool has_admin;            /* operators have a server of their own, see below */
    const struct span *known_types; /* for the 422 that names them */
    size_t known_type_count;
    const int *known_type_slots; /* of each: how many this instance runs at once; NULL: none */
};

/* A listening TCP socket, non-blocking, close-on-exec, SO_REUSEPORT when `shared`. port 0 picks a
 * free one; *ret_port is the one it has. -1 with *ret_why (constant or strerror text) on failure.
 * Blocking name resolution: call it before the loops start. */
int http_listen(const char *host, int port, bool shared, int *ret_port, const char **ret_why);

/* Sockets of a server beside its connections: of clients that were refused, for a moment. */
#define HTTP_LINGERING_MAX 256

struct http_server;

/* Takes listen_fd, whatever happens. NULL when it cannot be started. */
struct http_server *http_server_create(struct loop *loop, struct process_manager *manager,
                                       const struct http_options *options, int listen_fd);
/* A second server on the loop of `of`, for operators: it has the paths that tell how that one
 * fares, and /admin, which `of` with options->has_admin refuses. It has connections of its own, and
 * answers until it is destroyed, which must be before `of`. Takes listen_fd, whatever happens. NULL
 * when it cannot be started. */
struct http_server *http_admin_create(struct http_server *of, const struct http_options *options,
                                      int listen_fd);
/* From now on /readyz says that it is stopping; all else goes on. */
void http_server_leave(struct http_server *server);
/* Accepts no more connections and ends those that are idle between two requests; answers from now
 * on carry `Connection: close`, and bodies must come within a few seconds. */
void http_server_quiesce(struct http_server *server);
/* Requests that were accepted and are not yet answered. */
unsigned http_server_open_calls(const struct http_server *server);
/* Of these, those that wait for an answer of the manager's. */
unsigned http_server_running_calls(const struct http_server *server);
/* After the repository has been closed, so that no call is open any more. NULL is fine. */
void http_server_destroy(struct http_server *server);

#endif
