/* What is counted, and when: each event in the one place where the store's answer is seen first. */
#include "process/manager_private.h"

/* Types that analyzers serve are there from the start, with zeros: so that whoever watches sees the
 * first one come. */
void manager_numbers_start(struct process_manager *manager)
{
    const struct process_manager_options *options = manager->options;
    process_numbers_init(&manager->numbers);
    manager->numbers.names = options->type_names;
    for (size_t i = 0; i < options->known_type_count; i++)
        process_numbers_of(&manager->numbers, options->known_types[i]);
}

const struct process_numbers *process_manager_numbers(const struct process_manager *manager)
{
    return &manager->numbers;
}

struct process_manager_totals process_manager_totals(const struct process_manager *manager)
{
    const struct process_sweep_numbers *swept = &manager->numbers.swept;
    return (struct process_manager_totals){.expired = swept->expired,
                                           .lapsed = swept->lapsed,
                                           .released = swept->released,
                                           .overdue = swept->overdue};
}

void manager_count_created(struct process_manager *manager, struct span type, size_t count)
{
    process_numbers_of(&manager->numbers, type)->created += count;
}

void manager_count_claimed(struct process_manager *manager, const struct process *process)
{
    struct process_type_numbers *numbers = process_numbers_of(&manager->numbers, process->type);
    numbers->claims++;
    metric_observe(&numbers->wait, (process->started_at - process->run_at) * 1000);
}

static void count_end(struct process_type_numbers *numbers, enum process_status status,
                      int64_t run_ms)
{
    numbers->finished[status]++;
    if (run_ms >= 0)
        metric_observe(&numbers->run, run_ms * 1000);
}

/* Every change that ends a process is its record's last one, so that it ended when that was. One
 * that was canceled before it ran, or between two runs, has no start. */
void manager_count_changed(struct process_manager *manager, const struct repo_transition *call)
{
    const struct process *process = &call->process;
    const enum process_event event = call->change.event;
    if (event == EVENT_HEARTBEAT || event == EVENT_PROGRESS)
        return;
    struct process_type_numbers *numbers = process_numbers_of(&manager->numbers, process->type);
    if (process_status_is_final(process->status))
        count_end(numbers, process->status,
                  process->started_at != TIME_NONE ? process->updated_at - process->started_at
                                                   : -1);
    else if (event == EVENT_RETRY || (event == EVENT_FAIL && process->status == PROCESS_PENDING))
        numbers->retries++;
}

static void count_settled(struct process_manager *manager, const struct repo_settled *settled)
{
    struct process_type_numbers *numbers = process_numbers_of(&manager->numbers, settled->type);
    numbers->leases_lost += settled->lease_lost;
    if (process_status_is_final(settled->status))
        count_end(numbers, settled->status, settled->run_ms);
    else if (!settled->lease_lost)
        numbers->retries++;
}

void manager_count_advanced(struct process_manager *manager, const struct repo_advance *call)
{
    struct process_sweep_numbers *swept = &manager->numbers.swept;
    swept->released += (uint64_t)call->released;
    swept->lapsed += (uint64_t)call->lapsed;
    swept->overdue += (uint64_t)call->expired;
    for (size_t i = 0; i < call->settled_count; i++)
        count_settled(manager, &call->settled[i]);
}

void manager_count_swept(struct process_manager *manager, const struct repo_sweep *call)
{
    struct process_sweep_numbers *swept = &manager->numbers.swept;
    uint64_t *removed = call->kind == SWEEP_EXPIRED ? &swept->expired : &swept->cleaned;
    for (int i = 0; !call->dry_run && i < PROCESS_STATUS_COUNT; i++)
        *removed += (uint64_t)call->matched[i];
}
