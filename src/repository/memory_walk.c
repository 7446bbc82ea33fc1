#include "repository/memory_calls.h"

#include <assert.h>
#include <string.h>

static bool type_matches(const struct process *process, struct span type)
{
    return type.data == NULL || span_equal(process->type, type);
}

/* The group is not asked: its own index holds its members only. */
static bool is_listed(const struct process *process, const struct repo_list *call)
{
    return type_matches(process, call->type) &&
           (call->created_after == 0 || process->created_at > call->created_after) &&
           (call->created_before == 0 || process->created_at < call->created_before);
}

/* NULL: the group has no members. */
static const struct ordered_index *list_index(const struct memory_store *store,
                                              const struct repo_list *call)
{
    if (call->group.data == NULL)
        return call->by_status ? &store->statuses[call->status] : &store->times;
    const struct memory_group *group = memory_store_group(store, call->group);
    if (group == NULL)
        return NULL;
    return call->by_status ? &group->statuses[call->status] : &group->members;
}

static struct index_node *list_start(const struct memory_store *store, const struct repo_list *call)
{
    const struct ordered_index *index = list_index(store, call);
    if (index == NULL)
        return NULL;
    if (call->has_position)
        return index_before(index, call->position.score, &call->position.id);
    if (!call->by_status && call->created_before != 0)
        return index_before(index, call->created_before, NULL);
    return index_last(index);
}

static const struct memory_record *listed_record(const struct index_node *node,
                                                 const struct repo_list *call)
{
    if (call->group.data != NULL && call->by_status)
        return container_of(node, struct memory_links, by_group_status)->record;
    if (call->group.data != NULL)
        return container_of(node, struct memory_links, by_group)->record;
    if (call->by_status)
        return container_of(node, struct memory_record, by_status);
    return container_of(node, struct memory_record, by_time);
}

static void list_page(const struct memory_store *store, struct repo_list *call,
                      struct process *ret_page, uint64_t *ret_place)
{
    const struct index_node *node = list_start(store, call), *last = NULL;
    const int examine = call->examine > 0 ? call->examine : REPO_LIST_EXAMINE;
    bool in_range = true;
    size_t bytes = 0;
    for (int examined = 0; node != NULL && call->count < (size_t)call->limit &&
                           bytes < REPO_PAGE_BYTES && examined < examine && in_range;
         examined++) {
        const struct memory_record *record = listed_record(node, call);
        const struct process *process = &record->process;
        if (is_listed(process, call)) {
            *ret_place = memory_later(*ret_place, record->place);
            ret_page[call->count] = memory_without_input(process);
            bytes += process_text_bytes(&ret_page[call->count++]);
        }
        in_range = call->by_status || call->created_after == 0 ||
                   process->created_at > call->created_after;
        last = node;
        node = index_prev(node);
    }
    call->more = node != NULL && in_range;
    if (call->more && last != NULL)
        call->position = (struct repo_position){last->score, *index_id(last)};
}

void memory_list(struct process_repository *base, struct repo_list *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct memory_array *array = memory_array_new((size_t)call->limit, sizeof(struct process));
    struct process *page = memory_array_items(array);
    uint64_t place = 0;
    call->processes = page;
    call->count = 0;
    call->more = false;
    if (page != NULL)
        list_page(&repository->store, call, page, &place);
    memory_show(repository, &call->op, page != NULL ? ERR_OK : ERR_NO_MEMORY, place,
                memory_array_block(array));
}

void memory_counts(struct process_repository *base, struct repo_counts *call)
{
    const struct memory_store *store = &memory_repository(base)->store;
    call->total = (int64_t)store->times.count;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        call->by_status[i] = (int64_t)store->statuses[i].count;
    call->due[DUE_RELEASE] = (int64_t)memory_count_due(&store->schedule, call->now);
    call->due[DUE_LAPSE] = (int64_t)memory_count_due(&store->leases, call->now);
    call->due[DUE_EXPIRE] = (int64_t)memory_count_due(&store->deadlines, call->now);
    call->due[DUE_REMOVAL] = (int64_t)memory_count_due(&store->retention, call->now);
    process_op_finish(&call->op, ERR_OK);
}

static struct memory_record *swept_record(struct index_node *node, enum repo_sweep_kind kind)
{
    return kind == SWEEP_EXPIRED ? container_of(node, struct memory_record, by_stage)
                                 : container_of(node, struct memory_record, by_status);
}

static enum err remove_swept(struct memory_repository *repository, struct memory_record *record,
                             const struct repo_sweep *call)
{
    const int64_t tombstone_until = call->now + repository->base.policy->tombstone_ms;
    return memory_remove_record(repository, record, tombstone_until);
}

static enum err sweep(struct memory_repository *repository, struct repo_sweep *call,
                      uint64_t *ret_place)
{
    struct memory_store *store = &repository->store;
    const struct ordered_index *index =
        call->kind == SWEEP_EXPIRED ? &store->retention : &store->statuses[call->status];
    struct index_node *node = call->has_position
                                  ? index_after(index, call->position.score, &call->position.id)
                                  : index_first(index);
    for (int examined = 0; node != NULL && node->score <= call->before; examined++) {
        if (examined == call->limit) {
            call->more = true;
            break;
        }
        struct memory_record *record = swept_record(node, call->kind);
        enum process_status status = record->process.status;
        const struct repo_position position = {node->score, *index_id(node)};
        const bool matches = type_matches(&record->process, call->type);
        node = index_next(node);
        if (matches && !call->dry_run) {
            const enum err err = remove_swept(repository, record, call);
            if (err != ERR_OK)
                return err;
            *ret_place = store->place;
        }
        call->matched[status] += matches;
        call->position = position;
        call->has_position = true;
    }
    return ERR_OK;
}

void memory_sweep(struct process_repository *base, struct repo_sweep *call)
{
    struct memory_repository *repository = memory_repository(base);
    memset(call->matched, 0, sizeof(call->matched));
    call->more = false;
    assert(call->kind == SWEEP_EXPIRED || process_status_is_final(call->status));
    uint64_t place = 0;
    const enum err err = sweep(repository, call, &place);
    memory_answer(repository, &call->op, err, place, NULL);
}
