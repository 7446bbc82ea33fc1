/* One request's life, and what endpoints do with it. On the loop's thread.
 *
 * An endpoint's start function runs when the request is complete. It either answers, or submits one
 * operation of `work` whose `done` answers (or submits the next). Answering is one http_answer_*
 * or http_problem_* call that makes the answer, any number of http_answer_header(), and
 * http_call_finish() as the last thing: the call may be gone after it. */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "http/analyze_body.h"
#include "http/http_explain.h"
#include "http/http_follow.h"
#include "http/http_guard.h"
#include "http/http_headers.h"
#include "http/http_page.h"
#include "http/http_problem.h"
#include "http/http_route.h"
#include "http/http_server_private.h"
#include "http/report_body.h"
#include "http/status_cache.h"
#include "proctrack/trace_context.h"

struct http_feed_filter;
struct many;
struct many_query;

enum call_state {
    CALL_NEW,     /* the request line has come */
    CALL_BODY,    /* the header has come: collecting the body */
    CALL_RUNNING, /* an endpoint has it */
    CALL_READY,   /* the answer is made */
    CALL_SENT,    /* the answer is the library's */
    CALL_EXPIRED, /* its body was late: answered past the library, what still comes is dropped */
};

/* Apart, as it is large: a call must be small, since thousands may wait. */
struct http_claim {
    struct http_call *call;
    struct process_claim claim;
};

struct http_stats {
    struct repo_counts counts;
    struct http_gather gather;
};

union http_work {
    struct process_submit submit;
    struct process_await await;
    struct process_cleanup cleanup;
    struct repo_get get;
    struct http_page page;
    struct process_bulk bulk;
    struct http_stats stats;
    struct repo_events events;
    struct repo_types types;
    struct repo_workers workers;
    struct repo_pause pause;
    struct repo_ping ping;
    struct repo_snapshot snapshot;
    struct process_audit audit;
    struct repo_transition transition;
    struct http_claim *claim;
    struct repo_remove remove;
    struct status_follower follower;
    struct many *many;
    struct many_query *many_query;        /* while it is read */
    struct http_feed_filter *feed_filter; /* likewise */
};

struct http_call {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_connection *socket; /* of the same connection */
    const struct http_route *route;
    enum call_state state;
    enum http_method method;
    bool suspended;
    bool waited;                /* has been parked */
    bool close;                 /* the connection, after this answer */
    bool lasting;               /* `response` is the server's, not the call's own */
    enum http_waiter waits_for; /* while it is parked */
    int linger_fd;              /* or -1 */
    struct http_guard guard;
    struct http_headers headers;
    struct http_target target;
    struct text_buffer body;
    size_t body_seen;              /* bytes that came, kept or not */
    size_t answer_size;            /* bytes of the body; of a stream, those that were sent */
    int64_t started_ms;            /* loop time at which the endpoint got it */
    int64_t began_us;              /* steady: when its header was complete */
    unsigned status;               /* of the answer */
    enum err error;                /* that it tells of */
    struct MHD_Response *response; /* NULL in READY: no memory for it */
    struct status_view *view; /* whose shared answer `response` is; NULL: it is the call's own */
    union http_work work;
    struct http_explain explain;

    /* what endpoints keep while work is out */
    union {
        struct analyze_draft draft;
        struct claim_draft claim;
        struct report_draft report;
    };
    char idempotency_key[IDEMPOTENCY_KEY_MAX + 1];
    struct text_buffer created; /* POST /analyze: the 202 answer, while it waits; a report: what is
                                   stored, or the first half of the answer */
    int64_t version;            /* ... and its version; a report: the one that it asks for */
    int64_t retry_after_ms;     /* of the process that was appended last; 0: it is final */
    bool flag;                  /* with_input, dry_run, replayed: whatever the endpoint needs */
    struct http_follow follow;
    struct http_stream *stream; /* that answers it, until it is completed; or NULL */

    char request_id[HTTP_REQUEST_ID_SIZE]; /* empty until it is asked for */
    char traceparent[TRACEPARENT_SIZE];    /* likewise */
    struct http_call *next_spare;          /* between two requests */
    size_t raw_len;
    char *raw; /* the request target, decoded in place: short_raw, or allocated when longer */
    struct span path;                    /* for the log, see http_access.h; behind it */
    char location[PROCESS_ID_TEXT_SIZE]; /* the process that it was pointed to, or "" */
    char short_raw[256];
};

/* --- for http_server.c ---------------------------------------------------------------------- */

/* NULL if no memory, or when the connection has been ended; uri as the library gives it. */
struct http_call *http_call_create(struct http_server *server, struct MHD_Connection *connection,
                                   const char *uri);
/* The first call of the access handler: the header is complete. */
enum MHD_Result http_call_begin(struct http_call *call, const char *uri, const char *method,
                                const char *version);
enum MHD_Result http_call_collect(struct http_call *call, const char *data, size_t len);
/* The request is complete, or its answer has come after a suspension. */
enum MHD_Result http_call_proceed(struct http_call *call);
/* The library has done with the request. */
void http_call_completed(struct http_call *call);
/* Frees the calls that are kept for the next requests. */
void http_call_free_spare(struct http_server *server);

/* --- see http_judge.c ---------------------------------------------------------------------------
 */

/* The header has come: answers what can be answered now, with call->close when the rest of the
 * message is not to be read; else finds the route. */
void http_call_judge(struct http_call *call, const char *uri, const char *method,
                     const char *version);

/* --- where the library takes no answer, see http_midway.c ---------------------------------------
 */

/* The body has become too large: 413. What the access handler is to return. */
enum MHD_Result http_call_refuse_midway(struct http_call *call);
/* The body did not come in time: 408. Not from inside the library. */
void http_call_expire(struct http_call *call);
/* Writes the answer of a request that the library does not know, or takes no answer to. */
void http_write_problem(int fd, const char *request_id, enum http_problem problem,
                        const char *detail);
/* It is answered with this status: counts it. Once, when the answer goes out. */
void http_call_count(struct http_call *call, unsigned status);
/* Lets the client read its answer after the library has closed. */
void http_call_linger(struct http_call *call);

/* --- for endpoints: answers ------------------------------------------------------------------- */

/* The answer goes out, as soon as the reasons that it shows are known (http_explain.h). */
void http_call_finish(struct http_call *call);

#define HTTP_JSON    "application/json"
#define HTTP_PROBLEM "application/problem+json"
/* Bytes of one answer: more than the largest input, result and error text together. */
#define HTTP_ANSWER_MAX (128 * 1024 * 1024)

/* Takes the body. */
void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 struct text_buffer *take_body);
/* Another body for the answer that was made, under the same headers. Takes it. */
void http_answer_replace(struct http_call *call, struct text_buffer *take_body);
/* Borrows a body that lives as long as the program. */
void http_answer_constant(struct http_call *call, unsigned status, const char *content_type,
                          struct span body);
void http_answer_empty(struct http_call *call, unsigned status);
/* A response that has been made; NULL: no memory. Takes it. */
void http_answer_response(struct http_call *call, unsigned status, const char *content_type,
                          struct MHD_Response *take_response);
/* Shares the body. */
void http_answer_chunk(struct http_call *call, unsigned status, const char *content_type,
                       struct http_chunk *chunk);
/* An answer that others give as well, made before with all its headers; it lives as long as the
 * view. */
void http_answer_shared(struct http_call *call, unsigned status, struct MHD_Response *response,
                        struct status_view *owner);
/* Likewise, of the server: for a page of no allowed origin, on a connection that stays open. */
void http_answer_lasting(struct http_call *call, unsigned status, struct MHD_Response *response);
void http_answer_header(struct http_call *call, const char *name, const char *value);
void http_answer_etag(struct http_call *call, int64_t version);
/* When to ask again for the process that was appended last, unless it is final. */
void http_answer_retry_after(struct http_call *call);
/* The process's resource, with its ETag and, while it is not done, Retry-After. */
void http_answer_process(struct http_call *call, unsigned status, const struct process *process,
                         bool with_input);
/* Into the body of this call's answer, which its reason may have to be put into later. */
void http_append_process(struct http_call *call, struct text_buffer *out,
                         const struct process *process, bool with_input);

/* A time, or null. */
void http_append_time(struct text_buffer *out, int64_t time);

/* Location: where its status is. */
void http_answer_location(struct http_call *call, const struct process_id *id);

/* A problem's answer, made before it is needed: see http_answer_lasting(). NULL: no memory. */
struct MHD_Response *http_problem_response(const struct http_options *options,
                                           enum http_problem problem, const char *detail);

/* Problems. detail NULL: the problem's own sentence. */
void http_answer_problem(struct http_call *call, enum http_problem problem, const char *detail);
/* ... of which all but its end is in the body, see http_problem_open(). Takes the body. */
void http_answer_opened(struct http_call *call, enum http_problem problem,
                        struct text_buffer *take_body);
/* ... with the faults of a body or a query; finishes them. */
void http_answer_faults(struct http_call *call, enum http_problem problem,
                        struct http_faults *take_faults);
/* ... with the process as it is now. */
void http_answer_conflict(struct http_call *call, enum http_problem problem, const char *detail,
                          const struct process *process);
/* ... saying where the body stops being JSON. */
void http_answer_not_json(struct http_call *call, const struct json_fault *fault);
/* What err amounts to. */
void http_answer_error(struct http_call *call, enum err err);

/* Reads a process with work.get, past the cache: http_server_show() it, whatever it brings. */
void http_call_get(struct http_call *call, const struct process_id *id, bool with_input,
                   void (*done)(struct process_op *op));
/* Claims as the draft says, which lives until `done`: that of work.claim, to be freed by it. False:
 * no memory, `done` will not run. */
bool http_call_claim(struct http_call *call, const struct claim_draft *draft,
                     void (*done)(struct process_op *op));
/* Claimed processes, as a JSON array for the worker that has them. */
void http_append_claimed(const struct http_call *call, struct text_buffer *out,
                         const struct repo_claim *claim);

/* Answer and finish in one. */
void http_fail(struct http_call *call, enum http_problem problem, const char *detail);
void http_fail_error(struct http_call *call, enum err err);

/* --- for endpoints: waiting ---------------------------------------------------------------------
 */

/* Who does not follow a process (http_wait.h). False: so many wait already, or the server stops;
 * then it must be answered without waiting. */
bool http_call_may_wait(const struct http_call *call);
/* From now on it waits, without its body; `gone` is called once if the client hangs up. */
void http_call_park(struct http_call *call, void (*gone)(struct http_call *call));
/* Before it is answered. Also of one that is not parked. */
void http_call_unpark(struct http_call *call);

/* --- what the request is called -----------------------------------------------------------------
 */

/* The client's X-Request-Id, or one of ours, made when it is first asked for. */
const char *http_call_request_id(struct http_call *call);
/* Whether the client named it, well or badly: then its answer cannot be one that others get. */
bool http_call_has_request_id(const struct http_call *call);
/* Its traceparent, as traceparent_read() writes it, or absent. Lives as long as the call. */
struct span http_call_traceparent(struct http_call *call);

/* --- for endpoints: what was asked ------------------------------------------------------------ */

/* The id of the path. False: answered. */
bool http_call_id(struct http_call *call, struct process_id *ret_id);

/* Reads the query against a table of parameters; each reader returns NULL, or a constant sentence
 * about the value. False: answered, with every fault named. */
struct http_param_reader {
    const char *name;
    const char *(*read)(struct http_call *call, struct span value);
};
bool http_call_query(struct http_call *call, const struct http_param_reader *readers, size_t count);
/* For endpoints that take no parameters. */
bool http_call_no_query(struct http_call *call);
/* Answers and finishes: one parameter is wrong. */
void http_fail_param(struct http_call *call, const char *name, const char *detail);
/* For requests that have nothing to say: no body, or an empty object. False: answered. */
bool http_call_no_body(struct http_call *call);
/* The type or the group of the path. False: answered. */
bool http_call_type(struct http_call *call, struct span *ret_type);
bool http_call_group(struct http_call *call, struct span *ret_group);
/* What one of these that is none must be told: "must be ...". */
extern const char http_type_expected[], http_group_expected[];
/* If-Match, as if_version of a change: 0 when there is none. False: answered. */
bool http_call_if_match(struct http_call *call, int64_t *ret_version);
/* Whether If-None-Match names this version. */
bool http_call_has_version(const struct http_call *call, int64_t version);
/* The header says that the body is JSON, in no other coding. False: answered. */
bool http_call_is_json(struct http_call *call);
/* The Idempotency-Key, if there is one. False: answered. */
bool http_call_key_is_fine(struct http_call *call);
/* Once it is fine: the key or absent, with what tells this body from others. */
struct span http_call_key(const struct http_call *call, uint64_t *ret_fingerprint);
/* What reading the body came to; finishes the faults. False: answered. */
bool http_call_body_is_fine(struct http_call *call, enum body_verdict verdict,
                            const struct json_fault *fault, struct http_faults *take_faults);

#endif
