/* What clients and workers call. */
#include "sim_clients.h"

#include "repository/memory_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct span type_names[TYPES] = {{"alpha", 5}, {"beta", 4}, {"gamma", 5}};

#define DEFINE_DONE(member)                                                        \
    static void member##_done(struct process_op *op)                               \
    {                                                                              \
        sim_end_call(container_of(op, struct client_call, member.op), op->result); \
    }

DEFINE_DONE(submit)
DEFINE_DONE(batch)
DEFINE_DONE(claim)
DEFINE_DONE(change)
DEFINE_DONE(remove)
DEFINE_DONE(pause)
DEFINE_DONE(get)
DEFINE_DONE(events)
DEFINE_DONE(cleanup)
DEFINE_DONE(bulk)
DEFINE_DONE(list)
DEFINE_DONE(snapshot)
DEFINE_DONE(restore)
DEFINE_DONE(audit)

/* --- calls ------------------------------------------------------------------------------------ */

#define BEGIN(name, member)                    \
    struct client_call *call = new_call(name); \
    process_op_init(&call->member.op, member##_done)

static struct client_call *new_call(unsigned kind)
{
    struct client_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        sim_fail("no memory");
    call->kind = kind;
    list_init(&call->link);
    list_append(&sim.clients->calls, &call->link);
    sim.clients->open++;
    return call;
}

static struct span some_type(void)
{
    return type_names[sim_below(TYPES)];
}

static void fill_draft(struct process *draft)
{
    static const char *const inputs[] = {"{\"n\":1}", "[\n1,\r\n2]", "null", "\"\\u00e9\xc3\xa9\""};
    draft->type = some_type();
    draft->input = span_of(inputs[sim_below(4)]);
    draft->retention_ms = sim_chance(50) ? -1 : (int64_t)sim_below(20000);
    draft->priority = (int)sim_below(5) - 2;
    draft->max_attempts = sim_chance(50) ? 0 : (int)sim_below(4) + 1;
    if (sim_chance(30))
        draft->group = SPAN("group:1");
    if (sim_chance(20))
        draft->metadata = SPAN("{ \"a\" : [ ] }");
    if (sim_chance(20))
        draft->traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    if (sim_chance(20))
        draft->run_at = clock_wall_ms() + (int64_t)sim_below(5000);
    if (sim_chance(10))
        draft->deadline = clock_wall_ms() + (int64_t)sim_below(20000) + 1;
    if (sim_chance(10))
        draft->queue_timeout_ms = (int64_t)sim_below(10000) + 1;
    if (sim_chance(10))
        draft->timeout_ms = (int64_t)sim_below(10000) + 1;
}

static struct span some_key(struct client_call *call)
{
    const uint64_t back = sim_below(KEYS);
    const uint64_t number = sim.clients->keys > back ? sim.clients->keys - back : 0;
    snprintf(call->key, sizeof(call->key), "key-%llu",
             (unsigned long long)(sim_chance(60) ? ++sim.clients->keys : number));
    return span_of(call->key);
}

static void call_submit(void)
{
    BEGIN(CALL_SUBMIT, submit);
    fill_draft(&call->submit.create.process);
    if (sim_chance(50)) {
        call->submit.create.idempotency_key = some_key(call);
        call->submit.create.fingerprint = sim_chance(90) ? 7 : 8;
    }
    process_manager_submit(sim.manager, &call->submit);
}

static void call_batch(void)
{
    BEGIN(CALL_BATCH, batch);
    call->batch.items = call->items;
    call->batch.count = sim_below(BATCH_MAX) + 1;
    for (size_t i = 0; i < call->batch.count; i++)
        fill_draft(&call->items[i].draft);
    if (sim_chance(50)) {
        call->batch.idempotency_key = some_key(call);
        call->batch.fingerprint = 9;
    }
    process_manager_submit_batch(sim.manager, &call->batch);
}

static void call_claim(void)
{
    BEGIN(CALL_CLAIM, claim);
    struct repo_claim *claim = &call->claim.claim;
    for (size_t i = 0; i < TYPES; i++)
        call->types[i] = type_names[i];
    snprintf(call->worker, sizeof(call->worker), "worker-%d", (int)sim_below(3));
    claim->types = call->types;
    claim->type_count = sim_below(TYPES) + 1;
    claim->worker = span_of(call->worker);
    claim->max = (int)sim_below(4) + 1;
    claim->lease_ms = PROCESS_LEASE_MIN_MS + (int64_t)sim_below(20000);
    call->claim.wait_ms = sim_chance(50) ? 0 : (int64_t)sim_below(2000);
    process_manager_claim(sim.manager, &call->claim);
}

/* By one that holds a lease, or held it once. */
static void call_report(void)
{
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_PROGRESS,
                                                EVENT_COMPLETE,  EVENT_COMPLETE, EVENT_FAIL,
                                                EVENT_RELEASE,   EVENT_CANCELED};
    const struct sim_clients *clients = sim.clients;
    if (clients->lease_count == 0)
        return;
    const struct lease *lease = &clients->leases[sim_below(clients->lease_count)];
    BEGIN(CALL_CHANGE, change);
    struct process_change *change = &call->change.change;
    memcpy(call->token, lease->token, sizeof(call->token));
    snprintf(call->progress, sizeof(call->progress), "{\"percent\":%d}", (int)sim_below(100));
    call->change.id = lease->id;
    change->event = events[sim_below(sizeof(events) / sizeof(events[0]))];
    change->token = span_of(call->token);
    change->attempt = sim_chance(50) ? lease->attempt : 0;
    change->lease_ms = PROCESS_LEASE_MIN_MS;
    change->retry_after_ms = sim_chance(50) ? -1 : (int64_t)sim_below(3000);
    change->retryable = sim_chance(70);
    if (change->event == EVENT_PROGRESS)
        change->progress = span_of(call->progress);
    else if (change->event == EVENT_COMPLETE)
        change->result = sim_chance(50) ? SPAN("{\"sum\":\n7}") : SPAN("7");
    else if (change->event == EVENT_FAIL)
        change->error = SPAN("{\"code\":\"boom\",\"message\":\"it broke\"}");
    process_manager_change(sim.manager, &call->change);
}

static void call_change(void)
{
    BEGIN(CALL_CHANGE, change);
    call->change.id = sim_some_id();
    call->change.change.event = sim_chance(60) ? EVENT_CANCEL : EVENT_RETRY;
    call->change.change.retry_after_ms = -1;
    process_manager_change(sim.manager, &call->change);
}

static void call_remove(void)
{
    BEGIN(CALL_REMOVE, remove);
    call->remove.id = sim_some_id();
    process_manager_remove(sim.manager, &call->remove);
}

static void call_pause(void)
{
    BEGIN(CALL_PAUSE, pause);
    call->pause.type = some_type();
    call->pause.paused = sim_chance(40);
    process_manager_pause(sim.manager, &call->pause);
}

static void call_get(void)
{
    BEGIN(CALL_GET, get);
    call->get.id = sim_some_id();
    call->get.with_input = sim_chance(50);
    call->get.watch = sim_chance(50);
    process_manager_get(sim.manager, &call->get);
}

static void call_events(void)
{
    BEGIN(CALL_EVENTS, events);
    call->events.id = sim_some_id();
    process_manager_events(sim.manager, &call->events);
}

static void call_list(void)
{
    BEGIN(CALL_LIST, list);
    call->list.limit = 10;
    call->list.by_status = sim_chance(50);
    call->list.status = (enum process_status)sim_below(PROCESS_STATUS_COUNT);
    process_manager_list(sim.manager, &call->list);
}

static void call_cleanup(void)
{
    BEGIN(CALL_CLEANUP, cleanup);
    call->cleanup.statuses = 1u << PROCESS_COMPLETED | 1u << PROCESS_CANCELED;
    call->cleanup.older_than_ms = (int64_t)sim_below(5000);
    process_manager_cleanup(sim.manager, &call->cleanup);
}

static void call_bulk(void)
{
    BEGIN(CALL_BULK, bulk);
    call->bulk.event = EVENT_CANCEL;
    call->bulk.statuses = 1u << PROCESS_PENDING;
    call->bulk.type = some_type();
    process_manager_bulk(sim.manager, &call->bulk);
}

void sim_call_snapshot(void)
{
    BEGIN(CALL_SNAPSHOT, snapshot);
    process_manager_snapshot(sim.manager, &call->snapshot);
}

static bool is_there(const struct process_id *id)
{
    return memory_store_find(&memory_repository(sim.memory)->store, id) != NULL;
}

/* One that comes from elsewhere, where it may be known already. */
static void call_restore(void)
{
    struct process_id id = sim_some_id();
    if (!is_there(&id))
        process_id_new(&id); /* nobody brings back what was removed long ago */
    BEGIN(CALL_RESTORE, restore);
    static const struct span told_elsewhere[] = {{"{\n\"event\":\"released\"}", 21}};
    const int64_t now = clock_wall_ms();
    call->restored.kind = ITEM_PROCESS;
    call->restored.process = (struct process){.id = id,
                                              .status = PROCESS_PENDING,
                                              .version = (int64_t)sim_below(12) + 1,
                                              .max_attempts = 3,
                                              .type = some_type(),
                                              .input = SPAN("1"),
                                              .created_at = now,
                                              .updated_at = now,
                                              .run_at = now + (int64_t)sim_below(1000),
                                              .events = 4,
                                              .retention_ms = -1};
    call->restored.events = told_elsewhere;
    call->restored.event_count = 1;
    call->restore.items = &call->restored;
    call->restore.count = 1;
    call->restore.now = now;
    repository_restore(sim.observer, &call->restore);
}

static void call_audit(void)
{
    BEGIN(CALL_AUDIT, audit);
    call->audit.limit = REPO_AUDIT_MAX;
    call->audit.now = clock_wall_ms();
    repository_audit(sim.observer, &call->audit);
}

void sim_call(void)
{
    static const struct {
        unsigned weight;
        void (*call)(void);
    } kinds[] = {{22, call_submit}, {5, call_batch},        {20, call_claim},  {30, call_report},
                 {10, call_change}, {8, call_remove},       {2, call_pause},   {10, call_get},
                 {2, call_events},  {2, call_list},         {1, call_cleanup}, {1, call_bulk},
                 {2, call_restore}, {1, sim_call_snapshot}, {1, call_audit}};
    unsigned total = 0;
    if (sim.clients->open >= CALLS_MAX)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        total += kinds[i].weight;
    unsigned left = (unsigned)sim_below(total);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (left < kinds[i].weight) {
            kinds[i].call();
            return;
        }
        left -= kinds[i].weight;
    }
}
