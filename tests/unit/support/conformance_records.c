/* Records and timelines against the rules. */
#include "support/conformance.h"

#include "support/test.h"

void assert_same_record(const struct process *a, const struct process *b)
{
    assert_int_equal(process_id_compare(&a->id, &b->id), 0);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->priority, b->priority);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->max_attempts, b->max_attempts);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->stalls, b->stalls);
    assert_int_equal(a->events, b->events);
    assert_int_equal(a->backoff, b->backoff);
    assert_int_equal(a->version, b->version);
    assert_span(a->type, b->type);
    assert_span(a->group, b->group);
    assert_span(a->worker, b->worker);
    assert_span(a->metadata, b->metadata);
    assert_span(a->progress, b->progress);
    assert_span(a->result, b->result);
    assert_span(a->error, b->error);
    assert_span(a->usage, b->usage);
    assert_span(a->traceparent, b->traceparent);
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
    assert_int_equal(a->queue_deadline, b->queue_deadline);
    assert_int_equal(a->deadline, b->deadline);
    assert_int_equal(a->timeout_ms, b->timeout_ms);
    assert_int_equal(a->queue_timeout_ms, b->queue_timeout_ms);
    assert_int_equal(a->retry_base_ms, b->retry_base_ms);
    assert_int_equal(a->retry_cap_ms, b->retry_cap_ms);
    assert_int_equal(a->retention_ms, b->retention_ms);
}

void conformance_get(const struct conformance *c, const struct process_id *id,
                     struct kept *ret_kept)
{
    assert_int_equal(sync_get(&c->sync, id, false, ret_kept), ERR_OK);
}

/* --- timelines -------------------------------------------------------------------------------- */

static bool is_late(struct span entry)
{
    static const char mark[] = "\"event\":\"late_result_refused\"";
    return entry.data != NULL && memmem(entry.data, entry.len, mark, sizeof(mark) - 1) != NULL;
}

void conformance_expect_entry(struct text_buffer *entry, const struct process *before,
                              struct process *after, const struct process_change *what,
                              enum err err, bool changed, const struct kept_events *told)
{
    text_buffer_init(entry, 1 << 16);
    const char *event = process_timeline_event(before, after, what, err, changed);
    if (event == NULL)
        return;
    process_timeline_append(entry, event, before, after, what);
    assert_false(entry->failed);
    if (is_late(text_buffer_span(entry)) && told->count > 0 &&
        is_late(told->entries[told->count - 1]))
        text_buffer_finish(entry); /* never two in a row */
    else
        after->events++;
}

void conformance_told(const struct conformance *c, const struct process_id *id,
                      const struct kept_events *before, struct span entry)
{
    static struct kept_events after;
    static struct kept kept;
    size_t max = (size_t)c->policy.events_max, more = entry.data != NULL ? 1 : 0;
    size_t gone = before->count + more > max ? before->count + more - max : 0;
    assert_int_equal(sync_events(&c->sync, id, &kept, &after), ERR_OK);
    assert_int_equal(after.count, before->count + more - gone);
    for (size_t i = 0; i + more < after.count; i++)
        assert_span(after.entries[i], before->entries[i + gone]);
    if (more > 0)
        assert_span(after.entries[after.count - 1], entry);
    assert_true((size_t)kept.process.events >= after.count);
    if ((size_t)kept.process.events <= max)
        assert_int_equal(after.count, kept.process.events);
}

/* --- changes ---------------------------------------------------------------------------------- */

void conformance_check(const struct conformance *c, const struct kept *before,
                       const struct process_change *what)
{
    static struct kept after;
    static struct kept_events told;
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    const struct process_id id = before->process.id;
    struct text_buffer entry;
    bool expected_change, changed;
    struct process expected = before->process;
    assert_int_equal(sync_events(&c->sync, &id, NULL, &told), ERR_OK);
    enum err expected_err = process_apply(&expected, what, &c->policy, storage, &expected_change);
    conformance_expect_entry(&entry, &before->process, &expected, what, expected_err,
                             expected_change, &told);

    enum err err = sync_change(&c->sync, &id, what, &changed, &after);
    assert_int_equal(err, expected_err);
    assert_same_record(&after.process, &expected);
    if (err == ERR_OK)
        assert_int_equal(changed, expected_change);
    conformance_get(c, &id, &after);
    assert_same_record(&after.process, &expected);
    conformance_told(c, &id, &told, text_buffer_span(&entry));
    text_buffer_finish(&entry);
}

/* The one that is said to have been settled is that one, as the rules have left it. */
static void check_settled(const struct repo_advance *advanced, const struct process *before,
                          const struct process_change *what, const struct process *after)
{
    const struct repo_settled *settled = advanced->settled;
    const bool ended = process_status_is_final(after->status) && after->started_at != TIME_NONE;
    assert_int_equal(advanced->settled_count, 1);
    assert_span(settled->type, before->type);
    assert_int_equal(settled->event, what->event);
    assert_int_equal(settled->status, after->status);
    assert_int_equal(settled->lease_lost,
                     what->event == EVENT_LAPSE && process_lapse_is_loss(before, what->now));
    assert_int_equal(settled->run_ms, ended ? after->completed_at - after->started_at : -1);
}

void conformance_check_advance(const struct conformance *c, const struct kept *before,
                               enum process_event event, int64_t now, struct kept *ret_after)
{
    static struct kept_events told;
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    const struct process_id id = before->process.id;
    struct repo_advance advanced;
    struct text_buffer entry;
    bool changed;
    struct process expected = before->process;
    struct process_change what = conformance_change(c, event, NULL);
    what.now = now;
    assert_int_equal(sync_events(&c->sync, &id, NULL, &told), ERR_OK);
    assert_int_equal(process_apply(&expected, &what, &c->policy, storage, &changed), ERR_OK);
    conformance_expect_entry(&entry, &before->process, &expected, &what, ERR_OK, changed, &told);

    assert_int_equal(sync_advance(&c->sync, now, 100, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, event == EVENT_LAPSE);
    assert_int_equal(advanced.expired, event == EVENT_EXPIRE);
    assert_false(advanced.more);
    check_settled(&advanced, &before->process, &what, &expected);
    conformance_told(c, &id, &told, text_buffer_span(&entry));
    text_buffer_finish(&entry);
    static struct kept after;
    conformance_get(c, &id, &after);
    assert_same_record(&after.process, &expected);
    if (ret_after != NULL)
        keep(ret_after, &after.process);
}

bool conformance_check_claim(const struct conformance *c, const char *type, int64_t now,
                             int64_t lease_ms, struct kept *ret_kept)
{
    static struct kept before, after;
    static struct kept_events told;
    struct repo_list next = {.limit = 1, .type = span_of(type), .by_status = true};
    struct process_id id;
    assert_int_equal(sync_list(&c->sync, &next, &id), ERR_OK);
    if (next.count == 0)
        return false;
    assert_false(next.more); /* else it were not known which of them comes */
    conformance_get(c, &id, &before);
    assert_int_equal(sync_events(&c->sync, &id, NULL, &told), ERR_OK);
    if (sync_claim(&c->sync, type, 1, now, lease_ms, ret_kept) == 0)
        return false;
    const struct process *claimed = &ret_kept->process;
    struct process expected = before.process;
    struct text_buffer entry;
    process_start(&expected, &c->policy, now, SPAN("tester/1"), claimed->lease_token, lease_ms);
    expected.events++;
    assert_same_record(claimed, &expected);
    conformance_get(c, &id, &after);
    assert_same_record(&after.process, &expected);
    text_buffer_init(&entry, 1 << 16);
    process_timeline_append_claimed(&entry, &expected);
    conformance_told(c, &id, &told, text_buffer_span(&entry));
    text_buffer_finish(&entry);
    return true;
}
