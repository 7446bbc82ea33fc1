/* How a process changes.
 *
 *   pending -> running          a claim (process_start)
 *   running -> completed        COMPLETE
 *   running -> failed           FAIL, LAPSE: when no attempt or stall is left
 *   running -> pending          FAIL with attempts left (after a pause), RELEASE, LAPSE
 *   running -> canceled         CANCELED, and FAIL, RELEASE, LAPSE once a cancel was asked for
 *   pending -> canceled         CANCEL; on a running one CANCEL only asks
 *   pending -> failed           EXPIRE: nobody took it up in time
 *   failed, canceled -> pending RETRY
 *
 * lease_until is the one moment that the sweep watches while a process runs: the lease's end, cut
 * to the attempt's deadline, to the process's own and to the end of the grace after a cancel
 * request. LAPSE then looks which of them it was. */
#include "proctrack/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IN(status) (1u << PROCESS_##status)

const struct process_rule process_rules[PROCESS_EVENT_COUNT] = {
    [EVENT_HEARTBEAT] = {"heartbeat", IN(RUNNING), true},
    [EVENT_PROGRESS] = {"progress", IN(RUNNING), true},
    [EVENT_COMPLETE] = {"complete", IN(RUNNING), true},
    [EVENT_FAIL] = {"fail", IN(RUNNING), true},
    [EVENT_RELEASE] = {"release", IN(RUNNING), true},
    [EVENT_CANCEL] = {"cancel", IN(PENDING) | IN(RUNNING), false},
    [EVENT_CANCELED] = {"canceled", IN(RUNNING), true},
    [EVENT_RETRY] = {"retry", IN(FAILED) | IN(CANCELED), false},
    [EVENT_LAPSE] = {"lapse", IN(RUNNING), false},
    [EVENT_EXPIRE] = {"expire", IN(PENDING), false},
};

const char process_timeout_error[] =
    "{\"code\":\"timeout\",\"message\":\"the attempt ran longer than its timeout\","
    "\"retryable\":true,\"attempt\":%d,\"log\":null}";
const char process_lease_lost_error[] =
    "{\"code\":\"lease_lost\",\"message\":\"the worker stopped renewing its lease\","
    "\"retryable\":true,\"attempt\":%d,\"log\":null}";

const char process_queue_timeout_error[] =
    "{\"code\":\"queue_timeout\",\"message\":\"nobody took it up within its queue timeout\","
    "\"retryable\":true,\"attempt\":%d,\"log\":null}";
const char process_deadline_error[] =
    "{\"code\":\"deadline_exceeded\",\"message\":\"its deadline passed before it was done\","
    "\"retryable\":false,\"attempt\":%d,\"log\":null}";

void process_policy_defaults(struct process_policy *ret_policy)
{
    static const int64_t day_ms = INT64_C(86400000);
    memset(ret_policy, 0, sizeof(*ret_policy));
    ret_policy->retention_ms[PROCESS_COMPLETED] = day_ms;
    ret_policy->retention_ms[PROCESS_CANCELED] = day_ms;
    ret_policy->retention_ms[PROCESS_FAILED] = 7 * day_ms;
    ret_policy->tombstone_ms = day_ms;
    ret_policy->idempotency_ms = day_ms;
    ret_policy->cancel_grace_ms = 10000;
    ret_policy->retry_base_ms = 2000;
    ret_policy->retry_cap_ms = 600000;
    ret_policy->max_stalls = 1;
    ret_policy->events_max = 100;
}

int64_t process_retry_delay(const struct process_policy *policy, const struct process *process,
                            uint32_t jitter)
{
    if (process->backoff == BACKOFF_FIXED)
        return process->retry_base_ms;
    bool own = process->backoff == BACKOFF_EXPONENTIAL;
    int64_t delay = own ? process->retry_base_ms : policy->retry_base_ms;
    int64_t cap = own ? process->retry_cap_ms : policy->retry_cap_ms;
    for (int i = 1; i < process->failures && delay < cap; i++)
        delay *= 2;
    if (delay > cap)
        delay = cap;
    return (int64_t)((uint64_t)delay * jitter >> 32);
}

int64_t process_queue_score(const struct process *process)
{
    return ((int64_t)(PROCESS_PRIORITY_MAX - process->priority) << 42) + process->created_at;
}

static int64_t earlier(int64_t time, int64_t limit)
{
    return limit != TIME_NONE && limit < time ? limit : time;
}

/* What is shown never runs backwards, though clocks of instances differ. */
static int64_t not_before(int64_t time, const struct process *process)
{
    return time > process->updated_at ? time : process->updated_at;
}

/* The lease's end, cut to all that ends a run. */
static int64_t lease_end(const struct process *process, int64_t end)
{
    end = earlier(end, process->attempt_deadline);
    return earlier(earlier(end, process->cancel_deadline), process->deadline);
}

/* A worker that names no length never shortens its lease by renewing it. */
static int64_t renewed_lease(const struct process *process, const struct process_change *change)
{
    int64_t end = change->now + (change->lease_ms > 0 ? change->lease_ms : PROCESS_LEASE_MS);
    if (change->lease_ms == 0 && process->lease_until > end)
        end = process->lease_until;
    return lease_end(process, end);
}

int64_t process_pending_deadline(const struct process *process)
{
    if (process->queue_deadline == TIME_NONE)
        return process->deadline;
    return earlier(process->queue_deadline, process->deadline);
}

void process_start(struct process *process, const struct process_policy *policy, int64_t now,
                   struct span worker, struct span token, int64_t lease_ms)
{
    process->status = PROCESS_RUNNING;
    process->attempt++;
    process->version++;
    process->worker = worker;
    process->lease_token = token;
    process->queue_deadline = TIME_NONE;
    process->progress = process->usage = SPAN_NONE; /* of the attempt before; its error stays */
    process->started_at = process->updated_at = not_before(now, process);
    process->attempt_deadline =
        process->timeout_ms > 0 ? now + process->timeout_ms + policy->cancel_grace_ms : TIME_NONE;
    process->lease_until = lease_end(process, now + lease_ms);
}

static void clear_run(struct process *process)
{
    process->lease_until = TIME_NONE;
    process->attempt_deadline = TIME_NONE;
    process->cancel_requested_at = TIME_NONE;
    process->cancel_deadline = TIME_NONE;
}

/* The token stays with a finished process: it makes a repeated report answerable. */
static void finish(struct process *process, enum process_status status,
                   const struct process_change *change, const struct process_policy *policy)
{
    int64_t retention =
        process->retention_ms >= 0 ? process->retention_ms : policy->retention_ms[status];
    process->status = status;
    process->completed_at = not_before(change->now, process);
    process->expires_at = change->now + retention;
    process->queue_deadline = TIME_NONE;
    clear_run(process);
}

/* The token stays until the next attempt where its holder has given up the lease itself: it makes
 * a repeated report answerable. Nothing else is to be had for it while pending. */
static void put_back(struct process *process, int64_t run_at, bool keep_token)
{
    process->status = PROCESS_PENDING;
    process->run_at = run_at;
    process->worker = SPAN_NONE;
    if (!keep_token)
        process->lease_token = SPAN_NONE;
    process->started_at = TIME_NONE;
    clear_run(process);
}

static void take(struct span *field, struct span value)
{
    if (value.data != NULL)
        *field = value;
}

static void apply_failure(struct process *process, const struct process_change *change,
                          bool retryable, const struct process_policy *policy)
{
    process->failures++;
    if (process->cancel_requested_at != TIME_NONE) {
        finish(process, PROCESS_CANCELED, change, policy);
    } else if (retryable && process->failures < process->max_attempts) {
        int64_t delay = change->retry_after_ms;
        if (delay < 0)
            delay = process_retry_delay(policy, process, change->jitter);
        put_back(process, change->now + delay, change->event == EVENT_FAIL);
    } else {
        finish(process, PROCESS_FAILED, change, policy);
    }
}

static void apply_cancel(struct process *process, const struct process_change *change,
                         const struct process_policy *policy, bool *ret_changed)
{
    if (process->status == PROCESS_PENDING) {
        finish(process, PROCESS_CANCELED, change, policy);
    } else if (process->cancel_requested_at == TIME_NONE) {
        process->cancel_requested_at = change->now;
        process->cancel_deadline = change->now + policy->cancel_grace_ms;
        process->lease_until = earlier(process->lease_until, process->cancel_deadline);
    } else {
        *ret_changed = false;
    }
}

static void apply_retry(struct process *process, const struct process_change *change)
{
    process->failures = 0;
    process->stalls = 0;
    process->error = process->progress = process->result = process->usage = SPAN_NONE;
    process->completed_at = process->expires_at = TIME_NONE;
    if (process->queue_timeout_ms > 0)
        process->queue_deadline = change->now + process->queue_timeout_ms;
    if (process->deadline <= change->now)
        process->deadline = TIME_NONE; /* it is over, and yet somebody wants it done */
    put_back(process, change->now, false);
}

static struct span time_error(const char *format, int attempt,
                              char storage[PROCESS_LAPSE_ERROR_SIZE])
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = snprintf(storage, PROCESS_LAPSE_ERROR_SIZE, format, attempt);
#pragma GCC diagnostic pop
    return (struct span){storage, (size_t)len};
}

static bool has_passed(int64_t deadline, int64_t now)
{
    return deadline != TIME_NONE && deadline <= now;
}

bool process_lapse_is_loss(const struct process *process, int64_t now)
{
    return process->cancel_requested_at == TIME_NONE && !has_passed(process->deadline, now) &&
           !has_passed(process->attempt_deadline, now);
}

static void apply_lapse(struct process *process, const struct process_change *change,
                        const struct process_policy *policy, char storage[PROCESS_LAPSE_ERROR_SIZE])
{
    if (process->cancel_requested_at != TIME_NONE) {
        finish(process, PROCESS_CANCELED, change, policy);
    } else if (has_passed(process->deadline, change->now)) {
        process->error = time_error(process_deadline_error, process->attempt, storage);
        finish(process, PROCESS_FAILED, change, policy);
    } else if (has_passed(process->attempt_deadline, change->now)) {
        process->error = time_error(process_timeout_error, process->attempt, storage);
        apply_failure(process, change, true, policy);
    } else if (process->stalls < policy->max_stalls) {
        process->stalls++;
        put_back(process, change->now, false);
    } else {
        process->error = time_error(process_lease_lost_error, process->attempt, storage);
        finish(process, PROCESS_FAILED, change, policy);
    }
}

static void apply_expire(struct process *process, const struct process_change *change,
                         const struct process_policy *policy,
                         char storage[PROCESS_LAPSE_ERROR_SIZE])
{
    const char *format = has_passed(process->deadline, change->now) ? process_deadline_error
                                                                    : process_queue_timeout_error;
    process->error = time_error(format, process->attempt, storage);
    finish(process, PROCESS_FAILED, change, policy);
}

static bool holds_token(const struct process *process, const struct process_change *change)
{
    return process->lease_token.data != NULL && span_equal(process->lease_token, change->token) &&
           (change->attempt == 0 || change->attempt == process->attempt);
}

/* A worker that repeats its last report because the answer was lost gets the same answer. What
 * fails or is released while a cancel is asked for ends as canceled. */
static bool is_repeated(const struct process *process, const struct process_change *change)
{
    bool given_up = process->status == PROCESS_PENDING || process->status == PROCESS_CANCELED;
    if (!holds_token(process, change))
        return false;
    if (change->event == EVENT_COMPLETE)
        return process->status == PROCESS_COMPLETED && span_equal(process->result, change->result);
    if (change->event == EVENT_FAIL)
        return (process->status == PROCESS_FAILED || given_up) &&
               span_equal(process->error, change->error);
    if (change->event == EVENT_RELEASE)
        return given_up;
    return change->event == EVENT_CANCELED && process->status == PROCESS_CANCELED;
}

static enum err check(const struct process *process, const struct process_change *change)
{
    const struct process_rule *rule = &process_rules[change->event];
    bool token_holds = holds_token(process, change);
    if ((rule->from & (1u << process->status)) == 0)
        return rule->needs_token && !token_holds ? ERR_LEASE_LOST : ERR_CONFLICT;
    if (rule->needs_token && !token_holds)
        return ERR_LEASE_LOST;
    if (change->event == EVENT_CANCELED && process->cancel_requested_at == TIME_NONE)
        return ERR_CONFLICT;
    if (change->event == EVENT_LAPSE && process->lease_until > change->now)
        return ERR_CONFLICT;
    if (change->event == EVENT_EXPIRE &&
        !has_passed(process_pending_deadline(process), change->now))
        return ERR_CONFLICT;
    if (change->if_version != 0 && change->if_version != process->version)
        return ERR_STALE;
    return ERR_OK;
}

enum err process_apply(struct process *process, const struct process_change *change,
                       const struct process_policy *policy,
                       char error_storage[PROCESS_LAPSE_ERROR_SIZE], bool *ret_changed)
{
    *ret_changed = false;
    if (is_repeated(process, change))
        return ERR_OK;
    enum err err = check(process, change);
    if (err != ERR_OK)
        return err;
    if (change->event == EVENT_HEARTBEAT) {
        process->lease_until = renewed_lease(process, change);
        return ERR_OK;
    }

    bool changed = true;
    take(&process->progress, change->progress);
    take(&process->result, change->result);
    take(&process->error, change->error);
    take(&process->usage, change->usage);
    switch (change->event) {
    case EVENT_HEARTBEAT:
        break;
    case EVENT_PROGRESS:
        process->lease_until = renewed_lease(process, change);
        break;
    case EVENT_COMPLETE:
        process->error = SPAN_NONE;
        finish(process, PROCESS_COMPLETED, change, policy);
        break;
    case EVENT_FAIL:
        apply_failure(process, change, change->retryable, policy);
        break;
    case EVENT_RELEASE:
        if (process->cancel_requested_at != TIME_NONE)
            finish(process, PROCESS_CANCELED, change, policy);
        else
            put_back(process, change->now, true);
        break;
    case EVENT_CANCEL:
        apply_cancel(process, change, policy, &changed);
        break;
    case EVENT_CANCELED:
        finish(process, PROCESS_CANCELED, change, policy);
        break;
    case EVENT_RETRY:
        apply_retry(process, change);
        break;
    case EVENT_LAPSE:
        apply_lapse(process, change, policy, error_storage);
        break;
    case EVENT_EXPIRE:
        apply_expire(process, change, policy, error_storage);
        break;
    }
    if (changed) {
        process->version++;
        process->updated_at = not_before(change->now, process);
    }
    *ret_changed = changed;
    return ERR_OK;
}
