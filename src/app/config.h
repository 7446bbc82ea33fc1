/* The configuration: a file (CONFIG_FILE), then the environment, then long options (`REDIS_URL` is
 * `--redis-url`); what comes later wins. Read before any thread starts, and again for each reload;
 * constant once it is read, and shared by all threads. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "app/type_table.h"
#include "proctrack/analyzer_pool.h"
#include "proctrack/journal.h"
#include "proctrack/process.h"
#include "proctrack/redis_client.h"
#include "proctrack/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum config_action {
    CONFIG_RUN,
    CONFIG_HELP,              /* --help */
    CONFIG_VERSION,           /* --version */
    CONFIG_CHECK,             /* --check-config */
    CONFIG_PRINT,             /* --print-config */
    CONFIG_HEALTHCHECK,       /* --healthcheck */
    CONFIG_HEALTHCHECK_READY, /* --healthcheck=ready */
};

/* Where a setting's value came from. */
enum config_source {
    SOURCE_DEFAULT,
    SOURCE_FILE,      /* that of CONFIG_FILE */
    SOURCE_FILE_FILE, /* the file that <NAME>_FILE in it names */
    SOURCE_ENVIRONMENT,
    SOURCE_ENVIRONMENT_FILE, /* the file that <NAME>_FILE names */
    SOURCE_OPTION,
    SOURCE_OPTION_FILE, /* the file that --<name>-file names */
};

enum config_accept { ACCEPT_ANY, ACCEPT_KNOWN };
enum config_on_recovery { ON_RECOVERY_STAY, ON_RECOVERY_HANDOVER };

struct config_list {
    char **items; /* NULL-ended once there is one; NULL while empty */
    size_t count;
};

#define CONFIG_SETTINGS_MAX 80
#define NO_ADMIN_PORT       (-1)
#define INSTANCE_MAX        63 /* characters: it is also the client name that Redis shows */

struct config {
    enum config_action action;
    bool repair;                                  /* --repair */
    const char *const *argv, *const *environment; /* what it was read from: borrowed */

    /* The settings, as config_table.c describes them. Texts are owned and never NULL. */
    char *host;
    int64_t port;
    int64_t admin_port; /* NO_ADMIN_PORT: none */
    char *base_path;
    int64_t io_threads;
    int64_t max_body_bytes;
    int64_t max_connections;
    int64_t max_waiters;
    int64_t header_timeout_s;
    int64_t body_timeout_s;
    int64_t write_timeout_s;
    int64_t shed_wait_ms;
    int64_t idle_timeout_s;
    struct config_list cors_allow_origins;
    int64_t status_cache_bytes;
    int64_t health_timeout_s;
    int64_t shutdown_timeout_s;
    int64_t shutdown_delay_s;
    char *config_file;
    char *instance;
    int log_level;  /* enum log_level */
    int log_format; /* enum log_format */
    int log_access; /* enum http_log_access */
    bool metrics;
    int64_t log_rate;

    char *data_dir;    /* "": memory only */
    int journal_fsync; /* enum journal_fsync */
    int64_t audit_interval_ms;

    bool enable_redis_persistence;
    char *redis_url;
    char *redis_host;
    int64_t redis_port;
    int64_t redis_db;
    char *redis_username;
    char *redis_password;
    char *redis_tls_ca_file;
    char *redis_key_prefix;
    bool redis_required;
    int redis_on_recovery; /* enum config_on_recovery */
    int64_t redis_connect_timeout_ms;
    int64_t redis_command_timeout_ms;
    int64_t redis_wait_replicas;

    char *analyzers_file;
    struct config_list analyzer;
    int accept_types; /* enum config_accept */
    char *types_file;
    char *default_type;
    int64_t default_max_attempts;
    int64_t default_timeout_s;
    int64_t storage_full_percent;
    int64_t analyzer_lease_s;
    int64_t analyzer_poll_ms;

    int64_t retention_completed_s;
    int64_t retention_canceled_s;
    int64_t retention_failed_s;
    int64_t tombstone_s;
    int64_t idempotency_s;
    int64_t cancel_grace_s;
    int64_t retry_base_ms;
    int64_t retry_cap_ms;
    int64_t max_stalls;
    int64_t events_max;

    /* What follows from them; filled when nothing is wrong. */
    bool use_redis;
    struct redis_options redis;
    struct analyzer_set analyzers;
    struct span *known_types; /* those that the analyzers serve: analyzers.count of them */
    int *known_type_slots;    /* the analyzers' concurrency, likewise */
    struct type_table types;
    struct span type_of_none; /* the type of a request that names none; may be absent */
    struct process_policy policy;

    enum config_source sources[CONFIG_SETTINGS_MAX]; /* by place in config_settings */
    unsigned file_lines[CONFIG_SETTINGS_MAX];        /* of SOURCE_FILE and SOURCE_FILE_FILE */
    struct text_buffer faults;                       /* a line for everything that is wrong */
    struct text_buffer warnings;                     /* a line for what is legal but hardly meant */
};

/* Reads options and environment (both as main gets them, NULL-ended; they must outlive the
 * configuration), and the files that they name: it blocks. True when nothing is wrong;
 * else config->faults says what, one line each, all of it, and no secrets. With CONFIG_HELP and
 * CONFIG_VERSION nothing else is looked at. Prints nothing. config_finish() is due in any case. */
bool config_load(struct config *ret_config, const char *const argv[],
                 const char *const environment[]);
void config_finish(struct config *config);

/* For the actions of these names. */
void config_print_help(FILE *out);
void config_print_version(FILE *out);
void config_print(FILE *out, const struct config *config); /* no secrets */

#endif
