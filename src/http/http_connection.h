/* The time that a connection may take. libmicrohttpd's own timeout is none on the whole: a byte
 * every other second satisfies it. So each connection is in one of a few phases that last a
 * constant time; those in a phase stand in the order in which they entered it, and a timer looks at
 * the first of them once a second. While an endpoint works there is no
 * deadline here.
 *
 * A client that takes its answer too slowly is cut off: it has constant time, and more for a large
 * answer. That does not hold of event streams, which are bounded by what may wait to be sent.
 *
 * The library's timeout, for a client from which no byte comes or which takes none, is set once a
 * header, a body or an answer has taken a second or two: to keep it for all would cost a twentieth
 * of each poll.
 *
 * The same timer looks once, soon after a phase began, whether the client has closed: the library's
 * edge-triggered epoll set hides an end that arrives together with data. A connection is ended by
 * shutting its socket down, which the library notices.
 *
 * A call that waits for something to happen is parked: its socket is watched for the client's
 * hang-up, which the library does not notice on a suspended connection. One loop. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "proctrack/http_server.h"

#include <microhttpd.h>

struct http_call;

enum http_phase {
    HTTP_PHASE_FIRST, /* from accept until the first header is complete */
    HTTP_PHASE_BODY,  /* from there until the body is complete; then it is answered 408 */
    HTTP_PHASE_KEPT,  /* from an answer until the next header is complete */
    HTTP_PHASE_LATE,  /* answered 408, or a stream that ends as the server stops: time for the
                         client to read that and to close */
};
#define HTTP_PHASE_COUNT 4

struct http_connections {
    struct loop *loop;
    struct loop_timer *timer; /* runs while any connection is open, */
    int64_t tick_ms;          /*     so often */
    int64_t look_ms;          /* after the begin of a phase */
    int64_t stopping_ms;      /* for what is still being sent when the server stops */
    struct {
        int64_t limit_ms;
        struct list_link fresh, seen; /* by the time of entry; fresh: not looked at yet */
    } phases[HTTP_PHASE_COUNT];
    struct loop_timer *watch_timer; /* runs while any is `parked` */
    struct list_link parked;        /* not watched yet */
    struct list_link every;         /* of all, whatever they do */
    unsigned count;
    unsigned idle_timeout_s;
    int64_t write_limit_ms;
    int64_t quiesced_ms; /* loop time; -1: not */
};

struct http_connection {
    struct http_connections *all;
    struct list_link link;
    struct list_link in_every;
    struct MHD_Connection *mhd; /* as libmicrohttpd knows it */
    struct http_call *call;     /* that it carries, from the request line on; or NULL */
    int64_t since;              /* loop time at which the phase began */
    enum http_phase phase;
    int fd;
    void (*gone)(struct http_call *call); /* while it is parked; else NULL */
    struct loop_watch *watch;             /* once it is watched for that */
    int64_t sending_since;                /* loop time at which the timer saw it; -1 */
    bool timed;                           /* by the library as well */
    bool ended;                           /* shut down: no further request may be read from it */
};

/* False if no memory; finish it all the same. */
bool http_connections_init(struct http_connections *connections, struct loop *loop,
                           const struct http_options *options);
/* Other limits from now on, also for those that are open; but one whose idle time the library
 * counts already keeps that. */
void http_connections_configure(struct http_connections *connections,
                                const struct http_options *options);
/* Before the connections themselves are destroyed; from then on none has a deadline. */
void http_connections_finish(struct http_connections *connections);
/* Ends those on which no request is under way, now and after each answer; bodies get less time. */
void http_connections_quiesce(struct http_connections *connections);

/* In HTTP_PHASE_FIRST. NULL if no memory. fd, the library's connection's, is open until destroy. */
struct http_connection *http_connection_create(struct http_connections *connections,
                                               struct MHD_Connection *mhd, int fd);
void http_connection_destroy(struct http_connection *connection); /* NULL is fine */
/* What create made, kept by the library as the connection's context; may be NULL. */
struct http_connection *http_connection_of(struct MHD_Connection *connection);

void http_connection_enter(struct http_connection *connection, enum http_phase phase);
/* From now on the library closes it after idle_timeout_s without a byte; and it notices at all that
 * the client is gone when an answer without an end is resumed. */
void http_connection_time(struct http_connection *connection);
/* Whether the client has hung up, as above, by now. */
bool http_connection_is_gone(const struct http_connection *connection);
/* The call that it carries waits: `gone` is called once when the client has hung up, or has ended
 * at least its sending half. Unpark before the call is finished; false when it was not parked. */
void http_connection_park(struct http_connection *connection, void (*gone)(struct http_call *call));
bool http_connection_unpark(struct http_connection *connection);

/* Ends it at once; what was written but not sent is lost, so that nothing of it stays behind. */
void http_connection_cut(struct http_connection *connection);
/* Its answer must be through soon: the server stops. Not of one that is parked. */
void http_connection_hurry(struct http_connection *connection);

/* Leaves its phase: no deadline until it enters another. */
static inline void http_connection_leave(struct http_connection *connection)
{
    list_remove(&connection->link);
}

#endif
