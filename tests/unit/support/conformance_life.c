/* Creation, reading, every transition, leases and time. */
#include "support/conformance.h"

#include "support/test.h"

/* --- comparing records ---------------------------------------------------------------------------
 */

static void assert_same_record(const struct process *a, const struct process *b)
{
    assert_int_equal(process_id_compare(&a->id, &b->id), 0);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->priority, b->priority);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->max_attempts, b->max_attempts);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->stalls, b->stalls);
    assert_int_equal(a->version, b->version);
    assert_span(a->type, b->type);
    assert_span(a->group, b->group);
    assert_span(a->worker, b->worker);
    assert_span(a->metadata, b->metadata);
    assert_span(a->progress, b->progress);
    assert_span(a->result, b->result);
    assert_span(a->error, b->error);
    assert_span(a->usage, b->usage);
    assert_span(a->lease_token, b->lease_token);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->run_at, b->run_at);
    assert_int_equal(a->started_at, b->started_at);
    assert_int_equal(a->updated_at, b->updated_at);
    assert_int_equal(a->completed_at, b->completed_at);
    assert_int_equal(a->expires_at, b->expires_at);
    assert_int_equal(a->lease_until, b->lease_until);
    assert_int_equal(a->attempt_deadline, b->attempt_deadline);
    assert_int_equal(a->cancel_requested_at, b->cancel_requested_at);
    assert_int_equal(a->cancel_deadline, b->cancel_deadline);
    assert_int_equal(a->timeout_ms, b->timeout_ms);
    assert_int_equal(a->retention_ms, b->retention_ms);
}

static void get(const struct conformance *c, const struct process_id *id, struct kept *ret_kept)
{
    assert_int_equal(sync_get(&c->sync, id, false, ret_kept), ERR_OK);
}

static enum err change(const struct conformance *c, const struct kept *running,
                       enum process_event event)
{
    struct process_change what = conformance_change(c, event, running);
    return sync_change(&c->sync, &running->process.id, &what, NULL, NULL);
}

/* --- create and get --------------------------------------------------------------------------- */

static void keeps_every_attribute(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.input = SPAN(" {\"big\": 18446744073709551616, \"x\":[1e999,\"\\u00e9\"] }");
    draft.metadata = SPAN("{\"tenth\":0.10,\"text\":\"gr\xc3\xbc\xc3\x9f\"}");
    draft.group = SPAN("batch:7");
    draft.priority = -100;
    draft.max_attempts = 7;
    draft.timeout_ms = 1234;
    draft.retention_ms = 0;
    draft.run_at = c->now + 5000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    get(c, &draft.id, &kept);
    assert_same_record(&kept.process, &draft);
    assert_null(kept.process.input.data);
    assert_int_equal(sync_get(&c->sync, &draft.id, true, &kept), ERR_OK);
    assert_span(kept.process.input, draft.input);
}

static void absent_differs_from_empty(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id = conformance_add(c);
    get(c, &id, &kept);
    assert_null(kept.process.group.data);
    assert_null(kept.process.result.data);
    assert_null(kept.process.worker.data);
    assert_int_equal(kept.process.started_at, TIME_NONE);
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

/* --- transitions ------------------------------------------------------------------------------ */

/* A process in the given status; final ones keep the token of the run that led there. */
static void put_into(const struct conformance *c, enum process_status status, struct kept *ret_kept)
{
    static const enum process_event ends[PROCESS_STATUS_COUNT] = {
        [PROCESS_COMPLETED] = EVENT_COMPLETE,
        [PROCESS_FAILED] = EVENT_FAIL,
        [PROCESS_CANCELED] = EVENT_CANCELED};
    if (status == PROCESS_PENDING) {
        struct process_id id = conformance_add(c);
        get(c, &id, ret_kept);
        return;
    }
    conformance_running(c, ret_kept);
    if (status == PROCESS_CANCELED)
        assert_int_equal(change(c, ret_kept, EVENT_CANCEL), ERR_OK);
    if (status != PROCESS_RUNNING) {
        assert_int_equal(change(c, ret_kept, ends[status]), ERR_OK);
        get(c, &ret_kept->process.id, ret_kept);
    }
}

/* The reference for everything: the rules applied to a copy of the record. */
static void check_against_rules(const struct conformance *c, struct kept *before,
                                const struct process_change *what)
{
    static struct kept after;
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    bool expected_change, changed;
    struct process expected = before->process;
    enum err expected_err = process_apply(&expected, what, &c->policy, storage, &expected_change);
    enum err err = sync_change(&c->sync, &before->process.id, what, &changed, &after);
    assert_int_equal(err, expected_err);
    assert_same_record(&after.process, expected_err == ERR_OK ? &expected : &before->process);
    if (err == ERR_OK)
        assert_int_equal(changed, expected_change);
    get(c, &before->process.id, &after);
    assert_same_record(&after.process, expected_err == ERR_OK ? &expected : &before->process);
}

static void every_event_in_every_status(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
        for (int event = 0; event < EVENT_LAPSE; event++) {
            put_into(c, (enum process_status)status, &kept);
            struct process_change what = conformance_change(c, (enum process_event)event, &kept);
            check_against_rules(c, &kept, &what);
            while (sync_claim(&c->sync, "t", 1, c->now, 60000, &kept) > 0)
                ; /* whatever it left claimable must not be claimed in the next round */
        }
    }
}

static void only_the_holder_of_the_lease_reports(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    static const enum process_event events[] = {EVENT_HEARTBEAT, EVENT_PROGRESS, EVENT_COMPLETE,
                                                EVENT_FAIL,      EVENT_RELEASE,  EVENT_CANCELED};
    conformance_running(c, &kept);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct process_change what = conformance_change(c, events[i], &kept);
        what.token = SPAN("00000000000000000000000000000000");
        check_against_rules(c, &kept, &what);
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL),
                         ERR_LEASE_LOST);
        what.token = SPAN_NONE;
        assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL),
                         ERR_LEASE_LOST);
    }
}

static void version_is_checked_when_given(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    put_into(c, PROCESS_PENDING, &kept);
    struct process_change what = conformance_change(c, EVENT_CANCEL, NULL);
    what.if_version = 2;
    check_against_rules(c, &kept, &what);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_STALE);
    what.if_version = 1;
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, NULL, NULL), ERR_OK);
}

static void repeated_reports_get_the_same_answer(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    bool changed;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_COMPLETE, &kept);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, &changed, NULL), ERR_OK);
    assert_true(changed);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, &changed, NULL), ERR_OK);
    assert_false(changed);
    what.result = SPAN("[2, 1]");
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, &changed, NULL), ERR_CONFLICT);
    conformance_running(c, &kept);
    what = conformance_change(c, EVENT_FAIL, &kept);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, &changed, NULL), ERR_OK);
    assert_int_equal(sync_change(&c->sync, &kept.process.id, &what, &changed, NULL), ERR_OK);
    assert_false(changed);
}

static void failures_are_retried_after_a_pause(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct repo_advance advanced;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 3;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    int64_t now = c->now;
    for (int attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 1);
        assert_int_equal(kept.process.attempt, attempt);
        struct process_change what = conformance_change(c, EVENT_FAIL, &kept);
        what.retryable = true;
        what.now = now;
        check_against_rules(c, &kept, &what);
        get(c, &draft.id, &kept);
        if (attempt == 3)
            break;
        assert_int_equal(kept.process.status, PROCESS_PENDING);
        assert_in_range(kept.process.run_at - now, (1000 << (attempt - 1)) - 1,
                        1000 << (attempt - 1));
        now = kept.process.run_at;
        assert_int_equal(sync_advance(&c->sync, now - 1, 10, &advanced), ERR_OK);
        assert_int_equal(advanced.released, 0);
        assert_int_equal(sync_claim(&c->sync, "t", 1, now, 60000, &kept), 0);
        assert_int_equal(sync_advance(&c->sync, now, 10, &advanced), ERR_OK);
        assert_int_equal(advanced.released, 1);
    }
    assert_int_equal(kept.process.status, PROCESS_FAILED);
    assert_int_equal(kept.process.failures, 3);
}

static void a_retry_by_hand_starts_afresh(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    put_into(c, PROCESS_FAILED, &kept);
    struct process_change what = conformance_change(c, EVENT_RETRY, NULL);
    check_against_rules(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 20, 60000, &kept), 1);
    assert_int_equal(kept.process.attempt, 2);
    assert_null(kept.process.error.data);
    conformance_complete(c, &kept, c->now + 30);
}

static void retry_after_overrules_the_policy(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process draft = conformance_draft(c);
    draft.max_attempts = 2;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    struct process_change what = conformance_change(c, EVENT_FAIL, &kept);
    what.retryable = true;
    what.retry_after_ms = 0;
    check_against_rules(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, what.now, 60000, &kept), 1);
}

static void a_released_one_is_claimable_at_once(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    assert_int_equal(change(c, &kept, EVENT_PROGRESS), ERR_OK);
    get(c, &kept.process.id, &kept);
    struct process_change what = conformance_change(c, EVENT_RELEASE, &kept);
    check_against_rules(c, &kept, &what);
    assert_int_equal(sync_claim(&c->sync, "t", 1, what.now, 60000, &kept), 1);
    assert_int_equal(kept.process.attempt, 2);
    assert_int_equal(kept.process.failures, 0);
    assert_null(kept.process.progress.data); /* that of the attempt before */
    get(c, &kept.process.id, &kept);
    assert_null(kept.process.progress.data);
}

static void shown_times_never_run_backwards(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    struct process_id id = conformance_add(c);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now - 5000, 60000, &kept), 1);
    assert_int_equal(kept.process.started_at, c->now);
    assert_int_equal(kept.process.lease_until, c->now - 5000 + 60000);
    struct process_change what = conformance_change(c, EVENT_PROGRESS, &kept);
    what.now = c->now + 100;
    check_against_rules(c, &kept, &what);
    get(c, &id, &kept);
    what = conformance_change(c, EVENT_COMPLETE, &kept); /* by a clock that is behind */
    what.now = c->now + 50;
    check_against_rules(c, &kept, &what);
    get(c, &id, &kept);
    assert_int_equal(kept.process.completed_at, c->now + 100);
    assert_int_equal(kept.process.updated_at, c->now + 100);
}

/* --- leases ----------------------------------------------------------------------------------- */

static void advance(const struct conformance *c, int64_t now, int expect_lapsed)
{
    struct repo_advance advanced;
    assert_int_equal(sync_advance(&c->sync, now, 100, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, expect_lapsed);
    assert_false(advanced.more);
}

/* Lets the lease lapse and compares with what the rules make of it. */
static void lapse(const struct conformance *c, struct kept *running, struct kept *ret_after)
{
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    bool changed;
    struct process expected = running->process;
    struct process_change what = conformance_change(c, EVENT_LAPSE, NULL);
    what.now = running->process.lease_until;
    assert_int_equal(process_apply(&expected, &what, &c->policy, storage, &changed), ERR_OK);
    advance(c, what.now - 1, 0);
    advance(c, what.now, 1);
    get(c, &running->process.id, ret_after);
    assert_same_record(&ret_after->process, &expected);
}

static void a_lapsed_lease_puts_back_then_fails(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    conformance_running(c, &kept);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_PENDING);
    assert_int_equal(after.process.stalls, 1);
    assert_int_equal(change(c, &kept, EVENT_COMPLETE), ERR_LEASE_LOST);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now + 70000, 5000, &kept), 1);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_FAILED);
    assert_non_null(strstr(after.process.error.data, "lease_lost"));
}

static void heartbeats_keep_a_lease_without_a_version(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_HEARTBEAT, &kept);
    what.now = c->now + 50000;
    check_against_rules(c, &kept, &what);
    advance(c, c->now + 60000, 0);
    get(c, &kept.process.id, &kept);
    assert_int_equal(kept.process.version, 2);
    assert_int_equal(kept.process.lease_until, c->now + 110000);
}

static void a_timeout_ends_an_attempt(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    struct process draft = conformance_draft(c);
    draft.timeout_ms = 3000;
    draft.max_attempts = 2;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    assert_int_equal(sync_claim(&c->sync, "t", 1, c->now, 60000, &kept), 1);
    assert_int_equal(kept.process.lease_until, c->now + 3000 + c->policy.cancel_grace_ms);
    struct process_change beat = conformance_change(c, EVENT_HEARTBEAT, &kept);
    check_against_rules(c, &kept, &beat);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_PENDING);
    assert_non_null(strstr(after.process.error.data, "\"timeout\""));
    advance(c, after.process.run_at, 0);
    assert_int_equal(sync_claim(&c->sync, "t", 1, after.process.run_at, 60000, &kept), 1);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_FAILED);
}

static void cancel_asks_first_and_is_forced_then(void **state)
{
    struct conformance *c = *state;
    static struct kept kept, after;
    conformance_running(c, &kept);
    struct process_change what = conformance_change(c, EVENT_PROGRESS, &kept);
    check_against_rules(c, &kept, &what);
    get(c, &kept.process.id, &kept);
    what = conformance_change(c, EVENT_CANCEL, NULL);
    check_against_rules(c, &kept, &what);
    get(c, &kept.process.id, &kept);
    assert_int_equal(kept.process.lease_until, what.now + c->policy.cancel_grace_ms);
    check_against_rules(c, &kept, &what); /* asking again changes nothing */
    what = conformance_change(c, EVENT_HEARTBEAT, &kept);
    check_against_rules(c, &kept, &what);
    lapse(c, &kept, &after);
    assert_int_equal(after.process.status, PROCESS_CANCELED);
    assert_span(after.process.progress, SPAN("{\"percent\":50}"));
    assert_int_equal(change(c, &kept, EVENT_COMPLETE), ERR_CONFLICT);
}

/* --- many at random against the rules --------------------------------------------------------- */

static enum process_event random_event(void)
{
    return (enum process_event)(rand() % EVENT_LAPSE);
}

static void random_histories_follow_the_rules(void **state)
{
    struct conformance *c = *state;
    static struct kept kept;
    unsigned seed = (unsigned)c->now;
    print_message("seed %u\n", seed);
    srand(seed);
    struct process draft = conformance_draft(c);
    draft.max_attempts = 1000;
    assert_int_equal(sync_create(&c->sync, &draft), ERR_OK);
    for (int step = 1; step <= 400; step++) {
        int64_t now = c->now + step * 1000;
        struct repo_advance advanced;
        assert_int_equal(sync_advance(&c->sync, now, 10, &advanced), ERR_OK);
        if (rand() % 3 == 0)
            sync_claim(&c->sync, "t", 1, now, 5000 + rand() % 60000, &kept);
        get(c, &draft.id, &kept);
        struct process_change what = conformance_change(c, random_event(), &kept);
        what.now = now;
        what.retryable = rand() % 2 == 0;
        what.jitter = (uint32_t)rand() * 2u;
        what.if_version = rand() % 4 == 0 ? kept.process.version : 0;
        check_against_rules(c, &kept, &what);
    }
}

int conformance_life_run(const struct conformance_subject *subject)
{
    const struct CMUnitTest tests[] = {
        CONFORMANCE_TEST(keeps_every_attribute),
        CONFORMANCE_TEST(absent_differs_from_empty),
        CONFORMANCE_TEST(unknown_is_not_found),
        CONFORMANCE_TEST(key_leads_to_the_same_process),
        CONFORMANCE_TEST(key_of_a_removed_process_is_gone),
        CONFORMANCE_TEST(every_event_in_every_status),
        CONFORMANCE_TEST(only_the_holder_of_the_lease_reports),
        CONFORMANCE_TEST(version_is_checked_when_given),
        CONFORMANCE_TEST(repeated_reports_get_the_same_answer),
        CONFORMANCE_TEST(failures_are_retried_after_a_pause),
        CONFORMANCE_TEST(a_retry_by_hand_starts_afresh),
        CONFORMANCE_TEST(retry_after_overrules_the_policy),
        CONFORMANCE_TEST(a_released_one_is_claimable_at_once),
        CONFORMANCE_TEST(shown_times_never_run_backwards),
        CONFORMANCE_TEST(a_lapsed_lease_puts_back_then_fails),
        CONFORMANCE_TEST(heartbeats_keep_a_lease_without_a_version),
        CONFORMANCE_TEST(a_timeout_ends_an_attempt),
        CONFORMANCE_TEST(cancel_asks_first_and_is_forced_then),
        CONFORMANCE_TEST(random_histories_follow_the_rules),
    };
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
