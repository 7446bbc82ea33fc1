#include "analyzer/analyzer_lanes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- slots --------------------------------------------------------------------------------------
 */

/* The lowest that is free, so that names stay few however often analyzers come and go. */
static bool take_number(struct lanes *lanes, size_t *ret_number)
{
    size_t number = 0;
    while (number < lanes->taken_size && lanes->taken[number])
        number++;
    if (number == lanes->taken_size) {
        size_t size = lanes->taken_size * 2 + 16;
        bool *taken = realloc(lanes->taken, size * sizeof(*taken));
        if (taken == NULL)
            return false;
        memset(taken + lanes->taken_size, 0, (size - lanes->taken_size) * sizeof(*taken));
        lanes->taken = taken;
        lanes->taken_size = size;
    }
    lanes->taken[number] = true;
    *ret_number = number;
    return true;
}

static bool add_slot(struct lanes *lanes, struct lane *lane)
{
    struct slot *slot = calloc(1, sizeof(*slot));
    if (slot == NULL)
        return false;
    if (!take_number(lanes, &slot->number)) {
        free(slot);
        return false;
    }
    slot->lane = lane;
    snprintf(slot->worker, sizeof(slot->worker), "%.100s/analyzer-%zu", lanes->instance,
             slot->number + 1);
    lane->slots[lane->slot_count++] = slot;
    return true;
}

static bool grow(struct lanes *lanes, struct lane *lane, int count)
{
    if (count <= lane->slot_count)
        return true;
    struct slot **slots = realloc(lane->slots, (size_t)count * sizeof(struct slot *));
    if (slots == NULL)
        return false;
    lane->slots = slots;
    while (lane->slot_count < count) {
        if (!add_slot(lanes, lane))
            return false;
    }
    return true;
}

struct slot *lane_free_slot(const struct lane *lane)
{
    if (lane->definition == NULL || lane->busy >= lane->definition->analyzer.concurrency)
        return NULL;
    for (int i = 0; i < lane->slot_count; i++) {
        if (lane->slots[i]->run == NULL)
            return lane->slots[i];
    }
    return NULL;
}

/* --- lanes --------------------------------------------------------------------------------------
 */

bool lane_is_at_rest(const struct lane *lane)
{
    return lane->busy == 0 && !lane->claim_open;
}

static void destroy(struct lanes *lanes, struct lane *lane)
{
    assert(lane_is_at_rest(lane));
    for (int i = 0; i < lane->slot_count; i++) {
        lanes->taken[lane->slots[i]->number] = false;
        free(lane->slots[i]);
    }
    free(lane->slots);
    analyzer_definition_release(lane->definition);
    free(lane);
}

struct lane *lanes_find(const struct lanes *lanes, struct span type)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (span_equal(lanes->items[i]->type, type))
            return lanes->items[i];
    }
    return NULL;
}

/* It serves nothing yet. */
static struct lane *add_lane(struct lanes *lanes, struct span type)
{
    struct lane **items = realloc(lanes->items, (lanes->count + 1) * sizeof(struct lane *));
    if (items == NULL)
        return NULL;
    lanes->items = items;
    struct lane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL)
        return NULL;
    lane->pool = lanes->pool;
    text_copy(lane->type_text, sizeof(lane->type_text), type);
    lane->type = (struct span){lane->type_text, type.len};
    items[lanes->count++] = lane;
    return lane;
}

void lanes_prune(struct lanes *lanes)
{
    size_t kept = 0;
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = lanes->items[i];
        if (lane->definition == NULL && lane_is_at_rest(lane))
            destroy(lanes, lane);
        else
            lanes->items[kept++] = lane;
    }
    lanes->count = kept;
}

/* --- what is served -----------------------------------------------------------------------------
 */

/* Makes all that the analyzer needs, without putting it in force. */
static bool prepare(struct lanes *lanes, const struct analyzer *analyzer,
                    struct analyzer_definition **ret_definition)
{
    struct lane *lane = lanes_find(lanes, analyzer->type);
    if (lane == NULL)
        lane = add_lane(lanes, analyzer->type);
    if (lane == NULL || !grow(lanes, lane, analyzer->concurrency))
        return false;
    *ret_definition = analyzer_definition_create(analyzer);
    return *ret_definition != NULL;
}

static void put_in_force(struct lanes *lanes, struct analyzer_definition **take_definitions,
                         size_t count)
{
    for (size_t i = 0; i < lanes->count; i++) {
        analyzer_definition_release(lanes->items[i]->definition);
        lanes->items[i]->definition = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct lane *lane = lanes_find(lanes, take_definitions[i]->analyzer.type);
        lane->definition = take_definitions[i];
        lane->idle_since = INT64_MIN;
    }
}

bool lanes_configure(struct lanes *lanes, const struct analyzer_set *set)
{
    struct analyzer_definition **made =
        calloc(set->count + 1, sizeof(struct analyzer_definition *));
    bool fine = made != NULL;
    for (size_t i = 0; fine && i < set->count; i++)
        fine = prepare(lanes, &set->analyzers[i], &made[i]);
    if (fine)
        put_in_force(lanes, made, set->count);
    for (size_t i = 0; !fine && made != NULL && i < set->count; i++)
        analyzer_definition_release(made[i]);
    free(made);
    lanes_prune(lanes);
    return fine;
}

void lanes_init(struct lanes *lanes, struct analyzer_pool *pool, const char *instance)
{
    *lanes = (struct lanes){.pool = pool, .instance = instance};
}

void lanes_finish(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        destroy(lanes, lanes->items[i]);
    free(lanes->items);
    free(lanes->taken);
    *lanes = (struct lanes){0};
}
