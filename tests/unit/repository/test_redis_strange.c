/* What a Redis answers is replaced, one value after the other, by what it would never say: another
 * program may answer in its place, or a script that is not ours. Each call finishes with an error
 * or with what makes sense, nothing is read that is not there, and the next call is answered right.
 */
#include "repository/redis_bench.h"
#include "support/redis_relay.h"

enum { VALUES_MAX = 1000 };

struct strange {
    struct bench bench;
    struct redis_relay *relay;
    struct draft pending, finished, running, removed;
    struct kept lease; /* of the running one */
    int nth;           /* the value that is to be replaced */
    const char *text;  /* by this; NULL: none is */
    int asked;
    volatile uint64_t sum; /* of all texts that were given out: they must be there */
};

/* --- what is there ---------------------------------------------------------------------------
 */

static void open_relayed(struct strange *s)
{
    struct bench *bench = &s->bench;
    bench->sync.loop = loop_create();
    s->relay = redis_relay_create(bench->sync.loop, bench->redis.socket);
    assert_true(text_copy(bench->options.unix_path, sizeof(bench->options.unix_path),
                          span_of(redis_relay_socket(s->relay))));
    bench->sync.repository = redis_repository_create(bench->sync.loop, &bench->options, "",
                                                     bench->publishes, &bench->policy);
    assert_non_null(bench->sync.repository);
    wait_ready(bench);
}

static void close_relayed(struct strange *s)
{
    repository_destroy(s->bench.sync.repository);
    redis_relay_destroy(s->relay);
    loop_destroy(s->bench.sync.loop);
}

static struct draft draft_of(const struct strange *s, const char *type)
{
    struct draft one = draft(&s->bench);
    one.process.type = span_of(type);
    return one;
}

static struct draft add_of(struct strange *s, const char *type)
{
    struct draft one = draft_of(s, type);
    one.process.group = SPAN("g");
    one.process.max_attempts = 3;
    assert_int_equal(sync_create(&s->bench.sync, &one.process), ERR_OK);
    return one;
}

static struct draft add_running(struct strange *s, struct kept *ret_lease)
{
    struct draft one = add_of(s, "r");
    assert_int_equal(sync_claim(&s->bench.sync, "r", 1, s->bench.now, 600000, ret_lease), 1);
    return one;
}

static struct draft add_ended(struct strange *s)
{
    struct kept lease;
    struct draft one = add_running(s, &lease);
    assert_int_equal(change(&s->bench, &one, EVENT_COMPLETE, &lease), ERR_OK);
    return one;
}

static int set_up_strange(void **state)
{
    static struct strange s;
    bool replayed;
    memset(&s, 0, sizeof(s));
    set_up(&s.bench, NULL, "");
    open_relayed(&s);
    s.pending = add_of(&s, "t");
    s.running = add_running(&s, &s.lease);
    s.finished = add_ended(&s);
    s.removed = add_ended(&s);
    assert_int_equal(sync_remove(&s.bench.sync, &s.removed.process.id, s.bench.now, 0, NULL),
                     ERR_OK);
    struct draft keyed = draft_of(&s, "k");
    assert_int_equal(sync_create_with_key(&s.bench.sync, &keyed.process, "key", 1, &replayed, NULL),
                     ERR_OK);
    assert_true(sync_pause(&s.bench.sync, SPAN("paused"), true));
    *state = &s;
    return 0;
}

static int tear_down_strange(void **state)
{
    struct strange *s = *state;
    close_relayed(s);
    redis_fixture_stop(&s->bench.redis);
    return 0;
}

/* --- what is asked ---------------------------------------------------------------------------
 */

static struct strange *asking; /* for the callbacks */
static bool done;
static int64_t last_until; /* of all items that were dumped */

static void on_pinged(struct process_op *op)
{
    (void)op;
}

static void read_text(struct span text)
{
    for (size_t i = 0; text.data != NULL && i < text.len; i++)
        asking->sum += (unsigned char)text.data[i];
}

static void read_process(const struct process *process)
{
    const struct span texts[] = {process->type,       process->group,  process->input,
                                 process->metadata,   process->result, process->error,
                                 process->progress,   process->worker, process->lease_token,
                                 process->traceparent};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        read_text(texts[i]);
    assert_true(process->status < PROCESS_STATUS_COUNT);
}

static void read_page(const struct process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_process(&processes[i]);
}

/* What is borrowed is only there until `done` returns. */
#define ON_DONE(kind, read)                                                        \
    static void on_##kind(struct process_op *op)                                   \
    {                                                                              \
        const struct repo_##kind *call = container_of(op, struct repo_##kind, op); \
        if (op->result == ERR_OK)                                                  \
            read(call);                                                            \
        done = true;                                                               \
    }

#define RUN(s, kind, ...)                                         \
    do {                                                          \
        struct repo_##kind call = {__VA_ARGS__};                  \
        process_op_init(&call.op, on_##kind);                     \
        done = false;                                             \
        if ((s)->text != NULL)                                    \
            redis_relay_replace((s)->relay, (s)->nth, (s)->text); \
        repository_##kind((s)->bench.sync.repository, &call);     \
        sync_wait((s)->bench.sync.loop, &done);                   \
        return call.op.result;                                    \
    } while (0)

static void read_nothing(const void *call)
{
    (void)call;
}

static void read_get(const struct repo_get *call)
{
    assert_int_equal(process_id_compare(&call->process.id, &call->id), 0);
    read_process(&call->process);
}

static void read_timeline(const struct repo_events *call)
{
    read_process(&call->process);
    for (size_t i = 0; i < call->count; i++)
        read_text(call->events[i]);
}

static void read_list(const struct repo_list *call)
{
    read_page(call->processes, call->count);
}

static void read_claim(const struct repo_claim *call)
{
    read_page(call->processes, call->count);
}

static void read_creation(const struct repo_create *call)
{
    if (call->replayed)
        read_process(&call->existing);
}

static void read_transition(const struct repo_transition *call)
{
    read_process(&call->process);
}

static void read_removal(const struct repo_remove *call)
{
    read_process(&call->process);
}

static void read_dump(const struct repo_dump *call)
{
    assert_true(call->count <= REPO_DUMP_MAX);
    for (size_t i = 0; i < call->count; i++) {
        const struct repo_item *item = &call->items[i];
        last_until = item->until > last_until ? item->until : last_until;
        read_text(item->key);
        read_text(item->type);
        if (item->kind == ITEM_PROCESS)
            read_process(&item->process);
        for (size_t n = 0; n < item->event_count; n++)
            read_text(item->events[n]);
    }
}

static void read_types(const struct repo_types *call)
{
    for (size_t i = 0; i < call->count; i++)
        read_text(span_of(call->types[i].type));
}

static void read_workers(const struct repo_workers *call)
{
    for (size_t i = 0; i < call->count; i++) {
        const struct repo_worker *worker = &call->workers[i];
        read_text(span_of(worker->worker));
        for (int64_t n = 0; n < worker->held && n < REPO_WORKER_HELD_MAX; n++)
            asking->sum += (uint64_t)worker->processes[n].claimed_at;
    }
}

static void read_advance(const struct repo_advance *call)
{
    for (size_t i = 0; i < call->settled_count; i++) {
        read_text(call->settled[i].type);
        asking->sum += (uint64_t)call->settled[i].run_ms;
        assert_non_null(process_status_name(call->settled[i].status));
    }
}

ON_DONE(get, read_get)
ON_DONE(events, read_timeline)
ON_DONE(list, read_list)
ON_DONE(counts, read_nothing)
ON_DONE(group, read_nothing)
ON_DONE(types, read_types)
ON_DONE(workers, read_workers)
ON_DONE(pause, read_nothing)
ON_DONE(create, read_creation)
ON_DONE(create_batch, read_nothing)
ON_DONE(claim, read_claim)
ON_DONE(transition, read_transition)
ON_DONE(remove, read_removal)
ON_DONE(sweep, read_nothing)
ON_DONE(advance, read_advance)
ON_DONE(audit, read_nothing)
ON_DONE(dump, read_dump)
ON_DONE(restore, read_nothing)
ON_DONE(standing, read_nothing)

/* --- reads ---- */

static enum err get_pending(struct strange *s)
{
    RUN(s, get, .id = s->pending.process.id, .with_input = true);
}

static enum err get_brief(struct strange *s)
{
    RUN(s, get, .id = s->running.process.id, .brief = true);
}

static enum err get_watched(struct strange *s)
{
    RUN(s, get, .id = s->running.process.id, .watch = true);
}

static enum err get_removed(struct strange *s)
{
    RUN(s, get, .id = s->removed.process.id);
}

static enum err read_history(struct strange *s)
{
    RUN(s, events, .id = s->finished.process.id);
}

static enum err list_all(struct strange *s)
{
    RUN(s, list, .limit = 2);
}

static enum err list_members(struct strange *s)
{
    RUN(s, list, .limit = 2, .group = SPAN("g"));
}

static enum err count_all(struct strange *s)
{
    RUN(s, counts, .total = 0);
}

static enum err show_group(struct strange *s)
{
    RUN(s, group, .group = SPAN("g"));
}

static enum err list_types(struct strange *s)
{
    RUN(s, types, .now = s->bench.now);
}

static enum err list_workers(struct strange *s)
{
    RUN(s, workers, .now = s->bench.now);
}

static enum err stand(struct strange *s)
{
    struct repo_standing_item item = {.id = s->pending.process.id, .type = "t"};
    RUN(s, standing, .items = &item, .count = 1);
}

/* --- writes ---- */

static enum err make_one(struct strange *s)
{
    RUN(s, create, .process = draft_of(s, "n").process);
}

static enum err make_with_key(struct strange *s)
{
    char key[32];
    snprintf(key, sizeof(key), "key-%d", s->asked);
    RUN(s, create, .process = draft_of(s, "n").process, .idempotency_key = span_of(key),
        .fingerprint = 1);
}

static enum err make_again(struct strange *s)
{
    RUN(s, create, .process = draft_of(s, "n").process, .idempotency_key = SPAN("key"),
        .fingerprint = 1);
}

static enum err make_batch(struct strange *s)
{
    const struct draft one = draft_of(s, "n");
    RUN(s, create_batch, .base = one.process.id, .processes = &one.process, .count = 1,
        .now = s->bench.now);
}

static enum err make_batch_again(struct strange *s)
{
    const struct draft one = draft_of(s, "n");
    RUN(s, create_batch, .base = one.process.id, .processes = &one.process, .count = 1,
        .now = s->bench.now, .idempotency_key = SPAN("batch"), .fingerprint = 1);
}

static enum err claim_one(struct strange *s)
{
    const struct span type = SPAN("c");
    add_of(s, "c");
    RUN(s, claim, .types = &type, .type_count = 1, .max = 1, .announce = true, .listen = true,
        .worker = SPAN("w"), .now = s->bench.now, .lease_ms = 600000,
        .tokens = {"0123456789abcdef0123456789abcdef"});
}

static enum err claim_none(struct strange *s)
{
    const struct span type = SPAN("nothing");
    RUN(s, claim, .types = &type, .type_count = 1, .max = 1, .listen = true, .worker = SPAN("w"),
        .now = s->bench.now, .lease_ms = 600000, .tokens = {"0123456789abcdef0123456789abcdef"});
}

static enum err claim_of_no_type(struct strange *s)
{
    RUN(s, claim, .max = 1, .worker = SPAN("w"), .now = s->bench.now, .lease_ms = 600000);
}

static enum err renew(struct strange *s)
{
    RUN(s, transition, .id = s->running.process.id,
        .change = {.event = EVENT_HEARTBEAT,
                   .now = s->bench.now,
                   .token = s->lease.process.lease_token,
                   .lease_ms = 600000});
}

static enum err complete_one(struct strange *s)
{
    struct kept lease;
    const struct draft one = add_running(s, &lease);
    RUN(s, transition, .id = one.process.id,
        .change = {.event = EVENT_COMPLETE,
                   .now = s->bench.now,
                   .token = lease.process.lease_token,
                   .result = SPAN("1")});
}

/* As a worker elsewhere does. */
static enum err complete_briefly(struct strange *s)
{
    struct kept lease;
    const struct draft one = add_running(s, &lease);
    RUN(s, transition, .id = one.process.id, .brief = true,
        .change = {.event = EVENT_COMPLETE,
                   .now = s->bench.now,
                   .token = lease.process.lease_token,
                   .result = SPAN("1")});
}

static enum err complete_with_nothing(struct strange *s)
{
    struct kept lease;
    const struct draft one = add_running(s, &lease);
    RUN(s, transition, .id = one.process.id, .brief = true,
        .change = {
            .event = EVENT_COMPLETE, .now = s->bench.now, .token = lease.process.lease_token});
}

static enum err cancel_finished(struct strange *s)
{
    RUN(s, transition, .id = s->finished.process.id,
        .change = {.event = EVENT_CANCEL, .now = s->bench.now});
}

static enum err remove_one(struct strange *s)
{
    const struct draft one = add_ended(s);
    RUN(s, remove, .id = one.process.id, .now = s->bench.now);
}

static enum err pause_type(struct strange *s)
{
    RUN(s, pause, .type = SPAN("p"), .paused = s->asked % 2 == 0);
}

static enum err restore_one(struct strange *s)
{
    const struct repo_item item = {.process = draft_of(s, "n").process};
    RUN(s, restore, .items = &item, .count = 1, .now = s->bench.now);
}

/* --- walks ---- */

static enum err sweep_some(struct strange *s)
{
    RUN(s, sweep, .kind = SWEEP_FINISHED, .status = PROCESS_COMPLETED, .before = s->bench.now + 1,
        .now = s->bench.now, .limit = 1, .dry_run = true);
}

static enum err advance(struct strange *s)
{
    RUN(s, advance, .now = s->bench.now, .limit = 10);
}

static enum err audit_some(struct strange *s)
{
    RUN(s, audit, .now = s->bench.now, .limit = 5);
}

static enum err dump_of_kind(struct strange *s, enum repo_item_kind kind)
{
    RUN(s, dump, .now = s->bench.now, .position = {.kind = kind});
}

static enum err dump_processes(struct strange *s)
{
    return dump_of_kind(s, ITEM_PROCESS);
}

static enum err dump_tombstones(struct strange *s)
{
    return dump_of_kind(s, ITEM_TOMBSTONE);
}

static enum err dump_keys(struct strange *s)
{
    return dump_of_kind(s, ITEM_KEY);
}

static enum err dump_paused(struct strange *s)
{
    return dump_of_kind(s, ITEM_PAUSED_TYPE);
}

/* --- one value after the other ---------------------------------------------------------------
 */

typedef enum err ask(struct strange *s);

#define ONES_10  ":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
#define ONES_100 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10 ONES_10

/* What our scripts answer begins so; `values` in all. */
#define OK_HEAD(values) "*" #values "\r\n$2\r\nOK\r\n:0\r\n:0\r\n$0\r\n\r\n"
#define ID              "$36\r\n6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55\r\n"

/* What advance() may have settled: a type of one character, a status of six. */
#define SETTLED(type, status) \
    "*5\r\n$1\r\n" type "\r\n:7\r\n$6\r\n" status "\r\n:-1\r\n:9223372036854775807\r\n"

static const char *const replacements[] = {
    "$-1\r\n",
    ":-7\r\n",
    ":9223372036854775807\r\n",
    ":-9223372036854775807\r\n",
    "$1\r\nx\r\n",
    "$2\r\nOK\r\n",
    "$0\r\n\r\n",
    "*0\r\n",
    "*1\r\n*0\r\n",
    "*2\r\n*1\r\n$1\r\nx\r\n*1\r\n:1\r\n",
    "*600\r\n" ONES_100 ONES_100 ONES_100 ONES_100 ONES_100 ONES_100,
    "-ERR another program\r\n",
    OK_HEAD(5) ":1\r\n",
    OK_HEAD(8) "$1\r\nx\r\n*1\r\n:1\r\n*2\r\n:1\r\n:1\r\n*2\r\n$1\r\nx\r\n$1\r\nx\r\n",
    OK_HEAD(8) ID "*2\r\n$1\r\nx\r\n$1\r\nx\r\n*2\r\n:1\r\n:1\r\n:1\r\n",
    OK_HEAD(8) ID "*2\r\n$6\r\nstatus\r\n$7\r\nunknown\r\n*1\r\n:1\r\n:1\r\n",
    OK_HEAD(9) ":1\r\n:1\r\n:1\r\n:1\r\n*1\r\n:1\r\n",
    OK_HEAD(9) ":1\r\n:1\r\n:1\r\n:1\r\n*1\r\n" SETTLED("1", "failed"),
    OK_HEAD(9) ":1\r\n:1\r\n:1\r\n:1\r\n*2\r\n" SETTLED("t", "failed") SETTLED("t", "undone"),
};
enum { REPLACEMENTS = sizeof(replacements) / sizeof(replacements[0]) };

/* Nobody else's answer, and nothing that was made up: what was stored. */
static void is_well(struct strange *s)
{
    static struct kept kept;
    const struct process *pending = &s->pending.process;
    if (redis_relay_connections(s->relay) > REDIS_RELAY_MAX - 8) {
        close_relayed(s);
        open_relayed(s);
    }
    wait_ready(&s->bench);
    assert_int_equal(sync_get(&s->bench.sync, &pending->id, true, &kept), ERR_OK);
    assert_int_equal(process_id_compare(&kept.process.id, &pending->id), 0);
    assert_span(kept.process.type, pending->type);
    assert_span(kept.process.input, pending->input);
    assert_int_equal(kept.process.created_at, pending->created_at);
}

/* No call is to wait for what never comes, or to claim what is not so. */
static void ends_well(enum err err, const char *text)
{
    if (err == ERR_TIMEOUT || err == ERR_INVALID || err == ERR_UNKNOWN_TYPE || err == ERR_CANCELED)
        fail_msg("%.40s: %s", text, err_text(err));
}

/* False: there is no n-th value. */
static bool replace_nth(struct strange *s, ask *call, int nth)
{
    bool any = false;
    for (int i = 0; i < REPLACEMENTS; i++) {
        s->asked++;
        s->nth = nth;
        s->text = replacements[i];
        const enum err err = call(s);
        const bool replaced = redis_relay_has_replaced(s->relay);
        s->text = NULL;
        ends_well(err, replacements[i]);
        any |= replaced;
        if (!replaced)
            break;
        is_well(s);
    }
    return any;
}

static void replace_all(struct strange *s, const char *name, ask *call, enum err expected)
{
    int values = 0;
    asking = s;
    assert_int_equal(call(s), expected);
    while (replace_nth(s, call, values)) {
        values++;
        assert_true(values < VALUES_MAX);
    }
    print_message("%s: %d values\n", name, values);
    assert_true(values > 0);
    s->asked++;
    assert_int_equal(call(s), expected);
}

struct named {
    const char *name;
    ask *call;
    enum err expected;
};

static void replace_of_each(struct strange *s, const struct named *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        replace_all(s, calls[i].name, calls[i].call, calls[i].expected);
}

#define OF(name) #name, name

static void reads_survive_strange_answers(void **state)
{
    static const struct named calls[] = {
        {OF(get_pending), ERR_OK},   {OF(get_watched), ERR_OK},  {OF(get_brief), ERR_OK},
        {OF(get_removed), ERR_GONE}, {OF(read_history), ERR_OK}, {OF(list_all), ERR_OK},
        {OF(list_members), ERR_OK},  {OF(count_all), ERR_OK},    {OF(show_group), ERR_OK},
        {OF(list_types), ERR_OK},    {OF(list_workers), ERR_OK}, {OF(stand), ERR_OK},
    };
    replace_of_each(*state, calls, sizeof(calls) / sizeof(calls[0]));
}

static void writes_survive_strange_answers(void **state)
{
    static const struct named calls[] = {
        {OF(make_one), ERR_OK},
        {OF(make_with_key), ERR_OK},
        {OF(make_again), ERR_OK},
        {OF(make_batch), ERR_OK},
        {OF(make_batch_again), ERR_OK},
        {OF(claim_one), ERR_OK},
        {OF(claim_none), ERR_OK},
        {OF(renew), ERR_OK},
        {OF(complete_one), ERR_OK},
        {OF(complete_briefly), ERR_OK},
        {OF(complete_with_nothing), ERR_OK},
        {OF(cancel_finished), ERR_CONFLICT},
        {OF(remove_one), ERR_OK},
        {OF(pause_type), ERR_OK},
        {OF(restore_one), ERR_OK},
    };
    replace_of_each(*state, calls, sizeof(calls) / sizeof(calls[0]));
}

static void who_can_do_nothing_claims_nothing(void **state)
{
    struct strange *s = *state;
    asking = s;
    redis_fixture_ask(&s->bench.redis, "CONFIG RESETSTAT");
    assert_int_equal(claim_of_no_type(s), ERR_OK);
    assert_false(answer_has(&s->bench, "INFO commandstats", "cmdstat_evalsha"));
}

/* --- keys that somebody else made ---- */

static void dump_entries(struct strange *s, enum repo_item_kind kind, size_t count, size_t damaged)
{
    struct repo_dump call = {.now = s->bench.now, .position = {.kind = kind}};
    size_t found = 0, left_out = 0;
    do {
        process_op_init(&call.op, on_dump);
        done = false;
        repository_dump(s->bench.sync.repository, &call);
        sync_wait(s->bench.sync.loop, &done);
        assert_int_equal(call.op.result, ERR_OK);
        found += call.count;
        left_out += call.damaged;
    } while (call.more && call.position.kind == kind);
    assert_int_equal(found, count);
    assert_int_equal(left_out, damaged);
}

#define HAND "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"

static void entries_made_by_hand_are_left_out_of_a_dump(void **state)
{
    static const char *const values[] = {
        HAND, HAND " ", HAND " xyz", HAND " 12345678901234567", "6f1c 1", HAND " /1", HAND " G"};
    struct strange *s = *state;
    asking = s;
    dump_entries(s, ITEM_KEY, 1, 0);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char key[40];
        snprintf(key, sizeof(key), "process_idempotency:%zu", i);
        redis_fixture_ask_words(&s->bench.redis, (const char *[]){"SET", key, values[i], NULL});
    }
    redis_fixture_ask_words(&s->bench.redis,
                            (const char *[]){"SET", "process_idempotency:\xff", HAND " 1", NULL});
    redis_fixture_ask_words(&s->bench.redis,
                            (const char *[]){"SET", "process_idempotency:", HAND " 1", NULL});
    redis_fixture_ask_words(&s->bench.redis,
                            (const char *[]){"SET", "process_idempotency:right", HAND " aF", NULL});
    dump_entries(s, ITEM_KEY, 2, sizeof(values) / sizeof(values[0]) + 2);
}

/* What stays for longer than can be written down stays until the end of what can. */
static void an_end_that_cannot_be_written_is_the_last_that_can(void **state)
{
    struct strange *s = *state;
    asking = s;
    redis_fixture_ask(&s->bench.redis, "SET process_gone:" HAND " x PX 8000000000000000000");
    struct repo_dump call = {.now = s->bench.now, .position = {.kind = ITEM_TOMBSTONE}};
    last_until = 0;
    process_op_init(&call.op, on_dump);
    done = false;
    repository_dump(s->bench.sync.repository, &call);
    sync_wait(s->bench.sync.loop, &done);
    assert_int_equal(last_until, TIME_MAX);
}

static void calls_that_are_too_many_are_refused(void **state)
{
    enum { CALLS = 16384 };
    static struct repo_ping pings[CALLS + 1];
    struct strange *s = *state;
    for (int i = 0; i <= CALLS; i++) {
        process_op_init(&pings[i].op, on_pinged);
        repository_ping(s->bench.sync.repository, &pings[i]);
    }
    assert_null(pings[CALLS].op.done); /* it was told at once */
    assert_int_equal(pings[CALLS].op.result, ERR_UNAVAILABLE);
    const int64_t limit = clock_steady_ms() + PATIENCE_MS;
    while (pings[CALLS - 1].op.done != NULL && clock_steady_ms() < limit)
        loop_turn(s->bench.sync.loop, 100);
    assert_int_equal(pings[CALLS - 1].op.result, ERR_OK);
    is_well(s);
}

static void walks_survive_strange_answers(void **state)
{
    static const struct named calls[] = {
        {OF(sweep_some), ERR_OK},     {OF(advance), ERR_OK},         {OF(audit_some), ERR_OK},
        {OF(dump_processes), ERR_OK}, {OF(dump_tombstones), ERR_OK}, {OF(dump_keys), ERR_OK},
        {OF(dump_paused), ERR_OK},
    };
    replace_of_each(*state, calls, sizeof(calls) / sizeof(calls[0]));
}

#define STRANGE(test) cmocka_unit_test_setup_teardown(test, set_up_strange, tear_down_strange)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRANGE(reads_survive_strange_answers),
        STRANGE(writes_survive_strange_answers),
        STRANGE(walks_survive_strange_answers),
        STRANGE(who_can_do_nothing_claims_nothing),
        STRANGE(entries_made_by_hand_are_left_out_of_a_dump),
        STRANGE(an_end_that_cannot_be_written_is_the_last_that_can),
        STRANGE(calls_that_are_too_many_are_refused),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
