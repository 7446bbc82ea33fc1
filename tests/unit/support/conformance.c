#include "support/conformance.h"

#include "support/test.h"

int conformance_setup(void **state)
{
    struct conformance *c = calloc(1, sizeof(*c));
    c->subject = *state;
    process_policy_defaults(&c->policy);
    c->policy.retry_base_ms = 1000;
    c->now = clock_wall_ms();
    c->sync.loop = loop_create();
    c->sync.repository = c->subject->open(c->sync.loop, &c->policy);
    assert_non_null(c->sync.repository);
    *state = c;
    return 0;
}

/* What a repository does itself must never leave anything to heal behind, or to mend. */
static void assert_healthy(const struct sync *on, int64_t now)
{
    const struct process_repository *repository = on->repository;
    struct repo_audit audit = {.more = false};
    if (!repository->closed)
        audit = sync_audit(on, now, REPO_AUDIT_MAX);
    for (int i = 0; i < REPO_AUDIT_FINDINGS; i++)
        assert_int_equal(audit.found[i], 0);
    assert_int_equal(repository->counters.damaged, 0);
    assert_int_equal(repository->counters.healed, 0);
    assert_int_equal(repository->counters.timeouts, 0);
}

int conformance_teardown(void **state)
{
    struct conformance *c = *state;
    c->sync.repository->on_changed = NULL; /* their listeners are gone */
    c->sync.repository->on_work = NULL;
    /* The tests' clocks have gone on: whatever is scheduled may be in the queue. */
    assert_healthy(&c->sync, c->now + PROCESS_RETENTION_MAX_S * INT64_C(1000));
    repository_destroy(c->sync.repository);
    loop_destroy(c->sync.loop);
    free(c);
    return 0;
}

void conformance_reopen(struct conformance *c)
{
    repository_destroy(c->sync.repository);
    c->sync.repository = c->subject->open(c->sync.loop, &c->policy);
    assert_non_null(c->sync.repository);
}

void conformance_seed(const struct conformance *c)
{
    const char *given = getenv("CONFORMANCE_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)c->now;
    print_message("CONFORMANCE_SEED=%u\n", seed);
    srand(seed);
}

struct process conformance_draft(const struct conformance *c)
{
    struct process draft = {.status = PROCESS_PENDING,
                            .version = 1,
                            .max_attempts = 1,
                            .type = SPAN("t"),
                            .input = SPAN("{ \"n\" : 0.1 }"),
                            .created_at = c->now,
                            .run_at = c->now,
                            .updated_at = c->now,
                            .retention_ms = -1};
    assert_true(process_id_new(&draft.id));
    return draft;
}

struct process_id conformance_add(const struct conformance *c)
{
    struct process draft = conformance_draft(c);
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    return draft.id;
}

struct process_id conformance_add_to(const struct conformance *c, const char *type, int priority,
                                     int64_t created_at)
{
    struct process draft = conformance_draft(c);
    draft.type = span_of(type);
    draft.priority = priority;
    draft.created_at = draft.run_at = draft.updated_at = created_at;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    return draft.id;
}

struct repo_create_batch conformance_batch(const struct conformance *c, struct process *drafts,
                                           size_t count)
{
    struct repo_create_batch batch = {.processes = drafts, .count = count, .now = c->now};
    assert_true(process_id_new(&batch.base));
    for (size_t i = 0; i < count; i++) {
        drafts[i] = conformance_draft(c);
        process_id_nth(&batch.base, (unsigned)i, &drafts[i].id);
    }
    return batch;
}

void conformance_running(const struct conformance *c, struct kept *ret_kept)
{
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, ret_kept), 1);
    assert_int_equal(process_id_compare(&ret_kept->process.id, &id), 0);
}

struct process_change conformance_change(const struct conformance *c, enum process_event event,
                                         const struct kept *running)
{
    struct process_change change = {.event = event,
                                    .now = c->now + 10,
                                    .lease_ms = 60000,
                                    .retry_after_ms = -1,
                                    .jitter = UINT32_MAX};
    if (running != NULL)
        change.token = running->process.lease_token;
    if (event == EVENT_COMPLETE)
        change.result = SPAN("[1, 2]");
    if (event == EVENT_FAIL)
        change.error = SPAN("{\"code\":\"x\"}");
    if (event == EVENT_PROGRESS)
        change.progress = SPAN("{\"percent\":50}");
    return change;
}

void conformance_complete(const struct conformance *c, struct kept *running, int64_t now)
{
    struct process_change change = conformance_change(c, EVENT_COMPLETE, running);
    struct process_id id = running->process.id;
    change.now = now;
    assert_int_equal(sync_change(&c->sync, &id, &change, NULL, NULL), ERR_OK);
}

enum err conformance_try(const struct conformance *c, const struct kept *running,
                         enum process_event event)
{
    struct process_change what = conformance_change(c, event, running);
    return sync_change(&c->sync, &running->process.id, &what, NULL, NULL);
}

void conformance_put_into(const struct conformance *c, enum process_status status,
                          struct kept *ret_kept)
{
    static const enum process_event ends[PROCESS_STATUS_COUNT] = {
        [PROCESS_COMPLETED] = EVENT_COMPLETE,
        [PROCESS_FAILED] = EVENT_FAIL,
        [PROCESS_CANCELED] = EVENT_CANCELED};
    if (status == PROCESS_PENDING) {
        struct process_id id = conformance_add(c);
        conformance_get(c, &id, ret_kept);
        return;
    }
    conformance_running(c, ret_kept);
    if (status == PROCESS_CANCELED)
        assert_int_equal(conformance_try(c, ret_kept, EVENT_CANCEL), ERR_OK);
    if (status != PROCESS_RUNNING)
        assert_int_equal(conformance_try(c, ret_kept, ends[status]), ERR_OK);
    conformance_get(c, &ret_kept->process.id, ret_kept);
}

size_t conformance_walk(const struct conformance *c, struct repo_list call,
                        struct process_id *ret_ids, size_t max)
{
    size_t count = 0;
    for (int pages = 0; pages < 100; pages++) {
        assert_int_equal(sync_list(&c->sync, &call, ret_ids + count), ERR_OK);
        assert_true(call.count <= (size_t)call.limit);
        count += call.count;
        assert_true(count <= max);
        if (!call.more)
            return count;
        call.has_position = true;
    }
    fail_msg("the list does not end");
    return 0;
}

int conformance_run(const struct conformance_subject *subject)
{
    static int (*const parts[])(const struct conformance_subject *) = {
        conformance_calls_run,  conformance_create_run,    conformance_life_run,
        conformance_leases_run, conformance_deadlines_run, conformance_timeline_run,
        conformance_claims_run, conformance_lists_run,     conformance_removal_run,
        conformance_groups_run, conformance_types_run,     conformance_workers_run,
        conformance_batch_run,  conformance_histories_run, conformance_watch_run,
        conformance_follow_run, conformance_dump_run,      conformance_restore_run,
        conformance_shared_run, conformance_audit_run,
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        failed += parts[i](subject);
    return failed;
}
