#include "core/loop_story.h"

#include <sys/socket.h>
#include <unistd.h>

static void timers_fire_in_order_and_not_early(void **state)
{
    struct loop *loop = *state;
    char a = 'a', b = 'b', c = 'c', d = 'd';
    struct loop_timer *late = loop_timer_create(loop, tell_arg, &a);
    struct loop_timer *early = loop_timer_create(loop, tell_arg, &b);
    struct loop_timer *moved = loop_timer_create(loop, tell_arg, &c);
    struct loop_timer *stopped = loop_timer_create(loop, tell_arg, &d);
    const int64_t start = clock_steady_ms();
    loop_timer_start(late, 40);
    loop_timer_start(early, 20);
    loop_timer_start(moved, 1);
    loop_timer_start(moved, 60);
    loop_timer_start(stopped, 1);
    loop_timer_stop(stopped);
    turn_until(loop, "bac");
    assert_true(clock_steady_ms() - start >= 59); /* both clocks are cut to milliseconds */
    loop_turn(loop, 0);
    assert_string_equal(story, "bac");
    loop_timer_destroy(late);
    loop_timer_destroy(early);
    loop_timer_destroy(moved);
    loop_timer_destroy(stopped);
    loop_timer_destroy(NULL);
}

/* libuv's clock stands still between runs; a delay must count from now all the same. */
static void a_delay_counts_from_the_start_between_runs_too(void **state)
{
    struct loop *loop = *state;
    char a = 'a';
    struct loop_timer *timer = loop_timer_create(loop, tell_arg, &a);
    be_busy(loop);
    const int64_t start = clock_steady_us();
    loop_timer_start(timer, 20);
    turn_until(loop, "a");
    assert_true(clock_steady_us() - start >= 19000);
    loop_timer_destroy(timer);
}

static void without_delay_a_timer_needs_no_wait(void **state)
{
    struct loop *loop = *state;
    char a = 'a', b = 'b';
    struct loop_timer *timer = loop_timer_create(loop, tell_arg, &a);
    struct loop_timer *stopped = loop_timer_create(loop, tell_arg, &b);
    loop_timer_start(timer, 0);
    loop_timer_start(stopped, 0);
    loop_timer_stop(stopped);
    assert_string_equal(story, "");
    loop_turn(loop, 0);
    assert_string_equal(story, "a");
    loop_turn(loop, 0); /* once */
    assert_string_equal(story, "a");
    loop_timer_destroy(timer);
    loop_timer_destroy(stopped);
}

struct restarting {
    struct loop *loop;
    struct loop_timer *timer;
    int left;
    int sent; /* descriptor that is written to when half is done */
};

static void restart(void *arg)
{
    struct restarting *self = arg;
    if (--self->left == 500)
        assert_int_equal(write(self->sent, "x", 1), 1);
    if (self->left > 0)
        loop_timer_start(self->timer, 0);
    else
        loop_stop(self->loop);
}

static void note_left(void *arg, int events)
{
    struct restarting *self = arg;
    assert_int_equal(events, LOOP_READ);
    if (story[0] == '\0')
        tell(self->left > 400 ? 'y' : 'n');
}

static void a_timer_without_delay_starves_no_descriptor(void **state)
{
    struct loop *loop = *state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct restarting self = {.loop = loop, .left = 1000, .sent = ends[0]};
    self.timer = loop_timer_create(loop, restart, &self);
    struct loop_watch *watch = loop_watch_create(loop, ends[1], note_left, &self);
    loop_watch_set(watch, LOOP_READ);
    loop_timer_start(self.timer, 0);
    loop_run(loop);
    assert_int_equal(self.left, 0);
    assert_string_equal(story, "y"); /* read soon after it was sent, with most turns still ahead */
    loop_watch_destroy(watch);
    loop_timer_destroy(self.timer);
    close(ends[0]);
    close(ends[1]);
}

struct destroying {
    struct loop_timer *timers[2];
};

static void destroy_both(void *arg)
{
    struct destroying *both = arg;
    tell('x');
    loop_timer_destroy(both->timers[0]);
    loop_timer_destroy(both->timers[1]);
}

static void a_timer_may_destroy_itself_and_one_that_is_due(void **state)
{
    for (int64_t delay = 0; delay <= 1; delay++) {
        story[0] = '\0';
        struct destroying both;
        both.timers[0] = loop_timer_create(*state, destroy_both, &both);
        both.timers[1] = loop_timer_create(*state, destroy_both, &both);
        loop_timer_start(both.timers[0], delay);
        loop_timer_start(both.timers[1], delay);
        turn_until(*state, "x");
        loop_turn(*state, 5);
        assert_string_equal(story, "x");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(timers_fire_in_order_and_not_early),
        loop_test(without_delay_a_timer_needs_no_wait),
        loop_test(a_delay_counts_from_the_start_between_runs_too),
        loop_test(a_timer_without_delay_starves_no_descriptor),
        loop_test(a_timer_may_destroy_itself_and_one_that_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
