/* What the loops get out of the configuration. A reload makes another generation of it: constant
 * from then on, shared by all loops, each of which holds it until it has taken up the next one. */
#ifndef APP_SERVICE_SETTINGS_H
#define APP_SERVICE_SETTINGS_H

#include "app/config.h"
#include "app/repository_choice.h"
#include "proctrack/analyzer_pool.h"
#include "proctrack/http_server.h"
#include "proctrack/process_manager.h"

#define SERVICE_ADMIN_CONNECTIONS 128

/* What stays as it is as long as the service runs. */
struct service_base {
    const struct config *config; /* read at the start: in force for what no reload changes */
    struct repository_choice *repository;
    struct change_stamps *stamps;
    struct process_audits *audits;
    struct process_type_names *type_names;
    struct config_reloads *reloads;
    struct heartbeats *heartbeats;
    struct http_peers *peers;
    struct loop_wakeup *adopted; /* woken when all loops have taken a generation up */
    char *runner;   /* path of proctrack-run, PATH_MAX bytes; empty: none was needed yet */
    int loops;      /* how many */
    bool has_admin; /* operators have a socket of their own */
    unsigned max_connections; /* of each loop */
};

struct service_settings {
    struct process_manager_options manager; /* its `sweeps` is set per loop */
    struct http_options http, admin;
    struct analyzer_pool_options pool; /* an empty set: nothing to run */
    struct repository_choice *repository;
    struct heartbeats *heartbeats;
    int64_t health_timeout_ms;   /* 0: silence is not judged */
    int64_t shutdown_timeout_ms; /* the delay included */
    int64_t shutdown_delay_ms;   /* no longer ready, but serving */
    const struct config *config;
    /* private */
    struct config *owned; /* the same, or NULL: somebody else's */
    struct loop_wakeup *adopted;
    _Atomic int adopting; /* loops that have not taken it up yet */
    _Atomic unsigned users;
};

/* The generation of that number (from 1). The base must outlive it, and so must a config that is
 * not to be taken; take_config and what it is made of are the settings' then. The caller holds it.
 * NULL if no memory: then the config stays the caller's. */
struct service_settings *service_settings_create(const struct service_base *base,
                                                 const struct config *config,
                                                 struct config *take_config, uint64_t generation);
/* A loop has taken it up, in place of another, as far as its memory allowed. Any thread. */
void service_settings_adopted(struct service_settings *settings);
/* Any thread. The last one to release it frees it; NULL is fine. */
struct service_settings *service_settings_share(struct service_settings *settings);
void service_settings_release(struct service_settings *settings);

#endif
