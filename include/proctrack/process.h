/* The process: its record, its states, and the rules by which it changes.
 *
 * `struct process` is a plain value, copied with `=`. Its spans are borrowed: from the request when
 * it goes down, from the repository when it comes up, and then only until the callback returns. */
#ifndef PROCTRACK_PROCESS_H
#define PROCTRACK_PROCESS_H

#include "proctrack/clock.h"
#include "proctrack/err.h"
#include "proctrack/text.h"

#include <stdbool.h>
#include <stdint.h>

/* --- id: a random UUID (RFC 9562, version 4) -------------------------------------------------- */

#define PROCESS_ID_TEXT_SIZE 37

struct process_id {
    unsigned char bytes[16];
};

/* From a pool of kernel randomness. False when the kernel gives none. Any thread. */
bool process_id_new(struct process_id *ret_id);
/* Exactly 36 characters, any version, upper or lower case. */
bool process_id_parse(struct span text, struct process_id *ret_id);
void process_id_format(const struct process_id *id, char ret_text[PROCESS_ID_TEXT_SIZE]);
int process_id_compare(const struct process_id *a, const struct process_id *b);

/* --- lease token: random, 32 hexadecimal digits, shown only to the worker that claimed -------- */

#define LEASE_TOKEN_TEXT_SIZE 33
bool lease_token_new(char ret_text[LEASE_TOKEN_TEXT_SIZE]);

/* --- status ----------------------------------------------------------------------------------- */

enum process_status {
    PROCESS_PENDING,
    PROCESS_RUNNING,
    PROCESS_COMPLETED,
    PROCESS_FAILED,
    PROCESS_CANCELED,
};
#define PROCESS_STATUS_COUNT 5

const char *process_status_name(enum process_status status);
bool process_status_parse(struct span text, enum process_status *ret_status);
bool process_status_is_final(enum process_status status);

/* --- bounds ----------------------------------------------------------------------------------- */

#define PROCESS_TYPE_MAX        64  /* characters, [A-Za-z0-9_.-] */
#define PROCESS_GROUP_MAX       128 /* the same characters and ':' */
#define PROCESS_WORKER_MAX      128 /* printable ASCII */
#define PROCESS_PRIORITY_MIN    (-100)
#define PROCESS_PRIORITY_MAX    100
#define PROCESS_ATTEMPTS_MAX    1000
#define PROCESS_TIMEOUT_MAX_S   (30 * 86400)
#define PROCESS_RETENTION_MAX_S (10 * 366 * 86400)
#define PROCESS_METADATA_MAX    (64 * 1024) /* bytes */
#define IDEMPOTENCY_KEY_MAX     255

bool process_type_is_valid(struct span type);
bool process_group_is_valid(struct span group);

/* --- record ----------------------------------------------------------------------------------- */

struct process {
    struct process_id id;
    enum process_status status;
    int priority;
    int attempt;      /* runs so far, the present one included; 0 before the first claim */
    int max_attempts; /* failed attempts after which it stays failed */
    int failures;     /* failed attempts since it was created or retried by hand */
    int stalls;       /* leases that ran out, likewise */
    int64_t version;

    struct span type, group, worker; /* group and worker may be absent */
    struct span input, metadata;     /* the client's JSON, byte for byte; input is absent
                                        unless it was asked for */
    struct span progress;            /* JSON object or absent */
    struct span result;              /* the worker's JSON or absent */
    struct span error;               /* JSON object or absent, see process_error_append() */
    struct span usage;               /* JSON object or absent: what the last run cost */
    struct span lease_token;         /* of the present or last attempt; never shown */

    int64_t created_at, run_at, started_at, updated_at, completed_at, expires_at; /* wall ms */
    int64_t lease_until;         /* while running: when it lapses, all limits included */
    int64_t attempt_deadline;    /* while running, with a timeout: when it is ended by force */
    int64_t cancel_requested_at; /* while running, once asked to cancel */
    int64_t cancel_deadline;     /* ... when it is canceled by force */
    int64_t timeout_ms;          /* per attempt; 0: none */
    int64_t retention_ms;        /* after the end; -1: as the policy says */
};

/* Bytes of all its texts together. */
size_t process_text_bytes(const struct process *process);

/* What the `usage` and `error` objects look like; both append valid JSON. */
struct process_usage {
    int exit_code; /* -1 when ended by a signal or not started */
    int signal;    /* 0 when it exited */
    int64_t wall_ms, cpu_ms, peak_memory_kib;
};
void process_usage_append(struct text_buffer *out, const struct process_usage *usage);
/* `log` may be absent; message and log must be valid UTF-8. */
void process_error_append(struct text_buffer *out, const char *code, struct span message,
                          bool retryable, int attempt, struct span log);

/* --- rules ------------------------------------------------------------------------------------ */

/* What holds for all processes of a deployment. Constant after start, shared by all threads. */
struct process_policy {
    int64_t retention_ms[PROCESS_STATUS_COUNT]; /* of the final states */
    int64_t tombstone_ms;                       /* how long a removed id answers 410 */
    int64_t idempotency_ms;                     /* how long an Idempotency-Key is remembered */
    int64_t cancel_grace_ms;
    int64_t retry_base_ms, retry_cap_ms; /* base * 2^(n-1) up to the cap, times a random share */
    int max_stalls;
};
void process_policy_defaults(struct process_policy *ret_policy);

enum process_event {
    EVENT_HEARTBEAT, /* extends the lease; no new version, as nothing that is shown changes */
    EVENT_PROGRESS,
    EVENT_COMPLETE,
    EVENT_FAIL,
    EVENT_RELEASE,  /* handed back unharmed */
    EVENT_CANCEL,   /* pending: at once; running: asks the worker, forced after the grace */
    EVENT_CANCELED, /* the worker says that it has stopped as asked */
    EVENT_RETRY,    /* by hand, from failed or canceled */
    EVENT_LAPSE,    /* the lease's end has passed: only the repository's advance() uses it */
};
#define PROCESS_EVENT_COUNT 9

struct process_rule {
    const char *name;
    unsigned from;    /* bits 1u << status in which it is legal */
    bool needs_token; /* only the holder of the lease may */
};
/* THE table of legal transitions (design §2). */
extern const struct process_rule process_rules[PROCESS_EVENT_COUNT];

struct process_change {
    enum process_event event;
    int64_t now;                                /* wall ms */
    int64_t if_version;                         /* 0: whatever it is */
    struct span token;                          /* where the rule needs one */
    int64_t lease_ms;                           /* HEARTBEAT, PROGRESS: from now */
    struct span progress, result, error, usage; /* as the event carries them; else absent */
    bool retryable;                             /* FAIL */
    int64_t retry_after_ms;                     /* FAIL: -1 leaves it to the policy */
    uint32_t jitter;                            /* FAIL, LAPSE: random */
};

/* Applies a change to the record: the reference for every repository. ERR_OK with *ret_changed
 * false when the change had already been made (a repeated complete); CONFLICT, LEASE_LOST, STALE
 * leave *process as it is. error_storage receives the error text that LAPSE makes (the record's
 * span points into it). */
#define PROCESS_LAPSE_ERROR_SIZE 256
enum err process_apply(struct process *process, const struct process_change *change,
                       const struct process_policy *policy,
                       char error_storage[PROCESS_LAPSE_ERROR_SIZE], bool *ret_changed);

/* Puts a claimed process into running: token, worker, attempt and the lease's end. A worker is
 * expected to end the attempt at its timeout and to say so; the grace is left for that. */
void process_start(struct process *process, const struct process_policy *policy, int64_t now,
                   struct span worker, struct span token, int64_t lease_ms);

/* min(cap, base * 2^(failures-1)) * jitter / 2^32 */
int64_t process_retry_delay(const struct process_policy *policy, int failures, uint32_t jitter);

/* Position in the queue of its type: higher priority first, then older. Exact in a double. */
int64_t process_queue_score(const struct process *process);

/* printf formats of the error objects that a lapsed lease leaves; one int: the attempt. */
extern const char process_timeout_error[];
extern const char process_lease_lost_error[];

/* --- the resource (design §3), the one function that writes it ---------------------------------
 */

struct process_view {
    const char *reason;    /* NULL: null */
    const char *base_path; /* in front of links; "" for none */
    bool with_input;
};
void process_json_append(struct text_buffer *out, const struct process *process,
                         const struct process_view *view);

#endif
