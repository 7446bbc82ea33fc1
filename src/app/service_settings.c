#include "app/service_settings.h"

#include "app/build_info.h"

#include "proctrack/clock.h"

#include <stdlib.h>

static struct process_manager_options manager_options(const struct service_base *base,
                                                      const struct config *config)
{
    return (struct process_manager_options){
        .stamps = base->stamps,
        .audit_interval_ms = base->config->audit_interval_ms,
        .audits = base->audits,
        .type_names = base->type_names,
        .policy = &base->config->policy,
        .type_defaults = config->types.items,
        .type_default_count = config->types.count,
        .known_types = config->known_types,
        .known_type_count = config->analyzers.count,
        .default_type = config->type_of_none,
        .known_types_only = config->accept_types == ACCEPT_KNOWN,
        .default_max_attempts = (int)config->default_max_attempts,
        .default_timeout_ms = config->default_timeout_s * 1000,
        .full_percent = (int)config->storage_full_percent,
    };
}

static struct analyzer_pool_options pool_options(const struct service_base *base,
                                                 const struct config *config)
{
    return (struct analyzer_pool_options){
        .set = &config->analyzers,
        .instance = base->config->instance,
        .runner = base->runner,
        .cancel_grace_ms = base->config->cancel_grace_s * 1000,
        .lease_ms = base->config->analyzer_lease_s * 1000,
        .poll_ms = config->analyzer_poll_ms,
    };
}

static unsigned waiters_per_loop(const struct service_base *base, const struct config *config)
{
    return (unsigned)((config->max_waiters + base->loops - 1) / base->loops);
}

static struct http_options http_options(const struct service_base *base,
                                        const struct config *config)
{
    static const char *const no_origins[] = {NULL};
    const struct config_list *origins = &config->cors_allow_origins;
    return (struct http_options){
        .base_path = base->config->base_path,
        .cors_origins = origins->count > 0 ? (const char *const *)origins->items : no_origins,
        .max_body_bytes = (size_t)config->max_body_bytes,
        .max_connections = base->max_connections,
        .max_waiters = waiters_per_loop(base, config),
        .status_cache_bytes = (size_t)(base->config->status_cache_bytes / base->loops),
        .header_timeout_s = (unsigned)config->header_timeout_s,
        .body_timeout_s = (unsigned)config->body_timeout_s,
        .write_timeout_s = (unsigned)config->write_timeout_s,
        .shed_wait_ms = (unsigned)config->shed_wait_ms,
        .idle_timeout_s = (unsigned)config->idle_timeout_s,
        .log_access = (enum http_log_access)config->log_access,
        .metrics = base->config->metrics,
        .version = PROCTRACK_VERSION,
        .instance = base->config->instance,
        .has_admin = base->has_admin,
        .known_types = config->known_types,
        .known_type_slots = config->known_type_slots,
        .known_type_count = config->analyzers.count,
        .reloads = base->reloads,
        .peers = base->peers,
        .config_read_at = clock_wall_ms(),
    };
}

/* Few and short connections, whatever the other listener is flooded with. */
static struct http_options admin_options(struct http_options options)
{
    options.max_connections = SERVICE_ADMIN_CONNECTIONS;
    options.max_waiters = 0;
    options.status_cache_bytes = 0;
    return options;
}

struct service_settings *service_settings_create(const struct service_base *base,
                                                 const struct config *config,
                                                 struct config *take_config, uint64_t generation)
{
    struct service_settings *settings = calloc(1, sizeof(*settings));
    if (settings == NULL)
        return NULL;
    settings->manager = manager_options(base, config);
    settings->http = http_options(base, config);
    settings->http.config_generation = generation;
    settings->admin = admin_options(settings->http);
    settings->pool = pool_options(base, config);
    settings->repository = base->repository;
    settings->heartbeats = base->heartbeats;
    settings->health_timeout_ms = base->config->health_timeout_s * 1000;
    settings->shutdown_timeout_ms = base->config->shutdown_timeout_s * 1000;
    settings->shutdown_delay_ms = base->config->shutdown_delay_s * 1000;
    settings->config = config;
    settings->owned = take_config;
    settings->adopted = base->adopted;
    settings->adopting = base->loops;
    settings->users = 1;
    return settings;
}

void service_settings_adopted(struct service_settings *settings)
{
    if (--settings->adopting == 0)
        loop_wakeup_send(settings->adopted);
}

struct service_settings *service_settings_share(struct service_settings *settings)
{
    settings->users++;
    return settings;
}

void service_settings_release(struct service_settings *settings)
{
    if (settings == NULL || --settings->users > 0)
        return;
    if (settings->owned != NULL) {
        config_finish(settings->owned);
        free(settings->owned);
    }
    free(settings);
}
