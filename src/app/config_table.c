#include "app/config_table.h"

#include "app/config_checks.h"
#include "proctrack/http_server.h"
#include "proctrack/log.h"

#include <assert.h>

/* The field's place, which builds only when the field has the type that its kind writes. */
#define FIELD(type, field) \
    _Generic(((struct config *)0)->field, type : offsetof(struct config, field))

#define INTEGER(field, text, low, high, what)                                                  \
    .kind = SETTING_INTEGER, .offset = FIELD(int64_t, field), .initial = (text), .min = (low), \
    .max = (high), .unit = (what)
#define BOOLEAN(field, text) \
    .kind = SETTING_BOOLEAN, .offset = FIELD(bool, field), .initial = (text)
#define TEXT(field, text, length) \
    .kind = SETTING_TEXT, .offset = FIELD(char *, field), .initial = (text), .max = (length)
#define SECRET(field, length) \
    .kind = SETTING_SECRET, .offset = FIELD(char *, field), .initial = "", .max = (length)
#define CHOICE(field, text, names) \
    .kind = SETTING_CHOICE, .offset = FIELD(int, field), .initial = (text), .choices = (names)
#define LIST(field, between, length)                                                 \
    .kind = SETTING_LIST, .offset = FIELD(struct config_list, field), .initial = "", \
    .separator = (between), .max = (length)

#define PATH_TEXT_MAX 4096
#define DAY_S         86400
#define DAY_MS        (86400 * INT64_C(1000))

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {
    [LOG_FORMAT_AUTO] = "auto",
    [LOG_FORMAT_JSON] = "json",
    [LOG_FORMAT_TEXT] = "text",
    NULL,
};
static const char *const log_access[] = {
    [HTTP_LOG_ALL] = "all",
    [HTTP_LOG_ERRORS] = "errors",
    [HTTP_LOG_NONE] = "none",
    NULL,
};
static const char *const accept_types[] = {"any", "known", NULL};
static const char *const journal_fsync[] = {
    [JOURNAL_FSYNC_ALWAYS] = "always",
    [JOURNAL_FSYNC_EVERYSEC] = "everysec",
    [JOURNAL_FSYNC_NO] = "no",
    NULL,
};
static const char *const on_recovery[] = {
    [ON_RECOVERY_STAY] = "stay",
    [ON_RECOVERY_HANDOVER] = "handover",
    NULL,
};

#define LISTENING "Listening"
#define STORAGE   "Storage on disk"
#define REDIS     "Redis"
#define WORK      "Analyzers and new processes"
#define LIFETIME  "Lifetimes and retries"
#define OPERATION "Operation"

const struct setting config_settings[] = {
    {"HOST", LISTENING, "Address or name to listen on; 0.0.0.0 or :: for every interface.",
     TEXT(host, "127.0.0.1", 255), .check = check_not_empty, .allowed = "an address or a name"},
    {"PORT", LISTENING, "Port to listen on; 0 picks a free one and prints it.",
     INTEGER(port, "8080", 0, 65535, NULL)},
    {"ADMIN_PORT", LISTENING,
     "Port of a second listener for operators only: health, numbers and /admin, answered also "
     "while "
     "the first is flooded; 0 picks a free one and prints it, -1: none.",
     INTEGER(admin_port, "-1", NO_ADMIN_PORT, 65535, NULL)},
    {"BASE_PATH", LISTENING, "Everything is also served below this path, for instance /api.",
     TEXT(base_path, "", 128), .check = check_base_path,
     .allowed = "empty or a path like /api: a / in front, none at the end, plain segments of "
                "letters, digits, '-', '.', '_', '~'"},
    {"CORS_ALLOW_ORIGINS", LISTENING,
     "Origins whose pages may call, separated by commas; * alone allows every one.",
     LIST(cors_allow_origins, ',', 255), .check = check_origin,
     .allowed = "origins like https://app.example or http://localhost:3000, in lower case and "
                "without a path, or * alone",
     .reloads = true},
    {"MAX_BODY_BYTES", LISTENING, "Largest request body.",
     INTEGER(max_body_bytes, "1048576", 1, 1 << 25, "bytes"), .reloads = true},
    {"MAX_CONNECTIONS", LISTENING,
     "Connections at a time, over all loops; lowered to what the limit on open files allows.",
     INTEGER(max_connections, "12000", 1, 1000000, NULL)},
    {"MAX_WAITERS", LISTENING,
     "Long polls and event streams at a time, over all loops; more are answered 503.",
     INTEGER(max_waiters, "10000", 0, 1000000, NULL), .reloads = true},
    {"HEADER_TIMEOUT_SECONDS", LISTENING,
     "Time for the first request header of a connection, which is closed after it.",
     INTEGER(header_timeout_s, "10", 1, DAY_S, "seconds"), .reloads = true},
    {"BODY_TIMEOUT_SECONDS", LISTENING,
     "Time for a request body, counted from its header; after it the answer is 408.",
     INTEGER(body_timeout_s, "30", 1, DAY_S, "seconds"), .reloads = true},
    {"WRITE_TIMEOUT_SECONDS", LISTENING,
     "Time for a client to take its answer, and a second more for each 64 KiB of it; after it the "
     "connection is closed. Event streams have none.",
     INTEGER(write_timeout_s, "30", 1, DAY_S, "seconds"), .reloads = true},
    {"SHED_WAIT_MS", LISTENING,
     "When more than 64 requests at a time have kept waiting longer than this to be read, those "
     "that waited so long are answered 503 at once; 0: none is.",
     INTEGER(shed_wait_ms, "15", 0, 60000, "milliseconds"), .reloads = true},
    {"IDLE_TIMEOUT_SECONDS", LISTENING,
     "After this time without a byte, or without a whole header after an answer, a connection is "
     "closed.",
     INTEGER(idle_timeout_s, "60", 1, DAY_S, "seconds"), .reloads = true},
    {"STATUS_CACHE_BYTES", LISTENING,
     "Memory for the states of processes that are polled often, over all loops; 0: none.",
     INTEGER(status_cache_bytes, "67108864", 0, INT64_C(1) << 40, "bytes")},
    {"IO_THREADS", LISTENING, "Threads that serve requests; the memory repository runs on one.",
     INTEGER(io_threads, NULL, 1, 64, NULL), .computed = "one per core"},

    {"DATA_DIR", STORAGE,
     "Directory in which the memory repository keeps its snapshot and journal; set but empty: "
     "memory only, and all is lost when the program ends.",
     TEXT(data_dir, "./data", PATH_TEXT_MAX), .empty_is_given = true},
    {"JOURNAL_FSYNC", STORAGE,
     "When a change is answered: always: once it is on the disk; everysec: once the system has it, "
     "which is told to write it within a second; no: once the system has it.",
     CHOICE(journal_fsync, "always", journal_fsync)},
    {"AUDIT_INTERVAL_MS", STORAGE,
     "Between two steps of the walk that compares records with the indexes over them; 0: no walk.",
     INTEGER(audit_interval_ms, "1000", 0, DAY_MS, "milliseconds")},

    {"ENABLE_REDIS_PERSISTENCE", REDIS,
     "Keep processes in Redis. REDIS_URL alone turns it on; an explicit false turns it off "
     "whatever "
     "REDIS_URL says.",
     BOOLEAN(enable_redis_persistence, "false")},
    {"REDIS_URL", REDIS,
     "redis://[user[:password]@]host[:port][/db], rediss://... for TLS, "
     "unix://[user[:password]@]/path[?db=n], or "
     "redis+sentinel://[user[:password]@]host[:port][,host...]/service[/db], which also takes "
     "?sentinel_username= and ?sentinel_password=. The settings below, where given, win over its "
     "parts.",
     SECRET(redis_url, 2048)},
    {"REDIS_HOST", REDIS, "Name or address of the Redis.", TEXT(redis_host, "127.0.0.1", 255),
     .check = check_not_empty, .allowed = "an address or a name"},
    {"REDIS_PORT", REDIS, "Its port.", INTEGER(redis_port, "6379", 1, 65535, NULL)},
    {"REDIS_DB", REDIS, "Its database.", INTEGER(redis_db, "0", 0, 1000000, NULL)},
    {"REDIS_USERNAME", REDIS, "ACL user; empty for the default user.",
     TEXT(redis_username, "", 255)},
    {"REDIS_PASSWORD", REDIS, "Its password.", SECRET(redis_password, 1023)},
    {"REDIS_TLS_CA_FILE", REDIS,
     "Certificates to check a rediss:// server by; empty: the system's.",
     TEXT(redis_tls_ca_file, "", 255)},
    {"REDIS_KEY_PREFIX", REDIS, "Stands in front of every key.", TEXT(redis_key_prefix, "", 128),
     .check = check_key_prefix, .allowed = "printable characters without blanks and braces"},
    {"REDIS_REQUIRED", REDIS,
     "Refuse to start without Redis (exit 69) instead of falling back to memory.",
     BOOLEAN(redis_required, "false")},
    {"REDIS_ON_RECOVERY", REDIS,
     "When Redis, which was down at the start, is back: stay: say so and go on in memory; "
     "handover: "
     "move everything into Redis and go on there.",
     CHOICE(redis_on_recovery, "stay", on_recovery)},
    {"REDIS_CONNECT_TIMEOUT_MS", REDIS, "Time to connect and log in.",
     INTEGER(redis_connect_timeout_ms, "2000", 1, 600000, "milliseconds")},
    {"REDIS_COMMAND_TIMEOUT_MS", REDIS,
     "Time for a command, after which requests are answered 503.",
     INTEGER(redis_command_timeout_ms, "500", 1, 600000, "milliseconds")},
    {"REDIS_WAIT_REPLICAS", REDIS, "A write is answered 2xx only when this many replicas have it.",
     INTEGER(redis_wait_replicas, "0", 0, 100, "replicas")},

    {"ANALYZERS_FILE", WORK, "JSON file that says which command runs which type.",
     TEXT(analyzers_file, "", PATH_TEXT_MAX), .reloads = true},
    {"ANALYZER", WORK,
     "type=command argument...: one more analyzer; the option may be repeated, the variable holds "
     "one per line.",
     LIST(analyzer, '\n', 8192), .allowed = "type=command argument...", .reloads = true},
    {"ACCEPT_TYPES", WORK,
     "any: types without an analyzer wait for a worker; known: they are refused.",
     CHOICE(accept_types, "any", accept_types), .reloads = true},
    {"TYPES_FILE", WORK,
     "JSON file with what processes of a type get where the request says nothing.",
     TEXT(types_file, "", PATH_TEXT_MAX), .reloads = true},
    {"DEFAULT_TYPE", WORK,
     "Type of a request that names none; empty: that of the analyzer when there is just one.",
     TEXT(default_type, "", PROCESS_TYPE_MAX), .check = check_type,
     .allowed = "a type: 1 to 64 letters, digits, '_', '.', '-'", .reloads = true},
    {"DEFAULT_MAX_ATTEMPTS", WORK, "Attempts where the request says nothing.",
     INTEGER(default_max_attempts, "1", 1, PROCESS_ATTEMPTS_MAX, "attempts"), .reloads = true},
    {"DEFAULT_TIMEOUT_SECONDS", WORK,
     "Time for an attempt where the request says nothing; 0: none.",
     INTEGER(default_timeout_s, "0", 0, PROCESS_TIMEOUT_MAX_S, "seconds"), .reloads = true},
    {"STORAGE_FULL_PERCENT", WORK,
     "New processes are refused (507) once so much is taken of the file system of DATA_DIR, or of "
     "Redis' maxmemory; 0: never.",
     INTEGER(storage_full_percent, "95", 0, 100, "percent"), .reloads = true},
    {"ANALYZER_LEASE_SECONDS", WORK,
     "An analyzer's lease; a process whose server died is taken up again after it.",
     INTEGER(analyzer_lease_s, "30", 1, DAY_S, "seconds")},
    {"ANALYZER_POLL_MS", WORK,
     "Idle analyzers look for work of other instances this often where Redis does not tell of it.",
     INTEGER(analyzer_poll_ms, "1000", 10, DAY_MS, "milliseconds"), .reloads = true},

    {"RETENTION_COMPLETED_SECONDS", LIFETIME, "How long a completed process stays readable.",
     INTEGER(retention_completed_s, "86400", 0, PROCESS_RETENTION_MAX_S, "seconds")},
    {"RETENTION_CANCELED_SECONDS", LIFETIME, "The same for a canceled one.",
     INTEGER(retention_canceled_s, "86400", 0, PROCESS_RETENTION_MAX_S, "seconds")},
    {"RETENTION_FAILED_SECONDS", LIFETIME, "The same for a failed one.",
     INTEGER(retention_failed_s, "604800", 0, PROCESS_RETENTION_MAX_S, "seconds")},
    {"TOMBSTONE_SECONDS", LIFETIME, "How long a removed id answers 410 instead of 404.",
     INTEGER(tombstone_s, "86400", 1, PROCESS_RETENTION_MAX_S, "seconds")},
    {"IDEMPOTENCY_SECONDS", LIFETIME, "How long an Idempotency-Key is remembered.",
     INTEGER(idempotency_s, "86400", 1, PROCESS_RETENTION_MAX_S, "seconds")},
    {"CANCEL_GRACE_SECONDS", LIFETIME,
     "Time between asking a running process to stop and forcing it.",
     INTEGER(cancel_grace_s, "10", 0, 3600, "seconds")},
    {"RETRY_BASE_MS", LIFETIME, "Longest wait before the first retry; doubles with each.",
     INTEGER(retry_base_ms, "2000", 1, DAY_MS, "milliseconds")},
    {"RETRY_CAP_MS", LIFETIME, "Longest wait before any retry.",
     INTEGER(retry_cap_ms, "600000", 1, 30 * DAY_MS, "milliseconds")},
    {"MAX_STALLS", LIFETIME, "Leases that may run out before a process fails.",
     INTEGER(max_stalls, "1", 0, 1000, NULL)},
    {"EVENTS_MAX", LIFETIME, "Entries kept of each process's timeline; the oldest go first.",
     INTEGER(events_max, "100", 0, 10000, "entries")},

    {"CONFIG_FILE", OPERATION,
     "File of NAME=value lines with more of these settings; variables and options win over it.",
     TEXT(config_file, "", PATH_TEXT_MAX)},
    {"INSTANCE", OPERATION, "This instance's name, in workers' names and answers.",
     TEXT(instance, NULL, INSTANCE_MAX), .computed = "<host name>:<process id>",
     .check = check_instance, .allowed = "letters, digits, '_', '.', ':', '-'"},
    {"LOG_LEVEL", OPERATION, "What is logged on standard error.",
     CHOICE(log_level, "info", log_levels), .reloads = true},
    {"LOG_FORMAT", OPERATION,
     "json: one object a line; text: for people; auto: text on a terminal, else json.",
     CHOICE(log_format, "auto", log_formats)},
    {"LOG_ACCESS", OPERATION,
     "Which requests are logged when they have ended: all, errors (those answered 5xx), or none.",
     CHOICE(log_access, "all", log_access), .reloads = true},
    {"LOG_RATE", OPERATION,
     "Lines logged in a second at most, warnings and errors apart, of which there may be twice as "
     "many; what goes beyond is counted; 0: no limit.",
     INTEGER(log_rate, "1000", 0, 1000000, "lines"), .reloads = true},
    {"METRICS", OPERATION, "Count requests by route, and serve /metrics; false: 404 there.",
     BOOLEAN(metrics, "true")},
    {"HEALTH_TIMEOUT_SECONDS", OPERATION,
     "An I/O loop that does not turn for so long makes /healthz and /readyz say no, and the "
     "watchdog "
     "of the service manager start the program anew; 0: that is not judged.",
     INTEGER(health_timeout_s, "10", 0, 3600, "seconds")},
    {"SHUTDOWN_TIMEOUT_SECONDS", OPERATION,
     "How long a stop waits for requests and analyzers that are under way, the delay included.",
     INTEGER(shutdown_timeout_s, "25", 0, 3600, "seconds")},
    {"SHUTDOWN_DELAY_SECONDS", OPERATION,
     "How long a stop goes on serving, no longer ready, so that load balancers can turn away.",
     INTEGER(shutdown_delay_s, "0", 0, 3600, "seconds")},
};

const size_t config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);
_Static_assert(sizeof(config_settings) / sizeof(config_settings[0]) <= CONFIG_SETTINGS_MAX,
               "raise CONFIG_SETTINGS_MAX");

size_t setting_index(size_t offset)
{
    size_t i = 0;
    while (i < config_setting_count && config_settings[i].offset != offset)
        i++;
    assert(i < config_setting_count);
    return i;
}

void setting_option(const struct setting *setting, char ret_option[OPTION_TEXT_SIZE])
{
    char *out = ret_option;
    *out++ = '-';
    *out++ = '-';
    for (const char *c = setting->name; *c != '\0'; c++) {
        assert(out < ret_option + OPTION_TEXT_SIZE - 1);
        *out++ = setting_option_letter(*c);
    }
    *out = '\0';
}
