/* Other options for a server that runs. Most are read where they are needed; here is what was made
 * of them before. */
#include "http/http_server_private.h"
#include "http/status_cache.h"

static bool names_origins(const struct http_options *options)
{
    return options->cors_origins != NULL && options->cors_origins[0] != NULL;
}

void http_server_configure(struct http_server *server, const struct http_options *options)
{
    bool had_origins = names_origins(server->options);
    server->options = options;
    http_connections_configure(&server->deadlines, options);
    server->admission.wait_us = (int64_t)options->shed_wait_ms * 1000;
    /* Answers that are kept know an origin by its place in the former list. */
    if (had_origins || names_origins(options))
        status_cache_changed(server->statuses, NULL);
}
