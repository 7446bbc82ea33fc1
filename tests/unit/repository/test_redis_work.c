/* Claims that hear of work which others bring. */
#include "repository/redis_bench.h"

#include <string.h>

/* Another instance on the same Redis, and what the first has heard. */
struct pair {
    struct bench *bench;
    struct sync other;
    int all, told;
    char last[PROCESS_TYPE_MAX + 1];
};

static void on_work(void *arg, struct span type)
{
    struct pair *pair = arg;
    if (type.data == NULL) {
        pair->all++;
        return;
    }
    pair->told++;
    assert_true(text_copy(pair->last, sizeof(pair->last), type));
}

static void wait_for(struct pair *pair, const int *number, int least)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (*number < least) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(pair->bench->sync.loop, 50);
    }
}

static void close_pair(struct pair *pair)
{
    repository_destroy(pair->other.repository);
}

static size_t claim(const struct pair *pair, const char *type, bool listen)
{
    const struct span types[] = {SPAN("elsewhere"), span_of(type)};
    struct repo_claim claim = {.types = types,
                               .type_count = 2,
                               .listen = listen,
                               .worker = SPAN("w"),
                               .max = 1,
                               .now = pair->bench->now,
                               .lease_ms = 1000};
    return sync_claim_as(&pair->bench->sync, &claim, NULL);
}

static void create(const struct pair *pair, const char *type)
{
    struct draft one = draft(pair->bench);
    one.process.type = span_of(type);
    assert_int_equal(sync_create(&pair->other, &one.process), ERR_OK);
}

/* Notifications begin soon after the repository: then a creation is heard of. */
static void open_pair(struct pair *pair, struct bench *bench)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    *pair = (struct pair){.bench = bench, .other = {.loop = bench->sync.loop}};
    bench->sync.repository->on_work = on_work;
    bench->sync.repository->on_work_arg = pair;
    pair->other.repository =
        redis_repository_create(bench->sync.loop, &bench->options, "", false, &bench->policy);
    struct bench second = {.sync = pair->other};
    wait_ready(&second);
    while (pair->told == 0) {
        assert_true(clock_steady_ms() < deadline);
        claim(pair, "probe", true);
        create(pair, "probe");
        loop_turn(bench->sync.loop, 10);
    }
    while (claim(pair, "probe", false) > 0)
        ;
    pair->told = 0;
}

static void work_of_another_is_heard_of_once(void **state)
{
    struct pair pair;
    open_pair(&pair, *state);
    assert_int_equal(claim(&pair, "t", true), 0);
    create(&pair, "u");
    create(&pair, "t");
    wait_for(&pair, &pair.told, 1);
    create(&pair, "t");
    assert_int_equal(claim(&pair, "v", true), 0);
    create(&pair, "v");
    wait_for(&pair, &pair.told, 2);
    assert_int_equal(pair.told, 2);
    assert_string_equal(pair.last, "v");
    close_pair(&pair);
}

static void without_listening_nothing_is_heard(void **state)
{
    struct pair pair;
    open_pair(&pair, *state);
    assert_int_equal(claim(&pair, "t", false), 0);
    create(&pair, "t");
    assert_int_equal(claim(&pair, "v", true), 0);
    create(&pair, "v");
    wait_for(&pair, &pair.told, 1);
    assert_string_equal(pair.last, "v");
    close_pair(&pair);
}

static void what_becomes_due_elsewhere_is_heard_of(void **state)
{
    struct pair pair;
    struct repo_advance step;
    open_pair(&pair, *state);
    struct draft one = draft(pair.bench);
    one.process.run_at = pair.bench->now + 5;
    assert_int_equal(sync_create(&pair.other, &one.process), ERR_OK);
    assert_int_equal(claim(&pair, "t", true), 0);
    assert_int_equal(sync_advance(&pair.other, pair.bench->now + 5, 10, &step), ERR_OK);
    wait_for(&pair, &pair.told, 1);
    assert_string_equal(pair.last, "t");
    close_pair(&pair);
}

static void a_resumed_type_is_heard_of(void **state)
{
    struct pair pair;
    open_pair(&pair, *state);
    assert_true(sync_pause(&pair.other, SPAN("t"), true));
    create(&pair, "t");
    assert_int_equal(claim(&pair, "t", true), 0);
    int before = pair.all;
    assert_true(sync_pause(&pair.other, SPAN("t"), false));
    wait_for(&pair, &pair.all, before + 1);
    assert_int_equal(claim(&pair, "t", true), 1);
    close_pair(&pair);
}

static void lost_connections_are_told_and_come_back(void **state)
{
    struct pair pair;
    open_pair(&pair, *state);
    assert_int_equal(claim(&pair, "t", true), 0);
    int before = pair.all;
    redis_fixture_ask(&pair.bench->redis, "CLIENT KILL TYPE pubsub");
    wait_for(&pair, &pair.all, before + 2); /* gone, and back again */
    assert_int_equal(claim(&pair, "t", true), 0);
    create(&pair, "t");
    wait_for(&pair, &pair.told, 1);
    close_pair(&pair);
}

/* The claim and the creation cross each other in every way; one of them must show the other. */

struct crossing {
    struct repo_claim claim;
    struct repo_create create;
    bool claimed, created;
    size_t count;
};

static void on_claimed(struct process_op *op)
{
    struct crossing *crossing = container_of(op, struct crossing, claim.op);
    assert_int_equal(op->result, ERR_OK);
    crossing->count = crossing->claim.count;
    crossing->claimed = true;
}

static void on_created(struct process_op *op)
{
    assert_int_equal(op->result, ERR_OK);
    container_of(op, struct crossing, create.op)->created = true;
}

static void cross(struct pair *pair, int round)
{
    static struct crossing crossing;
    const struct span types[] = {SPAN("t")};
    struct draft one = draft(pair->bench);
    crossing = (struct crossing){.claim = {.types = types,
                                           .type_count = 1,
                                           .listen = true,
                                           .worker = SPAN("w"),
                                           .max = 1,
                                           .now = pair->bench->now,
                                           .lease_ms = 1000},
                                 .create = {.process = one.process}};
    int before = pair->told;
    process_op_init(&crossing.claim.op, on_claimed);
    process_op_init(&crossing.create.op, on_created);
    assert_true(lease_token_new(crossing.claim.tokens[0]));
    repository_claim(pair->bench->sync.repository, &crossing.claim);
    for (int i = 0; i < round % 8; i++)
        loop_turn(pair->other.loop, 0);
    repository_create(pair->other.repository, &crossing.create);
    sync_wait(pair->other.loop, &crossing.claimed);
    sync_wait(pair->other.loop, &crossing.created);
    if (crossing.count == 0) {
        wait_for(pair, &pair->told, before + 1);
        assert_int_equal(claim(pair, "t", false), 1);
    }
}

static void no_work_is_missed_between_looking_and_listening(void **state)
{
    struct pair pair;
    open_pair(&pair, *state);
    for (int round = 0; round < 400; round++)
        cross(&pair, round);
    assert_true(pair.told > 0);
    close_pair(&pair);
}

static void without_notifications_claims_go_on(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench, NULL, "");
    redis_fixture_ask(&bench.redis, "ACL SETUSER limited on >pw ~* &* +@all -client|tracking");
    snprintf(bench.options.username, sizeof(bench.options.username), "limited");
    snprintf(bench.options.password, sizeof(bench.options.password), "pw");
    open_repository(&bench);
    struct pair pair = {.bench = &bench};
    bench.sync.repository->on_work = on_work;
    bench.sync.repository->on_work_arg = &pair;
    for (int i = 0; i < 20; i++)
        assert_int_equal(claim(&pair, "t", true), 0);
    assert_int_equal(pair.all + pair.told, 0);
    add(&bench);
    assert_int_equal(claim(&pair, "t", true), 1);
    tear_down(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(work_of_another_is_heard_of_once),
        PLAIN(without_listening_nothing_is_heard),
        PLAIN(what_becomes_due_elsewhere_is_heard_of),
        PLAIN(a_resumed_type_is_heard_of),
        PLAIN(lost_connections_are_told_and_come_back),
        PLAIN(no_work_is_missed_between_looking_and_listening),
        cmocka_unit_test(without_notifications_claims_go_on),
    };
    if (!redis_fixture_available())
        return REDIS_FIXTURE_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
