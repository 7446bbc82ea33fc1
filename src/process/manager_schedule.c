/* What happens by time and not by traffic: scheduled processes become claimable, lapsed leases are
 * settled, finished processes are removed when their retention is over. */
#include "process/manager_private.h"

#define ADVANCE_EVERY_MS 250
#define SWEEP_EVERY_MS   1000
#define STEP             200

static void on_advanced(struct process_op *op)
{
    struct process_manager *manager = container_of(op, struct process_manager, schedule.advance.op);
    struct manager_schedule *schedule = &manager->schedule;
    bool more = false;
    if (op->result == ERR_OK) {
        manager_count_advanced(manager, &schedule->advance);
        more = schedule->advance.more;
        if (schedule->advance.released > 0 || schedule->advance.lapsed > 0)
            manager_work_appeared(manager, SPAN_NONE);
    }
    if (!schedule->stopped)
        loop_timer_start(schedule->advance_timer, more ? 0 : ADVANCE_EVERY_MS);
}

static void advance(void *arg)
{
    struct process_manager *manager = arg;
    struct repo_advance *call = &manager->schedule.advance;
    process_op_init(&call->op, on_advanced);
    call->now = clock_wall_ms();
    call->limit = STEP;
    call->jitter = manager_random();
    repository_advance(manager->repository, call);
}

static void on_swept(struct process_op *op)
{
    struct process_manager *manager = container_of(op, struct process_manager, schedule.sweep.op);
    struct manager_schedule *schedule = &manager->schedule;
    bool more = false;
    if (op->result == ERR_OK) {
        manager_count_swept(manager, &schedule->sweep);
        more = schedule->sweep.more;
    }
    if (!more)
        schedule->sweep.has_position = false;
    if (!schedule->stopped)
        loop_timer_start(schedule->sweep_timer, more ? 0 : SWEEP_EVERY_MS);
}

static void sweep(void *arg)
{
    struct process_manager *manager = arg;
    struct repo_sweep *call = &manager->schedule.sweep;
    manager_fullness_tell(manager);
    process_op_init(&call->op, on_swept);
    call->kind = SWEEP_EXPIRED;
    call->type = SPAN_NONE;
    call->before = call->now = clock_wall_ms();
    call->limit = STEP;
    call->dry_run = false;
    repository_sweep(manager->repository, call);
}

bool manager_schedule_start(struct process_manager *manager)
{
    struct manager_schedule *schedule = &manager->schedule;
    schedule->advance_timer = loop_timer_create(manager->loop, advance, manager);
    schedule->sweep_timer = loop_timer_create(manager->loop, sweep, manager);
    if (schedule->advance_timer == NULL || schedule->sweep_timer == NULL)
        return false;
    loop_timer_start(schedule->advance_timer, ADVANCE_EVERY_MS);
    loop_timer_start(schedule->sweep_timer, SWEEP_EVERY_MS);
    return true;
}

void manager_schedule_stop(struct process_manager *manager)
{
    manager->schedule.stopped = true;
    if (manager->schedule.advance_timer != NULL)
        loop_timer_stop(manager->schedule.advance_timer);
    if (manager->schedule.sweep_timer != NULL)
        loop_timer_stop(manager->schedule.sweep_timer);
}

void manager_schedule_finish(struct process_manager *manager)
{
    loop_timer_destroy(manager->schedule.advance_timer);
    loop_timer_destroy(manager->schedule.sweep_timer);
}
