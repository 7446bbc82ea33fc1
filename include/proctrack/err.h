/* The one closed set of errors that crosses the floors. Each floor translates once: a repository
 * from its storage's own errors, HTTP into a status and a problem document. No text travels. */
#ifndef PROCTRACK_ERR_H
#define PROCTRACK_ERR_H

#define ERR_MAP(X)                                                          \
    X(OK, "ok")                                                             \
    X(NOT_FOUND, "no such process")                                         \
    X(GONE, "the process was removed")                                      \
    X(CONFLICT, "the process is in a state that does not allow this")       \
    X(STALE, "the process has another version by now")                      \
    X(LEASE_LOST, "the lease is not held by this token")                    \
    X(IN_PROGRESS, "the first request with this key is still being stored") \
    X(KEY_REUSED, "the idempotency key belongs to another request")         \
    X(INVALID, "bad request")                                               \
    X(UNKNOWN_TYPE, "no analyzer serves this type")                         \
    X(TOO_LARGE, "too large")                                               \
    X(UNAVAILABLE, "storage unavailable")                                   \
    X(TIMEOUT, "storage too slow")                                          \
    X(FULL, "storage full")                                                 \
    X(TOO_MANY_TYPES, "too many types are known")                           \
    X(CORRUPT, "the stored record is damaged")                              \
    X(UNSUPPORTED, "this repository does not do that")                      \
    X(CANCELED, "stopping")                                                 \
    X(NO_MEMORY, "out of memory")                                           \
    X(INTERNAL, "internal error")

enum err {
#define X(name, text) ERR_##name,
    ERR_MAP(X)
#undef X
};

/* The error's constant English text; never NULL. */
const char *err_text(enum err err);

#endif
