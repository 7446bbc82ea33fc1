/* Errors as RFC 9457 problem details. Pure, any thread. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "proctrack/err.h"
#include "proctrack/text.h"

/* name, status, last part of the type URI, title, what to do. Types are part of the contract: they
 * may be added, never renamed. */
#define HTTP_PROBLEM_MAP(X)                                                                        \
    X(BAD_MESSAGE, 400, "bad-message", "The HTTP message is malformed",                            \
      "Send a well-formed HTTP/1.1 message.")                                                      \
    X(BAD_TARGET, 400, "bad-target", "The request target is malformed",                            \
      "Percent-encode the path and the query.")                                                    \
    X(BAD_HEADER, 400, "bad-header", "A header field is not acceptable",                           \
      "Correct the field that is named.")                                                          \
    X(BAD_QUERY, 400, "bad-query", "The query is not acceptable",                                  \
      "Correct the parameters listed in errors.")                                                  \
    X(BAD_ID, 400, "bad-id", "The id is not a UUID",                                               \
      "Use the process_id that POST /analyze returned, such as "                                   \
      "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55.")                                                     \
    X(BAD_NAME, 400, "bad-name", "The name in the path is not acceptable",                         \
      "Use the type or the group as it was given to POST /analyze.")                               \
    X(BAD_JSON, 400, "bad-json", "The body is not acceptable JSON", "Send one JSON object.")       \
    X(BAD_REQUEST, 400, "bad-request", "The request is not acceptable",                            \
      "See /openapi.json for what is.")                                                            \
    X(CROSS_ORIGIN, 403, "cross-origin", "A page of another site may not do this",                 \
      "If pages of its origin are meant to, list that origin in CORS_ALLOW_ORIGINS.")              \
    X(OPERATORS_ONLY, 403, "operators-only", "This is for the operators of the server",            \
      "Call it on ADMIN_PORT, or from the machine that it runs on.")                               \
    X(NOT_FOUND, 404, "not-found", "No such process",                                              \
      "No process with this id has been stored here; check the id.")                               \
    X(UNKNOWN_GROUP, 404, "unknown-group", "No such group",                                        \
      "No process of this group is stored here; check the name.")                                  \
    X(UNKNOWN_PATH, 404, "unknown-path", "No such path",                                           \
      "See /openapi.json for the paths that are served.")                                          \
    X(METHOD, 405, "method-not-allowed", "This path has no such method",                           \
      "Use one of the methods in the Allow header.")                                               \
    X(NOT_ACCEPTABLE, 406, "not-acceptable", "This comes as an event stream only",                 \
      "Ask for it with Accept: text/event-stream, as an EventSource does.")                        \
    X(BODY_TIMEOUT, 408, "request-timeout", "The request did not come in time",                    \
      "Send the whole body sooner after the header.")                                              \
    X(CONFLICT, 409, "conflict", "The process is in a state that does not allow this",             \
      "Look at the process's status first.")                                                       \
    X(SNAPSHOT_UNDER_WAY, 409, "snapshot-under-way", "A snapshot is being written already",        \
      "Wait for that one to end, or for the next one.")                                            \
    X(UNSUCCESSFUL, 409, "no-result", "The process ended without a result",                        \
      "It will not have one unless it is retried.")                                                \
    X(LEASE_LOST, 409, "lease-lost", "The lease is not held by this token",                        \
      "Stop the work: somebody else has it, or it has ended.")                                     \
    X(IN_PROGRESS, 409, "request-in-progress",                                                     \
      "The first request with this Idempotency-Key is still being stored",                         \
      "Repeat the request after a moment.")                                                        \
    X(GONE, 410, "gone", "The process was removed",                                                \
      "It existed and was removed, by its retention, a clean-up or a deletion.")                   \
    X(STALE, 412, "version-mismatch", "The process has another version by now",                    \
      "Read it again, then repeat the request with its present ETag.")                             \
    X(TOO_LARGE, 413, "too-large", "The request is too large", "Send less.")                       \
    X(MEDIA_TYPE, 415, "unsupported-media-type", "The body must be JSON",                          \
      "Send it with Content-Type: application/json, in UTF-8, without Content-Encoding.")          \
    X(EXPECTATION, 417, "expectation-failed", "The expectation cannot be met",                     \
      "The only one known here is 100-continue.")                                                  \
    X(INVALID, 422, "invalid", "The request is well-formed but not acceptable",                    \
      "Correct the members listed in errors.")                                                     \
    X(UNKNOWN_TYPE, 422, "unknown-type", "No analyzer serves this type",                           \
      "Use one of the known types.")                                                               \
    X(KEY_REUSED, 422, "idempotency-key-reused", "The Idempotency-Key belongs to another request", \
      "Use a new key for a new request, and the same body for a repeated one.")                    \
    X(INTERNAL, 500, "internal", "Internal error", "Repeat the request; if it stays, tell us.")    \
    X(NOT_IMPLEMENTED, 501, "not-implemented", "Not implemented",                                  \
      "The only Transfer-Encoding known here is chunked.")                                         \
    X(UNSUPPORTED, 501, "unsupported", "This storage does not do that",                            \
      "GET /stats says which storage this is.")                                                    \
    X(UNAVAILABLE, 503, "storage-unavailable", "The storage cannot be reached",                    \
      "Repeat the request after a moment; whether a change was made is not known.")                \
    X(TIMEOUT, 503, "storage-timeout", "The storage did not answer in time",                       \
      "Repeat the request after a moment; whether a change was made is not known.")                \
    X(CORRUPT, 503, "damaged-record", "The stored record is damaged",                              \
      "Somebody must mend it first: the server's log names the key. It is looked at each time.")   \
    X(OVERLOADED, 503, "overloaded", "Too much at a time", "Repeat the request after a moment.")   \
    X(TOO_MANY_WAITERS, 503, "too-many-waiters", "Too many wait already",                          \
      "Poll without waiting meanwhile, at the pace that Retry-After gives.")                       \
    X(NOT_WATCHING, 503, "not-watching", "The storage does not tell of changes",                   \
      "Ask each process for its status instead; GET /version says how changes are heard of.")      \
    X(LOOP_SILENT, 503, "loop-silent", "A part of the server does not answer any more",            \
      "Ask another instance; whoever watches over this one should start it anew.")                 \
    X(STOPPING, 503, "stopping", "The server is stopping",                                         \
      "Repeat the request: another instance, or this one restarted, will answer.")                 \
    X(STORAGE_FULL, 507, "storage-full", "The storage is full",                                    \
      "Make room on the disk of DATA_DIR or in Redis, then repeat the request; whether a change "  \
      "was made is not known.")                                                                    \
    X(TOO_MANY_TYPES, 507, "too-many-types", "Too many types are in use",                          \
      "Nothing was changed. Resume types that nobody needs paused, or wait until types without "   \
      "processes and workers are forgotten.")

enum http_problem {
#define X(name, status, slug, title, advice) PROBLEM_##name,
    HTTP_PROBLEM_MAP(X)
#undef X
};

unsigned http_problem_status(enum http_problem problem);
/* Whether waiting helps: the answer carries Retry-After. */
bool http_problem_is_passing(enum http_problem problem);
/* The problem that an error amounts to; ERR_OK is none, and gives PROBLEM_INTERNAL. */
enum http_problem http_problem_of(enum err err);

/* Faults of a body or a query, one by one. */
#define HTTP_FAULTS_MAX 64 /* told one by one; the rest are counted */
struct http_faults {
    struct text_buffer items; /* JSON objects with commas between */
    unsigned count;
    const char *kind; /* "pointer" or "parameter" */
    char first[160];  /* where the first one is */
};
void http_faults_init(struct http_faults *faults, const char *kind);
void http_faults_finish(struct http_faults *faults); /* twice is fine */
/* detail is copied: a sentence without its subject, in valid UTF-8. */
void http_faults_add(struct http_faults *faults, struct span where, const char *detail);

/* Appends the problem up to, without, its closing brace, so that members can follow. detail NULL:
 * what the map says. */
void http_problem_open(struct text_buffer *out, enum http_problem problem, const char *detail);
/* Its end; request_id NULL: the problem is no answer of its own, or one that many get. */
void http_problem_close(struct text_buffer *out, const char *request_id);
void http_problem_faults(struct text_buffer *out, const struct http_faults *faults);

#endif
