#include "support/sync_calls.h"

#include "support/patience.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void keep_text(struct kept *kept, struct span *text, size_t *used)
{
    if (text->data == NULL)
        return;
    assert(*used + text->len <= sizeof(kept->texts));
    memcpy(kept->texts + *used, text->data, text->len);
    text->data = kept->texts + *used;
    *used += text->len;
}

void keep(struct kept *ret_kept, const struct process *process)
{
    struct process *copy = &ret_kept->process;
    size_t used = 0;
    *copy = *process;
    struct span *const texts[] = {&copy->type,        &copy->group,      &copy->worker,
                                  &copy->input,       &copy->metadata,   &copy->progress,
                                  &copy->result,      &copy->error,      &copy->usage,
                                  &copy->traceparent, &copy->lease_token};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        keep_text(ret_kept, texts[i], &used);
}

void sync_wait(struct loop *loop, const bool *done)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!*done) {
        if (clock_steady_ms() > deadline)
            GIVE_UP("a call does not end");
        loop_turn(loop, 100);
    }
}

/* One step's, until the next one. */
static void keep_settled(struct repo_advance *call)
{
    static struct repo_settled settled[2 * REPO_ADVANCE_MAX];
    static char types[2 * REPO_ADVANCE_MAX][PROCESS_TYPE_MAX + 1];
    assert(call->op.result != ERR_OK ||
           call->settled_count == (size_t)call->lapsed + (size_t)call->expired);
    for (size_t i = 0; i < call->settled_count; i++) {
        settled[i] = call->settled[i];
        assert(text_copy(types[i], sizeof(types[i]), settled[i].type));
        settled[i].type = span_of(types[i]);
    }
    call->settled = settled;
}

/* Each call's struct stands beside `done` and what is to be kept. */
#define DEFINE_SYNC(kind, on_done)                                                \
    struct sync_##kind {                                                          \
        struct repo_##kind call;                                                  \
        struct kept *kept;                                                        \
        bool done;                                                                \
    };                                                                            \
    static void kind##_done(struct process_op *op)                                \
    {                                                                             \
        struct sync_##kind *sync = container_of(op, struct sync_##kind, call.op); \
        on_done;                                                                  \
        sync->done = true;                                                        \
    }                                                                             \
    static enum err kind##_run(const struct sync *on, struct sync_##kind *sync)   \
    {                                                                             \
        process_op_init(&sync->call.op, kind##_done);                             \
        repository_##kind(on->repository, &sync->call);                           \
        sync_wait(on->loop, &sync->done);                                         \
        return sync->call.op.result;                                              \
    }

static bool has_record(enum err err)
{
    return err == ERR_OK || err == ERR_CONFLICT || err == ERR_STALE || err == ERR_LEASE_LOST;
}

static void keep_if(bool given, struct kept *kept, const struct process *process)
{
    if (given && kept != NULL)
        keep(kept, process);
}

DEFINE_SYNC(create,
            keep_if(op->result == ERR_OK && sync->call.replayed, sync->kept, &sync->call.existing))
DEFINE_SYNC(get, keep_if(op->result == ERR_OK, sync->kept, &sync->call.process))
DEFINE_SYNC(transition, keep_if(has_record(op->result), sync->kept, &sync->call.process))
DEFINE_SYNC(remove, keep_if(has_record(op->result), sync->kept, &sync->call.process))
DEFINE_SYNC(claim,
            for (size_t i = 0; op->result == ERR_OK && sync->kept != NULL && i < sync->call.count;
                 i++) keep(&sync->kept[i], &sync->call.processes[i]))
DEFINE_SYNC(counts, (void)0)
DEFINE_SYNC(sweep, (void)0)
DEFINE_SYNC(advance, keep_settled(&sync->call))
DEFINE_SYNC(ping, (void)0)
DEFINE_SYNC(audit, (void)0)
DEFINE_SYNC(create_batch, (void)0)
DEFINE_SYNC(standing, (void)0)
DEFINE_SYNC(group, (void)0)
DEFINE_SYNC(pause, (void)0)

enum err sync_create(const struct sync *on, const struct process *process)
{
    struct sync_create sync = {.call = {.process = *process}};
    return create_run(on, &sync);
}

enum err sync_create_with_key(const struct sync *on, const struct process *process, const char *key,
                              uint64_t fingerprint, bool *ret_replayed, struct kept *ret_existing)
{
    struct sync_create sync = {
        .call = {.process = *process, .idempotency_key = span_of(key), .fingerprint = fingerprint},
        .kept = ret_existing};
    enum err err = create_run(on, &sync);
    *ret_replayed = sync.call.replayed;
    return err;
}

enum err sync_get(const struct sync *on, const struct process_id *id, bool with_input,
                  struct kept *ret_kept)
{
    struct sync_get sync = {.call = {.id = *id, .with_input = with_input}, .kept = ret_kept};
    return get_run(on, &sync);
}

/* What repo_transition.brief promises; the texts of `told` may be elsewhere by now. */
static bool tells_briefly(const struct process *told, const struct process *is)
{
    return process_id_compare(&told->id, &is->id) == 0 && told->status == is->status &&
           told->type.len == is->type.len && told->attempt == is->attempt &&
           told->version == is->version && told->created_at == is->created_at &&
           told->started_at == is->started_at && told->updated_at == is->updated_at &&
           told->lease_until == is->lease_until &&
           told->cancel_requested_at == is->cancel_requested_at;
}

enum err sync_change(const struct sync *on, const struct process_id *id,
                     const struct process_change *change, bool *ret_changed, struct kept *ret_kept)
{
    static bool brief; /* every other time: stores may take another way then */
    static struct kept told;
    brief = !brief;
    struct sync_transition sync = {.call = {.id = *id, .change = *change, .brief = brief},
                                   .kept = ret_kept};
    enum err err = transition_run(on, &sync);
    if (err == ERR_OK && brief && ret_kept != NULL) {
        told = *ret_kept;
        if (sync_get(on, id, false, ret_kept) != ERR_OK ||
            !tells_briefly(&told.process, &ret_kept->process))
            return ERR_INTERNAL;
    }
    if (ret_changed != NULL)
        *ret_changed = sync.call.changed;
    return err;
}

size_t sync_claim_as(const struct sync *on, const struct repo_claim *call, struct kept *ret_kept)
{
    struct sync_claim sync = {.call = *call, .kept = ret_kept};
    for (int i = 0; i < call->max; i++)
        assert(lease_token_new(sync.call.tokens[i]));
    enum err err = claim_run(on, &sync);
    assert(err == ERR_OK);
    return sync.call.count;
}

size_t sync_claim(const struct sync *on, const char *type, int max, int64_t now, int64_t lease_ms,
                  struct kept *ret_kept)
{
    const struct span types[1] = {span_of(type)};
    const struct repo_claim call = {.types = types,
                                    .type_count = 1,
                                    .worker = SPAN("tester/1"),
                                    .max = max,
                                    .now = now,
                                    .lease_ms = lease_ms};
    return sync_claim_as(on, &call, ret_kept);
}

enum err sync_remove(const struct sync *on, const struct process_id *id, int64_t now,
                     int64_t if_version, struct kept *ret_kept)
{
    struct sync_remove sync = {.call = {.id = *id, .now = now, .if_version = if_version},
                               .kept = ret_kept};
    return remove_run(on, &sync);
}

struct sync_page {
    struct repo_list call;
    struct process_id *ids;
    bool done;
};

static void list_done(struct process_op *op)
{
    struct sync_page *page = container_of(op, struct sync_page, call.op);
    for (size_t i = 0; op->result == ERR_OK && i < page->call.count; i++)
        page->ids[i] = page->call.processes[i].id;
    page->done = true;
}

enum err sync_list(const struct sync *on, struct repo_list *call, struct process_id *ret_ids)
{
    struct sync_page page = {.call = *call, .ids = ret_ids};
    process_op_init(&page.call.op, list_done);
    repository_list(on->repository, &page.call);
    sync_wait(on->loop, &page.done);
    *call = page.call;
    return call->op.result;
}

struct repo_counts sync_counts(const struct sync *on)
{
    return sync_counts_at(on, TIME_NONE);
}

struct repo_counts sync_counts_at(const struct sync *on, int64_t now)
{
    struct sync_counts sync = {.call.now = now};
    enum err err = counts_run(on, &sync);
    assert(err == ERR_OK);
    return sync.call;
}

enum err sync_sweep(const struct sync *on, struct repo_sweep *call)
{
    struct sync_sweep sync = {.call = *call};
    enum err err = sweep_run(on, &sync);
    *call = sync.call;
    return err;
}

enum err sync_advance(const struct sync *on, int64_t now, int limit, struct repo_advance *ret_call)
{
    struct sync_advance sync = {.call = {.now = now, .limit = limit, .jitter = UINT32_MAX}};
    enum err err = advance_run(on, &sync);
    *ret_call = sync.call;
    return err;
}

enum err sync_ping(const struct sync *on)
{
    struct sync_ping sync = {.done = false};
    return ping_run(on, &sync);
}

enum err sync_audit_step(const struct sync *on, struct repo_audit *call)
{
    struct sync_audit sync = {.call = *call};
    enum err err = audit_run(on, &sync);
    *call = sync.call;
    return err;
}

struct repo_audit sync_audit(const struct sync *on, int64_t now, int limit)
{
    enum { STEPS_MAX = 100000 };
    struct repo_audit step = {.now = now, .limit = limit, .more = true}, sum = {.more = false};
    for (int steps = 0; step.more; steps++) {
        if (steps == STEPS_MAX || sync_audit_step(on, &step) != ERR_OK)
            GIVE_UP("it fails, or does not end");
        sum.examined += step.examined;
        for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
            sum.found[i] += step.found[i];
        sum.mended += step.mended;
    }
    return sum;
}

enum err sync_create_batch(const struct sync *on, struct repo_create_batch *call)
{
    struct sync_create_batch sync = {.call = *call};
    enum err err = create_batch_run(on, &sync);
    *call = sync.call;
    return err;
}

/* --- how things stand ------------------------------------------------------------------------- */

void sync_standing(const struct sync *on, struct repo_standing_item *items, size_t count)
{
    struct sync_standing sync = {.call = {.items = items, .count = count}};
    enum err err = standing_run(on, &sync);
    assert(err == ERR_OK);
}

struct repo_group sync_group(const struct sync *on, struct span group)
{
    struct sync_group sync = {.call = {.group = group}};
    enum err err = group_run(on, &sync);
    assert(err == ERR_OK);
    return sync.call;
}

bool sync_pause(const struct sync *on, struct span type, bool paused)
{
    struct sync_pause sync = {.call = {.type = type, .paused = paused}};
    enum err err = pause_run(on, &sync);
    assert(err == ERR_OK);
    return sync.call.changed;
}

/* Those whose arrays are copied within done(). */
#define DEFINE_SYNC_ARRAY(kind)                                                                   \
    struct sync_##kind##s {                                                                       \
        struct repo_##kind##s call;                                                               \
        struct repo_##kind *ret;                                                                  \
        size_t max;                                                                               \
        bool done;                                                                                \
    };                                                                                            \
    static void kind##s_done(struct process_op *op)                                               \
    {                                                                                             \
        struct sync_##kind##s *sync = container_of(op, struct sync_##kind##s, call.op);           \
        for (size_t i = 0; op->result == ERR_OK && i < sync->call.count && i < sync->max; i++)    \
            sync->ret[i] = sync->call.kind##s[i];                                                 \
        sync->done = true;                                                                        \
    }                                                                                             \
    static size_t kind##s_run(const struct sync *on, struct sync_##kind##s *sync, bool *ret_more) \
    {                                                                                             \
        process_op_init(&sync->call.op, kind##s_done);                                            \
        repository_##kind##s(on->repository, &sync->call);                                        \
        sync_wait(on->loop, &sync->done);                                                         \
        assert(sync->call.op.result == ERR_OK);                                                   \
        if (ret_more != NULL)                                                                     \
            *ret_more = sync->call.more;                                                          \
        return sync->call.count;                                                                  \
    }

DEFINE_SYNC_ARRAY(type)
DEFINE_SYNC_ARRAY(worker)

size_t sync_types(const struct sync *on, int64_t now, int64_t workers_since,
                  struct repo_type *ret_types, size_t max, bool *ret_more)
{
    struct sync_types sync = {
        .call = {.now = now, .workers_since = workers_since}, .ret = ret_types, .max = max};
    return types_run(on, &sync, ret_more);
}

size_t sync_workers(const struct sync *on, int64_t now, struct repo_worker *ret_workers, size_t max,
                    bool *ret_more)
{
    struct sync_workers sync = {.call = {.now = now}, .ret = ret_workers, .max = max};
    return workers_run(on, &sync, ret_more);
}

struct sync_events {
    struct repo_events call;
    struct kept *kept;
    struct kept_events *events;
    bool done;
};

static void keep_events(struct kept_events *ret_events, const struct repo_events *call)
{
    size_t used = 0;
    assert(call->count <= sizeof(ret_events->entries) / sizeof(ret_events->entries[0]));
    for (size_t i = 0; i < call->count; i++) {
        struct span entry = call->events[i];
        assert(used + entry.len <= sizeof(ret_events->texts));
        memcpy(ret_events->texts + used, entry.data, entry.len);
        ret_events->entries[i] = (struct span){ret_events->texts + used, entry.len};
        used += entry.len;
    }
    ret_events->count = call->count;
}

static void events_done(struct process_op *op)
{
    struct sync_events *sync = container_of(op, struct sync_events, call.op);
    keep_if(op->result == ERR_OK, sync->kept, &sync->call.process);
    if (op->result == ERR_OK && sync->events != NULL)
        keep_events(sync->events, &sync->call);
    sync->done = true;
}

enum err sync_events(const struct sync *on, const struct process_id *id, struct kept *ret_kept,
                     struct kept_events *ret_events)
{
    struct sync_events sync = {.call = {.id = *id}, .kept = ret_kept, .events = ret_events};
    process_op_init(&sync.call.op, events_done);
    repository_events(on->repository, &sync.call);
    sync_wait(on->loop, &sync.done);
    return sync.call.op.result;
}
