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

int conformance_teardown(void **state)
{
    struct conformance *c = *state;
    repository_destroy(c->sync.repository);
    loop_destroy(c->sync.loop);
    free(c);
    return 0;
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

int conformance_run(const struct conformance_subject *subject)
{
    return conformance_calls_run(subject) + conformance_life_run(subject) +
           conformance_walks_run(subject);
}
