/* A claim looks up its types once, and then takes the best of their heads again and again. */
#include "repository/memory_calls.h"

#include <stdlib.h>

/* A type of the call that something waits of. */
struct candidate {
    const struct memory_type *type;
    const struct index_node *head; /* NULL when nothing waits any more */
};

static size_t find_candidates(const struct memory_people *people, const struct repo_claim *call,
                              struct candidate *ret_candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < call->type_count; i++) {
        const struct memory_type *type = memory_type_find(people, call->types[i]);
        if (type != NULL && !type->paused && type->waiting.count > 0)
            ret_candidates[count++] = (struct candidate){type, index_first(&type->waiting)};
    }
    return count;
}

static bool is_better(const struct index_node *a, const struct index_node *b)
{
    if (b == NULL || a->score != b->score)
        return b == NULL || a->score < b->score;
    return process_id_compare(index_id(a), index_id(b)) < 0;
}

static struct candidate *best_of(struct candidate *candidates, size_t count)
{
    struct candidate *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (candidates[i].head != NULL &&
            (best == NULL || is_better(candidates[i].head, best->head)))
            best = &candidates[i];
    return best;
}

static enum err start(struct memory_repository *repository, struct memory_record *record,
                      const struct repo_claim *call, const char *token)
{
    struct memory_store *store = &repository->store;
    struct process process = record->process;
    process_start(&process, repository->base.policy, call->now, call->worker, span_of(token),
                  call->lease_ms);
    struct memory_entry *entry = memory_entry_of_claim(store, &process);
    enum err err = entry != NULL ? memory_write_change(repository, &process, entry) : ERR_NO_MEMORY;
    if (err == ERR_OK) {
        if (!memory_store_update(store, record, &process, call->now, entry))
            err = ERR_NO_MEMORY;
        memory_written(repository, err == ERR_OK);
    }
    if (err != ERR_OK)
        free(entry);
    return err;
}

static enum err take_best(struct memory_repository *repository, struct repo_claim *call,
                          struct process *ret_claimed)
{
    struct candidate candidates[REPO_CLAIM_TYPES_MAX], *best;
    size_t count = find_candidates(&repository->store.people, call, candidates), bytes = 0;
    while (call->count < (size_t)call->max && bytes < REPO_PAGE_BYTES &&
           (best = best_of(candidates, count)) != NULL) {
        struct memory_record *record = container_of(best->head, struct memory_record, by_stage);
        const enum err err = start(repository, record, call, call->tokens[call->count]);
        if (err != ERR_OK)
            return call->count > 0 ? ERR_OK : err;
        best->head = index_first(&best->type->waiting);
        ret_claimed[call->count++] = record->process;
        bytes += process_text_bytes(&record->process);
    }
    return ERR_OK;
}

/* For want of memory nothing is noted: the claim itself matters more. */
static void announce(struct memory_people *people, const struct repo_claim *call)
{
    struct memory_worker *worker = memory_worker_seen(people, call->worker, call->now);
    for (size_t i = 0; worker != NULL && i < call->type_count; i++)
        memory_worker_looks(people, worker, call->types[i], call->now);
}

void memory_claim(struct process_repository *base, struct repo_claim *call)
{
    struct memory_repository *repository = memory_repository(base);
    struct process here[REPO_CLAIM_MAX], *claimed = here; /* enough where no call waits */
    struct memory_array *array = NULL;
    call->count = 0;
    if (call->announce)
        announce(&repository->store.people, call);
    if (repository->journal != NULL) {
        array = memory_array_new((size_t)call->max, sizeof(*claimed));
        claimed = memory_array_items(array);
    }
    call->processes = claimed;
    const enum err err = claimed != NULL ? take_best(repository, call, claimed) : ERR_NO_MEMORY;
    const uint64_t place = call->count > 0 ? repository->store.place : 0;
    memory_answer(repository, &call->op, err, place, memory_array_block(array));
}
