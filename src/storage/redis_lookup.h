/* A name looked up with a time limit, before any loop runs. */
#ifndef STORAGE_REDIS_LOOKUP_H
#define STORAGE_REDIS_LOOKUP_H

#include "proctrack/err.h"

#include <netdb.h>
#include <stdint.h>

/* Blocking: OK with a numeric address, UNAVAILABLE with a constant reason, TIMEOUT. Numeric
 * addresses come back as they are. */
enum err redis_lookup(const char *host, int64_t timeout_ms, char ret_address[NI_MAXHOST],
                      const char **ret_why);

#endif
