/* One asynchronous connection to Redis on one loop: commands pipelined into one write per loop
 * turn, a deadline for each, reconnection with backoff and jitter, the session (AUTH, SELECT,
 * scripts) set up anew each time. Nothing here blocks the loop, names included.
 *
 * Everything but the functions on redis_options is on the loop's thread. The program must ignore
 * SIGPIPE: hiredis writes to connections that the other side may have closed. */
#ifndef PROCTRACK_REDIS_CLIENT_H
#define PROCTRACK_REDIS_CLIENT_H

#include "proctrack/err.h"
#include "proctrack/loop.h"
#include "proctrack/metric.h"
#include "proctrack/text.h"

/* Where a server listens. */
#define REDIS_HOST_SIZE 256
struct redis_address {
    char host[REDIS_HOST_SIZE]; /* name or address */
    int port;
};

#define REDIS_SENTINELS_MAX 8

/* How to reach and enter a Redis. Owned text, so that it can be built from a URL. */
struct redis_options {
    char host[REDIS_HOST_SIZE]; /* name or address; empty with unix_path or sentinels */
    int port;
    char unix_path[108];
    char username[256];  /* empty: none */
    char password[1024]; /* empty: none */
    int database;
    bool tls;
    char tls_ca_file[256]; /* empty: the system's */
    int64_t connect_timeout_ms, command_timeout_ms;
    int wait_replicas; /* 0: no WAIT */
    char client_name[64];
    /* With sentinels, they are asked where the primary of the service is. */
    struct redis_address sentinels[REDIS_SENTINELS_MAX];
    int sentinel_count;
    char service[128];
    char sentinel_username[256], sentinel_password[1024]; /* empty: none */
};

void redis_options_defaults(struct redis_options *ret_options); /* 127.0.0.1:6379, database 0 */

/* redis://[user[:password]@]host[:port][/db], rediss://…, unix://[user[:password]@]/path[?db=n];
 * redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/service[/db], which also takes
 * ?sentinel_username= and ?sentinel_password=; percent-decoded; IPv6 in brackets; also ?db=,
 * ?username=, ?password= as redis clients accept.
 * On false *ret_why is a constant sentence that does not hold the URL's secrets. */
bool redis_options_parse_url(struct redis_options *options, const char *url, const char **ret_why);

/* Whether this build can speak TLS to Redis. */
bool redis_client_has_tls(void);

/* "host:port", the path, or "host:port,host:port/service", for logs: never a secret. */
void redis_options_describe(const struct redis_options *options, char *ret_text, size_t size);
void redis_address_describe(const struct redis_address *place, char *ret_text, size_t size);

/* --- the start-up check ----------------------------------------------------------------------- */

/* What the start-up check found. Empty strings where the server did not say. */
struct redis_probe {
    char version[32];
    char maxmemory_policy[32]; /* "noeviction" is what we want */
    bool has_maxmemory;        /* a limit is set, so that the policy matters */
    bool persists;             /* append-only file or snapshots are on */
    bool tracks;               /* it tells us of keys that change: CLIENT TRACKING */
    bool publishes;            /* it does not, but we may publish on the channel */
    char problem[256];         /* when it failed: one sentence for a person, no secrets */
};

/* Blocking, before any thread starts: connect, authenticate, SELECT, PING, INFO, and how changes
 * can be heard of (`channel`: for those that would be published), all within
 * redis->connect_timeout_ms. UNAVAILABLE, TIMEOUT, INVALID (refused credentials or database). */
enum err redis_probe(const struct redis_options *redis, const char *channel,
                     struct redis_probe *ret_probe);

/* What INFO says of one thing; false: nothing. */
bool redis_info_find(struct span info, const char *name, struct span *ret_value);

/* --- the connection --------------------------------------------------------------------------- */

struct redis_client;
struct redis_commands;
struct redisReply;

#define REDIS_SCRIPTS_MAX 24

/* What each new connection is prepared with. Must outlive the client. */
struct redis_client_setup {
    const struct span *scripts; /* texts; sent once, then called by hash */
    size_t script_count;        /* at most REDIS_SCRIPTS_MAX */
    const char *layout_key; /* this key is created with `layout`, and if it holds anything else */
    const char *layout;     /*     the Redis is not used; NULL: none */
    uint64_t *reconnects;   /* counted up: connections made after the first, */
    uint64_t *timeouts;     /*     requests that missed their deadline, */
    uint64_t *commands;     /*     commands that were sent to serve; each may be NULL */
    struct metric_histogram *latency; /* of requests: until the last reply; NULL: of none */
    /* May be NULL. Called when the connection begins to serve, and when it ends or a try to make it
     * failed; it may close the client, but not destroy it. */
    void (*on_state)(void *arg, bool ready);
    bool quiet; /* its comings and goings are no news to whoever reads the log */
    /* With sentinels: where this one is connected, it connects too, and leaves when that leaves.
     * Must outlive the client. NULL: it asks the sentinels itself. */
    const struct redis_client *beside;
    /* For a connection that listens, which is quiet too: it subscribes to this channel; else NULL.
     * Its requests may only subscribe to it again. */
    const char *channel;
    void (*on_message)(void *arg, const struct redisReply *payload);
    void *arg;
};

/* NULL if no memory, or when the TLS settings cannot be used (logged). Connects in the background
 * and keeps at it. The options must outlive the client. */
struct redis_client *redis_client_create(struct loop *loop, const struct redis_options *options,
                                         const struct redis_client_setup *setup);
/* Ends every open request with ERR_CANCELED, and all later ones at once. Twice is fine. */
void redis_client_close(struct redis_client *client);
/* Not from within a request's `done`. NULL is fine. */
void redis_client_destroy(struct redis_client *client);

bool redis_client_is_ready(const struct redis_client *client);
/* Why it is not; valid until the next try. */
const char *redis_client_problem(const struct redis_client *client);
/* What the server calls this connection; of one that listens and is ready. */
int64_t redis_client_id(const struct redis_client *client);

/* One or several commands whose last reply is the answer. Embed it; the owner keeps it until
 * `done`, which runs exactly once, perhaps before the submit returns.
 *
 * err is OK with the last reply, valid until `done` returns; or, with reply == NULL:
 * CORRUPT (a key holds the wrong type), FULL (Redis is out of memory), TIMEOUT (the deadline
 * passed), UNAVAILABLE (no connection, Redis cannot serve, too few replicas), CANCELED (closed),
 * NO_MEMORY, INTERNAL. An error among the earlier replies counts before one of the last. After
 * TIMEOUT and UNAVAILABLE it is unknown whether the commands were executed. */
struct redis_request {
    /* Writes the commands. Runs in the submit, and again when Redis has forgotten a script. */
    void (*build)(struct redis_request *request, struct redis_commands *commands);
    void (*done)(struct redis_request *request, enum err err, struct redisReply *reply);
    bool writes;    /* with wait_replicas, OK means that so many replicas have it */
    bool quiet;     /* an error that Redis answers is no news: it is not logged */
    int64_t number; /* out: what the last reply that was an integer said */

    /* private */
    struct list_link link;
    int64_t deadline;  /* loop ms: it ends by then */
    int64_t reply_due; /* what is under way must be answered by then */
    int64_t sent_us;   /* loop us */
    int replies;       /* still to come */
    enum err result;
    bool script_missing, repeated;
    struct redisReply *kept; /* while replicas are waited for */
};
void redis_client_submit(struct redis_client *client, struct redis_request *request);
/* From within `done`: the request goes on with other commands, within what is left of its time.
 * Where that is over first, it ends with TIMEOUT, and other requests go on. */
void redis_client_go_on(struct redis_client *client, struct redis_request *request);

/* --- writing commands, within build() --------------------------------------------------------- */

/* Begins the next command of the request; the functions below add its arguments. */
void redis_command(struct redis_commands *commands, const char *name);
/* Begins a call of scripts[script] with one key. */
void redis_command_script(struct redis_commands *commands, size_t script, struct span key);
void redis_arg(struct redis_commands *commands, struct span arg);
void redis_arg_str(struct redis_commands *commands, const char *arg);
void redis_arg_int(struct redis_commands *commands, int64_t arg);

/* OK when it is no error reply; else what the error means, as above. For replies inside EXEC's. */
enum err redis_reply_error(const struct redisReply *reply);
/* How many bytes of an error's text may be shown, for "%.*s": not the arguments that Redis repeats
 * of a command that it does not know, for one of them may be a password. */
int redis_error_shown(const char *text);

#endif
