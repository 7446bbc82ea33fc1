/* The HTTP contract (design §8) on one loop: its own libmicrohttpd daemon, driven from outside. */
#ifndef PROCTRACK_HTTP_SERVER_H
#define PROCTRACK_HTTP_SERVER_H

#include "proctrack/heartbeats.h"
#include "proctrack/loop.h"
#include "proctrack/process_manager.h"

/* How often the configuration was read again since start: any thread may look. */
struct config_reloads {
    _Atomic uint64_t accepted, refused;
};

/* The servers of an instance, one on each loop, which tell each other their numbers: for /stats and
 * /metrics. Must outlive them. NULL if no memory; destroy: NULL is fine. */
#define HTTP_LOOPS_MAX 64
struct http_peers;
struct http_peers *http_peers_create(void);
void http_peers_destroy(struct http_peers *all);

/* Which requests are logged when they have ended; errors: those that were answered 5xx. */
enum http_log_access { HTTP_LOG_ALL, HTTP_LOG_ERRORS, HTTP_LOG_NONE };

/* Constant, shared by all threads. */
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
    enum http_log_access log_access;
    bool metrics;             /* requests are counted by route, and /metrics is there */
    const char *version;      /* of the program */
    const char *instance;     /* this instance's name */
    bool has_admin;           /* operators have a server of their own, see below */
    struct http_peers *peers; /* that each server joins, in the order of the loops; NULL: none */
    const struct span *known_types; /* for the 422 that names them */
    size_t known_type_count;
    const int *known_type_slots; /* of each: how many this instance runs at once; NULL: none */
    const struct config_reloads *reloads; /* the instance's, or NULL */
    uint64_t config_generation;           /* 1: the one of the start */
    int64_t config_read_at;               /* wall ms: when this one was */
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
/* Goes on with other options, which must outlive it or the next call of this: base_path, version,
 * instance, has_admin, max_connections and status_cache_bytes as before. Requests under way may
 * meet either. Between two turns of what it does, on the loop's thread. */
void http_server_configure(struct http_server *server, const struct http_options *options);
/* From now on /healthz and /readyz say no while a loop has been silent for limit_ms (0: not
 * judged), also on the operators' server. The listener, of this loop, must outlive the server. */
void http_server_set_heartbeats(struct http_server *server,
                                const struct heartbeat_listener *listener, int64_t limit_ms);
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
