#include "proctrack/process_repository.h"

#include <assert.h>
#include <string.h>

void process_op_init(struct process_op *op, void (*done)(struct process_op *op))
{
    op->done = done;
    op->result = ERR_INTERNAL;
    list_init(&op->link);
}

void process_op_finish(struct process_op *op, enum err result)
{
    void (*done)(struct process_op * op) = op->done;
    assert(done != NULL); /* a second finish stops here */
    op->done = NULL;
    op->result = result;
    list_remove(&op->link);
    done(op);
}

void process_repository_init(struct process_repository *repository,
                             const struct process_repository_ops *ops,
                             const struct process_policy *policy)
{
    assert(ops->name != NULL && ops->follow != NULL && ops->close != NULL && ops->destroy != NULL);
#define X(name) assert(ops->name != NULL);
    REPOSITORY_CALLS(X)
#undef X
    memset(repository, 0, sizeof(*repository));
    repository->ops = ops;
    repository->policy = policy;
    repository->watching = "none";
    repository->durability.mode = "none";
}

#define DEFINE_SUBMIT(slot)                                                                 \
    void repository_##slot(struct process_repository *repository, struct repo_##slot *call) \
    {                                                                                       \
        assert(call->op.done != NULL);                                                      \
        list_init(&call->op.link);                                                          \
        if (repository->closed)                                                             \
            process_op_finish(&call->op, ERR_CANCELED);                                     \
        else                                                                                \
            repository->ops->slot(repository, call);                                        \
    }

REPOSITORY_CALLS(DEFINE_SUBMIT)

void repository_follow(struct process_repository *repository, bool on)
{
    if (!repository->closed)
        repository->ops->follow(repository, on);
}

const struct process_repository *repository_serving(const struct process_repository *repository)
{
    while (repository->serving != NULL)
        repository = repository->serving;
    return repository;
}

bool repository_tells(const struct process_repository *repository)
{
    return strcmp(repository->watching, "none") != 0;
}

void repository_close(struct process_repository *repository)
{
    if (repository->closed)
        return;
    repository->closed = true;
    repository->ops->close(repository);
}

void repository_destroy(struct process_repository *repository)
{
    if (repository == NULL)
        return;
    repository_close(repository);
    repository->ops->destroy(repository);
}

void repository_counters_merge(struct repository_counters *into,
                               const struct repository_counters *from)
{
    into->damaged += from->damaged;
    into->healed += from->healed;
    into->reconnects += from->reconnects;
    into->timeouts += from->timeouts;
    into->links += from->links;
    into->links_up += from->links_up;
    into->commands += from->commands;
    metric_histogram_merge(&into->command_latency, &from->command_latency);
    into->journal_written += from->journal_written;
    metric_histogram_merge(&into->journal_sync_latency, &from->journal_sync_latency);
}
