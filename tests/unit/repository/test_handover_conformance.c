/* What stands before another repository must do all that this one does, and so must what it is
 * after it has handed over. */
#include "handover_fixture.h"
#include "support/conformance.h"

static struct other others[2];

static struct process_repository *open_handover(struct loop *loop,
                                                const struct process_policy *policy, bool up)
{
    struct other *other = &others[up];
    *other = (struct other){.policy = policy, .up = up};
    const struct handover_options options = other_options(other, true);
    return handover_repository_create(loop, memory_repository_create(policy), &options);
}

static struct process_repository *open_waiting(struct loop *loop,
                                               const struct process_policy *policy)
{
    return open_handover(loop, policy, false);
}

static struct process_repository *open_moved(struct loop *loop, const struct process_policy *policy)
{
    struct process_repository *repository = open_handover(loop, policy, true);
    while (repository->fallback_reason != NULL)
        loop_turn(loop, 100);
    return repository;
}

int main(void)
{
    const struct conformance_subject waiting = {.name = "waiting", .open = open_waiting};
    const struct conformance_subject moved = {.name = "moved", .open = open_moved};
    return conformance_run(&waiting) + conformance_run(&moved) == 0 ? 0 : 1;
}
