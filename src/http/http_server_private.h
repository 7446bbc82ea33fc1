/* What the files of this floor share about one server. On the loop's thread. */
#ifndef HTTP_SERVER_PRIVATE_H
#define HTTP_SERVER_PRIVATE_H

#include "http/http_acceptor.h"
#include "http/http_admission.h"
#include "http/http_connection.h"
#include "http/http_gather.h"
#include "http/http_linger.h"
#include "http/http_readiness.h"
#include "http/http_request_id.h"
#include "http/http_stream.h"
#include "proctrack/http_server.h"

#include <microhttpd.h>

struct http_call;
struct http_feed;
struct status_cache;

struct http_server {
    struct http_server *subject; /* that operators are told of: itself, but for an admin server */
    struct loop *loop;
    struct process_manager *manager;
    const struct http_options *options;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch; /* of the daemon's epoll descriptor */
    struct loop_timer *timer; /* the daemon's own timeouts */
    struct loop_task run;     /* MHD_run, once per turn */
    struct http_acceptor acceptor;
    struct http_admission admission;
    struct http_linger linger;
    struct http_connections deadlines;
    struct MHD_Response *no_memory;  /* made at start, sent when no other can be made */
    struct MHD_Response *overloaded; /* likewise, as many may have to be sent */
    struct http_counters counters;
    struct http_tally tally;
    struct http_peer peer;
    int64_t clock_us;   /* steady, as it was read last: as the run began, or for an answer in it */
    int64_t started_ms; /* loop time */
    unsigned connections;
    unsigned open_calls;                 /* begun, not completed */
    unsigned ready_calls;                /* of these, with their answer made */
    unsigned running_calls;              /* of these, out with the manager */
    unsigned out_calls;                  /* of these, that never waited for something to happen */
    unsigned waiting_calls;              /* of these, parked: they wait for something to happen */
    unsigned waiters[HTTP_WAITER_KINDS]; /* these, by what for */
    unsigned scrapes;                    /* of GET /metrics, being put together */
    unsigned follower_count;             /* of these, long polls and streams: on `followers` */
    struct list_link followers;          /* http_wait.link */
    struct http_streams streams;
    struct status_cache *statuses;
    struct http_feed *feed;
    unsigned open_lists;            /* out with the manager */
    unsigned open_bulks;            /* likewise */
    bool auditing;                  /* one is out with the manager */
    struct list_link waiting_lists; /* repo_list.op.link of those that wait for their turn */
    bool starting_lists;
    bool leaving; /* not ready any more */
    bool quiesced;
    struct http_call *spare_calls; /* kept: allocating one costs a tenth of a request */
    unsigned spare_count;
    struct http_readiness readiness;
    const struct heartbeat_listener *heartbeats; /* of all loops, as this one hears them; or NULL */
    int64_t silence_limit_ms;                    /* 0: not judged */
    struct http_request_ids request_ids;
};

/* Lets the daemon look at what was resumed or queued, still in this turn. */
void http_server_wake(struct http_server *server);

/* What a read past the cache has brought is about to be shown: what this instance keeps of another
 * state is void from now on. */
void http_server_show(const struct http_server *server, const struct repo_get *get);

/* What a call to the storage came to, for /readyz. */
void http_server_note(struct http_server *server, enum err err, bool was_ping);
/* What /readyz judges by; ping: what the storage has just answered. */
struct http_standing http_server_standing(const struct http_server *server, enum err ping);

#endif
