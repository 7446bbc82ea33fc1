/* Taking work, and waiting for it. A claim with time to wait is
 *
 *   out      with the repository, which looks whether there is something
 *   parked   there was nothing; it looks again when it is woken (manager_wake.c), and now and then
 *            by itself where the repository does not tell of what others bring
 *   due      woken: it looks at the end of the turn
 *
 * and ends with what a look found, when its time is over, when its claimer has gone, or at the
 * stop. From the beginning to the end it keeps its place in the list of those that wait: so the
 * oldest goes first, and none misses what appears while it is out. */
#include "process/manager_private.h"

#include <assert.h>
#include <stdlib.h>

#define ANNOUNCE_EVERY_MS 10000 /* by the same worker for the same types */
#define LOOK_EVERY_MS     2000  /* of a parked one, unless there are many ... */
#define LOOK_APART_MS     4     /* ... as all together look no more often than this */
#define LOOK_SELDOM_MS    10000
#define TYPES_OF_WEIGHT   16 /* so many types make a look twice as dear */
#define TICK_MS           20 /* the timer looks after all parked ones no more often */

static struct process_claim *parked_claim(struct list_link *link)
{
    return container_of(link, struct process_claim, parked);
}

/* What a look of it costs, beside that of a claim of one type. */
static size_t weight_of(const struct process_claim *call)
{
    return 1 + call->claim.type_count / TYPES_OF_WEIGHT;
}

/* It makes room first: what it hands on goes to others. */
static void leave(struct process_claim *call)
{
    if (list_is_empty(&call->parked))
        return;
    list_remove(&call->parked);
    call->manager->claims.parked_weight -= weight_of(call);
    if (call->woken)
        manager_claims_pass_on(call);
}

static void end(struct process_claim *call, enum err result)
{
    leave(call);
    process_op_finish(&call->op, result);
}

static void end_empty(struct process_claim *call, enum err result)
{
    call->claim.count = 0;
    call->claim.processes = NULL;
    end(call, result);
}

/* --- handing back -------------------------------------------------------------------------------
 */

struct hand_back {
    struct process_claim *call;
    size_t open;
    struct given_back {
        struct repo_transition change;
        struct hand_back *all;
        char token[LEASE_TOKEN_TEXT_SIZE];
    } each[];
};

/* Where it failed the lease runs out. */
static void on_released(struct process_op *op)
{
    struct hand_back *all = container_of(op, struct given_back, change.op)->all;
    if (--all->open > 0)
        return;
    struct process_claim *call = all->call;
    free(all);
    end_empty(call, ERR_OK);
}

static void release(struct process_manager *manager, struct given_back *item,
                    const struct process *process)
{
    process_op_init(&item->change.op, on_released);
    item->change.id = process->id;
    item->change.change = (struct process_change){
        .event = EVENT_RELEASE, .token = span_of(item->token), .attempt = process->attempt};
    process_manager_change(manager, &item->change);
}

static void hand_back(struct process_claim *call)
{
    size_t count = call->claim.count;
    struct hand_back *all = calloc(1, sizeof(*all) + count * sizeof(all->each[0]));
    if (all == NULL) {
        end_empty(call, ERR_OK);
        return;
    }
    call->out = true;
    all->call = call;
    all->open = count;
    for (size_t i = 0; i < count; i++) {
        all->each[i].all = all;
        if (!text_copy(all->each[i].token, sizeof(all->each[i].token),
                       call->claim.processes[i].lease_token))
            all->each[i].token[0] = '\0';
    }
    for (size_t i = 0; i < count; i++) /* the last one's done may free all */
        release(call->manager, &all->each[i], &call->claim.processes[i]);
}

void process_manager_claim_return(struct process_claim *call)
{
    hand_back(call);
}

/* --- looking ------------------------------------------------------------------------------------
 */

static void arm(struct manager_claims *claims, int64_t at, int64_t now)
{
    if (at >= claims->timer_at)
        return;
    int64_t left = at - now;
    claims->timer_at = at;
    loop_timer_start(claims->timer, left > TICK_MS ? left : TICK_MS);
}

static int64_t time_of(const struct process_claim *call)
{
    return call->look_at < call->deadline ? call->look_at : call->deadline;
}

static int64_t pause_of(const struct manager_claims *claims)
{
    int64_t pause = (int64_t)claims->parked_weight * LOOK_APART_MS;
    if (pause < LOOK_EVERY_MS)
        pause = LOOK_EVERY_MS;
    else if (pause > LOOK_SELDOM_MS)
        pause = LOOK_SELDOM_MS;
    return pause * 3 / 4 + manager_random() % (pause / 2);
}

/* After a look that failed nobody listens for it. */
static void park(struct process_claim *call, int64_t now)
{
    struct manager_claims *claims = &call->manager->claims;
    bool is_told = call->last == ERR_OK && repository_tells(call->manager->repository);
    call->look_at = is_told ? INT64_MAX : now + pause_of(claims);
    if (call->woken) {
        list_append(&claims->due, &call->op.link);
        loop_defer(call->manager->loop, &claims->look);
    } else {
        arm(claims, time_of(call), now);
    }
}

void manager_claims_check_told(struct process_manager *manager)
{
    struct manager_claims *claims = &manager->claims;
    int64_t now = clock_steady_ms();
    if (repository_tells(manager->repository))
        return;
    list_for_each (link, &claims->parked) {
        struct process_claim *call = parked_claim(link);
        if (call->look_at == INT64_MAX) {
            call->look_at = now + pause_of(claims);
            arm(claims, time_of(call), now);
        }
    }
}

static void tell(const struct process_claim *call, enum err result)
{
    const struct repo_claim *claim = &call->claim;
    for (size_t i = 0; result == ERR_OK && i < claim->count; i++) {
        manager_count_claimed(call->manager, &claim->processes[i]);
        manager_type_changed(call->manager, claim->processes[i].type);
        manager_changed(call->manager, &claim->processes[i].id);
    }
    for (size_t i = 0; result != ERR_OK && i < claim->type_count; i++)
        manager_type_changed(call->manager, claim->types[i]); /* it may have got some */
}

/* What woke it is told once: where it has not found out what there is, another is to look. */
static void end_in_vain(struct process_claim *call, enum err result)
{
    if (call->last != ERR_OK && call->look_at != 0)
        call->woken = true;
    end_empty(call, result);
}

static void on_looked(struct process_op *op)
{
    struct process_claim *call = container_of(op, struct process_claim, claim.op);
    enum err result = op->result;
    int64_t now = clock_steady_ms();
    bool is_first = call->look_at == 0;
    tell(call, result); /* while it is out, as who is told may stop it */
    call->out = false;
    call->last = result;
    if (result == ERR_OK && call->claim.count > 0) {
        leave(call);
        if (!is_first) /* else nobody has let it look in place of others */
            manager_claims_wake_more(call);
        if (call->unwanted)
            hand_back(call);
        else
            end(call, ERR_OK);
    } else if (call->unwanted || call->manager->stopping) {
        end_in_vain(call, ERR_OK);
    } else if (now >= call->deadline || result == ERR_CANCELED || (is_first && result != ERR_OK)) {
        end_in_vain(call, result);
    } else {
        park(call, now);
    }
}

static bool announces(struct process_manager *manager, uint64_t who)
{
    int64_t now = clock_steady_ms();
    struct announced *set = manager->claims.announced[who % MANAGER_ANNOUNCED_SETS];
    struct announced *slot = &set[0]; /* its own, else the one that was announced first */
    for (size_t i = 0; i < MANAGER_ANNOUNCED_WAYS; i++) {
        if (set[i].who == who) {
            slot = &set[i];
            break;
        }
        if (set[i].at < slot->at)
            slot = &set[i];
    }
    if (slot->who == who && now - slot->at < ANNOUNCE_EVERY_MS)
        return false;
    slot->who = who;
    slot->at = now;
    return true;
}

static void look(struct process_claim *call)
{
    struct repo_claim *claim = &call->claim;
    assert(claim->max >= 1 && claim->max <= REPO_CLAIM_MAX);
    call->woken = false;
    for (int i = 0; i < claim->max; i++) {
        if (!lease_token_new(claim->tokens[i])) {
            end_empty(call, ERR_INTERNAL);
            return;
        }
    }
    call->out = true;
    claim->count = 0;
    claim->now = clock_wall_ms();
    claim->listen = claim->listen || call->wait_ms > 0;
    claim->announce = announces(call->manager, call->who);
    process_op_init(&claim->op, on_looked);
    repository_claim(call->manager->repository, claim);
}

static void look_all_due(struct loop_task *task)
{
    struct manager_claims *claims = container_of(task, struct manager_claims, look);
    struct list_link *link;
    while ((link = list_pop(&claims->due)) != NULL)
        look(container_of(link, struct process_claim, op.link));
}

/* --- time ---------------------------------------------------------------------------------------
 */

/* Ending one calls others' code, which may end another: so they are put aside first. */
static void end_all(struct list_link *leaving)
{
    while (!list_is_empty(leaving)) {
        struct process_claim *call = parked_claim(leaving->next); /* which end() takes out */
        end_empty(call, call->manager->stopping ? ERR_OK : call->last);
    }
}

static void move(struct process_claim *call, struct list_link *list)
{
    list_remove(&call->parked);
    list_append(list, &call->parked);
}

static void on_time(void *arg)
{
    struct process_manager *manager = arg;
    struct manager_claims *claims = &manager->claims;
    struct list_link leaving;
    list_init(&leaving);
    int64_t now = clock_steady_ms(), next = INT64_MAX;
    claims->timer_at = INT64_MAX;
    list_for_each_safe (link, &claims->parked) {
        struct process_claim *call = parked_claim(link);
        if (call->out || !list_is_empty(&call->op.link))
            continue; /* it comes back by itself */
        if (now >= call->deadline) {
            move(call, &leaving);
        } else if (now >= call->look_at) {
            list_append(&claims->due, &call->op.link);
            loop_defer(manager->loop, &claims->look);
        } else if (time_of(call) < next) {
            next = time_of(call);
        }
    }
    if (next != INT64_MAX)
        arm(claims, next, now);
    end_all(&leaving);
}

/* --- life ---------------------------------------------------------------------------------------
 */

bool manager_claims_start(struct process_manager *manager)
{
    struct manager_claims *claims = &manager->claims;
    list_init(&claims->parked);
    list_init(&claims->due);
    loop_task_init(&claims->look, look_all_due);
    claims->timer_at = INT64_MAX;
    claims->timer = loop_timer_create(manager->loop, on_time, manager);
    return claims->timer != NULL;
}

void manager_claims_stop(struct process_manager *manager)
{
    struct list_link leaving;
    list_init(&leaving);
    list_for_each_safe (link, &manager->claims.parked) {
        struct process_claim *call = parked_claim(link);
        if (!call->out)
            move(call, &leaving);
    }
    loop_timer_stop(manager->claims.timer);
    end_all(&leaving);
}

void manager_claims_finish(struct process_manager *manager)
{
    assert(list_is_empty(&manager->claims.parked));
    loop_task_cancel(&manager->claims.look);
    loop_timer_destroy(manager->claims.timer);
}

static void add_to_hash(struct keyed_hash *hash, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        keyed_hash_add(hash, (unsigned char)text.data[i]);
    keyed_hash_add(hash, '\0');
}

static void identify(struct process_claim *call)
{
    struct keyed_hash hash;
    keyed_hash_start(&hash);
    add_to_hash(&hash, call->claim.worker);
    call->type_mask = 0;
    for (size_t i = 0; i < call->claim.type_count; i++) {
        add_to_hash(&hash, call->claim.types[i]);
        call->type_mask |= manager_claim_type_bit(call->claim.types[i]);
    }
    call->who = keyed_hash_end(&hash);
}

void process_manager_claim(struct process_manager *manager, struct process_claim *call)
{
    call->manager = manager;
    list_init(&call->op.link);
    list_init(&call->parked);
    call->deadline = clock_steady_ms() + call->wait_ms;
    call->look_at = 0;
    call->last = ERR_OK;
    call->out = call->woken = call->unwanted = false;
    if (manager->stopping) {
        end_empty(call, ERR_OK);
        return;
    }
    identify(call);
    if (call->wait_ms > 0) {
        list_append(&manager->claims.parked, &call->parked);
        manager->claims.parked_weight += weight_of(call);
    }
    look(call);
}

void process_manager_claim_stop(struct process_manager *manager, struct process_claim *call)
{
    assert(call->manager == manager);
    if (call->out)
        call->unwanted = true;
    else
        end_empty(call, ERR_OK);
}
