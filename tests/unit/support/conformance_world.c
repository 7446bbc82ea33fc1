#include "support/conformance_world.h"

#include "support/test.h"

#include <stdio.h>

const char *const world_types[WORLD_TYPES] = {"alpha", "beta", "gamma"};
const char *const world_groups[WORLD_GROUPS] = {"red", "red:1"};
const char *const world_workers[WORLD_WORKERS] = {"w/1", "w 2", "w-3"};

static bool one_in(int n)
{
    return rand() % n == 0;
}

static int64_t up_to(int64_t ms)
{
    return rand() % (ms + 1);
}

bool world_is_claimable(const struct world *w, const struct world_member *member)
{
    const struct process *process = &member->kept.process;
    return process->status == PROCESS_PENDING && process->run_at <= w->now;
}

/* --- one member ------------------------------------------------------------------------------- */

static void keep_entry(struct kept_events *told, struct span entry, int max)
{
    static struct kept_events next;
    size_t used = 0, first = told->count >= (size_t)max ? 1 : 0;
    next.count = 0;
    for (size_t i = first; i <= told->count; i++) {
        struct span text = i < told->count ? told->entries[i] : entry;
        memcpy(next.texts + used, text.data, text.len);
        next.entries[next.count++] = (struct span){next.texts + used, text.len};
        used += text.len;
    }
    *told = next;
    for (size_t i = 0; i < told->count; i++)
        told->entries[i].data = told->texts + (next.entries[i].data - next.texts);
}

/* The member is `expected` from now on, and the repository must say the same. */
static void settle(const struct world *w, struct world_member *member,
                   const struct process *expected, struct span entry)
{
    static struct kept next;
    conformance_told(w->c, &expected->id, &member->told, entry);
    if (entry.data != NULL)
        keep_entry(&member->told, entry, w->c->policy.events_max);
    if (expected->status != member->kept.process.status)
        member->entered_at = w->now;
    keep(&next, expected);
    keep(&member->kept, &next.process);
    conformance_get(w->c, &expected->id, &next);
    assert_same_record(&next.process, &member->kept.process);
}

static void create(struct world *w, struct world_member *member)
{
    static const int64_t deadlines[] = {TIME_NONE, TIME_NONE, 5000, 40000};
    struct process draft = conformance_draft(w->c);
    draft.type = span_of(world_types[rand() % WORLD_TYPES]);
    draft.group = one_in(4) ? SPAN_NONE : span_of(world_groups[rand() % WORLD_GROUPS]);
    draft.traceparent =
        one_in(3) ? SPAN_NONE : SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    draft.priority = rand() % 3 - 1;
    draft.created_at = draft.run_at = draft.updated_at = ++w->now;
    draft.max_attempts = 1 + rand() % 4;
    draft.timeout_ms = one_in(3) ? 3000 : 0;
    draft.backoff = rand() % 3;
    draft.retry_base_ms = draft.backoff != BACKOFF_POLICY ? up_to(5000) : 0;
    draft.retry_cap_ms = draft.backoff == BACKOFF_EXPONENTIAL ? draft.retry_base_ms + 3000 : 0;
    if (one_in(4))
        draft.run_at += 1 + up_to(4000);
    if (one_in(4)) {
        draft.queue_timeout_ms = 1 + up_to(9000);
        draft.queue_deadline = draft.run_at + draft.queue_timeout_ms;
    }
    int64_t deadline = deadlines[rand() % 4];
    draft.deadline = deadline != TIME_NONE ? w->now + deadline : TIME_NONE;
    assert_int_equal(sync_create(&w->c->sync, &draft), ERR_OK);
    draft.input = SPAN_NONE; /* it is not compared */
    keep(&member->kept, &draft);
    member->told.count = 0;
    member->entered_at = w->now;
    member->token[0] = '\0';
}

void world_begin(struct world *w, struct conformance *c)
{
    memset(w, 0, sizeof(*w));
    w->c = c;
    w->now = c->now;
    for (int i = 0; i < WORLD_MEMBERS; i++)
        create(w, &w->members[i]);
}

void world_replace(struct world *w)
{
    struct world_member *member = &w->members[rand() % WORLD_MEMBERS];
    const struct process_id id = member->kept.process.id;
    bool final = process_status_is_final(member->kept.process.status);
    assert_int_equal(sync_remove(&w->c->sync, &id, w->now, 0, NULL), final ? ERR_OK : ERR_CONFLICT);
    if (!final)
        return;
    create(w, member);
    world_advance(w); /* creating takes a moment */
}

/* --- time ------------------------------------------------------------------------------------- */

static bool is_overdue(const struct world *w, const struct process *process,
                       enum process_event *ret_event)
{
    int64_t end = TIME_NONE;
    *ret_event = process->status == PROCESS_PENDING ? EVENT_EXPIRE : EVENT_LAPSE;
    if (process->status == PROCESS_PENDING)
        end = process_pending_deadline(process);
    else if (process->status == PROCESS_RUNNING)
        end = process->lease_until;
    return end != TIME_NONE && end <= w->now;
}

/* The pauses of those that time out together may differ: each is a share of the same. */
static void accept_pause(const struct world *w, struct process *expected)
{
    static struct kept kept;
    conformance_get(w->c, &expected->id, &kept);
    assert_in_range(kept.process.run_at, w->now, expected->run_at);
    expected->run_at = kept.process.run_at;
}

/* What advance() makes of it; tells whether anything. */
static bool overdue(const struct world *w, struct world_member *member)
{
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    struct text_buffer entry;
    struct process_change what = {.now = w->now, .retry_after_ms = -1, .jitter = UINT32_MAX};
    struct process expected = member->kept.process;
    bool changed;
    if (!is_overdue(w, &expected, &what.event))
        return false;
    assert_int_equal(process_apply(&expected, &what, &w->c->policy, storage, &changed), ERR_OK);
    conformance_expect_entry(&entry, &member->kept.process, &expected, &what, ERR_OK, changed,
                             &member->told);
    if (expected.failures > member->kept.process.failures && expected.status == PROCESS_PENDING)
        accept_pause(w, &expected);
    settle(w, member, &expected, text_buffer_span(&entry));
    text_buffer_finish(&entry);
    return true;
}

void world_advance(struct world *w)
{
    struct repo_advance advanced;
    int lapsed = 0, expired = 0;
    assert_int_equal(sync_advance(&w->c->sync, w->now, 100, &advanced), ERR_OK);
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        bool ran = w->members[i].kept.process.status == PROCESS_RUNNING;
        bool was = overdue(w, &w->members[i]);
        lapsed += was && ran;
        expired += was && !ran;
    }
    assert_int_equal(advanced.lapsed, lapsed);
    assert_int_equal(advanced.expired, expired);
    assert_false(advanced.more);
}

/* --- claims ----------------------------------------------------------------------------------- */

/* The next that a claim of these types (bits) must take. */
static struct world_member *next_of(struct world *w, unsigned types)
{
    struct world_member *best = NULL;
    for (int i = 0; i < WORLD_MEMBERS; i++) {
        struct world_member *member = &w->members[i];
        const struct process *process = &member->kept.process;
        for (int t = 0; t < WORLD_TYPES; t++) {
            if ((types >> t & 1) != 0 && !w->paused[t] && span_is(process->type, world_types[t]) &&
                world_is_claimable(w, member) &&
                (best == NULL ||
                 process_queue_score(process) < process_queue_score(&best->kept.process)))
                best = member;
        }
    }
    return best;
}

static void start(const struct world *w, struct world_member *member, const struct repo_claim *call,
                  const struct process *claimed)
{
    struct text_buffer entry;
    struct process expected = member->kept.process;
    assert_true(text_copy(member->token, sizeof(member->token), claimed->lease_token));
    process_start(&expected, &w->c->policy, w->now, call->worker, span_of(member->token),
                  call->lease_ms);
    expected.events++;
    assert_same_record(claimed, &expected);
    assert_span(claimed->input, SPAN("{ \"n\" : 0.1 }"));
    text_buffer_init(&entry, 1 << 16);
    process_timeline_append_claimed(&entry, &expected);
    settle(w, member, &expected, text_buffer_span(&entry));
    text_buffer_finish(&entry);
}

static void note_claim(struct world *w, const struct repo_claim *call, unsigned types, int worker,
                       size_t count)
{
    if (call->announce || count > 0)
        w->seen_at[worker] = w->now;
    for (int t = 0; t < WORLD_TYPES; t++)
        if (call->announce && (types >> t & 1) != 0)
            w->looked_at[t][worker] = w->now;
}

void world_claim(struct world *w)
{
    static struct kept claimed[4];
    struct span types[WORLD_TYPES];
    unsigned bits = 1 + (unsigned)rand() % ((1 << WORLD_TYPES) - 1);
    int worker = rand() % WORLD_WORKERS;
    struct repo_claim call = {.types = types,
                              .worker = span_of(world_workers[worker]),
                              .announce = one_in(2),
                              .max = 1 + rand() % 4,
                              .now = w->now,
                              .lease_ms = PROCESS_LEASE_MIN_MS + up_to(10000)};
    for (int t = WORLD_TYPES - 1; t >= 0; t--)
        if ((bits >> t & 1) != 0)
            types[call.type_count++] = span_of(world_types[t]);
    size_t count = sync_claim_as(&w->c->sync, &call, claimed);
    for (size_t i = 0; i < count; i++) {
        struct world_member *next = next_of(w, bits);
        assert_non_null(next);
        assert_true(same_id(&next->kept.process.id, &claimed[i].process.id));
        start(w, next, &call, &claimed[i].process);
    }
    if (count < (size_t)call.max)
        assert_null(next_of(w, bits));
    note_claim(w, &call, bits, worker, count);
}

void world_pause(struct world *w)
{
    int type = rand() % WORLD_TYPES;
    bool pause = one_in(2);
    assert_int_equal(sync_pause(&w->c->sync, span_of(world_types[type]), pause),
                     w->paused[type] != pause);
    w->paused[type] = pause;
}

/* --- changes ---------------------------------------------------------------------------------- */

static struct process_change random_change(const struct world *w, const struct world_member *member)
{
    const struct span progresses[] = {
        SPAN("{\"percent\":12.5,\"message\":null,\"step\":1,\"steps\":8}"),
        SPAN("{\"percent\":null,\"message\":\"\\\"percent\\\":99\",\"step\":1,\"steps\":8}"),
        SPAN("{\"percent\":100,\"message\":\"gr\xc3\xbc\xc3\x9f\",\"step\":null,\"steps\":null}"),
        SPAN("{\"percent\":0.1,\"message\":\"\",\"step\":0,\"steps\":0}"),
    };
    const struct span errors[] = {SPAN("{\"code\":\"x\"}"), SPAN("{\"code\":\"y\",\"log\":1}")};
    struct process_change what =
        conformance_change(w->c, (enum process_event)(rand() % EVENT_LAPSE), NULL);
    what.now = w->now;
    what.lease_ms = PROCESS_LEASE_MIN_MS + up_to(10000);
    what.retryable = !one_in(3);
    what.retry_after_ms = one_in(3) ? up_to(3000) : -1;
    what.jitter = (uint32_t)rand() * 2u;
    if (what.event == EVENT_PROGRESS)
        what.progress = progresses[rand() % 4];
    if (what.event == EVENT_FAIL)
        what.error = errors[rand() % 2];
    if (what.event == EVENT_COMPLETE || what.event == EVENT_FAIL)
        what.usage = one_in(2) ? SPAN("{\"exit_code\":0}") : SPAN_NONE;
    if (member->token[0] != '\0' && !one_in(6))
        what.token = span_of(member->token);
    else if (one_in(2))
        what.token = SPAN("00000000000000000000000000000000");
    if (one_in(3))
        what.attempt = member->kept.process.attempt + (one_in(4) ? 1 : 0);
    if (one_in(4))
        what.if_version = member->kept.process.version + (one_in(4) ? 1 : 0);
    return what;
}

static void apply(const struct world *w, struct world_member *member,
                  const struct process_change *what)
{
    static struct kept answer;
    char storage[PROCESS_LAPSE_ERROR_SIZE];
    struct text_buffer entry;
    bool expected_change, changed;
    struct process expected = member->kept.process;
    enum err expected_err =
        process_apply(&expected, what, &w->c->policy, storage, &expected_change);
    conformance_expect_entry(&entry, &member->kept.process, &expected, what, expected_err,
                             expected_change, &member->told);
    enum err err = sync_change(&w->c->sync, &expected.id, what, &changed, &answer);
    assert_int_equal(err, expected_err);
    assert_same_record(&answer.process, &expected);
    if (err == ERR_OK)
        assert_int_equal(changed, expected_change);
    settle(w, member, &expected, text_buffer_span(&entry));
    text_buffer_finish(&entry);
}

void world_change(struct world *w)
{
    struct world_member *member = &w->members[rand() % WORLD_MEMBERS];
    struct process_change what = random_change(w, member);
    apply(w, member, &what);
    if (one_in(5)) /* the answer was lost */
        apply(w, member, &what);
}
