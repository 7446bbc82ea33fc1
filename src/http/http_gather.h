/* The numbers of all loops of an instance together. Each loop counts in plain fields of its own,
 * so whoever wants them asks every loop for a copy, which it makes on its own thread: into a buffer
 * of its own, exchanged for the one that others read. A run of questions ends when all have
 * answered, or after GATHER_MS: then a silent loop counts with what it gave last, and is not up.
 * There is one run at a time; those who ask meanwhile, on whatever loop, share the next one, so
 * that nobody is given numbers older than the question.
 *
 * The lock is taken by those who ask and answer, never by other requests. */
#ifndef HTTP_GATHER_H
#define HTTP_GATHER_H

#include "http/http_numbers.h"
#include "proctrack/http_server.h"

#define GATHER_MS 1000

struct http_gathered {
    struct http_numbers sum;
    int loops;
    bool up[HTTP_LOOPS_MAX]; /* by the loop's number: it has answered this time */
};

/* One who asks. It is the caller's until `done` runs, once, on the server's loop, perhaps before
 * http_gather() returns. `gathered` is borrowed until that returns; NULL: no memory. */
struct http_gather {
    void (*done)(struct http_gather *gather, const struct http_gathered *gathered);
    struct list_link link; /* private */
    uint64_t run;          /* likewise: whose end it waits for */
};
void http_gather(struct http_server *server, struct http_gather *gather);

/* A server's place among its peers. */
struct http_peer {
    struct http_server *server;
    struct http_peers *all; /* NULL: none; those who ask are given this server's numbers alone */
    int number;             /* the loop's, by which operators know it */
    struct loop_wakeup *wakeup;
    struct loop_timer *deadline; /* runs while any wait here */
    struct list_link waiting;    /* http_gather.link, by run */
    struct http_numbers *spare;  /* into which it copies */
    /* under the lock */
    struct http_numbers *given; /* what it gave last */
    bool asked;                 /* and has not answered yet */
    bool up;
};

/* Joins the peers of the server's options, if there are any. False if no memory, or there are too
 * many; leave it all the same. */
bool http_peer_join(struct http_peer *peer, struct http_server *server);
/* Answers all who wait on this loop with its own numbers, and from then on at once. Twice is fine.
 */
void http_peer_leave(struct http_peer *peer);

#endif
