/* TLS in a build whose hiredis has none: every use is refused. */
#include "storage/redis_hiredis.h"

bool redis_client_has_tls(void)
{
    return false;
}

struct redis_tls *redis_tls_create(const struct redis_options *options, const char **ret_why)
{
    (void)options;
    *ret_why = "this build cannot speak TLS to Redis: its hiredis has none";
    return NULL;
}

void redis_tls_destroy(struct redis_tls *tls)
{
    (void)tls;
}

bool redis_tls_start(struct redis_tls *tls, redisContext *context,
                     const struct redis_options *options, const char **ret_why)
{
    (void)tls;
    (void)context;
    (void)options;
    *ret_why = "this build cannot speak TLS to Redis";
    return false;
}

const char *redis_tls_reason(const struct redis_tls *tls, const char *otherwise)
{
    (void)tls;
    return otherwise;
}
