#include "repository/memory_calls.h"

#include "proctrack/json_scan.h"

#include <string.h>

/* --- types ------------------------------------------------------------------------------------ */

static struct repo_type_state state_of(const struct memory_type *type)
{
    return (struct repo_type_state){type->paused, type->running, type->looked_at};
}

static int64_t position_of(const struct memory_record *record, const struct memory_type *type)
{
    if (record == NULL || record->stage != &type->waiting)
        return 0;
    return 1 + (int64_t)index_rank(&type->waiting, record->by_stage.score, &record->process.id);
}

void memory_standing(struct process_repository *base, struct repo_standing *call)
{
    struct memory_repository *repository = memory_repository(base);
    const struct memory_store *store = &repository->store;
    uint64_t place = 0;
    for (size_t i = 0; i < call->count; i++) {
        struct repo_standing_item *item = &call->items[i];
        const struct memory_type *type = memory_type_find(&store->people, span_of(item->type));
        item->position = 0;
        item->state = (struct repo_type_state){.last_claimed_at = TIME_NONE};
        if (type == NULL)
            continue;
        const struct memory_record *record = memory_store_find(store, &item->id);
        item->position = position_of(record, type);
        item->state = state_of(type);
        place = memory_later(place, type->place);
        if (record != NULL)
            place = memory_later(place, record->place);
    }
    memory_show(repository, &call->op, ERR_OK, place, NULL);
}

/* The queue is ordered by priority first, so each priority has an oldest of its own. */
static const struct process *oldest_waiting(const struct memory_type *type)
{
    const struct process *oldest = NULL;
    const struct index_node *head = index_first(&type->waiting);
    while (head != NULL) {
        const struct process *process =
            &container_of(head, struct memory_record, by_stage)->process;
        if (oldest == NULL || process->created_at < oldest->created_at)
            oldest = process;
        const struct process next = {.priority = process->priority - 1};
        head = index_after(&type->waiting, process_queue_score(&next), NULL);
    }
    return oldest;
}

static int64_t waiting_since(const struct memory_type *type)
{
    const struct process *oldest = oldest_waiting(type);
    if (oldest == NULL)
        return TIME_NONE;
    return oldest->run_at > oldest->created_at ? oldest->run_at : oldest->created_at;
}

static void fill_type(const struct memory_type *type, int64_t workers_since,
                      struct repo_type *ret_type)
{
    size_t before = index_rank(&type->presence, workers_since, NULL);
    memset(ret_type, 0, sizeof(*ret_type));
    text_copy(ret_type->type, sizeof(ret_type->type), type->by_type.key);
    ret_type->state = state_of(type);
    ret_type->waiting = (int64_t)type->waiting.count;
    ret_type->waiting_since = waiting_since(type);
    ret_type->workers = (int64_t)(type->presence.count - before);
}

static size_t at_most(size_t count, size_t limit)
{
    return count < limit ? count : limit;
}

void memory_types(struct process_repository *base, struct repo_types *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_people *people = &repository->store.people;
    memory_people_prune(people, call->now);
    const size_t count = at_most(people->type_names.count, REPO_TYPES_MAX);
    struct memory_array *array = memory_array_new(count, sizeof(struct repo_type));
    struct repo_type *types = memory_array_items(array);
    const struct index_node *node = index_first(&people->type_names);
    uint64_t place = 0;
    call->types = types;
    for (call->count = 0; types != NULL && call->count < count; node = index_next(node)) {
        const struct memory_type *type = container_of(node, struct memory_type, by_name);
        fill_type(type, call->workers_since, &types[call->count++]);
        place = memory_later(place, type->place);
    }
    call->more = node != NULL;
    memory_show(repository, &call->op, types != NULL ? ERR_OK : ERR_NO_MEMORY, place,
                memory_array_block(array));
}

static enum err pause_type(struct memory_repository *repository, struct repo_pause *call,
                           uint64_t *ret_place)
{
    struct memory_people *people = &repository->store.people;
    struct memory_type *type = call->paused ? memory_type_note(people, call->type, TIME_NONE)
                                            : memory_type_find(people, call->type);
    if (type == NULL && !call->paused)
        return ERR_OK;
    if (type == NULL)
        return memory_types_are_full(people) ? ERR_TOO_MANY_TYPES : ERR_NO_MEMORY;
    *ret_place = type->place;
    if (type->paused == call->paused)
        return ERR_OK;
    const enum err err = memory_write_pause(repository, call->type, call->paused);
    if (err != ERR_OK)
        return err;
    type->paused = call->paused;
    call->changed = true;
    *ret_place = type->place = repository->store.place;
    memory_type_settle(people, type);
    memory_written(repository, true);
    return ERR_OK;
}

void memory_pause(struct process_repository *base, struct repo_pause *call)
{
    struct memory_repository *repository = memory_repository(base);
    uint64_t place = 0;
    call->changed = false;
    const enum err err = pause_type(repository, call, &place);
    memory_answer(repository, &call->op, err, place, NULL);
}

/* --- workers ---------------------------------------------------------------------------------- */

static void fill_worker(const struct memory_worker *worker, struct repo_worker *ret_worker,
                        uint64_t *ret_place)
{
    memset(ret_worker, 0, sizeof(*ret_worker));
    text_copy(ret_worker->worker, sizeof(ret_worker->worker), worker->by_name.key);
    ret_worker->last_seen_at = worker->by_seen.score;
    ret_worker->held = (int64_t)worker->held.count;
    const struct index_node *node = index_first(&worker->held);
    for (size_t i = 0; node != NULL && i < REPO_WORKER_HELD_MAX; i++, node = index_next(node)) {
        ret_worker->processes[i].id = *index_id(node);
        ret_worker->processes[i].claimed_at = node->score;
        const struct memory_links *links = container_of(node, struct memory_links, by_start);
        *ret_place = memory_later(*ret_place, links->record->place);
    }
}

void memory_workers(struct process_repository *base, struct repo_workers *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_people *people = &repository->store.people;
    memory_people_prune(people, call->now);
    const size_t count = at_most(people->seen_workers.count, REPO_WORKERS_MAX);
    struct memory_array *array = memory_array_new(count, sizeof(struct repo_worker));
    struct repo_worker *workers = memory_array_items(array);
    const struct index_node *node = index_last(&people->seen_workers);
    uint64_t place = 0;
    call->workers = workers;
    for (call->count = 0; workers != NULL && call->count < count; node = index_prev(node))
        fill_worker(container_of(node, struct memory_worker, by_seen), &workers[call->count++],
                    &place);
    call->more = node != NULL;
    memory_show(repository, &call->op, workers != NULL ? ERR_OK : ERR_NO_MEMORY, place,
                memory_array_block(array));
}

/* --- groups ----------------------------------------------------------------------------------- */

static double percent_of(const struct process *process)
{
    struct span key, value;
    double percent;
    if (json_kind_of(process->progress) != JSON_KIND_OBJECT)
        return 0;
    for (size_t cursor = 0; json_object_next(process->progress, &cursor, &key, &value);)
        if (json_string_is(key, "percent") && json_kind_of(value) == JSON_KIND_NUMBER &&
            json_to_double(value, &percent))
            return percent;
    return 0;
}

static double running_percent(const struct ordered_index *running)
{
    double sum = 0;
    int count = 0;
    for (const struct index_node *node = index_first(running);
         node != NULL && count < REPO_GROUP_RUNNING_MAX; node = index_next(node), count++)
        sum +=
            percent_of(&container_of(node, struct memory_links, by_group_status)->record->process);
    return count > 0 ? sum / count : 0;
}

void memory_group(struct process_repository *base, struct repo_group *call)
{
    struct memory_repository *repository = memory_repository(base);
    const struct memory_group *group = memory_store_group(&repository->store, call->group);
    memset(call->by_status, 0, sizeof(call->by_status));
    call->total = 0;
    call->running_percent = 0;
    if (group != NULL) {
        call->total = (int64_t)group->members.count;
        for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
            call->by_status[i] = (int64_t)group->statuses[i].count;
        call->running_percent = running_percent(&group->statuses[PROCESS_RUNNING]);
    }
    memory_show(repository, &call->op, ERR_OK, group != NULL ? group->place : 0, NULL);
}
