/* Numbers of several loops: of servers on threads of their own, of one that is stuck, and of some
 * that leave while they are asked. */
#include "http/http_fixture.h"
#include "http/http_gather.h"
#include "http/http_server_private.h"

#include "proctrack/clock.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOOPS 3

static struct http_peers *peers;
static struct fixture loops[LOOPS];

/* --- threads that run loops ---------------------------------------------------------------------
 */

static struct {
    pthread_t thread;
    struct loop_wakeup *stop;
    bool running;
} threads[LOOPS];

static void on_stop(void *arg)
{
    loop_stop(arg);
}

static void *run(void *arg)
{
    loop_run(((struct fixture *)arg)->loop);
    return NULL;
}

static void start_thread(int i)
{
    threads[i].running = true;
    assert_int_equal(pthread_create(&threads[i].thread, NULL, run, &loops[i]), 0);
}

static void stop_thread(int i)
{
    if (!threads[i].running)
        return;
    loop_wakeup_send(threads[i].stop);
    pthread_join(threads[i].thread, NULL);
    threads[i].running = false;
}

static void end_loop(int i)
{
    if (loops[i].loop == NULL)
        return;
    loop_wakeup_destroy(threads[i].stop);
    fixture_stop(&loops[i]);
}

static int setup(void **state)
{
    (void)state;
    peers = http_peers_create();
    assert_non_null(peers);
    for (int i = 0; i < LOOPS; i++) {
        fixture_init(&loops[i], false);
        loops[i].options.peers = peers;
        fixture_start(&loops[i]);
        threads[i].stop = loop_wakeup_create(loops[i].loop, on_stop, loops[i].loop);
        assert_non_null(threads[i].stop);
        loops[i].server->counters.shed = (uint64_t)(i + 1);
        http_tally_add(&loops[i].server->tally, NULL, METHOD_GET, 200, 100);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < LOOPS; i++)
        stop_thread(i);
    for (int i = LOOPS - 1; i >= 0; i--)
        end_loop(i);
    http_peers_destroy(peers);
    return 0;
}

/* --- asking -------------------------------------------------------------------------------------
 */

struct question {
    struct http_gather gather;
    struct fixture *on;
    int answers; /* how often it was answered: once is right */
    bool found;
    uint64_t shed, answered;
    int loops, up;
    struct question *then; /* to be asked from inside the answer */
};

static void ask_for(struct question *question, struct fixture *on);

static void on_gathered(struct http_gather *gather, const struct http_gathered *gathered)
{
    struct question *question = container_of(gather, struct question, gather);
    question->answers++;
    question->found = gathered != NULL;
    if (gathered == NULL)
        return;
    question->shed = gathered->sum.counters.shed;
    question->loops = gathered->loops;
    for (int i = 0; i < gathered->loops; i++)
        question->up += gathered->up[i];
    for (size_t i = 0; i < gathered->sum.tally.count; i++)
        question->answered += gathered->sum.tally.series[i].answers;
    if (question->then != NULL)
        ask_for(question->then, question->on);
}

static void ask_for(struct question *question, struct fixture *on)
{
    question->on = on;
    question->gather.done = on_gathered;
    http_gather(on->server, &question->gather);
}

/* Loop 0 turns on this thread. */
static void wait_for_answer(const struct question *question)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (question->answers == 0) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(loops[0].loop, 10);
    }
    assert_int_equal(question->answers, 1);
    assert_true(question->found);
}

static void all_loops_are_added_up(void **state)
{
    struct question question = {0};
    (void)state;
    start_thread(1);
    start_thread(2);
    ask_for(&question, &loops[0]);
    wait_for_answer(&question);
    assert_int_equal(question.shed, 1 + 2 + 3);
    assert_int_equal(question.answered, 3);
    assert_int_equal(question.loops, LOOPS);
    assert_int_equal(question.up, LOOPS);
}

static void a_stuck_loop_counts_with_what_it_gave_last(void **state)
{
    struct question first = {0}, second = {0}, third = {0};
    (void)state;
    start_thread(1);
    start_thread(2);
    ask_for(&first, &loops[0]);
    wait_for_answer(&first);
    stop_thread(2);
    loops[0].server->counters.shed = 11;
    loops[2].server->counters.shed = 1000;
    int64_t began = clock_steady_ms();
    ask_for(&second, &loops[0]);
    wait_for_answer(&second);
    assert_true(clock_steady_ms() - began >= GATHER_MS);
    assert_int_equal(second.shed, 11 + 2 + 3);
    assert_int_equal(second.up, LOOPS - 1);
    start_thread(2); /* what it was asked meanwhile is over; the next question is answered */
    ask_for(&third, &loops[0]);
    wait_for_answer(&third);
    assert_int_equal(third.shed, 11 + 2 + 1000);
    assert_int_equal(third.up, LOOPS);
}

static void who_asks_meanwhile_gets_newer_numbers(void **state)
{
    struct question first = {0}, second = {0}, third = {0}, inside = {0};
    (void)state;
    ask_for(&first, &loops[0]); /* loops 1 and 2 do not turn yet */
    loops[0].server->counters.shed = 100;
    first.then = &inside;
    ask_for(&second, &loops[0]);
    ask_for(&third, &loops[0]);
    assert_int_equal(first.answers + second.answers + third.answers, 0);
    start_thread(1);
    start_thread(2);
    wait_for_answer(&third);
    assert_int_equal(first.answers, 1);
    assert_int_equal(first.up, LOOPS);
    assert_int_equal(second.answers, 1);
    assert_int_equal(second.shed, 100 + 2 + 3);
    assert_int_equal(third.shed, 100 + 2 + 3);
    wait_for_answer(&inside);
    assert_int_equal(inside.shed, 100 + 2 + 3);
}

/* --- several that ask at once -------------------------------------------------------------------
 */

#define ROUNDS 200

/* Asks again and again on its own loop. */
struct asker {
    struct question question;
    struct loop_wakeup *start;
    int left;
    atomic_bool over;
};

static void on_asked(struct http_gather *gather, const struct http_gathered *gathered)
{
    struct asker *asker = container_of(gather, struct asker, question.gather);
    if (gathered != NULL && gathered->sum.counters.shed == 1 + 2 + 3)
        asker->question.answers++;
    if (--asker->left == 0)
        asker->over = true;
    else
        loop_wakeup_send(asker->start);
}

static void on_start(void *arg)
{
    struct asker *asker = arg;
    asker->question.gather.done = on_asked;
    http_gather(asker->question.on->server, &asker->question.gather);
}

static void all_may_ask_at_once(void **state)
{
    static struct asker askers[LOOPS];
    (void)state;
    for (int i = 0; i < LOOPS; i++) {
        askers[i] = (struct asker){.left = ROUNDS, .question.on = &loops[i]};
        askers[i].start = loop_wakeup_create(loops[i].loop, on_start, &askers[i]);
        assert_non_null(askers[i].start);
        loop_wakeup_send(askers[i].start);
    }
    start_thread(1);
    start_thread(2);
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (!askers[0].over || !askers[1].over || !askers[2].over) {
        assert_true(clock_steady_ms() < deadline);
        loop_turn(loops[0].loop, 10);
    }
    stop_thread(1);
    stop_thread(2);
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(askers[i].question.answers, ROUNDS);
        loop_wakeup_destroy(askers[i].start);
    }
}

/* --- leaving ------------------------------------------------------------------------------------
 */

static void who_leaves_is_not_waited_for(void **state)
{
    struct question question = {0};
    (void)state;
    ask_for(&question, &loops[0]);
    end_loop(2);
    end_loop(1);
    wait_for_answer(&question);
    assert_int_equal(question.shed, 1);
    assert_int_equal(question.up, 1);
}

static void who_leaves_is_answered(void **state)
{
    struct question question = {0}, late = {0};
    (void)state;
    ask_for(&question, &loops[0]);
    http_peer_leave(&loops[0].server->peer);
    assert_int_equal(question.answers, 1);
    assert_int_equal(question.shed, 1);
    ask_for(&late, &loops[0]); /* while what is left is flushed */
    assert_int_equal(late.answers, 1);
    assert_int_equal(late.loops, 1);
    assert_int_equal(late.up, 1);
    http_peer_leave(&loops[0].server->peer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_loops_are_added_up),
        TEST(a_stuck_loop_counts_with_what_it_gave_last),
        TEST(who_asks_meanwhile_gets_newer_numbers),
        TEST(all_may_ask_at_once),
        TEST(who_leaves_is_not_waited_for),
        TEST(who_leaves_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
