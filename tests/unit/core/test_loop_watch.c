#include "core/loop_story.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int seen; /* the LOOP_* of the last call */

static void see(void *arg, int events)
{
    (void)arg;
    seen = events;
}

static int next_seen(struct loop *loop)
{
    seen = 0;
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (seen == 0 && clock_steady_ms() < end)
        loop_turn(loop, PATIENCE_MS);
    return seen;
}

static int seen_at_once(struct loop *loop)
{
    seen = 0;
    loop_turn(loop, 0);
    return seen;
}

struct pair {
    struct loop_watch *watch; /* on ends[0] */
    int ends[2];
};

static struct pair pair_create(struct loop *loop, int type)
{
    struct pair pair;
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair.ends), 0);
    pair.watch = loop_watch_create(loop, pair.ends[0], see, NULL);
    assert_non_null(pair.watch);
    return pair;
}

static void pair_finish(struct pair *pair)
{
    loop_watch_destroy(pair->watch);
    close(pair->ends[0]);
    close(pair->ends[1]);
}

static void a_watch_tells_what_was_asked_for_as_long_as_it_holds(void **state)
{
    struct loop *loop = *state;
    struct pair pair = pair_create(loop, SOCK_STREAM);
    assert_int_equal(seen_at_once(loop), 0);
    loop_watch_set(pair.watch, LOOP_READ);
    assert_int_equal(seen_at_once(loop), 0);
    assert_int_equal(write(pair.ends[1], "x", 1), 1);
    assert_int_equal(next_seen(loop), LOOP_READ);
    assert_int_equal(next_seen(loop), LOOP_READ); /* level-triggered */
    loop_watch_set(pair.watch, LOOP_READ | LOOP_WRITE);
    assert_int_equal(next_seen(loop), LOOP_READ | LOOP_WRITE);
    loop_watch_set(pair.watch, LOOP_WRITE);
    assert_int_equal(next_seen(loop), LOOP_WRITE);
    loop_watch_set(pair.watch, 0);
    assert_int_equal(seen_at_once(loop), 0);
    loop_watch_set(pair.watch, LOOP_WRITE); /* came and went between two waits */
    loop_watch_set(pair.watch, LOOP_READ);
    char byte;
    assert_int_equal(next_seen(loop), LOOP_READ);
    assert_int_equal(read(pair.ends[0], &byte, 1), 1);
    assert_int_equal(seen_at_once(loop), 0);
    pair_finish(&pair);
    loop_watch_destroy(NULL);
}

static void a_hangup_is_told_without_reading(void **state)
{
    struct loop *loop = *state;
    struct pair pair = pair_create(loop, SOCK_STREAM);
    loop_watch_set(pair.watch, LOOP_HANGUP);
    assert_int_equal(write(pair.ends[1], "unread", 6), 6);
    assert_int_equal(seen_at_once(loop), 0); /* data is no hangup */
    shutdown(pair.ends[1], SHUT_WR);
    assert_int_equal(next_seen(loop), LOOP_HANGUP);
    loop_watch_set(pair.watch, LOOP_READ | LOOP_HANGUP);
    assert_int_equal(next_seen(loop), LOOP_READ | LOOP_HANGUP);
    pair_finish(&pair);

    pair = pair_create(loop, SOCK_STREAM);
    loop_watch_set(pair.watch, LOOP_HANGUP);
    close(pair.ends[1]);
    assert_int_equal(next_seen(loop), LOOP_HANGUP);
    assert_int_equal(next_seen(loop), LOOP_HANGUP);
    loop_watch_destroy(pair.watch);
    close(pair.ends[0]);
}

/* A pipe whose reader is gone reports an error and nothing else. */
static void an_error_counts_as_all_that_was_asked_for(void **state)
{
    struct loop *loop = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct loop_watch *watch = loop_watch_create(loop, ends[1], see, NULL);
    char block[4096] = {0};
    loop_watch_set(watch, LOOP_WRITE);
    loop_turn(loop, 0);
    while (write(ends[1], block, sizeof(block)) > 0)
        ; /* full: not writable, were it not for the error */
    loop_watch_set(watch, LOOP_WRITE | LOOP_HANGUP);
    assert_int_equal(seen_at_once(loop), 0);
    close(ends[0]);
    assert_int_equal(next_seen(loop), LOOP_WRITE | LOOP_HANGUP);
    assert_int_equal(next_seen(loop), LOOP_WRITE | LOOP_HANGUP); /* still holds, is told again */
    loop_watch_set(watch, 0);
    assert_int_equal(seen_at_once(loop), 0);
    loop_watch_destroy(watch);
    close(ends[1]);
}

static void an_epoll_descriptor_can_be_watched(void **state)
{
    struct loop *loop = *state;
    const int inner = epoll_create1(EPOLL_CLOEXEC);
    const int event = eventfd(0, EFD_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN};
    assert_int_equal(epoll_ctl(inner, EPOLL_CTL_ADD, event, &wanted), 0);
    struct loop_watch *watch = loop_watch_create(loop, inner, see, NULL);
    assert_non_null(watch);
    loop_watch_set(watch, LOOP_READ);
    assert_int_equal(seen_at_once(loop), 0);
    eventfd_write(event, 1);
    assert_int_equal(next_seen(loop), LOOP_READ);
    loop_watch_destroy(watch);
    close(event);
    close(inner);
}

static void a_file_cannot_be_watched(void **state)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_null(loop_watch_create(*state, fileno(file), see, NULL));
    fclose(file);
    assert_null(loop_watch_create(*state, -1, see, NULL));
}

struct two_watches {
    struct pair pairs[2];
    bool destroy;
    int calls;
};

static void silence_both(void *arg, int events)
{
    struct two_watches *two = arg;
    assert_int_equal(events, LOOP_READ);
    two->calls++;
    for (size_t i = 0; i < 2; i++) {
        if (two->destroy)
            pair_finish(&two->pairs[i]);
        else
            loop_watch_set(two->pairs[i].watch, 0);
    }
}

static void a_silenced_watch_keeps_quiet_though_its_event_was_fetched(void **state)
{
    struct two_watches two;
    for (int round = 0; round < 2; round++) {
        two.destroy = round == 1;
        two.calls = 0;
        for (size_t i = 0; i < 2; i++) {
            two.pairs[i] = pair_create(*state, SOCK_STREAM);
            loop_watch_destroy(two.pairs[i].watch);
            two.pairs[i].watch =
                loop_watch_create(*state, two.pairs[i].ends[0], silence_both, &two);
            assert_int_equal(write(two.pairs[i].ends[1], "x", 1), 1);
            loop_watch_set(two.pairs[i].watch, LOOP_READ);
        }
        loop_turn(*state, PATIENCE_MS);
        loop_turn(*state, 0);
        assert_int_equal(two.calls, 1);
        if (!two.destroy) {
            pair_finish(&two.pairs[0]);
            pair_finish(&two.pairs[1]);
        }
    }
}

static void a_watch_may_go_before_its_change_took_effect(void **state)
{
    struct loop *loop = *state;
    struct pair gone = pair_create(loop, SOCK_STREAM);
    loop_watch_set(gone.watch, LOOP_WRITE);
    pair_finish(&gone);
    assert_int_equal(seen_at_once(loop), 0);
    struct pair pair = pair_create(loop, SOCK_STREAM);
    loop_watch_set(pair.watch, LOOP_WRITE);
    assert_int_equal(next_seen(loop), LOOP_WRITE);
    pair_finish(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(a_watch_tells_what_was_asked_for_as_long_as_it_holds),
        loop_test(a_hangup_is_told_without_reading),
        loop_test(an_error_counts_as_all_that_was_asked_for),
        loop_test(an_epoll_descriptor_can_be_watched),
        loop_test(a_file_cannot_be_watched),
        loop_test(a_silenced_watch_keeps_quiet_though_its_event_was_fetched),
        loop_test(a_watch_may_go_before_its_change_took_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
