/* Clean-up on request: bounded steps with a turn of the loop between them, status by status. */
#include "process/manager_private.h"

#include <string.h>

#define STEP 200

static void step(void *arg);

static void end(struct process_cleanup *call, enum err result)
{
    if (!call->dry_run && (call->total_cleaned > 0 || result != ERR_OK))
        manager_changed(call->manager, NULL);
    loop_timer_destroy(call->timer);
    call->timer = NULL;
    process_op_finish(&call->op, result);
}

static void on_counted(struct process_op *op)
{
    struct process_cleanup *call = container_of(op, struct process_cleanup, counts.op);
    if (op->result == ERR_OK)
        call->remaining = call->counts.total;
    end(call, op->result);
}

static void count_rest(struct process_cleanup *call, bool complete)
{
    call->complete = complete;
    process_op_init(&call->counts.op, on_counted);
    call->counts.now = clock_wall_ms();
    repository_counts(call->manager->repository, &call->counts);
}

static void begin_status(struct process_cleanup *call, int status)
{
    while (status < PROCESS_STATUS_COUNT && (call->statuses & (1u << status)) == 0)
        status++;
    call->status = status;
    call->sweep.has_position = false;
}

static void on_swept(struct process_op *op)
{
    struct process_cleanup *call = container_of(op, struct process_cleanup, sweep.op);
    if (op->result != ERR_OK) {
        end(call, op->result);
        return;
    }
    manager_count_swept(call->manager, &call->sweep);
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        call->cleaned[i] += call->sweep.matched[i];
        call->total_cleaned += call->sweep.matched[i];
    }
    if (!call->sweep.more)
        begin_status(call, call->status + 1);
    if (call->status == PROCESS_STATUS_COUNT)
        count_rest(call, true);
    else if (call->manager->stopping || clock_steady_ms() >= call->deadline)
        count_rest(call, false);
    else
        loop_timer_start(call->timer, 0);
}

static void step(void *arg)
{
    struct process_cleanup *call = arg;
    process_op_init(&call->sweep.op, on_swept);
    call->sweep.kind = SWEEP_FINISHED;
    call->sweep.status = (enum process_status)call->status;
    call->sweep.type = call->type;
    call->sweep.before = call->before;
    call->sweep.now = clock_wall_ms();
    call->sweep.limit = STEP;
    call->sweep.dry_run = call->dry_run;
    repository_sweep(call->manager->repository, &call->sweep);
}

void process_manager_cleanup(struct process_manager *manager, struct process_cleanup *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    memset(call->cleaned, 0, sizeof(call->cleaned));
    call->total_cleaned = call->remaining = 0;
    call->before = clock_wall_ms() - call->older_than_ms;
    call->deadline = clock_steady_ms() + CLEANUP_BUDGET_MS;
    call->statuses &= (1u << PROCESS_COMPLETED) | (1u << PROCESS_FAILED) | (1u << PROCESS_CANCELED);
    call->timer = loop_timer_create(manager->loop, step, call);
    if (call->timer == NULL) {
        process_op_finish(&call->op, ERR_NO_MEMORY);
        return;
    }
    begin_status(call, 0);
    if (call->status == PROCESS_STATUS_COUNT)
        count_rest(call, true);
    else
        step(call);
}
