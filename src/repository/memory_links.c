#include "repository/memory_store.h"

#include <stdlib.h>

/* --- groups ----------------------------------------------------------------------------------- */

struct memory_group *memory_store_group(const struct memory_store *store, struct span name)
{
    struct text_map_entry *entry = text_map_find(&store->groups, name);
    return entry != NULL ? container_of(entry, struct memory_group, by_name) : NULL;
}

static struct memory_group *need_group(struct memory_store *store, struct span name)
{
    struct memory_group *group = memory_store_group(store, name);
    if (group != NULL)
        return group;
    group = calloc(1, sizeof(*group) + name.len);
    if (group == NULL)
        return NULL;
    memcpy(group->name, name.data, name.len);
    text_map_insert(&store->groups, &group->by_name, (struct span){group->name, name.len});
    return group;
}

static void drop_group_if_empty(struct memory_store *store, struct memory_group *group)
{
    if (group == NULL || group->members.count > 0)
        return;
    text_map_remove(&store->groups, &group->by_name);
    free(group);
}

static void free_group(struct text_map_entry *entry)
{
    free(container_of(entry, struct memory_group, by_name));
}

void memory_groups_finish(struct memory_store *store)
{
    text_map_finish(&store->groups, free_group);
}

/* --- links ------------------------------------------------------------------------------------ */

static int64_t deadline_of(const struct process *process)
{
    return process->status == PROCESS_PENDING ? process_pending_deadline(process) : TIME_NONE;
}

static bool has_links(const struct process *process)
{
    return process->group.data != NULL || process->status == PROCESS_RUNNING ||
           deadline_of(process) != TIME_NONE;
}

static struct memory_links *new_links(struct memory_store *store, struct memory_record *record,
                                      const struct process *process)
{
    struct memory_group *group = NULL;
    struct memory_links *links = calloc(1, sizeof(*links));
    if (links != NULL && process->group.data != NULL &&
        (group = need_group(store, process->group)) == NULL) {
        free(links);
        return NULL;
    }
    if (links == NULL)
        return NULL;
    links->id = process->id;
    links->record = record;
    links->group = group;
    return links;
}

/* Whether it stands with the worker that runs it. What comes from elsewhere may pass from one to
 * another. */
static bool is_held(const struct memory_links *links, const struct process *process)
{
    return links != NULL && links->worker != NULL && links->by_start.score == process->started_at &&
           span_equal(links->worker->by_name.key, process->worker);
}

static bool is_run(const struct process *process)
{
    return process->status == PROCESS_RUNNING && process->worker.data != NULL;
}

bool memory_links_prepare(struct memory_store *store, struct memory_record *record,
                          const struct process *process)
{
    bool starts = is_run(process) && !is_held(record->links, process);
    if (starts && memory_worker_seen(&store->people, process->worker, process->started_at) == NULL)
        return false;
    if (record->links == NULL && has_links(process))
        record->links = new_links(store, record, process);
    return record->links != NULL || !has_links(process);
}

static void settle_group(const struct memory_store *store, struct memory_links *links,
                         enum process_status old_status)
{
    struct memory_group *group = links->group;
    const struct process *process = &links->record->process;
    if (group == NULL)
        return;
    group->place = store->place;
    if (!index_has(&links->by_group))
        index_insert(&group->members, &links->by_group, process->created_at, &links->id);
    if (process->status == old_status && index_has(&links->by_group_status))
        return;
    index_remove(&group->statuses[old_status], &links->by_group_status);
    index_insert(&group->statuses[process->status], &links->by_group_status,
                 memory_status_since(process), &links->id);
}

static void settle_deadline(struct memory_store *store, struct memory_links *links)
{
    int64_t deadline = deadline_of(&links->record->process);
    if (index_has(&links->by_deadline) && links->by_deadline.score == deadline)
        return;
    index_remove(&store->deadlines, &links->by_deadline);
    if (deadline != TIME_NONE)
        index_insert(&store->deadlines, &links->by_deadline, deadline, &links->id);
}

static void leave_worker(struct memory_store *store, struct memory_links *links)
{
    if (links->worker != NULL)
        memory_worker_let_go(&store->people, links->worker, &links->by_start);
    links->worker = NULL;
}

static void settle_worker(struct memory_store *store, struct memory_links *links)
{
    const struct process *process = &links->record->process;
    if (is_run(process) && is_held(links, process))
        return;
    leave_worker(store, links);
    if (is_run(process)) {
        links->worker = memory_worker_find(&store->people, process->worker);
        memory_worker_hold(&store->people, links->worker, &links->by_start, process->started_at,
                           &links->id);
    }
}

void memory_links_settle(struct memory_store *store, struct memory_record *record,
                         enum process_status old_status)
{
    struct memory_links *links = record->links;
    if (links == NULL)
        return;
    settle_group(store, links, old_status);
    settle_deadline(store, links);
    settle_worker(store, links);
    if (!has_links(&record->process)) {
        free(links);
        record->links = NULL;
    }
}

void memory_links_drop(struct memory_store *store, struct memory_record *record)
{
    struct memory_links *links = record->links;
    if (links == NULL)
        return;
    if (links->group != NULL) {
        links->group->place = store->place;
        index_remove(&links->group->members, &links->by_group);
        index_remove(&links->group->statuses[record->process.status], &links->by_group_status);
    }
    drop_group_if_empty(store, links->group);
    index_remove(&store->deadlines, &links->by_deadline);
    leave_worker(store, links);
    free(links);
    record->links = NULL;
}
