/* The pool looks for work in one place, look(): at most one claim per analyzer is open, for one
 * free slot. A claim that found a process is followed by the next; one that found nothing ends the
 * looking until a kick or a slot that comes free, or until the poll, where the repository does not
 * tell of what others bring. */
#include "proctrack/analyzer_pool.h"

#include "analyzer/analyzer_command.h"
#include "analyzer/analyzer_run.h"
#include "proctrack/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_PAUSE_MS 10 /* kicks look no more often after having found nothing */

struct lane;

struct slot {
    struct lane *lane;
    struct analyzer_run *run; /* NULL: free */
    char worker[PROCESS_WORKER_MAX + 1];
};

/* An analyzer and its slots. */
struct lane {
    struct analyzer_pool *pool;
    const struct analyzer *analyzer;
    struct slot *slots;
    int busy;
    struct process_claim claim;
    bool claim_open;
    bool look_again; /* after the open claim */
    bool failed;     /* the last claim: nobody listens for it */
    int64_t claimed_at;
    int64_t idle_since; /* when a claim last found nothing; INT64_MIN: look at once */
    struct slot *claim_slot;
};

struct analyzer_pool {
    struct run_context context;
    int64_t poll_ms;
    struct lane *lanes;
    struct slot *slots;
    size_t lane_count;
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

static struct slot *free_slot(const struct lane *lane)
{
    for (int i = 0; i < lane->analyzer->concurrency; i++) {
        if (lane->slots[i].run == NULL)
            return &lane->slots[i];
    }
    return NULL;
}

/* --- runs ---------------------------------------------------------------------------------------
 */

static void on_run_ended(void *arg)
{
    struct slot *slot = arg;
    slot->run = NULL;
    slot->lane->busy--;
    slot->lane->idle_since = INT64_MIN;
    look_soon(slot->lane->pool);
}

static void start_run(struct lane *lane, struct slot *slot, const struct process *process)
{
    struct analyzer_pool *pool = lane->pool;
    slot->run = analyzer_run_start(&pool->context, lane->analyzer, process, lane->claimed_at,
                                   on_run_ended, slot);
    if (slot->run == NULL) {
        log_error("no memory to run a claimed process type=" SPAN_FMT,
                  SPAN_ARG(lane->analyzer->type));
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
        lane->idle_since = loop_now_ms(lane->pool->context.loop);
        if (op->result != ERR_OK)
            log_debug("claim failed type=" SPAN_FMT " error=\"%s\"", SPAN_ARG(lane->analyzer->type),
                      err_text(op->result));
    }
    look_soon(lane->pool);
}

static void claim(struct lane *lane, struct slot *slot)
{
    struct analyzer_pool *pool = lane->pool;
    lane->claim_open = true;
    lane->look_again = false;
    lane->claim_slot = slot;
    lane->claimed_at = loop_now_ms(pool->context.loop);
    lane->claim.wait_ms = 0; /* the pool waits itself, for all slots of a lane at once */
    lane->claim.claim.types = &lane->analyzer->type;
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
    if (lane->claim_open || free_slot(lane) == NULL)
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
    for (size_t i = 0; i < pool->lane_count; i++) {
        int64_t lane_at = look_at(&pool->lanes[i]);
        at = lane_at < at ? lane_at : at;
    }
    if (at == INT64_MAX)
        loop_timer_stop(pool->timer);
    else
        loop_timer_start(pool->timer, at > now ? at - now : 0);
}

static void kick_runs(const struct lane *lane)
{
    for (int i = 0; i < lane->analyzer->concurrency; i++) {
        if (lane->slots[i].run != NULL)
            analyzer_run_kick(lane->slots[i].run);
    }
}

static void check_drained(struct analyzer_pool *pool)
{
    for (size_t i = 0; i < pool->lane_count; i++) {
        if (pool->lanes[i].busy > 0 || pool->lanes[i].claim_open)
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
    for (size_t i = 0; i < pool->lane_count; i++) {
        struct lane *lane = &pool->lanes[i];
        if (pool->kicked) {
            lane->look_again = true;
            kick_runs(lane);
        }
        if (look_at(lane) <= now)
            claim(lane, free_slot(lane));
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

static int count_slots(const struct analyzer_set *set)
{
    int count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->analyzers[i].concurrency;
    return count;
}

static void init_lanes(struct analyzer_pool *pool, const struct analyzer_set *set,
                       const char *instance)
{
    struct slot *next = pool->slots;
    for (size_t i = 0; i < pool->lane_count; i++) {
        struct lane *lane = &pool->lanes[i];
        lane->pool = pool;
        lane->analyzer = &set->analyzers[i];
        lane->idle_since = INT64_MIN;
        lane->slots = next;
        next += lane->analyzer->concurrency;
        for (struct slot *slot = lane->slots; slot < next; slot++) {
            slot->lane = lane;
            snprintf(slot->worker, sizeof(slot->worker), "%.100s/analyzer-%d", instance,
                     (int)(slot - pool->slots) + 1);
        }
    }
}

struct analyzer_pool *analyzer_pool_create(struct loop *loop, struct process_manager *manager,
                                           const struct analyzer_pool_options *options)
{
    const struct analyzer_set *set = options->set;
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
    pool->lane_count = set->count;
    pool->lanes = calloc(set->count + 1, sizeof(*pool->lanes));
    pool->slots = calloc((size_t)count_slots(set) + 1, sizeof(*pool->slots));
    pool->timer = loop_timer_create(loop, on_timer, pool);
    if (pool->context.read_buffer == NULL || pool->lanes == NULL || pool->slots == NULL ||
        pool->timer == NULL) {
        pool->lane_count = 0;
        analyzer_pool_destroy(pool);
        return NULL;
    }
    init_lanes(pool, set, options->instance);
    look_soon(pool);
    return pool;
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
    for (size_t i = 0; i < pool->lane_count; i++) {
        const struct lane *lane = &pool->lanes[i];
        for (int s = 0; s < lane->analyzer->concurrency; s++) {
            if (lane->slots[s].run != NULL)
                analyzer_run_stop(lane->slots[s].run);
        }
    }
    look_soon(pool);
}

void analyzer_pool_destroy(struct analyzer_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->lane_count; i++)
        assert(pool->lanes[i].busy == 0 && !pool->lanes[i].claim_open);
    loop_task_cancel(&pool->look);
    loop_timer_destroy(pool->timer);
    free(pool->context.read_buffer);
    free(pool->slots);
    free(pool->lanes);
    free(pool);
}

struct analyzer_load analyzer_pool_load(const struct analyzer_pool *pool, size_t i)
{
    const struct lane *lane = &pool->lanes[i];
    return (struct analyzer_load){
        .type = lane->analyzer->type, .slots = lane->analyzer->concurrency, .busy = lane->busy};
}
