#include "support/conformance.h"

#include "proctrack/memory_repository.h"
#include "support/held_repository.h"

static struct process_repository *open_memory(struct loop *loop,
                                              const struct process_policy *policy)
{
    (void)loop;
    return memory_repository_create(policy);
}

/* The same behind one that completes later and in another order. */
static struct process_repository *open_held(struct loop *loop, const struct process_policy *policy)
{
    return held_repository_create(memory_repository_create(policy), loop);
}

int main(void)
{
    const struct conformance_subject memory = {.name = "memory", .open = open_memory};
    const struct conformance_subject held = {.name = "held", .open = open_held};
    return conformance_run(&memory) + conformance_run(&held) == 0 ? 0 : 1;
}
