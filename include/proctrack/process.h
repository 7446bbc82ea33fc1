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
/* Its bytes, as the key of a table. */
static inline struct span process_id_key(const struct process_id *id)
{
    return (struct span){(const char *)id->bytes, sizeof(id->bytes)};
}
int process_id_compare(const struct process_id *a, const struct process_id *b);
/* The id of the n-th process of a batch (n < 1024): the same for the same base, a random UUID to
 * look at, and in order of n, as processes created in the same millisecond are queued by id. */
void process_id_nth(const struct process_id *base, unsigned n, struct process_id *ret_id);

/* --- lease token: random, 32 hexadecimal digits, shown only to the worker that claimed -------- */

#define LEASE_TOKEN_TEXT_SIZE 33
bool lease_token_new(char ret_text[LEASE_TOKEN_TEXT_SIZE]);
bool lease_token_is_valid(struct span text);

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
#define PROCESS_LEASE_MIN_MS    INT64_C(5000)
#define PROCESS_LEASE_MAX_MS    INT64_C(86400000)
#define PROCESS_LEASE_MS        INT64_C(60000)           /* where a worker says nothing */
#define PROCESS_RETRY_MAX_MS    (INT64_C(30) * 86400000) /* pauses before a retry */
#define PROCESS_MESSAGE_MAX     4096                     /* bytes of a progress or error message */
#define PROCESS_LOG_MAX         (64 * 1024)              /* bytes of an error's log */
#define PROCESS_TIMEOUT_MAX_S   (30 * 86400)
#define PROCESS_RETENTION_MAX_S (10 * 366 * 86400)
#define PROCESS_METADATA_MAX    (64 * 1024) /* bytes */
#define IDEMPOTENCY_KEY_MAX     255

bool process_type_is_valid(struct span type);
bool process_group_is_valid(struct span group);
bool process_worker_is_valid(struct span worker);

/* --- record ----------------------------------------------------------------------------------- */

/* How pauses before retries grow. */
enum process_backoff {
    BACKOFF_POLICY,      /* as the deployment's policy says */
    BACKOFF_EXPONENTIAL, /* base * 2^(n-1) up to the cap, times a random share */
    BACKOFF_FIXED,       /* base, exactly */
};

struct process {
    struct process_id id;
    enum process_status status;
    int priority;
    int attempt;      /* runs so far, the present one included; 0 before the first claim */
    int max_attempts; /* failed attempts after which it stays failed */
    int failures;     /* failed attempts since it was created or retried by hand */
    int stalls;       /* leases that ran out, likewise */
    int events;       /* of its timeline, ever written; created is not counted */
    int backoff;      /* enum process_backoff */
    int64_t version;

    struct span type, group, worker; /* group and worker may be absent */
    struct span input, metadata;     /* the client's JSON, byte for byte; input is absent
                                        unless it was asked for */
    struct span progress;            /* JSON object or absent */
    struct span result;              /* the worker's JSON or absent */
    struct span error;               /* JSON object or absent, see process_error_append() */
    struct span usage;               /* JSON object or absent: what the last run cost */
    struct span traceparent;         /* of the request that it came with, as traceparent_read()
                                        writes it, or absent */
    struct span lease_token;         /* of the present or last attempt; never shown */

    int64_t created_at, run_at, started_at, updated_at, completed_at, expires_at; /* wall ms */
    int64_t lease_until;         /* while running: when it lapses, all limits included */
    int64_t attempt_deadline;    /* while running, with a timeout: when it is ended by force */
    int64_t cancel_requested_at; /* while running, once asked to cancel */
    int64_t cancel_deadline;     /* ... when it is canceled by force */
    int64_t queue_deadline;      /* while pending and not yet claimed, with a queue timeout */
    int64_t deadline;            /* over all attempts; TIME_NONE: none */
    int64_t timeout_ms;          /* per attempt; 0: none */
    int64_t queue_timeout_ms;    /* until the first claim, from run_at on; 0: none */
    int64_t retry_base_ms, retry_cap_ms; /* unless BACKOFF_POLICY; a fixed one has no cap (0) */
    int64_t retention_ms;                /* after the end; -1: as the policy says */
};

/* Bytes of all its texts together. */
size_t process_text_bytes(const struct process *process);

/* What the `progress`, `usage` and `error` objects look like; all append valid JSON. */
struct process_progress {
    bool has_percent, has_step, has_steps; /* else null */
    double percent;                        /* 0..100; rounded to hundredths */
    int64_t step, steps;
    struct span message; /* valid UTF-8, or absent: null */
};
void process_progress_append(struct text_buffer *out, const struct process_progress *progress);
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
    int events_max; /* kept of each timeline; the oldest go first */
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
    EVENT_EXPIRE,   /* a pending one's deadline has passed: likewise */
};
#define PROCESS_EVENT_COUNT 10

struct process_rule {
    const char *name;
    unsigned from;    /* bits 1u << status in which it is legal */
    bool needs_token; /* only the holder of the lease may */
};
/* THE table of legal transitions (design §2). */
extern const struct process_rule process_rules[PROCESS_EVENT_COUNT];

struct process_change {
    enum process_event event;
    int64_t now;        /* wall ms */
    int64_t if_version; /* 0: whatever it is */
    struct span token;  /* where the rule needs one */
    int attempt;        /* likewise; 0: the token says enough */
    int64_t lease_ms;   /* HEARTBEAT, PROGRESS: from now; 0: PROCESS_LEASE_MS, but never
                                                     shorter than it was */
    struct span progress, result, error, usage; /* as the event carries them; else absent */
    bool retryable;                             /* FAIL */
    int64_t retry_after_ms;                     /* FAIL: -1 leaves it to the policy */
    uint32_t jitter;                            /* FAIL, LAPSE: random */
};

/* When a pending process fails because nobody took it up in time; TIME_NONE: never. */
int64_t process_pending_deadline(const struct process *process);

/* Applies a change to the record: the reference for every repository. ERR_OK with *ret_changed
 * false when the change had already been made (a repeated complete); CONFLICT, LEASE_LOST, STALE
 * leave *process as it is. error_storage receives the error text that LAPSE makes (the record's
 * span points into it). */
#define PROCESS_LAPSE_ERROR_SIZE 256
enum err process_apply(struct process *process, const struct process_change *change,
                       const struct process_policy *policy,
                       char error_storage[PROCESS_LAPSE_ERROR_SIZE], bool *ret_changed);

/* Whether LAPSE at `now` means that the worker stopped renewing its lease: no limit of time and no
 * cancel has ended it. */
bool process_lapse_is_loss(const struct process *process, int64_t now);

/* Puts a claimed process into running: token, worker, attempt and the lease's end. A worker is
 * expected to end the attempt at its timeout and to say so; the grace is left for that. */
void process_start(struct process *process, const struct process_policy *policy, int64_t now,
                   struct span worker, struct span token, int64_t lease_ms);

/* The pause before the next attempt, by the process's backoff and its failures so far:
 * min(cap, base * 2^(failures-1)) * jitter / 2^32, or base when it is fixed. */
int64_t process_retry_delay(const struct process_policy *policy, const struct process *process,
                            uint32_t jitter);

/* Position in the queue of its type: higher priority first, then older. Exact in a double. */
int64_t process_queue_score(const struct process *process);

/* printf formats of the error objects that LAPSE and EXPIRE leave; one int: the attempt. */
extern const char process_timeout_error[];
extern const char process_lease_lost_error[];
extern const char process_queue_timeout_error[];
extern const char process_deadline_error[];

/* --- timeline -----------------------------------------------------------------------------------
 *
 * Each repository writes an entry together with the change that it tells of. The first one,
 * "created", follows from the record and is never stored. An entry is one JSON object:
 *
 *   {"at":"2025-11-08T10:00:00.012Z","event":"claimed","actor":"gpu-3","attempt":1,"version":2,
 *    "error_code":null,"progress":null}
 *
 * event: claimed, progress (the first of an attempt, then the first in each 10 s), stalled (a lease
 * ran out), released, retry_scheduled (an attempt failed, another follows), retried (by hand),
 * cancel_requested, late_result_refused (a report came with a lost lease; never two in a row),
 * completed, failed, canceled.
 * actor: the worker, "client", or "server"; null for a late result, whose sender is not known.
 * attempt: the one that it is about. version: after the change. error_code: of failed,
 * retry_scheduled and a canceled one with an error. progress: of progress, completed, failed,
 * canceled; the object as it then was, or null. */

/* What a change is called there, or NULL when it is not told. before and after as process_apply()
 * had and left it, with its result. */
const char *process_timeline_event(const struct process *before, const struct process *after,
                                   const struct process_change *change, enum err result,
                                   bool changed);
/* The entry of that name; `after` is the record as it now is (for a late result: as it stays). */
void process_timeline_append(struct text_buffer *out, const char *event,
                             const struct process *before, const struct process *after,
                             const struct process_change *change);
/* The entry of a claim. */
void process_timeline_append_claimed(struct text_buffer *out, const struct process *after);
void process_timeline_append_created(struct text_buffer *out, const struct process *process);

/* --- the resource (design §3), the one function that writes it ---------------------------------
 */

struct process_view {
    const char *reason;       /* NULL: null */
    int64_t queue_position;   /* 1: next; 0: null */
    const char *base_path;    /* in front of links; "" for none */
    int64_t retry_after_ms;   /* when to ask again; 0: null */
    int64_t eta_p50, eta_p90; /* when it should be done, wall clock ms; p50 0: "eta" is null */
    bool with_input;
    bool for_worker; /* with lease_token and lease_until: for the one that has claimed it */
};
/* Bytes from the beginning of the resource to the value of "reason", which is followed by the
 * member queue_position: so that both can be put in later. */
size_t process_json_reason_offset(const struct process *process);
void process_json_append(struct text_buffer *out, const struct process *process,
                         const struct process_view *view);

#endif
