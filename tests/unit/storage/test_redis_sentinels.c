/* Where the primary is, from sentinels that say what a test wants. */
#include "support/test.h"

#include "proctrack/clock.h"
#include "storage/redis_sentinels.h"
#include "support/fake_redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

enum { SENTINELS = 3 };

struct sentinel {
    struct fake_redis *fake;
    int64_t epoch;
    int port;           /* of the primary that it names; 0: it knows none */
    bool silent, place; /* place: it is asked for that next, after the epoch */
    int asked;
    char text[128];
};

struct bench {
    struct loop *loop;
    struct sentinel sentinels[SENTINELS];
    struct redis_options options;
    struct redis_sentinels *all;
    struct redis_address found;
    int founds, moves;
};

static const char *tell(void *arg, const char *name)
{
    struct sentinel *sentinel = arg;
    if (strcmp(name, "SENTINEL") != 0)
        return fake_redis_session_reply(name);
    bool place = sentinel->place;
    sentinel->place = !place;
    sentinel->asked += place;
    if (sentinel->silent)
        return "";
    if (!place)
        snprintf(sentinel->text, sizeof(sentinel->text),
                 "*4\r\n$4\r\nname\r\n$1\r\ns\r\n$12\r\nconfig-epoch\r\n$1\r\n%d\r\n",
                 (int)sentinel->epoch);
    else if (sentinel->port == 0)
        return "*-1\r\n";
    else
        snprintf(sentinel->text, sizeof(sentinel->text), "*2\r\n$4\r\nhost\r\n$4\r\n%d\r\n",
                 sentinel->port);
    return sentinel->text;
}

static void on_found(void *arg, const struct redis_address *place)
{
    struct bench *bench = arg;
    bench->found = *place;
    bench->founds++;
}

static void on_moved(void *arg)
{
    ((struct bench *)arg)->moves++;
}

static void set_up(struct bench *bench)
{
    const struct redis_sentinels_setup setup = {on_found, on_moved, bench};
    *bench = (struct bench){.loop = loop_create()};
    redis_options_defaults(&bench->options);
    strcpy(bench->options.service, "s");
    bench->options.sentinel_count = SENTINELS;
    for (int i = 0; i < SENTINELS; i++) {
        bench->sentinels[i].fake =
            fake_redis_create_on_port(bench->loop, tell, &bench->sentinels[i]);
        strcpy(bench->options.sentinels[i].host, "127.0.0.1");
        bench->options.sentinels[i].port = fake_redis_port(bench->sentinels[i].fake);
    }
    bench->all = redis_sentinels_create(bench->loop, &bench->options, &setup);
    assert_non_null(bench->all);
}

static void tear_down(struct bench *bench)
{
    redis_sentinels_destroy(bench->all);
    for (int i = 0; i < SENTINELS; i++)
        fake_redis_destroy(bench->sentinels[i].fake);
    loop_destroy(bench->loop);
}

static void name(struct bench *bench, int sentinel, int64_t epoch, int port)
{
    bench->sentinels[sentinel].epoch = epoch;
    bench->sentinels[sentinel].port = port;
}

#define TURN_UNTIL(bench, condition)                                   \
    do {                                                               \
        const int64_t turn_deadline = clock_steady_ms() + PATIENCE_MS; \
        while (!(condition)) {                                         \
            assert_true(clock_steady_ms() < turn_deadline);            \
            loop_turn((bench)->loop, 20);                              \
        }                                                              \
    } while (0)

/* Each has been asked once more, and its answer was heard. */
static void ask_once_more(struct bench *bench)
{
    int asked[SENTINELS];
    for (int i = 0; i < SENTINELS; i++)
        asked[i] = bench->sentinels[i].asked;
    for (int i = 0; i < SENTINELS; i++)
        TURN_UNTIL(bench, bench->sentinels[i].asked >= asked[i] + 2);
}

static int search(struct bench *bench)
{
    int before = bench->founds;
    redis_sentinels_search(bench->all);
    TURN_UNTIL(bench, bench->founds > before);
    assert_string_equal(bench->found.host, "host");
    return bench->found.port;
}

static void the_newest_word_counts(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench);
    name(&bench, 0, 3, 1111);
    name(&bench, 1, 7, 2222);
    name(&bench, 2, 5, 3333);
    assert_int_equal(search(&bench), 2222);
    assert_false(redis_sentinels_confirm(bench.all)); /* one of three */
    name(&bench, 0, 7, 2222);
    ask_once_more(&bench);
    assert_true(redis_sentinels_confirm(bench.all));
    assert_int_equal(bench.moves, 0);
    tear_down(&bench);
}

static void only_a_newer_word_moves_it(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench);
    for (int i = 0; i < SENTINELS; i++)
        name(&bench, i, 5, 1111);
    assert_int_equal(search(&bench), 1111);
    name(&bench, 0, 4, 2222); /* it was cut off before */
    name(&bench, 1, 5, 2222); /* as new as the other's */
    ask_once_more(&bench);
    assert_int_equal(bench.moves, 0);
    name(&bench, 2, 6, 3333);
    TURN_UNTIL(&bench, bench.moves > 0);
    assert_int_equal(search(&bench), 3333);
    tear_down(&bench);
}

static void who_knows_nothing_does_not_count(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench);
    name(&bench, 0, 9, 0);
    redis_sentinels_search(bench.all);
    ask_once_more(&bench);
    assert_int_equal(bench.founds, 0);
    assert_string_equal(redis_sentinels_problem(bench.all),
                        "the sentinels do not know the service");
    name(&bench, 1, 1, 1111);
    TURN_UNTIL(&bench, bench.founds > 0);
    assert_int_equal(bench.found.port, 1111);
    tear_down(&bench);
}

static void a_silent_one_does_not_hold_up_the_search(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench);
    bench.sentinels[0].silent = true;
    name(&bench, 1, 1, 1111);
    name(&bench, 2, 1, 1111);
    assert_int_equal(search(&bench), 1111);
    assert_true(redis_sentinels_confirm(bench.all));
    tear_down(&bench);
}

static void what_is_at_rest_finds_nothing(void **state)
{
    struct bench bench;
    (void)state;
    set_up(&bench);
    name(&bench, 0, 1, 1111);
    redis_sentinels_search(bench.all);
    redis_sentinels_rest(bench.all);
    ask_once_more(&bench);
    assert_int_equal(bench.founds, 0);
    redis_sentinels_close(bench.all);
    redis_sentinels_close(bench.all);
    tear_down(&bench);
}

/* --- the answer --------------------------------------------------------------------------------
 */

static bool place_of(const char *host, size_t host_len, const char *port,
                     struct redis_address *ret_place)
{
    redisReply texts[2] = {{.type = REDIS_REPLY_STRING, .len = host_len},
                           {.type = REDIS_REPLY_STRING, .len = strlen(port)}};
    redisReply *elements[2] = {&texts[0], &texts[1]};
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = elements};
    texts[0].str = (char *)(uintptr_t)host;
    texts[1].str = (char *)(uintptr_t)port;
    bool is_place = redis_sentinels_place(&reply, ret_place);
    texts[1].type = REDIS_REPLY_INTEGER;
    assert_false(redis_sentinels_place(&reply, ret_place));
    reply.elements = 1;
    assert_false(redis_sentinels_place(&reply, ret_place));
    reply.type = REDIS_REPLY_NIL;
    assert_false(redis_sentinels_place(&reply, ret_place));
    return is_place;
}

static void a_place_is_a_host_and_a_port(void **state)
{
    static const char *const wrong_ports[] = {"", "0", "65536", "-1", "6379 ", "x", "1e3"};
    struct redis_address place;
    char long_host[REDIS_HOST_SIZE];
    (void)state;
    assert_true(place_of("redis-1.example", 15, "6379", &place));
    assert_string_equal(place.host, "redis-1.example");
    assert_int_equal(place.port, 6379);
    assert_true(place_of("fd00::1", 7, "65535", &place));
    for (size_t i = 0; i < sizeof(wrong_ports) / sizeof(wrong_ports[0]); i++)
        assert_false(place_of("host", 4, wrong_ports[i], &place));
    assert_false(place_of("", 0, "6379", &place));
    assert_false(place_of("a b", 3, "6379", &place));
    assert_false(place_of("a\0b", 3, "6379", &place));
    assert_false(place_of("a\n", 2, "6379", &place));
    memset(long_host, 'h', sizeof(long_host));
    assert_false(place_of(long_host, sizeof(long_host), "6379", &place));
    assert_true(place_of(long_host, sizeof(long_host) - 1, "6379", &place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_word_counts),
        cmocka_unit_test(only_a_newer_word_moves_it),
        cmocka_unit_test(who_knows_nothing_does_not_count),
        cmocka_unit_test(a_silent_one_does_not_hold_up_the_search),
        cmocka_unit_test(what_is_at_rest_finds_nothing),
        cmocka_unit_test(a_place_is_a_host_and_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
