/* audit: one script, whose own places are passed on as they are. */
#include "repository/redis_calls.h"

#include "proctrack/log.h"

#include <inttypes.h>
#include <string.h>

#define LOG_PAUSE_MS 1000

static struct repo_audit *audit_of(const struct redis_call *call)
{
    return container_of(call->op, struct repo_audit, op);
}

static void build_audit(struct redis_request *request, struct redis_commands *commands)
{
    const struct redis_call *call = redis_call_of(request);
    const struct repo_audit *audit = audit_of(call);
    struct redis_key key;
    redis_call_script(commands, SCRIPT_AUDIT,
                      redis_key(&call->repository->keys, &key, KEY_IDS, SPAN_NONE), audit->now);
    redis_arg_int(commands, (int64_t)audit->part);
    redis_arg_int(commands, (int64_t)audit->cursor);
    redis_arg_int(commands, audit->limit);
}

/* What is damaged is logged one by one. The numbers stand elsewhere: this says when. */
static void log_found(struct redis_repository *repository, const struct repo_audit *audit)
{
    const int64_t *found = audit->found, now = clock_steady_ms();
    if (found[AUDIT_MISSING] + found[AUDIT_STRAY] + found[AUDIT_MOVED] == 0)
        return;
    if (repository->audit_logged_at != 0 && now < repository->audit_logged_at + LOG_PAUSE_MS)
        return;
    repository->audit_logged_at = now;
    log_warn("redis audit", log_int("missing", found[AUDIT_MISSING]),
             log_int("stray", found[AUDIT_STRAY]), log_int("moved", found[AUDIT_MOVED]),
             log_int("mended", audit->mended), log_text("prefix", repository->keys.prefix));
}

static void on_audit(struct redis_request *request, enum err err, struct redisReply *reply)
{
    struct redis_call *call = redis_call_of(request);
    struct repo_audit *audit = audit_of(call);
    struct redis_answer answer;
    err = redis_answer_open(call, err, reply, 9, &answer);
    if (err == ERR_OK) {
        audit->more = redis_answer_int(&answer, 0) != 0;
        audit->part = (uint64_t)redis_answer_int(&answer, 1);
        audit->cursor = (uint64_t)redis_answer_int(&answer, 2);
        audit->examined = redis_answer_int(&answer, 3);
        audit->found[AUDIT_MISSING] = redis_answer_int(&answer, 4);
        audit->found[AUDIT_STRAY] = redis_answer_int(&answer, 5);
        audit->found[AUDIT_MOVED] = redis_answer_int(&answer, 6);
        audit->found[AUDIT_DAMAGED] = redis_answer_int(&answer, 7);
        audit->mended = redis_answer_int(&answer, 8);
        log_found(call->repository, audit);
    }
    redis_call_finish(call, err);
}

void redis_audit(struct process_repository *base, struct repo_audit *audit)
{
    audit->examined = audit->mended = 0;
    memset(audit->found, 0, sizeof(audit->found));
    audit->more = false;
    redis_call_start(redis_repository(base), &audit->op, NULL, true, build_audit, on_audit);
}
