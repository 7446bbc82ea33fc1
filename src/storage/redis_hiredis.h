/* What differs between the versions of hiredis (0.14 to 1.x), and between builds with TLS and
 * without. */
#ifndef STORAGE_REDIS_HIREDIS_H
#define STORAGE_REDIS_HIREDIS_H

#include "proctrack/redis_client.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

/* The certificates that are trusted; read from disk, so made before the loop runs. */
struct redis_tls;
/* NULL with a constant reason. */
struct redis_tls *redis_tls_create(const struct redis_options *options, const char **ret_why);
void redis_tls_destroy(struct redis_tls *tls); /* NULL is fine */
/* Right after the connect. The handshake of a non-blocking context then goes along with its first
 * reads and writes. False with *ret_why on failure; errno is EAGAIN when that was the time-out of
 * a blocking one. */
bool redis_tls_start(struct redis_tls *tls, redisContext *context,
                     const struct redis_options *options, const char **ret_why);

/* What was wrong with the server's certificate on the newest connection; else `otherwise`. */
const char *redis_tls_reason(const struct redis_tls *tls, const char *otherwise);

/* Starts a connect to the unix path or to `address` (numeric) and port. NULL if no memory; else
 * look at ->err. */
redisAsyncContext *redis_async_open(const struct redis_options *options, const char *address,
                                    int port);

/* Whether bytes were read that have not become a reply yet. */
bool redis_has_unread(const redisContext *context);

#endif
