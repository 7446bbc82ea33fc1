/* What the files of the start-up check share:
 *   redis_probe.c           the steps
 *   redis_probe_sentinel.c  where the primary is */
#ifndef STORAGE_REDIS_PROBE_H
#define STORAGE_REDIS_PROBE_H

#include "storage/redis_hiredis.h"
#include "storage/redis_lookup.h"

struct redis_check {
    const struct redis_options *options;
    const char *channel;
    struct redis_probe *probe;
    int64_t deadline; /* steady ms */
    int attempt;      /* with sentinels: which of them is asked */
    redisContext *context;
    struct redis_tls *tls;
};

/* Notes what a person should know, and returns err. */
enum err redis_check_problem(struct redis_check *check, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Connects: to the unix path, or where that is empty to the host, whose name is looked up. */
enum err redis_check_connect(struct redis_check *check, const char *unix_path,
                             const struct redis_address *place);
enum err redis_check_authenticate(struct redis_check *check, const char *username,
                                  const char *password);
/* NULL, with the problem noted, when the connection broke. */
redisReply *redis_check_ask(struct redis_check *check, int argc, const char **argv,
                            enum err *ret_err);

/* Asks one of the sentinels, by check->attempt, with a part of the time. */
enum err redis_check_find_primary(struct redis_check *check, struct redis_address *ret_place);

#endif
