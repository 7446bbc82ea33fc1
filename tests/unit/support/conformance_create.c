/* Creation, reading, idempotency keys. */
#include "support/conformance.h"

#include "support/test.h"

static void keeps_every_attribute(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.input = SPAN(" {\"big\": 18446744073709551616, \"x\":[1e999,\"\\u00e9\"] }");
    draft.metadata = SPAN("{\"tenth\":0.10,\"text\":\"gr\xc3\xbc\xc3\x9f\"}");
    draft.group = SPAN("batch:7");
    draft.traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    draft.priority = -100;
    draft.max_attempts = 7;
    draft.timeout_ms = 1234;
    draft.retention_ms = 0;
    draft.run_at = c->now + 5000;
    draft.queue_timeout_ms = 7000;
    draft.queue_deadline = c->now + 12000;
    draft.deadline = c->now + 3600000;
    draft.backoff = BACKOFF_EXPONENTIAL;
    draft.retry_base_ms = 250;
    draft.retry_cap_ms = PROCESS_RETRY_MAX_MS;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, &kept);
    assert_same_record(&kept.process, &draft);
    assert_null(kept.process.input.data);
    assert_int_equal(sync_get(&c->sync, &draft.id, true, &kept), ERR_OK);
    assert_span(kept.process.input, draft.input);
}

static void keeps_a_fixed_pause(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.backoff = BACKOFF_FIXED;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    conformance_get(c, &draft.id, &kept);
    assert_same_record(&kept.process, &draft);
}

static void absent_differs_from_empty(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id = conformance_add(c);
    conformance_get(c, &id, &kept);
    assert_null(kept.process.group.data);
    assert_null(kept.process.traceparent.data);
    assert_null(kept.process.result.data);
    assert_null(kept.process.worker.data);
    assert_int_equal(kept.process.started_at, TIME_NONE);
    assert_int_equal(kept.process.deadline, TIME_NONE);
    assert_int_equal(kept.process.queue_deadline, TIME_NONE);
    assert_int_equal(kept.process.retention_ms, -1);
}

static void unknown_is_not_found(void **state)
{
    struct conformance *c = *state;
    struct process_id id;
    struct process_change what = conformance_change(c, EVENT_CANCEL, NULL);
    assert_true(process_id_new(&id));
    assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_change(&c->sync, &id, &what, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_remove(&c->sync, &id, c->now, 0, NULL), ERR_NOT_FOUND);
}

static void key_leads_to_the_same_process(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    bool replayed;
    struct process first = conformance_draft(c), second = conformance_draft(c);
    assert_int_equal(sync_create_with_key(&c->sync, &first, "k 1", 7, &replayed, &kept), ERR_OK);
    assert_false(replayed);
    assert_int_equal(sync_create_with_key(&c->sync, &second, "k 1", 7, &replayed, &kept), ERR_OK);
    assert_true(replayed);
    assert_same_record(&kept.process, &first);
    assert_int_equal(sync_create_with_key(&c->sync, &second, "k 1", 8, &replayed, &kept),
                     ERR_KEY_REUSED);
    assert_int_equal(sync_get(&c->sync, &second.id, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(sync_create_with_key(&c->sync, &second, "k 2", 8, &replayed, &kept), ERR_OK);
    assert_false(replayed);
    assert_int_equal(sync_counts(&c->sync).total, 2);
}

static void key_of_a_removed_process_is_gone(void **state)
{
    struct conformance *c = *state;
    bool replayed;
    struct process first = conformance_draft(c);
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    assert_int_equal(sync_create_with_key(&c->sync, &first, "k", 7, &replayed, NULL), ERR_OK);
    assert_int_equal(sync_change(&c->sync, &first.id, &cancel, NULL, NULL), ERR_OK);
    assert_int_equal(sync_remove(&c->sync, &first.id, c->now, 0, NULL), ERR_OK);
    struct process second = conformance_draft(c);
    assert_int_equal(sync_create_with_key(&c->sync, &second, "k", 7, &replayed, NULL), ERR_GONE);
}

int conformance_create_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(keeps_every_attribute),
        CONFORMANCE_TEST(keeps_a_fixed_pause),
        CONFORMANCE_TEST(absent_differs_from_empty),
        CONFORMANCE_TEST(unknown_is_not_found),
        CONFORMANCE_TEST(key_leads_to_the_same_process),
        CONFORMANCE_TEST(key_of_a_removed_process_is_gone),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
