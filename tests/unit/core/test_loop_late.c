/* A turn on a machine that is busy: libuv gets to run only when the turn's time is over. */
#include "core/loop_story.h"

#include <unistd.h>
#include <uv.h>

enum { TURN_MS = 1, LATE_MS = 10 };

int __real_uv_run(uv_loop_t *loop, uv_run_mode mode);
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode);

int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    usleep(LATE_MS * 1000);
    return __real_uv_run(loop, mode);
}

static void nothing_comes(void *arg, int events)
{
    (void)arg;
    (void)events;
    fail_msg("there is nothing to read");
}

static void a_turn_ends_however_late_it_begins(void **state)
{
    struct loop *loop = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct loop_watch *watch = loop_watch_create(loop, ends[0], nothing_comes, NULL);
    assert_non_null(watch);
    loop_watch_set(watch, LOOP_READ);
    alarm(PATIENCE_MS / 1000);
    for (int turns = 0; turns < 5; turns++)
        loop_turn(loop, TURN_MS);
    alarm(0);
    loop_watch_destroy(watch);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {loop_test(a_turn_ends_however_late_it_begins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
