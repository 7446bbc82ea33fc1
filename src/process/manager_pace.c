/* What the advice goes by: run times by type, and how busy the loop's thread is.
 *
 * Completions that pass through this manager are noted as they come. Those of other instances, and
 * of the time before this one was started, are looked up when a type is asked for, at most one type
 * at a time: soon at first, and less and less often as long as a look finds nothing new. Nobody
 * waits for it. */
#include "process/manager_private.h"

#include <string.h>
#include <time.h>

#define LOOK_PAUSE_MS     30000
#define LOOK_PAUSE_MAX_MS (4 * LOOK_PAUSE_MS)
#define LOOK_EXAMINE      (4 * PACE_HISTORY) /* records: all other calls of the store wait */
#define IN_USE_MS         LOOK_PAUSE_MS      /* a type keeps its place for so long */
#define LOAD_EVERY_MS     1000

/* --- types --------------------------------------------------------------------------------------
 */

/* Where the type is kept, if it is (an empty name: a free place); else the place that has been used
 * the longest ago. */
static struct manager_pace_type *place_of(struct manager_pace *pace, struct span type)
{
    struct manager_pace_type *set = pace->types[keyed_hash(type) % MANAGER_PACE_SETS];
    struct manager_pace_type *oldest = &set[0];
    for (int i = 0; i < MANAGER_PACE_WAYS; i++) {
        if (span_is(type, set[i].type))
            return &set[i];
        if (set[i].type[0] == '\0' || (oldest->type[0] != '\0' && set[i].used_at < oldest->used_at))
            oldest = &set[i];
    }
    return oldest;
}

/* NULL: all places where it could be kept are in use. */
static struct manager_pace_type *keep(struct process_manager *manager, struct span type)
{
    struct manager_pace_type *place = place_of(&manager->pace, type);
    int64_t now = loop_now_ms(manager->loop);
    if (!span_is(type, place->type)) {
        if ((place->type[0] != '\0' && now - place->used_at < IN_USE_MS) ||
            !text_copy(place->type, sizeof(place->type), type))
            return NULL;
        place->look_at = now;
        place->look_pause_ms = LOOK_PAUSE_MS;
        place->history.count = 0;
    }
    place->used_at = now;
    return place;
}

void manager_pace_ended(struct process_manager *manager, const struct process *process)
{
    if (process->started_at == TIME_NONE || process->updated_at < process->started_at)
        return;
    struct manager_pace_type *place = keep(manager, process->type);
    if (place != NULL)
        pace_history_add(&place->history,
                         (struct pace_run){.ended_at = process->updated_at,
                                           .ms = process->updated_at - process->started_at});
}

/* --- looking up ---------------------------------------------------------------------------------
 */

static size_t take_runs(const struct repo_list *list, struct pace_run ret_runs[PACE_HISTORY])
{
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < PACE_HISTORY; i++) {
        const struct process *process = &list->processes[i];
        if (process->started_at == TIME_NONE || process->completed_at < process->started_at)
            continue;
        ret_runs[count++] = (struct pace_run){.ended_at = process->completed_at,
                                              .ms = process->completed_at - process->started_at};
    }
    return count;
}

static void on_listed(struct process_op *op)
{
    struct process_manager *manager = container_of(op, struct process_manager, pace.list.op);
    struct manager_pace *pace = &manager->pace;
    struct manager_pace_type *place = place_of(pace, span_of(pace->list_type));
    pace->out = false;
    if (op->result != ERR_OK || strcmp(place->type, pace->list_type) != 0)
        return;
    struct pace_run runs[PACE_HISTORY];
    size_t count = take_runs(&pace->list, runs);
    if (pace_history_merge(&place->history, runs, count))
        place->look_pause_ms = LOOK_PAUSE_MS;
    else if (place->look_pause_ms < LOOK_PAUSE_MAX_MS)
        place->look_pause_ms *= 2;
    place->look_at = loop_now_ms(manager->loop) + place->look_pause_ms;
}

static void look_up(struct process_manager *manager, struct manager_pace_type *place)
{
    struct manager_pace *pace = &manager->pace;
    int64_t now = loop_now_ms(manager->loop);
    if (pace->out || manager->stopping || now < place->look_at)
        return;
    memcpy(pace->list_type, place->type, sizeof(pace->list_type));
    pace->list = (struct repo_list){.by_status = true,
                                    .status = PROCESS_COMPLETED,
                                    .type = span_of(pace->list_type),
                                    .limit = PACE_HISTORY,
                                    .examine = LOOK_EXAMINE};
    pace->out = true;
    place->look_at = now + place->look_pause_ms; /* also when this one fails */
    process_op_init(&pace->list.op, on_listed);
    repository_list(manager->repository, &pace->list);
}

/* NULL: where it would be of no use, or nobody knows. */
static const struct pace_history *history_of(struct process_manager *manager,
                                             const struct process *process, int64_t now)
{
    if (process->status == PROCESS_PENDING && process->run_at <= now)
        return NULL;
    struct manager_pace_type *place = keep(manager, process->type);
    if (place == NULL)
        return NULL;
    look_up(manager, place);
    return &place->history;
}

/* --- load and chance ----------------------------------------------------------------------------
 */

static int64_t thread_cpu_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static int busy_percent(struct process_manager *manager)
{
    struct manager_pace *pace = &manager->pace;
    int64_t now = loop_now_ms(manager->loop);
    if (pace->load_us != 0 && now - pace->load_at < LOAD_EVERY_MS)
        return pace->busy_percent;
    int64_t cpu_us = thread_cpu_us(), us = clock_steady_us();
    if (pace->load_us != 0 && us > pace->load_us)
        pace->busy_percent = (int)((cpu_us - pace->load_cpu_us) * 100 / (us - pace->load_us));
    pace->load_at = now;
    pace->load_cpu_us = cpu_us;
    pace->load_us = us;
    return pace->busy_percent;
}

/* Spreads polls, no more: a number generator that asks the kernel once (xorshift64, Marsaglia). */
static uint32_t chance(struct manager_pace *pace)
{
    if (pace->chance == 0)
        pace->chance = (uint64_t)manager_random() << 1 | 1;
    pace->chance ^= pace->chance << 13;
    pace->chance ^= pace->chance >> 7;
    pace->chance ^= pace->chance << 17;
    return (uint32_t)(pace->chance >> 32);
}

static struct pace_basis basis_of(struct process_manager *manager, const struct process *process)
{
    int64_t now = clock_wall_ms();
    return (struct pace_basis){.history = history_of(manager, process, now),
                               .now = now,
                               .busy_percent = busy_percent(manager),
                               .chance = chance(&manager->pace)};
}

void process_manager_pace(struct process_manager *manager, const struct process *process,
                          struct process_pace *ret_pace)
{
    struct pace_basis basis = {.history = NULL}; /* a final one needs none */
    if (!process_status_is_final(process->status))
        basis = basis_of(manager, process);
    pace_advise(&basis, process, ret_pace);
}
