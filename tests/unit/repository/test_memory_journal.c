/* What the memory repository writes into its journal, and makes of it at the next start. */
#include "repository/memory_journal_fixture.h"

#include "proctrack/sealed_line.h"
#include "repository/memory_calls.h"

#include <stdio.h>

DEFINE_OPEN(snapshot)
DEFINE_OPEN(create)

/* --- what comes back -------------------------------------------------------------------------- */

static void claim(const struct fixture *f, const char *type, struct kept *ret_kept)
{
    assert_int_equal(sync_claim(&f->sync, type, 1, NOW, 60000, ret_kept), 1);
}

static void a_full_record_comes_back(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct process draft = draft_of("t", NOW);
    bool replayed;
    draft.group = SPAN("g:1");
    draft.input = SPAN("{\"a\":\n1}");
    draft.metadata = SPAN("{\"m\":\"\\u00e9\"}");
    draft.priority = -7;
    draft.backoff = BACKOFF_EXPONENTIAL;
    draft.retry_base_ms = 100;
    draft.retry_cap_ms = 10000;
    draft.timeout_ms = 5000;
    draft.queue_timeout_ms = HOUR_MS;
    draft.queue_deadline = NOW + HOUR_MS;
    draft.deadline = NOW + DAY_MS;
    draft.retention_ms = DAY_MS;
    draft.max_attempts = 4;
    assert_int_equal(sync_create_with_key(&f->sync, &draft, "the key", 77, &replayed, NULL),
                     ERR_OK);
    survives(f);
    assert_int_equal(sync_create_with_key(&f->sync, &draft, "the key", 77, &replayed, &kept),
                     ERR_OK);
    assert_true(replayed);
    assert_int_equal(process_id_compare(&kept.process.id, &draft.id), 0);
    assert_int_equal(sync_create_with_key(&f->sync, &draft, "the key", 78, &replayed, &kept),
                     ERR_KEY_REUSED);
    assert_int_equal(sync_get(&f->sync, &draft.id, true, &kept), ERR_OK);
    assert_span(kept.process.input, SPAN("{\"a\":\n1}"));
    assert_int_equal(kept.process.priority, -7);
}

static void what_is_written_is_counted(void **state)
{
    struct fixture *f = *state;
    add(f, "t", NOW);
    const struct repository_counters *counters = &f->sync.repository->counters;
    const uint64_t written = counters->journal_written;
    const uint64_t syncs = metric_observed(&counters->journal_sync_latency);
    assert_true(written > 0);
    assert_true(syncs > 0);
    add(f, "t", NOW);
    assert_true(counters->journal_written > written);
    assert_int_equal(metric_observed(&counters->journal_sync_latency), syncs + 1);
    assert_int_equal(counters->links + counters->commands, 0); /* there is no server */
}

static void a_life_comes_back(void **state)
{
    struct fixture *f = *state;
    static struct kept kept, other;
    add(f, "t", NOW);
    claim(f, "t", &kept);
    survives(f);
    struct process_change progress = {.event = EVENT_PROGRESS,
                                      .now = NOW + 1,
                                      .token = kept.process.lease_token,
                                      .progress = SPAN("{\"percent\":\n5}")};
    assert_int_equal(sync_change(&f->sync, &kept.process.id, &progress, NULL, NULL), ERR_OK);
    survives(f);
    assert_int_equal(change(f, &kept, EVENT_HEARTBEAT, NOW + 2000), ERR_OK);
    survives(f);
    assert_int_equal(change(f, &kept, EVENT_FAIL, NOW + 3000), ERR_OK);
    survives(f);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW + 3001), ERR_CONFLICT); /* told of */
    survives(f);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW + 3002), ERR_CONFLICT); /* not again */
    survives(f);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW + HOUR_MS, 60000, &other), 0);
    struct repo_advance advanced;
    assert_int_equal(sync_advance(&f->sync, NOW + HOUR_MS, 10, &advanced), ERR_OK);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW + HOUR_MS, 60000, &other), 1);
    survives(f);
    assert_int_equal(sync_advance(&f->sync, NOW + 2 * HOUR_MS, 10, &advanced), ERR_OK);
    assert_int_equal(advanced.lapsed, 1);
    survives(f);
    assert_int_equal(change(f, &other, EVENT_CANCEL, NOW + 2 * HOUR_MS), ERR_OK);
    survives(f);
    assert_int_equal(change(f, &other, EVENT_RETRY, NOW + 2 * HOUR_MS), ERR_OK);
    assert_int_equal(change(f, &other, EVENT_CANCEL, NOW + 2 * HOUR_MS), ERR_OK);
    assert_int_equal(sync_remove(&f->sync, &other.process.id, NOW + 2 * HOUR_MS, 0, NULL), ERR_OK);
    survives(f);
    assert_int_equal(sync_get(&f->sync, &other.process.id, false, NULL), ERR_GONE);
}

static void batches_and_pauses_come_back(void **state)
{
    struct fixture *f = *state;
    struct process drafts[3];
    struct repo_create_batch batch = {.processes = drafts,
                                      .count = 3,
                                      .idempotency_key = SPAN("batch"),
                                      .fingerprint = 5,
                                      .now = NOW};
    assert_true(process_id_new(&batch.base));
    const struct process_id base = batch.base;
    for (unsigned i = 0; i < 3; i++) {
        drafts[i] = draft_of("t", NOW);
        process_id_nth(&batch.base, i, &drafts[i].id);
    }
    assert_int_equal(sync_create_batch(&f->sync, &batch), ERR_OK);
    assert_true(sync_pause(&f->sync, SPAN("t"), true));
    assert_true(sync_pause(&f->sync, SPAN("u"), true));
    assert_true(sync_pause(&f->sync, SPAN("u"), false));
    survives(f);
    assert_int_equal(sync_counts(&f->sync).total, 3);
    assert_int_equal(sync_claim(&f->sync, "t", 1, NOW, 60000, NULL), 0);
    assert_false(sync_pause(&f->sync, SPAN("t"), true));
    assert_false(sync_pause(&f->sync, SPAN("u"), false));
    assert_true(process_id_new(&batch.base));
    assert_int_equal(sync_create_batch(&f->sync, &batch), ERR_OK);
    assert_true(batch.replayed);
    assert_int_equal(process_id_compare(&batch.base, &base), 0);
    assert_int_equal(sync_counts(&f->sync).total, 3);
}

static void what_has_expired_meanwhile_is_gone(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct process draft = draft_of("t", NOW);
    bool replayed;
    assert_int_equal(sync_create_with_key(&f->sync, &draft, "k", 1, &replayed, NULL), ERR_OK);
    claim(f, "t", &kept);
    assert_int_equal(change(f, &kept, EVENT_COMPLETE, NOW), ERR_OK);
    assert_int_equal(sync_remove(&f->sync, &draft.id, NOW, 0, NULL), ERR_OK);
    f->options.now = NOW + f->policy.tombstone_ms;
    restart(f);
    assert_int_equal(sync_get(&f->sync, &draft.id, false, NULL), ERR_NOT_FOUND);
    draft.id.bytes[0]++;
    assert_int_equal(sync_create_with_key(&f->sync, &draft, "k", 2, &replayed, NULL), ERR_OK);
    assert_false(replayed);
}

static void lists_are_ordered_as_before(void **state)
{
    struct fixture *f = *state;
    struct process_id before[4], after[4];
    static struct kept kept[3];
    struct repo_list call = {.limit = 4, .by_status = true, .status = PROCESS_COMPLETED};
    for (int i = 0; i < 3; i++)
        add(f, "t", NOW);
    assert_int_equal(sync_claim(&f->sync, "t", 3, NOW, 60000, kept), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(change(f, &kept[(i + 1) % 3], EVENT_COMPLETE, NOW + i), ERR_OK);
    assert_int_equal(sync_list(&f->sync, &call, before), ERR_OK);
    survives(f);
    call.has_position = false;
    assert_int_equal(sync_list(&f->sync, &call, after), ERR_OK);
    assert_int_equal(call.count, 3);
    assert_memory_equal(before, after, 3 * sizeof(before[0]));
}

static void workers_hold_what_they_held(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct repo_worker worker;
    bool more;
    add(f, "t", NOW);
    claim(f, "t", &kept);
    f->options.now = NOW + HOUR_MS;
    survives(f);
    assert_int_equal(sync_workers(&f->sync, NOW, &worker, 1, &more), 1);
    assert_int_equal(worker.held, 1);
    assert_int_equal(worker.last_seen_at, NOW);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void a_snapshot_is_enough(void **state)
{
    struct fixture *f = *state;
    static struct kept kept;
    struct open_snapshot snapshot = {.done = false}, second = {.done = false};
    for (int i = 0; i < 300; i++)
        add(f, i % 2 == 0 ? "t" : "u", NOW + i);
    claim(f, "t", &kept);
    assert_true(sync_pause(&f->sync, SPAN("u"), true));
    submit_snapshot(f, &snapshot);
    submit_snapshot(f, &second);
    assert_int_equal(second.call.op.result, ERR_CONFLICT);
    assert_int_equal(finish_snapshot(f, &snapshot), ERR_OK);
    assert_true(snapshot.call.bytes > 300 * 100);
    assert_int_equal(f->sync.repository->durability.snapshot_bytes, snapshot.call.bytes);
    assert_false(fake_disk_has(f->fake, "journal.1"));
    survives(f);
    assert_int_equal(f->report.items, 302 - 1);
    assert_int_equal(f->report.lines, 0);
    assert_int_equal(sync_counts(&f->sync).by_status[PROCESS_RUNNING], 1);
}

/* What happens while the snapshot is written stands in it and in the journal behind it. */
static void a_snapshot_may_be_newer_than_what_follows(void **state)
{
    struct fixture *f = *state;
    static struct kept kept, gone;
    struct open_snapshot snapshot = {.done = false};
    add(f, "t", NOW);
    add(f, "gone", NOW);
    claim(f, "t", &kept);
    claim(f, "gone", &gone);
    assert_int_equal(change(f, &gone, EVENT_COMPLETE, NOW), ERR_OK);
    submit_snapshot(f, &snapshot); /* its items are asked for at the end of this turn */
    struct open_create first = {.call.process = draft_of("t", NOW + 1)};
    struct open_create second = {.call.process = draft_of("t", NOW + 2),
                                 .call.idempotency_key = SPAN("k")};
    submit_create(f, &first);
    submit_create(f, &second);
    assert_int_equal(change(f, &kept, EVENT_HEARTBEAT, NOW + 5000), ERR_OK);
    assert_int_equal(change(f, &gone, EVENT_COMPLETE, NOW), ERR_OK); /* again: no change */
    assert_int_equal(sync_remove(&f->sync, &gone.process.id, NOW, 0, NULL), ERR_OK);
    assert_int_equal(finish_snapshot(f, &snapshot), ERR_OK);
    assert_int_equal(finish_create(f, &first), ERR_OK);
    assert_int_equal(finish_create(f, &second), ERR_OK);
    survives(f);
    assert_true(f->report.lines >= 4);
    assert_int_equal(sync_counts(&f->sync).total, 3);
}

/* Creations and removals come faster than they are written: it ends all the same, as what came
 * after its start is in the journal. */
static void a_snapshot_does_not_run_after_what_comes(void **state)
{
    struct fixture *f = *state;
    static struct process drafts[REPO_BATCH_MAX];
    struct open_snapshot snapshot = {.done = false};
    static struct kept kept;
    int rounds = 0;
    add(f, "t", NOW);
    submit_snapshot(f, &snapshot);
    for (; !snapshot.done && rounds < 30; rounds++) {
        const int64_t now = NOW + 1 + rounds;
        for (int i = 0; i < REPO_BATCH_MAX; i++)
            drafts[i] = draft_of("t", now);
        for (int i = 0; i < 2 * REPO_BATCH_MAX; i += REPO_BATCH_MAX) {
            struct repo_create_batch batch = {
                .processes = drafts, .count = REPO_BATCH_MAX, .now = now};
            for (int k = 0; k < REPO_BATCH_MAX; k++)
                assert_true(process_id_new(&drafts[k].id));
            assert_int_equal(sync_create_batch(&f->sync, &batch), ERR_OK);
        }
        const struct process_id gone = add(f, "gone", now);
        claim(f, "gone", &kept);
        assert_int_equal(change(f, &kept, EVENT_COMPLETE, now), ERR_OK);
        assert_int_equal(sync_remove(&f->sync, &gone, now, 0, NULL), ERR_OK);
    }
    assert_true(snapshot.done);
    assert_int_equal(snapshot.call.op.result, ERR_OK);
    survives(f);
    assert_int_equal(f->report.items, 1);
}

static void memory_alone_has_no_snapshot(void **state)
{
    struct fixture *f = *state;
    struct open_snapshot snapshot = {.done = false};
    struct process_repository *alone = memory_repository_create(&f->policy);
    const struct fixture other = {.sync = {.loop = f->sync.loop, .repository = alone}};
    submit_snapshot(&other, &snapshot);
    assert_true(snapshot.done);
    assert_int_equal(snapshot.call.op.result, ERR_UNSUPPORTED);
    assert_string_equal(alone->durability.mode, "none");
    assert_string_equal(f->sync.repository->durability.mode, "always");
    repository_destroy(alone);
}

/* --- a snapshot that is newer than all of the journal ------------------------------------------
 */

enum { MEMBERS = 12, STEPS = 400 };

struct member {
    struct process_id id;
    char token[LEASE_TOKEN_TEXT_SIZE];
};

static void create_some(const struct fixture *f, struct member *member, uint64_t *seed, int64_t now)
{
    struct process draft = draft_of(fake_random(seed) % 2 == 0 ? "t" : "u", now);
    char key[8];
    bool replayed;
    if (fake_random(seed) % 2 == 0)
        draft.group = SPAN("g");
    snprintf(key, sizeof(key), "k%d", (int)(fake_random(seed) % 20));
    if (sync_create_with_key(&f->sync, &draft, key, 1, &replayed, &(struct kept){.texts = ""}) ==
            ERR_OK &&
        !replayed)
        member->id = draft.id;
}

static void claim_some(const struct fixture *f, struct member *members, int64_t now)
{
    static struct kept kept;
    if (sync_claim(&f->sync, "t", 1, now, 3000, &kept) == 0)
        return;
    for (int i = 0; i < MEMBERS; i++)
        if (process_id_compare(&members[i].id, &kept.process.id) == 0)
            text_copy(members[i].token, sizeof(members[i].token), kept.process.lease_token);
}

static void change_some(const struct fixture *f, const struct member *member, uint64_t *seed,
                        int64_t now)
{
    const enum process_event event = (enum process_event)(fake_random(seed) % (EVENT_RETRY + 1));
    struct process_change change = {.event = event,
                                    .now = now,
                                    .token = span_of(member->token),
                                    .lease_ms = 1000 + (int64_t)(fake_random(seed) % 5000),
                                    .retryable = true,
                                    .retry_after_ms = (int64_t)(fake_random(seed) % 3000)};
    if (event == EVENT_PROGRESS)
        change.progress = SPAN("{\"percent\":1}");
    sync_change(&f->sync, &member->id, &change, NULL, NULL);
}

static void do_something(const struct fixture *f, struct member *members, uint64_t *seed,
                         int64_t now)
{
    struct member *member = &members[fake_random(seed) % MEMBERS];
    struct repo_advance advanced;
    switch (fake_random(seed) % 8) {
    case 0:
        create_some(f, member, seed, now);
        break;
    case 1:
    case 2:
        claim_some(f, members, now);
        break;
    case 3:
        sync_remove(&f->sync, &member->id, now, 0, NULL);
        break;
    case 4:
        assert_int_equal(sync_advance(&f->sync, now, 10, &advanced), ERR_OK);
        break;
    case 5:
        sync_pause(&f->sync, SPAN("u"), fake_random(seed) % 2 == 0);
        break;
    default:
        change_some(f, member, seed, now);
    }
}

/* Each sealed line of the text as the journal hands it over. */
static size_t replay_text(struct memory_replay *replay, enum journal_source source, char *text)
{
    char *rest = text;
    size_t count = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        const size_t len = strlen(line);
        struct span members = {line, len > 0 && line[len - 1] == ',' ? len - 1 : len};
        const char *why = NULL;
        uint64_t seq;
        if (!sealed_line_check(members, &members) ||
            (source == JOURNAL_LINE && !sealed_line_number(&members, "seq", &seq)))
            continue; /* a first or last line */
        line[members.data - line] = '{';
        if (!memory_replay(replay, source, members, &why))
            fail_msg("%s: %s", why != NULL ? why : "no memory", line);
        count++;
    }
    return count;
}

static char *text_of(const struct fixture *f, const char *name)
{
    const struct span text = fake_disk_text(f->fake, name);
    return strndup(text.data, text.len);
}

static void replaying_again_does_no_harm(void **state)
{
    struct fixture *f = *state;
    for (uint64_t first_seed = 1; first_seed <= 6; first_seed++) {
        struct member members[MEMBERS] = {{.token = ""}};
        uint64_t seed = first_seed;
        struct open_snapshot snapshot = {.done = false};
        f->policy.idempotency_ms = 100000;
        for (int i = 0; i < STEPS; i++)
            do_something(f, members, &seed, NOW + i * 100);
        char *journal = text_of(f, "journal.1"), *before = all_of(f);
        submit_snapshot(f, &snapshot);
        assert_int_equal(finish_snapshot(f, &snapshot), ERR_OK);
        char *items = text_of(f, "snapshot.json");
        struct fixture again = *f;
        again.sync.repository = memory_repository_create(&f->policy);
        struct memory_replay replay = {.store = &memory_repository(again.sync.repository)->store,
                                       .now = NOW};
        assert_true(replay_text(&replay, JOURNAL_SNAPSHOT, items) > 5);
        assert_true(replay_text(&replay, JOURNAL_LINE, journal) > 50);
        repo_item_storage_finish(&replay.storage);
        char *after = all_of(&again);
        assert_string_equal(before, after);
        repository_destroy(again.sync.repository);
        free(journal);
        free(items);
        free(before);
        free(after);
        shut(f);
        fake_disk_destroy(f->fake);
        f->fake = fake_disk_create();
        assert_int_equal(open_again(f), ERR_OK);
    }
}

/* --- what makes no sense ---------------------------------------------------------------------- */

/* As a journal of one line whose checksum is right. */
static void put_line(const struct fixture *f, const char *members)
{
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    text_append_span(&out, fake_disk_text(f->fake, "journal.1"));
    const size_t begin = sealed_line_begin(&out);
    text_append_literal(&out, ",\"seq\":1,");
    text_append_str(&out, members);
    assert_true(sealed_line_end(&out, begin));
    text_append_char(&out, '\n');
    fake_disk_put(f->fake, "journal.1", text_buffer_span(&out));
    text_buffer_finish(&out);
}

#define ID "\"process_id\":\"6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55\""
#define PROCESS                                                                 \
    "{\"process\":{" ID ",\"type\":\"t\",\"status\":\"pending\",\"version\":1," \
    "\"created_at\":\"2025-11-08T10:00:00.000Z\"}}"

static const char *const nonsense[] = {
    "\"changes\":1",
    "\"change\":[]",
    "\"changes\":[",
    "\"changes\":[1]",
    "\"changes\":[{}]",
    "\"changes\":[{\"other\":1}]",
    "\"changes\":[{\"change\":1}]",
    "\"changes\":[{\"change\":{}}]",
    "\"changes\":[{\"change\":{\"process_id\":1}}]",
    "\"changes\":[" PROCESS ",{\"change\":{" ID ",\"status\":\"running\",\"version\":0}}]",
    "\"changes\":[" PROCESS ",{\"change\":{" ID
    ",\"status\":\"running\",\"version\":2},\"event\":1}]",
    "\"changes\":[{\"change\":{" ID ",\"status\":\"running\",\"version\":2},\"more\":1}]",
    "\"changes\":[{\"change\":{" ID "},\"event\":{},\"event_text\":\"{}\"}]",
    "\"changes\":[{\"change\":{" ID "},\"event_text\":{}}]",
    "\"changes\":[{\"change\":{" ID "},\"event_text\":\"{\"}]",
    "\"changes\":[{\"change\":{" ID "},\"event_text\":\"1\"}]",
    "\"changes\":[{\"change\":{" ID "},\"event_text\":\"\\u0000\"}]",
    "\"changes\":[{\"resumed\":1}]",
    "\"changes\":[{\"resumed\":{}}]",
    "\"changes\":[{\"resumed\":{\"typ\":\"t\"}}]",
    "\"changes\":[{\"resumed\":{\"type\":1}}]",
    "\"changes\":[{\"resumed\":{\"type\":\"\"}}]",
    "\"changes\":[{\"resumed\":{\"type\":\"a b\"}}]",
    "\"changes\":[{\"resumed\":{\"type\":\"t\",\"more\":1}}]",
    "\"changes\":[{\"resumed\":{\"type\":\"t\"},\"more\":1}]",
    "\"changes\":[{\"removed\":{" ID "}}]",
    "\"changes\":[],\"more\":1",
};

static void a_line_that_makes_no_sense_ends_the_start(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        restart(f);
        shut(f);
        put_line(f, nonsense[i]);
        assert_int_equal(open_again(f), ERR_CORRUPT);
        assert_null(f->sync.repository);
        assert_non_null(strstr(f->report.problem, "journal.1"));
        disk_destroy(f->disk);
        fake_disk_destroy(f->fake);
        f->fake = fake_disk_create();
        assert_int_equal(open_again(f), ERR_OK);
    }
}

/* What a line is about may be gone: the snapshot is newer. */
static void a_line_about_what_is_gone_is_passed_by(void **state)
{
    struct fixture *f = *state;
    static struct kept_events events;
    static struct kept kept;
    struct process_id id;
    shut(f);
    put_line(f,
             "\"changes\":[{\"change\":{" ID ",\"status\":\"running\",\"version\":2}},"
             "{\"resumed\":{\"type\":\"t\"}}," PROCESS ","
             "{\"change\":{" ID ",\"status\":\"failed\",\"version\":5,\"events\":1,"
             "\"completed_at\":\"2025-11-08T10:00:00.000Z\"},\"event_text\":\"{\\\"a\\\":\\n1}\"},"
             "{\"change\":{" ID ",\"status\":\"failed\",\"version\":5,\"events\":1,"
             "\"completed_at\":\"2025-11-08T10:00:00.000Z\"},\"event\":{\"again\":1}},"
             "{\"change\":{" ID ",\"status\":\"running\",\"version\":4}}]");
    assert_int_equal(open_again(f), ERR_OK);
    assert_true(process_id_parse(SPAN("6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"), &id));
    assert_int_equal(sync_events(&f->sync, &id, &kept, &events), ERR_OK);
    assert_int_equal(kept.process.status, PROCESS_FAILED);
    assert_int_equal(kept.process.events, 1);
    assert_int_equal(events.count, 1);
    assert_span(events.entries[0], SPAN("{\"a\":\n1}"));
    survives(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_record_comes_back),
        TEST(what_is_written_is_counted),
        TEST(a_life_comes_back),
        TEST(batches_and_pauses_come_back),
        TEST(what_has_expired_meanwhile_is_gone),
        TEST(lists_are_ordered_as_before),
        TEST(workers_hold_what_they_held),
        TEST(a_snapshot_is_enough),
        TEST(a_snapshot_may_be_newer_than_what_follows),
        TEST(a_snapshot_does_not_run_after_what_comes),
        TEST(memory_alone_has_no_snapshot),
        TEST(replaying_again_does_no_harm),
        TEST(a_line_that_makes_no_sense_ends_the_start),
        TEST(a_line_about_what_is_gone_is_passed_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
