#include "support/held_repository.h"

#include <assert.h>
#include <stdlib.h>

#define HELD_MAX 4096

struct held_call {
    void (*submit)(struct process_repository *behind, struct process_op *op);
    struct process_op *op;
};

struct held_repository {
    struct process_repository base;
    struct process_repository *behind;
    struct loop *loop;
    struct loop_timer *timer;
    struct held_call calls[HELD_MAX];
    size_t count;
};

static struct held_repository *held_repository(struct process_repository *base)
{
    return container_of(base, struct held_repository, base);
}

static void hold(struct process_repository *base, struct process_op *op,
                 void (*submit)(struct process_repository *, struct process_op *))
{
    struct held_repository *held = held_repository(base);
    assert(held->count < HELD_MAX);
    held->calls[held->count++] = (struct held_call){submit, op};
    if (held->timer != NULL)
        loop_timer_start(held->timer, 0);
}

#define DEFINE_HELD(kind)                                                               \
    static void submit_##kind(struct process_repository *behind, struct process_op *op) \
    {                                                                                   \
        repository_##kind(behind, container_of(op, struct repo_##kind, op));            \
    }                                                                                   \
    static void held_##kind(struct process_repository *base, struct repo_##kind *call)  \
    {                                                                                   \
        hold(base, &call->op, submit_##kind);                                           \
    }

DEFINE_HELD(create)
DEFINE_HELD(get)
DEFINE_HELD(transition)
DEFINE_HELD(claim)
DEFINE_HELD(remove)
DEFINE_HELD(list)
DEFINE_HELD(counts)
DEFINE_HELD(create_batch)
DEFINE_HELD(standing)
DEFINE_HELD(group)
DEFINE_HELD(types)
DEFINE_HELD(workers)
DEFINE_HELD(pause)
DEFINE_HELD(events)
DEFINE_HELD(sweep)
DEFINE_HELD(advance)
DEFINE_HELD(ping)
DEFINE_HELD(dump)
DEFINE_HELD(restore)
DEFINE_HELD(audit)
DEFINE_HELD(snapshot)

static struct held_call take_out(struct held_repository *held, size_t i)
{
    assert(i < held->count);
    struct held_call call = held->calls[i];
    held->count--;
    for (; i < held->count; i++)
        held->calls[i] = held->calls[i + 1];
    return call;
}

size_t held_repository_count(struct process_repository *repository)
{
    return held_repository(repository)->count;
}

void held_repository_release(struct process_repository *repository, size_t i)
{
    struct held_repository *held = held_repository(repository);
    struct held_call call = take_out(held, i);
    call.submit(held->behind, call.op);
}

void held_repository_fail(struct process_repository *repository, size_t i, enum err err)
{
    process_op_finish(take_out(held_repository(repository), i).op, err);
}

static void release_all(void *arg)
{
    struct held_repository *held = arg;
    for (size_t left = held->count; left > 0 && held->count > 0; left--)
        held_repository_release(&held->base, held->count - 1);
}

static void tell(void *arg, const struct process_id *id)
{
    struct process_repository *base = arg;
    if (base->on_changed != NULL)
        base->on_changed(base->on_changed_arg, id);
}

static void tell_of_work(void *arg, struct span type)
{
    struct process_repository *base = arg;
    if (base->on_work != NULL)
        base->on_work(base->on_work_arg, type);
}

static void tell_missed(void *arg)
{
    struct process_repository *base = arg;
    if (base->on_missed != NULL)
        base->on_missed(base->on_missed_arg);
}

static void held_follow(struct process_repository *base, bool on)
{
    repository_follow(held_repository(base)->behind, on);
}

static void held_close(struct process_repository *base)
{
    struct held_repository *held = held_repository(base);
    while (held->count > 0)
        process_op_finish(take_out(held, 0).op, ERR_CANCELED);
    repository_close(held->behind);
}

static void held_destroy(struct process_repository *base)
{
    struct held_repository *held = held_repository(base);
    loop_timer_destroy(held->timer);
    repository_destroy(held->behind);
    free(held);
}

static const struct process_repository_ops held_ops = {
    .name = "held",
    .create = held_create,
    .get = held_get,
    .transition = held_transition,
    .claim = held_claim,
    .remove = held_remove,
    .list = held_list,
    .counts = held_counts,
    .create_batch = held_create_batch,
    .standing = held_standing,
    .group = held_group,
    .types = held_types,
    .workers = held_workers,
    .pause = held_pause,
    .events = held_events,
    .sweep = held_sweep,
    .advance = held_advance,
    .ping = held_ping,
    .dump = held_dump,
    .restore = held_restore,
    .audit = held_audit,
    .snapshot = held_snapshot,
    .follow = held_follow,
    .close = held_close,
    .destroy = held_destroy,
};

struct process_repository *held_repository_create(struct process_repository *behind,
                                                  struct loop *loop)
{
    struct held_repository *held = calloc(1, sizeof(*held));
    assert(held != NULL && behind != NULL);
    process_repository_init(&held->base, &held_ops, behind->policy);
    held->behind = behind;
    held->base.watching = behind->watching;
    behind->on_changed_arg = &held->base;
    behind->on_changed = tell;
    behind->on_work_arg = &held->base;
    behind->on_work = tell_of_work;
    behind->on_missed_arg = &held->base;
    behind->on_missed = tell_missed;
    held->loop = loop;
    if (loop != NULL)
        held->timer = loop_timer_create(loop, release_all, held);
    return &held->base;
}
