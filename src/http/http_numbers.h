/* What a loop counts and holds, for operators: of the server's own port, not of ADMIN_PORT. On one
 * thread at a time. */
#ifndef HTTP_NUMBERS_H
#define HTTP_NUMBERS_H

#include "http/http_tally.h"
#include "http/status_cache.h"
#include "proctrack/process_manager.h"

struct http_server;

/* What came, as the library and the acceptor see it; see http_tally.h for the answers. */
struct http_counters {
    uint64_t requests;   /* that reached us */
    uint64_t unreadable; /* that the library refused itself */
    uint64_t refused;    /* connections, at the limit */
    uint64_t shed;       /* requests that had waited too long */
    uint64_t answers[6]; /* by class: answers[2] are 2xx */
};

/* What a call waits for, while it is parked: a process's change or end, nothing more (it is a
 * stream), or work. */
enum http_waiter { HTTP_WAITER_POLL, HTTP_WAITER_STREAM, HTTP_WAITER_CLAIM };
#define HTTP_WAITER_KINDS 3

struct http_numbers {
    struct http_tally tally;
    struct http_counters counters;
    unsigned connections, open_calls, waiting_calls, streams;
    unsigned waiters[HTTP_WAITER_KINDS];
    struct status_cache_numbers statuses;
    struct process_numbers processes;
    struct repository_counters storage;
};

/* False if no memory; finish it all the same. */
bool http_numbers_init(struct http_numbers *numbers);
void http_numbers_finish(struct http_numbers *numbers);
/* Those of this server, on its thread; what was there goes. */
void http_numbers_collect(struct http_numbers *numbers, const struct http_server *server);
void http_numbers_add(struct http_numbers *into, const struct http_numbers *from);

#endif
