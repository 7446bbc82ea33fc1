#include "repository/handover_private.h"

#include <assert.h>
#include <stdlib.h>

#define PATIENCE_MS 2000

static const struct process_repository_ops handover_ops;

static struct handover_repository *handover_repository(struct process_repository *base)
{
    assert(base->ops == &handover_ops);
    return container_of(base, struct handover_repository, base);
}

/* --- calls ----------------------------------------------------------------------------------- */

enum slot {
#define X(name) SLOT_##name,
    REPOSITORY_CALLS(X)
#undef X
};

static void keep_back(struct handover_repository *handover, struct process_op *op, enum slot slot)
{
    if (handover->refuses) {
        process_op_finish(op, ERR_UNAVAILABLE);
        return;
    }
    op->place = slot;
    list_append(&handover->held, &op->link);
}

#define DEFINE_SLOT(name)                                                                  \
    static void handover_##name(struct process_repository *base, struct repo_##name *call) \
    {                                                                                      \
        struct handover_repository *handover = handover_repository(base);                  \
        if (handover->holds)                                                               \
            keep_back(handover, &call->op, SLOT_##name);                                   \
        else                                                                               \
            repository_##name(handover->behind, call);                                     \
    }
REPOSITORY_CALLS(DEFINE_SLOT)

static void pass_on(struct process_repository *behind, struct process_op *op)
{
    switch ((enum slot)op->place) {
#define X(name)                                                              \
    case SLOT_##name:                                                        \
        repository_##name(behind, container_of(op, struct repo_##name, op)); \
        return;
        REPOSITORY_CALLS(X)
#undef X
    }
}

static struct process_op *take_held(struct handover_repository *handover)
{
    struct list_link *link = list_pop(&handover->held);
    return link != NULL ? container_of(link, struct process_op, link) : NULL;
}

static void end_held(struct handover_repository *handover, enum err err)
{
    struct process_op *op;
    while ((op = take_held(handover)) != NULL)
        process_op_finish(op, err);
}

static void on_impatient(void *arg)
{
    struct handover_repository *handover = arg;
    handover->refuses = true;
    end_held(handover, ERR_UNAVAILABLE);
}

void handover_hold(struct handover_repository *handover)
{
    handover->holds = true;
    handover->refuses = false;
    loop_timer_start(handover->patience, PATIENCE_MS);
}

void handover_release(struct handover_repository *handover)
{
    struct process_op *op;
    loop_timer_stop(handover->patience);
    handover->holds = handover->refuses = false;
    while (!handover->holds && (op = take_held(handover)) != NULL)
        pass_on(handover->behind, op);
}

/* --- news ------------------------------------------------------------------------------------ */

static void tell_changed(struct handover_repository *handover, const struct process_id *id)
{
    handover->base.watching = handover->behind->watching;
    if (handover->base.on_changed != NULL)
        handover->base.on_changed(handover->base.on_changed_arg, id);
}

static void on_changed(void *arg, const struct process_id *id)
{
    struct handover_repository *handover = arg;
    if (handover->collects)
        handover_changes_note(&handover->changes, id);
    tell_changed(handover, id);
}

static void on_missed(void *arg)
{
    struct handover_repository *handover = arg;
    if (handover->collects)
        handover_changes_note(&handover->changes, NULL);
    if (handover->base.on_missed != NULL)
        handover->base.on_missed(handover->base.on_missed_arg);
}

static void on_work(void *arg, struct span type)
{
    struct handover_repository *handover = arg;
    if (handover->base.on_work != NULL)
        handover->base.on_work(handover->base.on_work_arg, type);
}

static void listen_to(struct handover_repository *handover, struct process_repository *behind)
{
    behind->on_changed = on_changed;
    behind->on_missed = on_missed;
    behind->on_work = on_work;
    behind->on_changed_arg = behind->on_missed_arg = behind->on_work_arg = handover;
    handover->behind = behind;
    handover->base.serving = behind;
    handover->base.watching = behind->watching;
}

void handover_pass_to(struct handover_repository *handover, struct process_repository *behind)
{
    listen_to(handover, behind);
    repository_follow(behind, handover->followed);
    tell_changed(handover, NULL); /* what was read before is no longer watched */
    on_missed(handover);
    on_work(handover, SPAN_NONE);
}

static void handover_follow(struct process_repository *base, bool on)
{
    struct handover_repository *handover = handover_repository(base);
    handover->followed = on;
    repository_follow(handover->behind, on || handover->collects);
}

/* --- life ------------------------------------------------------------------------------------ */

static void handover_close(struct process_repository *base)
{
    struct handover_repository *handover = handover_repository(base);
    handover_steps_stop(handover);
    if (handover->patience != NULL)
        loop_timer_stop(handover->patience);
    end_held(handover, ERR_CANCELED);
    for (size_t i = 0; i < handover->options.left_count; i++)
        if (handover->options.left[i] != NULL)
            repository_close(handover->options.left[i]);
    if (handover->first != NULL)
        repository_close(handover->first);
    if (handover->next != NULL)
        repository_close(handover->next);
}

static void handover_destroy(struct process_repository *base)
{
    struct handover_repository *handover = handover_repository(base);
    handover_steps_finish(handover);
    loop_timer_destroy(handover->patience);
    for (size_t i = 0; i < handover->options.left_count; i++)
        repository_destroy(handover->options.left[i]);
    repository_destroy(handover->first);
    repository_destroy(handover->next);
    free(handover);
}

static const struct process_repository_ops handover_ops = {
    .name = "handover",
#define X(slot) .slot = handover_##slot,
    REPOSITORY_CALLS(X)
#undef X
        .follow = handover_follow,
    .close = handover_close,
    .destroy = handover_destroy,
};

struct process_repository *handover_repository_create(struct loop *loop,
                                                      struct process_repository *take_first,
                                                      const struct handover_options *options)
{
    struct handover_repository *handover = calloc(1, sizeof(*handover));
    if (handover == NULL) {
        for (size_t i = 0; i < options->left_count; i++)
            repository_destroy(options->left[i]);
        repository_destroy(take_first);
        return NULL;
    }
    process_repository_init(&handover->base, &handover_ops, take_first->policy);
    handover->loop = loop;
    handover->options = *options;
    handover->first = take_first;
    list_init(&handover->held);
    listen_to(handover, take_first);
    handover->base.fallback_reason = options->reason;
    handover->base.handover = "waiting";
    handover->patience = loop_timer_create(loop, on_impatient, handover);
    if (!handover_steps_start(handover) || handover->patience == NULL) {
        repository_destroy(&handover->base);
        return NULL;
    }
    return &handover->base;
}
