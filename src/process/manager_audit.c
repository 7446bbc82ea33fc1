/* Comparing what is stored with the indexes over it: a slow walk that never ends, a step at a time,
 * and whole ones on request. */
#include "process/manager_private.h"

#include <string.h>

/* Few, so that nobody has to wait long for a step: with Redis it takes some 30 us for each. */
#define SLOW_STEP 50
#define STEP      100

const char *process_audit_finding_name(enum repo_audit_finding finding)
{
    static const char *const names[REPO_AUDIT_FINDINGS] = {
        [AUDIT_MISSING] = "missing",
        [AUDIT_STRAY] = "stray",
        [AUDIT_MOVED] = "moved",
        [AUDIT_DAMAGED] = "damaged",
    };
    return names[finding];
}

const struct process_audits *process_manager_audits(const struct process_manager *manager)
{
    return manager->audit.audits;
}

/* What was mended may be waited for, or be why others wait. */
static void note(struct process_manager *manager, const struct repo_audit *step)
{
    struct process_audits *audits = manager->audit.audits;
    audits->examined += (uint64_t)step->examined;
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        audits->found[i] += (uint64_t)step->found[i];
    audits->mended += (uint64_t)step->mended;
    if (!step->more) {
        audits->walks++;
        audits->walked_at = clock_wall_ms();
    }
    if (step->mended == 0)
        return;
    manager_types_changed(manager);
    manager_work_appeared(manager, SPAN_NONE);
}

static void submit(struct process_manager *manager, struct repo_audit *step, int limit,
                   void (*done)(struct process_op *op))
{
    process_op_init(&step->op, done);
    step->now = clock_wall_ms();
    step->limit = limit;
    repository_audit(manager->repository, step);
}

/* --- the slow walk ---------------------------------------------------------------------------- */

static bool is_passing(enum err err)
{
    return err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_FULL;
}

static void on_slow_step(struct process_op *op)
{
    struct process_manager *manager = container_of(op, struct process_manager, audit.step.op);
    struct manager_audit *audit = &manager->audit;
    if (op->result == ERR_OK)
        note(manager, &audit->step);
    if (op->result == ERR_OK ? !audit->step.more : !is_passing(op->result))
        audit->step.part = audit->step.cursor = 0;
    if (!audit->stopped)
        loop_timer_start(audit->timer, manager->options->audit_interval_ms);
}

static void slow_step(void *arg)
{
    struct process_manager *manager = arg;
    submit(manager, &manager->audit.step, SLOW_STEP, on_slow_step);
}

bool manager_audit_start(struct process_manager *manager)
{
    struct manager_audit *audit = &manager->audit;
    const struct process_manager_options *options = manager->options;
    audit->audits = options->audits != NULL ? options->audits : &audit->own;
    if (!options->sweeps || options->audit_interval_ms == 0)
        return true;
    audit->timer = loop_timer_create(manager->loop, slow_step, manager);
    if (audit->timer != NULL)
        loop_timer_start(audit->timer, options->audit_interval_ms);
    return audit->timer != NULL;
}

void manager_audit_stop(struct process_manager *manager)
{
    manager->audit.stopped = true;
    if (manager->audit.timer != NULL)
        loop_timer_stop(manager->audit.timer);
}

void manager_audit_finish(struct process_manager *manager)
{
    loop_timer_destroy(manager->audit.timer);
}

/* --- on request ------------------------------------------------------------------------------- */

static void end(struct process_audit *call, enum err result)
{
    loop_timer_destroy(call->timer);
    call->timer = NULL;
    process_op_finish(&call->op, result);
}

static void on_step(struct process_op *op)
{
    struct process_audit *call = container_of(op, struct process_audit, step.op);
    if (op->result != ERR_OK) {
        end(call, op->result);
        return;
    }
    note(call->manager, &call->step);
    call->examined += call->step.examined;
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        call->found[i] += call->step.found[i];
    call->mended += call->step.mended;
    call->complete = !call->step.more;
    if (call->complete || call->manager->stopping || clock_steady_ms() >= call->deadline)
        end(call, ERR_OK);
    else
        loop_timer_start(call->timer, 0);
}

static void step(void *arg)
{
    struct process_audit *call = arg;
    submit(call->manager, &call->step, STEP, on_step);
}

void process_manager_audit(struct process_manager *manager, struct process_audit *call)
{
    call->manager = manager;
    call->examined = call->mended = 0;
    memset(call->found, 0, sizeof(call->found));
    call->complete = false;
    call->step.part = call->step.cursor = 0;
    call->deadline = clock_steady_ms() + AUDIT_BUDGET_MS;
    call->timer = loop_timer_create(manager->loop, step, call);
    if (call->timer == NULL)
        process_op_finish(&call->op, ERR_NO_MEMORY);
    else
        step(call);
}
