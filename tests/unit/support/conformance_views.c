/* All that can be asked about the world, against its model. */
#include "support/conformance_world.h"

#include "support/test.h"

/* null counts as 0, as strtod() has it. */
static double percent_of(const struct process *process)
{
    static const char front[] = "{\"percent\":";
    if (!span_starts(process->progress, front))
        return 0;
    return strtod(process->progress.data + sizeof(front) - 1, NULL);
}

static bool is_in(const struct world_member *member, const char *group)
{
    return group == NULL || span_is(member->kept.process.group, group);
}

/* --- groups and lists ------------------------------------------------------------------------- */

static void check_group(const struct world *w, const char *group)
{
    struct repo_group shown = sync_group(&w->c->sync, span_of(group));
    int64_t counts[PROCESS_STATUS_COUNT] = {0}, total = 0;
    double sum = 0;
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        const struct process *process = &w->members[i].kept.process;
        if (!is_in(&w->members[i], group))
            continue;
        counts[process->status]++;
        total++;
        if (process->status == PROCESS_RUNNING)
            sum += percent_of(process);
    }
    assert_int_equal(shown.total, total);
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        assert_int_equal(shown.by_status[i], counts[i]);
    double mean = counts[PROCESS_RUNNING] > 0 ? sum / (double)counts[PROCESS_RUNNING] : 0;
    assert_true(shown.running_percent > mean - 1e-6 && shown.running_percent < mean + 1e-6);
}

static const struct world *sorted_world; /* for qsort() */
static bool sorted_by_status;

static int newest_first(const void *a, const void *b)
{
    const struct world_member *x = &sorted_world->members[*(const int *)a];
    const struct world_member *y = &sorted_world->members[*(const int *)b];
    int64_t s = sorted_by_status ? x->entered_at : x->kept.process.created_at;
    int64_t t = sorted_by_status ? y->entered_at : y->kept.process.created_at;
    if (s != t)
        return s > t ? -1 : 1;
    return process_id_compare(&y->kept.process.id, &x->kept.process.id);
}

static void check_list(const struct world *w, const char *group, int status)
{
    struct process_id listed[WORLD_MEMBERS];
    int order[WORLD_MEMBERS];
    size_t count = 0;
    struct repo_list call = {.group = span_of(group), .limit = 1 + rand() % 4};
    call.by_status = status >= 0;
    call.status = status >= 0 ? (enum process_status)status : PROCESS_PENDING;
    for (int i = 0; i < WORLD_MEMBERS; i++)
        if (is_in(&w->members[i], group) &&
            (status < 0 || (int)w->members[i].kept.process.status == status))
            order[count++] = i;
    sorted_world = w;
    sorted_by_status = call.by_status;
    qsort(order, count, sizeof(order[0]), newest_first);
    assert_int_equal(conformance_walk(w->c, call, listed, WORLD_MEMBERS), count);
    for (size_t i = 0; i < count; i++)
        assert_true(same_id(&listed[i], &w->members[order[i]].kept.process.id));
}

static void check_counts(const struct world *w)
{
    struct repo_counts counts = sync_counts(&w->c->sync);
    for (int i = 0; i < WORLD_MEMBERS; i++)
        counts.by_status[w->members[i].kept.process.status]--;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++)
        assert_int_equal(counts.by_status[i], 0);
    assert_int_equal(counts.total, WORLD_MEMBERS);
}

/* --- types and standings ---------------------------------------------------------------------- */

static bool is_of(const struct world_member *member, int type)
{
    return span_is(member->kept.process.type, world_types[type]);
}

static void check_state(const struct world *w, int type, const struct repo_type_state *shown)
{
    int64_t running = 0, looked_at = TIME_NONE;
    for (int i = 0; i < WORLD_MEMBERS; i++)
        running +=
            is_of(&w->members[i], type) && w->members[i].kept.process.status == PROCESS_RUNNING;
    for (int i = 0; i < WORLD_WORKERS; i++)
        if (w->looked_at[type][i] > looked_at)
            looked_at = w->looked_at[type][i];
    assert_int_equal(shown->paused, w->paused[type]);
    assert_int_equal(shown->running, running);
    assert_int_equal(shown->last_claimed_at, looked_at);
}

static int64_t position_of(const struct world *w, const struct world_member *member)
{
    int64_t position = 1;
    if (!world_is_claimable(w, member))
        return 0;
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        const struct world_member *other = &w->members[i];
        position +=
            world_is_claimable(w, other) &&
            span_equal(other->kept.process.type, member->kept.process.type) &&
            process_queue_score(&other->kept.process) < process_queue_score(&member->kept.process);
    }
    return position;
}

static void check_standings(const struct world *w)
{
    struct repo_standing_item items[WORLD_MEMBERS];
    memset(items, 0xff, sizeof(items));
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        const struct process *process = &w->members[i].kept.process;
        items[i].id = process->id;
        assert_true(text_copy(items[i].type, sizeof(items[i].type), process->type));
    }
    sync_standing(&w->c->sync, items, WORLD_MEMBERS);
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        assert_int_equal(items[i].position, position_of(w, &w->members[i]));
        for (int type = 0; type < WORLD_TYPES; type++)
            if (is_of(&w->members[i], type))
                check_state(w, type, &items[i].state);
    }
}

static void check_type(const struct world *w, int type, const struct repo_type *shown,
                       int64_t workers_since)
{
    const struct process *oldest = NULL;
    int64_t waiting = 0, workers = 0;
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        const struct process *process = &w->members[i].kept.process;
        if (!is_of(&w->members[i], type) || !world_is_claimable(w, &w->members[i]))
            continue;
        waiting++;
        if (oldest == NULL || process->created_at < oldest->created_at)
            oldest = process;
    }
    for (int i = 0; i < WORLD_WORKERS; i++)
        workers += w->looked_at[type][i] >= workers_since;
    check_state(w, type, &shown->state);
    assert_int_equal(shown->waiting, waiting);
    assert_int_equal(shown->waiting_since, oldest != NULL ? oldest->run_at : TIME_NONE);
    assert_int_equal(shown->workers, workers);
}

/* All three have been used within the hour. */
static void check_types(const struct world *w)
{
    struct repo_type types[WORLD_TYPES + 1];
    bool more = true;
    int64_t workers_since = w->now - 20000;
    size_t count = sync_types(&w->c->sync, w->now, workers_since, types, WORLD_TYPES + 1, &more);
    size_t at = 0;
    assert_in_range(count, 1, WORLD_TYPES);
    assert_false(more);
    for (int type = 0; type < WORLD_TYPES; type++) {
        if (at < count && strcmp(types[at].type, world_types[type]) == 0) {
            check_type(w, type, &types[at++], workers_since);
            continue;
        }
        assert_false(w->paused[type]); /* one that nobody has ever named */
        for (int i = 0; i < WORLD_MEMBERS; i++)
            assert_false(is_of(&w->members[i], type));
    }
    assert_int_equal(at, count); /* in their order, and no other */
}

/* --- workers ---------------------------------------------------------------------------------- */

static void check_held(const struct world *w, int worker, const struct repo_worker *shown)
{
    int64_t held = 0;
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        const struct process *process = &w->members[i].kept.process;
        if (process->status != PROCESS_RUNNING || !span_is(process->worker, world_workers[worker]))
            continue;
        bool found = false;
        for (int64_t j = 0; j < shown->held; j++)
            found = found || (same_id(&shown->processes[j].id, &process->id) &&
                              shown->processes[j].claimed_at == process->started_at);
        assert_true(found);
        held++;
    }
    assert_int_equal(shown->held, held);
    for (int64_t j = 1; j < held; j++)
        assert_true(shown->processes[j - 1].claimed_at <= shown->processes[j].claimed_at);
}

static void check_workers(const struct world *w)
{
    struct repo_worker workers[WORLD_WORKERS + 1];
    bool more = true;
    size_t count = sync_workers(&w->c->sync, w->now, workers, WORLD_WORKERS + 1, &more), seen = 0;
    assert_false(more);
    for (int i = 0; i < WORLD_WORKERS; i++)
        seen += w->seen_at[i] != TIME_NONE;
    assert_int_equal(count, seen);
    for (size_t i = 0; i < count; i++) {
        int worker = 0;
        while (worker < WORLD_WORKERS && strcmp(workers[i].worker, world_workers[worker]) != 0)
            worker++;
        assert_true(worker < WORLD_WORKERS);
        assert_int_equal(workers[i].last_seen_at, w->seen_at[worker]);
        assert_true(i == 0 || workers[i - 1].last_seen_at >= workers[i].last_seen_at);
        check_held(w, worker, &workers[i]);
    }
}

void world_check_views(const struct world *w)
{
    for (int group = 0; group <= WORLD_GROUPS; group++) {
        const char *name = group < WORLD_GROUPS ? world_groups[group] : NULL;
        if (name != NULL)
            check_group(w, name);
        for (int status = -1; status < PROCESS_STATUS_COUNT; status++)
            check_list(w, name, status);
    }
    check_counts(w);
    check_standings(w);
    check_types(w);
    check_workers(w);
}
