#include "core/loop_story.h"

#include <pthread.h>
#include <signal.h>

static void *send_wakeup(void *arg)
{
    loop_wakeup_send(arg);
    loop_wakeup_send(arg);
    return NULL;
}

static void stop_loop(void *arg)
{
    tell('w');
    loop_stop(arg);
}

static void another_thread_wakes_the_loop(void **state)
{
    struct loop *loop = *state;
    struct loop_wakeup *wakeup = loop_wakeup_create(loop, stop_loop, loop);
    assert_non_null(wakeup);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_wakeup, wakeup), 0);
    loop_run(loop);
    assert_int_equal(story[0], 'w');
    pthread_join(thread, NULL);
    loop_wakeup_destroy(wakeup); /* a second send may be under way: its call must not come */
    const size_t told = strlen(story);
    loop_turn(loop, 0);
    assert_int_equal(strlen(story), told);
    loop_wakeup_destroy(NULL);
}

static void a_signal_arrives_on_the_loop(void **state)
{
    struct loop *loop = *state;
    char s = 's';
    struct loop_signal *signal = loop_signal_create(loop, SIGUSR1, tell_arg, &s);
    assert_non_null(signal);
    raise(SIGUSR1);
    assert_string_equal(story, "");
    turn_until(loop, "s");
    loop_signal_destroy(signal);
    loop_signal_destroy(NULL);
    assert_null(loop_signal_create(loop, SIGKILL, tell_arg, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(another_thread_wakes_the_loop),
        loop_test(a_signal_arrives_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
