/* When calls are finished. Without a journal that is at once. With one, a call waits until all that
 * it shows is stored: it stands in line by that place, in one of two generations.
 *
 * What a change takes out of the store may still be read by calls that wait: it is kept with the
 * newer generation, and is freed when all of that are done. When none of the older is left, the
 * newer becomes the older, so that under a steady load each passes on within two batches.
 *
 * on_changed is told of what is stored, and before the call that did it is finished. */
#include "repository/memory_calls.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_KEPT   1024 /* notes that were told: up to so many are not worth moving the others */
#define STEPS_ABOVE 64   /* calls that one with an earlier place is put before, at most */

static uint64_t stored_place(const struct memory_repository *repository)
{
    return repository->journal != NULL ? journal_stored(repository->journal) : UINT64_MAX;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell(const struct memory_repository *repository, const struct process_id *id)
{
    if (repository->base.on_changed != NULL)
        repository->base.on_changed(repository->base.on_changed_arg, id);
}

static size_t told_until(const struct memory_told *told, uint64_t place)
{
    size_t end = told->taken;
    if (place == UINT64_MAX)
        return told->count;
    while (end < told->count && told->notes[end].place <= place)
        end++;
    return end;
}

/* Who is told may call again: what such a call changes it tells of itself, and so it takes only
 * what nobody has taken. */
static void tell_stored(struct memory_repository *repository)
{
    struct memory_told *told = &repository->store.told;
    if (told->taken == told->count && !told->lost)
        return;
    const size_t first = told->taken, end = told_until(told, stored_place(repository));
    told->taken = end;
    if (told->lost) {
        told->lost = false;
        tell(repository, NULL);
        if (repository->base.on_missed != NULL)
            repository->base.on_missed(repository->base.on_missed_arg);
    }
    for (size_t i = first; i < end; i++) {
        const struct process_id id = told->notes[i].id; /* they may be moved */
        tell(repository, &id);
    }
}

static void forget_told(struct memory_told *told)
{
    if (told->taken < told->count && (told->taken < TOLD_KEPT || told->taken < told->count / 2))
        return;
    told->count -= told->taken;
    if (told->count > 0 && told->taken > 0)
        memmove(told->notes, told->notes + told->taken, told->count * sizeof(told->notes[0]));
    told->taken = 0;
}

/* --- generations ------------------------------------------------------------------------------ */

static struct memory_generation *older(struct memory_repository *repository)
{
    return &repository->generations[1 - repository->newer];
}

static struct memory_generation *newer(struct memory_repository *repository)
{
    return &repository->generations[repository->newer];
}

static bool is_done(const struct memory_generation *generation)
{
    return list_is_empty(&generation->changes) && list_is_empty(&generation->views);
}

/* To be called when nobody's done() is running. */
static void settle(struct memory_repository *repository)
{
    struct memory_store *store = &repository->store;
    forget_told(&store->told);
    if (repository->journal == NULL) {
        memory_blocks_free(&store->retired);
        return;
    }
    if (!is_done(older(repository)))
        return;
    memory_blocks_free(&older(repository)->retired);
    newer(repository)->retired = store->retired;
    store->retired = NULL;
    if (is_done(newer(repository)))
        memory_blocks_free(&newer(repository)->retired);
    repository->newer = 1 - repository->newer;
}

static struct process_op *op_of(struct list_link *link)
{
    return container_of(link, struct process_op, link);
}

/* By place, though one that comes late with an earlier one may wait a little longer than that. */
static void stand_in_line(struct list_link *line, struct process_op *op)
{
    struct list_link *after = line->prev;
    for (int i = 0; i < STEPS_ABOVE && after != line && op_of(after)->place > op->place; i++)
        after = after->prev;
    list_append(after->next, &op->link);
}

/* --- finishing -------------------------------------------------------------------------------- */

void memory_finish(struct memory_repository *repository, struct process_op *op, enum err result)
{
    repository->finishing++;
    tell_stored(repository);
    process_op_finish(op, result);
    repository->finishing--;
    if (repository->finishing == 0)
        settle(repository);
}

struct memory_array *memory_array_new(size_t count, size_t item_size)
{
    return malloc(sizeof(struct memory_array) + count * item_size);
}

static void hold(struct memory_repository *repository, struct list_link *line,
                 struct process_op *op, uint64_t place, struct memory_block *given)
{
    if (given != NULL)
        memory_store_retire(&repository->store, given);
    op->place = place;
    stand_in_line(line, op);
}

/* What was given up for want of memory has left marks with a place that no line has yet. */
static bool must_wait(const struct memory_repository *repository, uint64_t *place)
{
    if (repository->journal == NULL || *place <= journal_stored(repository->journal))
        return false;
    const uint64_t last = journal_last(repository->journal);
    if (*place > last)
        *place = last;
    return *place > journal_stored(repository->journal);
}

void memory_answer(struct memory_repository *repository, struct process_op *op, enum err result,
                   uint64_t place, struct memory_block *given)
{
    const bool waits = must_wait(repository, &place);
    const enum err state = waits ? journal_state(repository->journal) : ERR_OK;
    if (waits && state == ERR_OK) {
        op->result = result;
        hold(repository, &newer(repository)->changes, op, place, given);
        return;
    }
    memory_finish(repository, op, state == ERR_OK ? result : state);
    if (given != NULL)
        free(given);
}

void memory_show(struct memory_repository *repository, struct process_op *op, enum err result,
                 uint64_t place, struct memory_block *given)
{
    if (must_wait(repository, &place) && journal_state(repository->journal) == ERR_OK) {
        op->result = result;
        hold(repository, &newer(repository)->views, op, place, given);
        return;
    }
    memory_finish(repository, op, result);
    if (given != NULL)
        free(given);
}

static void finish_stored(struct list_link *line, uint64_t place)
{
    while (!list_is_empty(line) && op_of(line->next)->place <= place) {
        struct process_op *op = op_of(line->next);
        process_op_finish(op, op->result);
    }
}

static void finish_all(struct list_link *line, enum err err)
{
    while (!list_is_empty(line)) {
        struct process_op *op = op_of(line->next);
        process_op_finish(op, err != ERR_OK ? err : op->result);
    }
}

/* What changes finish with that will not be stored for now; OK: they go on waiting. */
static void progress(struct memory_repository *repository, enum err err)
{
    struct memory_generation *const generations[] = {older(repository), newer(repository)};
    repository->finishing++;
    tell_stored(repository);
    const uint64_t stored = journal_stored(repository->journal);
    for (int i = 0; i < 2; i++) {
        finish_stored(&generations[i]->changes, stored);
        finish_stored(&generations[i]->views, stored);
    }
    for (int i = 0; err != ERR_OK && i < 2; i++) {
        finish_all(&generations[i]->changes, err);
        finish_all(&generations[i]->views, ERR_OK);
    }
    repository->finishing--;
    if (repository->finishing == 0)
        settle(repository);
}

void memory_commit_count(struct memory_repository *repository)
{
    struct repository_durability *durability = &repository->base.durability;
    const struct journal_numbers numbers = journal_numbers(repository->journal);
    durability->writes = journal_state(repository->journal);
    durability->journal_bytes = numbers.journal_bytes;
    durability->snapshot_bytes = numbers.snapshot_bytes;
    durability->snapshot_at = numbers.snapshot_at;
    durability->failures = numbers.failures;
    repository->base.counters.journal_written = numbers.written;
    repository->base.counters.journal_sync_latency = numbers.sync_latency;
}

void memory_commit_init(struct memory_repository *repository)
{
    for (int i = 0; i < 2; i++) {
        list_init(&repository->generations[i].changes);
        list_init(&repository->generations[i].views);
    }
}

void memory_commit_progress(struct memory_repository *repository)
{
    memory_commit_count(repository);
    progress(repository,
             repository->base.closed ? ERR_CANCELED : journal_state(repository->journal));
}

void memory_commit_finish(struct memory_repository *repository)
{
    for (int i = 0; i < 2; i++)
        memory_blocks_free(&repository->generations[i].retired);
}
