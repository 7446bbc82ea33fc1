/* Batches: all or nothing, and the same ids when a client asks again. */
#include "support/conformance.h"

#include "support/test.h"

static void a_batch_is_stored_as_its_processes_would_be(void **state)
{
    enum { COUNT = 5 };
    struct conformance *c = *state;
    static struct kept kept;
    static const int priorities[COUNT] = {0, 3, -1, 3, 0};
    struct process drafts[COUNT];
    struct process_id order[COUNT] = {0};
    struct repo_create_batch batch = conformance_batch(c, drafts, COUNT);
    batch.now = c->now + COUNT;
    for (int i = 0; i < COUNT; i++) {
        drafts[i].priority = priorities[i];
        drafts[i].created_at = drafts[i].run_at = drafts[i].updated_at = c->now + i;
        drafts[i].group = i % 2 == 0 ? SPAN("g") : SPAN_NONE;
        drafts[i].metadata = i == 1 ? SPAN("{\"text\":\"gr\xc3\xbc\xc3\x9f\"}") : SPAN_NONE;
        drafts[i].traceparent =
            i == 4 ? SPAN_NONE : SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        drafts[i].deadline = i == 2 ? c->now + 60000 : TIME_NONE;
        drafts[i].backoff = i == 3 ? BACKOFF_FIXED : BACKOFF_POLICY;
        drafts[i].retry_base_ms = i == 3 ? 77 : 0;
    }
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_false(batch.replayed);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(sync_get(&c->sync, &drafts[i].id, true, &kept), ERR_OK);
        assert_same_record(&kept.process, &drafts[i]);
        assert_span(kept.process.input, drafts[i].input);
    }
    assert_int_equal(sync_counts(&c->sync).total, COUNT);
    assert_int_equal(sync_group(&c->sync, SPAN("g")).total, 3);
    static const int claimed[COUNT] = {1, 3, 0, 4, 2};
    for (int i = 0; i < COUNT; i++) {
        order[i] = drafts[claimed[i]].id;
        assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 10, 60000, &kept), 1);
        assert_true(same_id(&kept.process.id, &order[i]));
    }
}

static void delays_and_deadlines_of_a_batch_come(void **state)
{
    struct conformance *c = *state;
    struct process drafts[3];
    struct repo_advance advanced;
    struct repo_create_batch batch = conformance_batch(c, drafts, 3);
    drafts[0].run_at = c->now + 1000;
    drafts[1].deadline = c->now + 500;
    drafts[2].queue_deadline = c->now + 700;
    drafts[2].run_at = c->now + 600;
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_int_equal(sync_advance(&c->sync, c->now + 650, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.expired, 1);
    assert_int_equal(advanced.released, 1);
    assert_int_equal(sync_advance(&c->sync, c->now + 700, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.expired, 1);
    assert_int_equal(sync_claim(&c->sync, "t", 3, c->now + 700, 60000, NULL), 0);
    assert_int_equal(sync_advance(&c->sync, c->now + 1000, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.released, 1);
    assert_int_equal(sync_claim(&c->sync, "t", 3, c->now + 1000, 60000, NULL), 1);
}

static void the_largest_batch_is_stored_at_once(void **state)
{
    struct conformance *c = *state;
    static struct process drafts[REPO_BATCH_MAX];
    struct repo_create_batch batch = conformance_batch(c, drafts, REPO_BATCH_MAX);
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_int_equal(sync_counts(&c->sync).by_status[PROCESS_PENDING], REPO_BATCH_MAX);
    for (unsigned i = 0; i < REPO_BATCH_MAX; i++) {
        struct process_id id;
        process_id_nth(&batch.base, i, &id);
        assert_int_equal(sync_get(&c->sync, &id, false, NULL), ERR_OK);
    }
}

static void a_batch_is_claimed_in_its_order(void **state)
{
    struct conformance *c = *state;
    static struct kept kept[8];
    struct process drafts[8];
    struct repo_create_batch batch = conformance_batch(c, drafts, 8);
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 8, c->now, 60000, kept), 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(process_id_compare(&kept[i].process.id, &drafts[i].id), 0);
}

/* The client's list may hold some that were refused: the others keep their places. */
static void a_batch_may_have_holes(void **state)
{
    struct conformance *c = *state;
    bool replayed;
    struct process drafts[2];
    struct process_id refused;
    struct repo_create_batch batch = conformance_batch(c, drafts, 2);
    batch.idempotency_key = SPAN("k");
    process_id_nth(&batch.base, 3, &drafts[0].id);
    process_id_nth(&batch.base, 7, &drafts[1].id);
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_OK);
    refused = batch.base;
    assert_int_equal(sync_get(&c->sync, &drafts[0].id, false, NULL), ERR_OK);
    assert_int_equal(sync_get(&c->sync, &drafts[1].id, false, NULL), ERR_OK);
    assert_int_equal(sync_get(&c->sync, &refused, false, NULL), ERR_NOT_FOUND);
    struct process again[2];
    struct repo_create_batch second = conformance_batch(c, again, 2);
    second.idempotency_key = SPAN("k");
    assert_int_equal(sync_create_batch(&c->sync, &second), ERR_OK);
    assert_true(second.replayed);
    assert_true(same_id(&second.base, &batch.base));
    struct process single = conformance_draft(c);
    assert_int_equal(sync_create_with_key(&c->sync, &single, "k", 1, &replayed, NULL),
                     ERR_KEY_REUSED);
}

static void a_key_leads_to_the_same_batch(void **state)
{
    enum { COUNT = 4 };
    struct conformance *c = *state;
    struct process drafts[COUNT], others[COUNT];
    struct repo_create_batch first = conformance_batch(c, drafts, COUNT);
    first.idempotency_key = SPAN("k 1");
    first.fingerprint = 7;
    assert_int_equal(sync_create_batch(&c->sync, &first), ERR_OK);
    assert_false(first.replayed);
    struct repo_create_batch second = conformance_batch(c, others, COUNT);
    second.idempotency_key = SPAN("k 1");
    second.fingerprint = 7;
    struct repo_create_batch reused = second;
    assert_int_equal(sync_create_batch(&c->sync, &second), ERR_OK);
    assert_true(second.replayed);
    assert_true(same_id(&second.base, &first.base));
    reused.fingerprint = 8;
    assert_int_equal(sync_create_batch(&c->sync, &reused), ERR_KEY_REUSED);
    assert_int_equal(sync_counts(&c->sync).total, COUNT); /* nothing of either was stored */
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(sync_get(&c->sync, &others[i].id, false, NULL), ERR_NOT_FOUND);
    reused.idempotency_key = SPAN("k 2");
    assert_int_equal(sync_create_batch(&c->sync, &reused), ERR_OK);
    assert_false(reused.replayed);
    assert_int_equal(sync_counts(&c->sync).total, 2 * COUNT);
}

static void a_key_outlives_the_batch(void **state)
{
    enum { COUNT = 2 };
    struct conformance *c = *state;
    struct process drafts[COUNT], others[COUNT];
    struct process_change cancel = conformance_change(c, EVENT_CANCEL, NULL);
    struct repo_create_batch first = conformance_batch(c, drafts, COUNT);
    first.idempotency_key = SPAN("k");
    assert_int_equal(sync_create_batch(&c->sync, &first), ERR_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(sync_change(&c->sync, &drafts[i].id, &cancel, NULL, NULL), ERR_OK);
        assert_int_equal(sync_remove(&c->sync, &drafts[i].id, c->now, 0, NULL), ERR_OK);
    }
    struct repo_create_batch second = conformance_batch(c, others, COUNT);
    second.idempotency_key = SPAN("k");
    assert_int_equal(sync_create_batch(&c->sync, &second), ERR_OK); /* each id answers for itself */
    assert_true(second.replayed);
    assert_true(same_id(&second.base, &first.base));
    assert_int_equal(sync_counts(&c->sync).total, 0);
}

static void a_key_of_a_single_one_is_not_a_batchs(void **state)
{
    struct conformance *c = *state;
    bool replayed;
    struct process single = conformance_draft(c), drafts[2];
    assert_int_equal(sync_create_with_key(&c->sync, &single, "k", 7, &replayed, NULL), ERR_OK);
    struct repo_create_batch batch = conformance_batch(c, drafts, 2);
    batch.idempotency_key = SPAN("k");
    batch.fingerprint = 8;
    assert_int_equal(sync_create_batch(&c->sync, &batch), ERR_KEY_REUSED);
    assert_int_equal(sync_counts(&c->sync).total, 1);
}

int conformance_batch_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(a_batch_is_stored_as_its_processes_would_be),
        CONFORMANCE_TEST(delays_and_deadlines_of_a_batch_come),
        CONFORMANCE_TEST(the_largest_batch_is_stored_at_once),
        CONFORMANCE_TEST(a_batch_is_claimed_in_its_order),
        CONFORMANCE_TEST(a_batch_may_have_holes),
        CONFORMANCE_TEST(a_key_leads_to_the_same_batch),
        CONFORMANCE_TEST(a_key_outlives_the_batch),
        CONFORMANCE_TEST(a_key_of_a_single_one_is_not_a_batchs),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
