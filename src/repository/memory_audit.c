/* audit: nobody but this program writes here, so what it finds is a bug, and is counted only.
 * Part 0 walks the records by creation, part 1 compares how many there are with how many stand in
 * the indexes. */
#include "repository/memory_calls.h"

#include <string.h>

enum { PART_RECORDS, PART_COUNTS };

/* The node of a record that belongs into this index with this score. */
static void check_node(struct repo_audit *call, const struct ordered_index *index,
                       const struct index_node *node, int64_t score)
{
    if (index == NULL || !index_holds(index, node))
        call->found[AUDIT_MISSING]++;
    else if (node->score != score)
        call->found[AUDIT_MOVED]++;
}

/* ... and of one that belongs nowhere. */
static void check_no_node(struct repo_audit *call, const struct index_node *node)
{
    call->found[AUDIT_STRAY] += index_has(node);
}

/* A pending one that is due stays in the schedule until somebody moves it on. */
static void check_stage(const struct memory_store *store, const struct memory_record *record,
                        struct repo_audit *call)
{
    const struct process *process = &record->process;
    const struct memory_type *type = memory_type_find(&store->people, process->type);
    if (process->status == PROCESS_RUNNING)
        check_node(call, &store->leases, &record->by_stage, process->lease_until);
    else if (process->status != PROCESS_PENDING)
        check_node(call, &store->retention, &record->by_stage, process->expires_at);
    else if (record->stage == &store->schedule)
        check_node(call, &store->schedule, &record->by_stage, process->run_at);
    else
        check_node(call, type != NULL ? &type->waiting : NULL, &record->by_stage,
                   process_queue_score(process));
}

static void check_links(const struct memory_store *store, const struct memory_record *record,
                        struct repo_audit *call)
{
    static const struct memory_links none;
    const struct memory_links *links = record->links != NULL ? record->links : &none;
    const struct process *process = &record->process;
    const struct memory_group *group =
        process->group.data != NULL ? memory_store_group(store, process->group) : NULL;
    int64_t deadline =
        process->status == PROCESS_PENDING ? process_pending_deadline(process) : TIME_NONE;
    if (process->group.data != NULL) {
        check_node(call, group != NULL ? &group->members : NULL, &links->by_group,
                   process->created_at);
        check_node(call, group != NULL ? &group->statuses[process->status] : NULL,
                   &links->by_group_status, memory_status_since(process));
    }
    if (deadline != TIME_NONE)
        check_node(call, &store->deadlines, &links->by_deadline, deadline);
    else
        check_no_node(call, &links->by_deadline);
    if (process->status != PROCESS_RUNNING || process->worker.data == NULL) {
        check_no_node(call, &links->by_start);
    } else {
        const struct memory_worker *worker = memory_worker_find(&store->people, process->worker);
        check_node(call, worker != NULL ? &worker->held : NULL, &links->by_start,
                   process->started_at);
    }
}

static void check_record(const struct memory_store *store, const struct memory_record *record,
                         struct repo_audit *call)
{
    const struct process *process = &record->process;
    if (memory_store_find(store, &process->id) != record)
        call->found[AUDIT_MISSING]++;
    check_node(call, &store->statuses[process->status], &record->by_status,
               memory_status_since(process));
    check_stage(store, record, call);
    check_links(store, record, call);
}

static void walk_records(const struct memory_store *store, struct repo_audit *call)
{
    const struct index_node *node = index_at(&store->times, (size_t)call->cursor);
    for (; node != NULL && call->examined < call->limit; node = index_next(node)) {
        const struct memory_record *record = container_of(node, struct memory_record, by_time);
        if (node->score != record->process.created_at)
            call->found[AUDIT_MOVED]++;
        check_record(store, record, call);
        call->examined++;
    }
    call->cursor += (uint64_t)call->examined;
    if (node == NULL) {
        call->part = PART_COUNTS;
        call->cursor = 0;
    }
}

static void compare(struct repo_audit *call, size_t have, size_t want)
{
    if (have > want)
        call->found[AUDIT_STRAY] += (int64_t)(have - want);
    else
        call->found[AUDIT_MISSING] += (int64_t)(want - have);
}

static void compare_types(const struct memory_store *store, struct repo_audit *call)
{
    const struct memory_people *people = &store->people;
    size_t waiting = store->schedule.count, running = 0;
    if (people->type_names.count > PEOPLE_TYPES_MAX) /* too many for one step */
        return;
    for (const struct index_node *node = index_first(&people->type_names); node != NULL;
         node = index_next(node)) {
        const struct memory_type *type = container_of(node, struct memory_type, by_name);
        waiting += type->waiting.count;
        running += (size_t)type->running;
    }
    compare(call, waiting, store->statuses[PROCESS_PENDING].count);
    compare(call, running, store->statuses[PROCESS_RUNNING].count);
}

static void compare_counts(const struct memory_store *store, struct repo_audit *call)
{
    size_t all = 0;
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++)
        all += store->statuses[status].count;
    size_t running = store->statuses[PROCESS_RUNNING].count;
    size_t pending = store->statuses[PROCESS_PENDING].count;
    compare(call, store->times.count, store->records.size);
    compare(call, all, store->records.size);
    compare(call, store->leases.count, running);
    compare(call, store->retention.count, all - pending - running);
    compare_types(store, call);
}

void memory_audit(struct process_repository *base, struct repo_audit *call)
{
    const struct memory_store *store = &memory_repository(base)->store;
    call->examined = call->mended = 0;
    memset(call->found, 0, sizeof(call->found));
    call->more = call->part == PART_RECORDS;
    if (call->part == PART_RECORDS)
        walk_records(store, call);
    else
        compare_counts(store, call);
    process_op_finish(&call->op, ERR_OK);
}
