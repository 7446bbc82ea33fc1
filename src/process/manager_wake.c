/* Which of the parked claims look when work appears. One new process lets the first that wants its
 * type look, whoever finds something wakes two more, and who finds nothing wakes nobody: so a
 * burst of hundreds is taken up in a few rounds, and a single process costs three looks however
 * many are parked. Where the type is not known, of all claims that want the same only the first
 * looks. */
#include "process/manager_private.h"

#include <string.h>

#define OPEN_BITS 65536

/* Types that still want somebody to look: two bits of each, out of its hash. One that is taken for
 * closed would be missed, so both must be. */
struct open_types {
    uint64_t words[2][OPEN_BITS / 64];
};

uint64_t manager_claim_type_bit(struct span type)
{
    return UINT64_C(1) << keyed_hash(type) % 64;
}

static struct process_claim *claim_of(struct list_link *link)
{
    return container_of(link, struct process_claim, parked);
}

static bool wants(const struct process_claim *call, struct span type, uint64_t bit)
{
    if ((call->type_mask & bit) == 0)
        return false;
    for (size_t i = 0; i < call->claim.type_count; i++) {
        if (span_equal(call->claim.types[i], type))
            return true;
    }
    return false;
}

/* One that is just looking may have come too early, and looks again when it finds nothing. */
static void wake(struct process_claim *call)
{
    struct manager_claims *claims = &call->manager->claims;
    if (call->manager->stopping)
        return;
    call->woken = true;
    if (call->out)
        return;
    if (list_is_empty(&call->op.link))
        list_append(&claims->due, &call->op.link);
    loop_defer(call->manager->loop, &claims->look);
}

static void wake_first(struct process_manager *manager, struct span type)
{
    uint64_t bit = manager_claim_type_bit(type);
    struct process_claim *again = NULL;
    list_for_each (link, &manager->claims.parked) {
        struct process_claim *call = claim_of(link);
        if (!wants(call, type, bit))
            continue;
        if (!call->out) {
            if (!call->woken)
                wake(call);
            return;
        }
        if (again == NULL)
            again = call;
    }
    if (again != NULL)
        wake(again);
}

static void wake_idle(struct process_manager *manager, struct span type, int count)
{
    uint64_t bit = manager_claim_type_bit(type);
    list_for_each (link, &manager->claims.parked) {
        struct process_claim *call = claim_of(link);
        if (call->out || call->woken || !wants(call, type, bit))
            continue;
        wake(call);
        if (--count == 0)
            return;
    }
}

static void open_type(struct open_types *open, struct span type)
{
    uint64_t hash = keyed_hash(type);
    for (int i = 0; i < 2; i++, hash /= OPEN_BITS)
        open->words[i][hash % OPEN_BITS / 64] |= UINT64_C(1) << hash % 64;
}

static bool close_type(struct open_types *open, struct span type)
{
    uint64_t hash = keyed_hash(type);
    bool was_open = false;
    for (int i = 0; i < 2; i++, hash /= OPEN_BITS) {
        uint64_t *word = &open->words[i][hash % OPEN_BITS / 64];
        uint64_t bit = UINT64_C(1) << hash % 64;
        was_open |= (*word & bit) != 0;
        *word &= ~bit;
    }
    return was_open;
}

static bool close_types(struct open_types *open, const struct process_claim *call)
{
    bool any = false;
    for (size_t i = 0; i < call->claim.type_count; i++)
        any |= close_type(open, call->claim.types[i]);
    return any;
}

static void wake_cover(struct process_manager *manager, struct open_types *open, uint64_t mask)
{
    list_for_each (link, &manager->claims.parked) {
        struct process_claim *call = claim_of(link);
        if ((call->type_mask & mask) != 0 && close_types(open, call) && !call->woken)
            wake(call);
    }
}

static void wake_any(struct process_manager *manager)
{
    struct open_types open;
    memset(&open, 0xff, sizeof(open));
    wake_cover(manager, &open, UINT64_MAX);
}

/* For each type of the call the first that wants it. */
static void wake_for_each(const struct process_claim *call)
{
    struct open_types open;
    memset(&open, 0, sizeof(open));
    for (size_t i = 0; i < call->claim.type_count; i++)
        open_type(&open, call->claim.types[i]);
    wake_cover(call->manager, &open, call->type_mask);
}

void manager_claims_wake(struct process_manager *manager, struct span type)
{
    if (list_is_empty(&manager->claims.parked))
        return;
    if (type.data != NULL)
        wake_first(manager, type);
    else
        wake_any(manager);
}

void manager_claims_wake_more(const struct process_claim *call)
{
    if (list_is_empty(&call->manager->claims.parked))
        return;
    if (call->claim.type_count > 1) { /* what woke it may have been another than what it got */
        wake_for_each(call);
        wake_idle(call->manager, call->claim.processes[0].type, 1);
    } else {
        wake_idle(call->manager, call->claim.types[0], 2);
    }
}

void manager_claims_pass_on(const struct process_claim *call)
{
    if (call->claim.type_count > 1)
        wake_for_each(call);
    else
        wake_first(call->manager, call->claim.types[0]);
}
