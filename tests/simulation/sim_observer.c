/* Passes every call on. What it was answered with OK must have been stored by then: all that the
 * call wrote, and the last change of what it shows. */
#include "sim.h"

#include "repository/memory_calls.h"

#include <stdlib.h>

struct observer {
    struct process_repository base;
    struct process_repository *behind;
    struct list_link calls;
};

struct observed {
    struct list_link link;
    struct process_op *op;
    void (*done)(struct process_op *op);
    uint64_t place;
};

static struct observed *submitting; /* the innermost */

static struct observer *observer_of(struct process_repository *base)
{
    return container_of(base, struct observer, base);
}

void sim_observer_wrote(uint64_t place)
{
    if (submitting != NULL)
        submitting->place = place;
}

static struct observed *find(const struct process_op *op)
{
    list_for_each (link, &observer_of(sim.observer)->calls) {
        struct observed *observed = container_of(link, struct observed, link);
        if (observed->op == op)
            return observed;
    }
    sim_fail("a call was finished that is not open");
}

static bool shows_what_is(enum err err)
{
    return err == ERR_OK || err == ERR_CONFLICT || err == ERR_STALE || err == ERR_LEASE_LOST ||
           err == ERR_GONE;
}

static void on_done(struct process_op *op)
{
    struct observed *observed = find(op);
    if (shows_what_is(op->result) && observed->place > sim.owed)
        sim.owed = observed->place;
    if (op->result == ERR_OK)
        sim.numbers.answered++;
    else if (op->result == ERR_FULL || op->result == ERR_UNAVAILABLE)
        sim.numbers.refused++;
    sim_note(op->result);
    op->done = observed->done;
    list_remove(&observed->link);
    if (submitting == observed)
        submitting = NULL;
    free(observed);
    process_op_finish(op, op->result);
}

/* The last change of the record; of one that was removed, its removal. */
static uint64_t place_of(const struct process_id *id)
{
    struct memory_record *record;
    uint64_t place;
    memory_find(&memory_repository(sim.memory)->store, id, &record, &place);
    return place;
}

static struct observed *begin(struct process_repository *base, struct process_op *op)
{
    struct observed *observed = calloc(1, sizeof(*observed));
    if (observed == NULL)
        sim_fail("no memory");
    observed->op = op;
    observed->done = op->done;
    list_init(&observed->link);
    list_append(&observer_of(base)->calls, &observed->link);
    op->done = on_done;
    sim.numbers.calls++;
    return observed;
}

#define DEFINE_OBSERVED(kind, shown)                                                      \
    static void observe_##kind(struct process_repository *base, struct repo_##kind *call) \
    {                                                                                     \
        struct observed *before = submitting;                                             \
        submitting = begin(base, &call->op);                                              \
        submitting->place = (shown);                                                      \
        repository_##kind(observer_of(base)->behind, call);                               \
        submitting = before;                                                              \
    }

DEFINE_OBSERVED(create, 0)
DEFINE_OBSERVED(get, place_of(&call->id))
DEFINE_OBSERVED(transition, place_of(&call->id))
DEFINE_OBSERVED(claim, 0)
DEFINE_OBSERVED(remove, place_of(&call->id))
DEFINE_OBSERVED(list, 0)
DEFINE_OBSERVED(counts, 0)
DEFINE_OBSERVED(create_batch, 0)
DEFINE_OBSERVED(standing, 0)
DEFINE_OBSERVED(group, 0)
DEFINE_OBSERVED(types, 0)
DEFINE_OBSERVED(workers, 0)
DEFINE_OBSERVED(pause, 0)
DEFINE_OBSERVED(events, place_of(&call->id))
DEFINE_OBSERVED(sweep, 0)
DEFINE_OBSERVED(advance, 0)
DEFINE_OBSERVED(ping, 0)
DEFINE_OBSERVED(dump, 0)
DEFINE_OBSERVED(restore, 0)
DEFINE_OBSERVED(audit, 0)
DEFINE_OBSERVED(snapshot, 0)

static void observer_follow(struct process_repository *base, bool on)
{
    repository_follow(observer_of(base)->behind, on);
}

static void observer_close(struct process_repository *base)
{
    repository_close(observer_of(base)->behind);
    if (!list_is_empty(&observer_of(base)->calls))
        sim_fail("a call is open after the end");
}

static void observer_destroy(struct process_repository *base)
{
    free(observer_of(base));
}

static const struct process_repository_ops observer_ops = {
    .name = "observer",
    .create = observe_create,
    .get = observe_get,
    .transition = observe_transition,
    .claim = observe_claim,
    .remove = observe_remove,
    .list = observe_list,
    .counts = observe_counts,
    .create_batch = observe_create_batch,
    .standing = observe_standing,
    .group = observe_group,
    .types = observe_types,
    .workers = observe_workers,
    .pause = observe_pause,
    .events = observe_events,
    .sweep = observe_sweep,
    .advance = observe_advance,
    .ping = observe_ping,
    .dump = observe_dump,
    .restore = observe_restore,
    .audit = observe_audit,
    .snapshot = observe_snapshot,
    .follow = observer_follow,
    .close = observer_close,
    .destroy = observer_destroy,
};

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

struct process_repository *sim_observer_create(struct process_repository *behind)
{
    struct observer *observer = calloc(1, sizeof(*observer));
    if (observer == NULL)
        sim_fail("no memory");
    process_repository_init(&observer->base, &observer_ops, behind->policy);
    observer->behind = behind;
    observer->base.watching = behind->watching;
    list_init(&observer->calls);
    submitting = NULL;
    behind->on_changed_arg = behind->on_work_arg = &observer->base;
    behind->on_changed = tell;
    behind->on_work = tell_of_work;
    return &observer->base;
}
