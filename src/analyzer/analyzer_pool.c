/* The pool looks for work in one place, look(): at most one claim per analyzer is open, for one
 * free slot. A claim that found a process is followed by the next; one that found nothing ends the
 * looking until a kick or a slot that comes free, or until the poll, where the repository does not
 * tell of what others bring. */
#include "proctrack/analyzer_pool.h"

#include "analyzer/analyzer_command.h"
#include "analyzer/analyzer_lanes.h"
#include "proctrack/log.h"

#include <stdlib.h>

#define LOOK_PAUSE_MS 10 /* kicks look no more often after having found nothing */

struct analyzer_pool {
    struct run_context context;
    int64_t poll_ms;
    struct lanes lanes;
    struct loop_task look;
    struct loop_timer *timer;
    bool kicked;

    bool stopping;
    void (*drained)(void *arg);
    void *drained_arg;
};

static void look_soon(struct analyzer_pool *pool)
{
    loop_defer(pool->context.loop, &pool->look);
}

/* --- runs ---------------------------------------------------------------------------------------
 */

static void drop_definition(struct slot *slot)
{
    analyzer_definition_release(slot->definition);
    slot->definition = NULL;
}

static void on_run_ended(void *arg)
{
    struct slot *slot = arg;
    slot->run = NULL;
    drop_definition(slot);
    slot->lane->busy--;
    slot->lane->idle_since = INT64_MIN;
    look_soon(slot->lane->pool);
}

static void start_run(struct lane *lane, struct slot *slot, const struct process *process)
{
    struct analyzer_pool *pool = lane->pool;
    slot->run = analyzer_run_start(&pool->context, &slot->definition->analyzer, process,
                                   lane->claimed_at, on_run_ended, slot);
    if (slot->run == NULL) {
        drop_definition(slot);
        log_error("no memory to run a claimed process", log_span("type", lane->type));
        lane->idle_since = loop_now_ms(pool->context.loop);
        return;
    }
    lane->idle_since = INT64_MIN;
    lane->busy++;
    if (pool->stopping)
        analyzer_run_stop(slot->run);
}

/* --- claims -------------------------------------------------------------------------------------
 */

static void on_claimed(struct process_op *op)
{
    struct lane *lane = container_of(op, struct lane, claim.op);
    const struct repo_claim *claim = &lane->claim.claim;
    lane->claim_open = false;
    lane->failed = op->result != ERR_OK;
    if (op->result == ERR_OK && claim->count > 0) {
        start_run(lane, lane->claim_slot, &claim->processes[0]);
    } else {
        drop_definition(lane->claim_slot);
        lane->idle_since = loop_now_ms(lane->pool->context.loop);
        if (op->result != ERR_OK)
            log_debug("claim failed", log_span("type", lane->type),
                      log_text("error", err_text(op->result)));
    }
    look_soon(lane->pool);
}

static void claim(struct lane *lane, struct slot *slot)
{
    struct analyzer_pool *pool = lane->pool;
    lane->claim_open = true;
    lane->look_again = false;
    lane->claim_slot = slot;
    slot->definition = analyzer_definition_share(lane->definition);
    lane->claimed_at = loop_now_ms(pool->context.loop);
    lane->claim.wait_ms = 0; /* the pool waits itself, for all slots of a lane at once */
    lane->claim.claim.types = &lane->type;
    lane->claim.claim.type_count = 1;
    lane->claim.claim.worker = span_of(slot->worker);
    lane->claim.claim.max = 1;
    lane->claim.claim.lease_ms = pool->context.lease_ms;
    lane->claim.claim.listen = true;
    process_op_init(&lane->claim.op, on_claimed);
    process_manager_claim(pool->context.manager, &lane->claim);
}

static bool is_told(const struct lane *lane)
{
    return !lane->failed &&
           repository_tells(process_manager_repository(lane->pool->context.manager));
}

/* When this lane wants to look: INT64_MAX while it cannot, or is told when to. */
static int64_t look_at(const struct lane *lane)
{
    if (lane->claim_open || lane_free_slot(lane) == NULL)
        return INT64_MAX;
    if (lane->idle_since == INT64_MIN)
        return INT64_MIN;
    if (lane->look_again)
        return lane->idle_since + LOOK_PAUSE_MS;
    return is_told(lane) ? INT64_MAX : lane->idle_since + lane->pool->poll_ms;
}

static void arm_poll(struct analyzer_pool *pool, int64_t now)
{
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < pool->lanes.count; i++) {
        int64_t lane_at = look_at(pool->lanes.items[i]);
        at = lane_at < at ? lane_at : at;
    }
    if (at == INT64_MAX)
        loop_timer_stop(pool->timer);
    else
        loop_timer_start(pool->timer, at > now ? at - now : 0);
}

static void kick_runs(const struct lane *lane)
{
    for (int i = 0; i < lane->slot_count; i++) {
        if (lane->slots[i]->run != NULL)
            analyzer_run_kick(lane->slots[i]->run);
    }
}

static void check_drained(struct analyzer_pool *pool)
{
    for (size_t i = 0; i < pool->lanes.count; i++) {
        if (!lane_is_at_rest(pool->lanes.items[i]))
            return;
    }
    void (*drained)(void *arg) = pool->drained;
    pool->drained = NULL;
    if (drained != NULL)
        drained(pool->drained_arg); /* the pool may be gone after this */
}

static void look(struct loop_task *task)
{
    struct analyzer_pool *pool = container_of(task, struct analyzer_pool, look);
    if (pool->stopping) {
        check_drained(pool);
        return;
    }
    int64_t now = loop_now_ms(pool->context.loop);
    lanes_prune(&pool->lanes);
    for (size_t i = 0; i < pool->lanes.count; i++) {
        struct lane *lane = pool->lanes.items[i];
        if (pool->kicked) {
            lane->look_again = true;
            kick_runs(lane);
        }
        if (look_at(lane) <= now)
            claim(lane, lane_free_slot(lane));
    }
    pool->kicked = false;
    arm_poll(pool, now);
}

static void on_timer(void *arg)
{
    look_soon(arg);
}

/* --- life ---------------------------------------------------------------------------------------
 */

struct analyzer_pool *analyzer_pool_create(struct loop *loop, struct process_manager *manager,
                                           const struct analyzer_pool_options *options)
{
    struct analyzer_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    loop_task_init(&pool->look, look);
    pool->context = (struct run_context){.loop = loop,
                                         .manager = manager,
                                         .runner = options->runner,
                                         .cancel_grace_ms = options->cancel_grace_ms,
                                         .lease_ms = options->lease_ms,
                                         .read_buffer = malloc(COMMAND_READ_SIZE)};
    pool->poll_ms = options->poll_ms;
    lanes_init(&pool->lanes, pool, options->instance);
    pool->timer = loop_timer_create(loop, on_timer, pool);
    if (pool->context.read_buffer == NULL || pool->timer == NULL ||
        !lanes_configure(&pool->lanes, options->set)) {
        analyzer_pool_destroy(pool);
        return NULL;
    }
    look_soon(pool);
    return pool;
}

bool analyzer_pool_configure(struct analyzer_pool *pool,
                             const struct analyzer_pool_options *options)
{
    if (pool->stopping)
        return true;
    if (!lanes_configure(&pool->lanes, options->set))
        return false;
    pool->poll_ms = options->poll_ms;
    look_soon(pool);
    return true;
}

void analyzer_pool_kick(struct analyzer_pool *pool)
{
    pool->kicked = true;
    look_soon(pool);
}

void analyzer_pool_stop(struct analyzer_pool *pool, void (*drained)(void *arg), void *arg)
{
    pool->stopping = true;
    pool->drained = drained;
    pool->drained_arg = arg;
    loop_timer_stop(pool->timer);
    for (size_t i = 0; i < pool->lanes.count; i++) {
        const struct lane *lane = pool->lanes.items[i];
        for (int s = 0; s < lane->slot_count; s++) {
            if (lane->slots[s]->run != NULL)
                analyzer_run_stop(lane->slots[s]->run);
        }
    }
    look_soon(pool);
}

void analyzer_pool_destroy(struct analyzer_pool *pool)
{
    if (pool == NULL)
        return;
    loop_task_cancel(&pool->look);
    loop_timer_destroy(pool->timer);
    free(pool->context.read_buffer);
    lanes_finish(&pool->lanes);
    free(pool);
}

struct analyzer_load analyzer_pool_load(const struct analyzer_pool *pool, struct span type)
{
    const struct lane *lane = lanes_find(&pool->lanes, type);
    struct analyzer_load load = {.type = type};
    if (lane == NULL)
        return load;
    load.slots = lane->definition != NULL ? lane->definition->analyzer.concurrency : 0;
    load.busy = lane->busy;
    return load;
}
