#include "core/loop_story.h"

#include <signal.h>
#include <unistd.h>

struct letter_task {
    struct loop_task task;
    struct loop *loop;
    char letter;
    struct letter_task *then; /* deferred by this one */
};

static void run_letter(struct loop_task *task)
{
    struct letter_task *letter = container_of(task, struct letter_task, task);
    tell(letter->letter);
    if (letter->then != NULL)
        loop_defer(letter->loop, &letter->then->task);
}

static struct letter_task letter_of(struct loop *loop, char c)
{
    return (struct letter_task){.loop = loop, .letter = c};
}

static void tasks_run_once_in_order_and_those_they_defer(void **state)
{
    struct loop *loop = *state;
    struct letter_task a = letter_of(loop, 'a');
    struct letter_task b = letter_of(loop, 'b');
    struct letter_task c = letter_of(loop, 'c');
    struct letter_task d = letter_of(loop, 'd');
    struct letter_task *all[] = {&a, &b, &c, &d};
    for (size_t i = 0; i < 4; i++)
        loop_task_init(&all[i]->task, run_letter);
    a.then = &d;
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &c.task);
    loop_defer(loop, &a.task); /* is waiting already: keeps its place */
    loop_task_cancel(&b.task);
    loop_task_cancel(&b.task);
    assert_string_equal(story, "");
    loop_turn(loop, PATIENCE_MS); /* does not wait, since there was work */
    assert_string_equal(story, "acd");
    loop_turn(loop, 0);
    assert_string_equal(story, "acd");
    loop_defer(loop, &b.task);
    loop_turn(loop, 0);
    assert_string_equal(story, "acdb");
}

struct self_deferring {
    struct loop_task task;
    struct loop *loop;
    int left;
};

static void run_again(struct loop_task *task)
{
    struct self_deferring *self = container_of(task, struct self_deferring, task);
    if (--self->left > 0)
        loop_defer(self->loop, task);
    else
        loop_stop(self->loop);
}

static void a_task_may_defer_itself_and_stop_the_loop(void **state)
{
    struct self_deferring self = {.loop = *state, .left = 1000};
    loop_task_init(&self.task, run_again);
    loop_defer(*state, &self.task);
    loop_run(*state);
    assert_int_equal(self.left, 0);
}

struct deferring_timer {
    struct loop *loop;
    struct letter_task letter;
};

static void defer_and_stop(void *arg)
{
    struct deferring_timer *timer = arg;
    tell('t');
    loop_defer(timer->loop, &timer->letter.task);
    loop_stop(timer->loop);
}

/* A timer comes before the turn's tasks, a wakeup after them. */
static void what_the_stopping_turn_deferred_still_runs(void **state)
{
    struct deferring_timer arg = {.loop = *state, .letter = letter_of(*state, 'd')};
    loop_task_init(&arg.letter.task, run_letter);
    struct loop_timer *timer = loop_timer_create(*state, defer_and_stop, &arg);
    loop_timer_start(timer, 1);
    loop_run(*state);
    assert_string_equal(story, "td");
    loop_timer_destroy(timer);

    struct loop_wakeup *wakeup = loop_wakeup_create(*state, defer_and_stop, &arg);
    loop_wakeup_send(wakeup);
    loop_run(*state);
    assert_string_equal(story, "tdtd");
    loop_wakeup_destroy(wakeup);
}

static void a_stop_before_the_run_counts_once(void **state)
{
    struct loop *loop = *state;
    struct deferring_timer arg = {.loop = loop, .letter = letter_of(loop, 'd')};
    loop_task_init(&arg.letter.task, run_letter);
    char u = 'u';
    struct loop_timer *other = loop_timer_create(loop, tell_arg, &u);
    struct loop_timer *timer = loop_timer_create(loop, defer_and_stop, &arg);
    loop_stop(loop);
    loop_timer_start(other, 0);
    loop_turn(loop, 0); /* a single turn is no run: it takes place */
    assert_string_equal(story, "u");
    loop_timer_start(timer, 0);
    loop_run(loop);
    assert_string_equal(story, "u");
    loop_run(loop);
    assert_string_equal(story, "utd");
    loop_timer_destroy(timer);
    loop_timer_destroy(other);
}

static void a_turn_waits_no_longer_than_told(void **state)
{
    be_busy(*state);
    const int64_t start = clock_steady_us();
    loop_turn(*state, 30);
    const int64_t waited = clock_steady_us() - start;
    assert_true(waited >= 29000);
    assert_true(waited < PATIENCE_MS * 1000);
    assert_true(loop_now_ms(*state) >= start / 1000);
}

static void tell_ready(void *arg, int events)
{
    (void)events;
    tell_arg(arg);
}

static void tell_address(void *arg, const char *address, const char *why)
{
    (void)address;
    (void)why;
    tell_arg(arg);
}

static void a_loop_ends_with_things_under_way(void **state)
{
    (void)state;
    struct loop *loop = loop_create();
    assert_non_null(loop);
    char x = 'x';
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct loop_timer *timer = loop_timer_create(loop, tell_arg, &x);
    struct loop_timer *due = loop_timer_create(loop, tell_arg, &x);
    struct loop_wakeup *wakeup = loop_wakeup_create(loop, tell_arg, &x);
    struct loop_signal *signal = loop_signal_create(loop, SIGUSR1, tell_arg, &x);
    struct loop_resolve *lookup = loop_resolve_start(loop, "localhost", tell_address, &x);
    struct loop_watch *watch = loop_watch_create(loop, ends[1], tell_ready, &x);
    struct letter_task task = letter_of(loop, 'x');
    loop_task_init(&task.task, run_letter);
    loop_defer(loop, &task.task);
    loop_timer_start(timer, 1);
    loop_timer_start(due, 0);
    loop_wakeup_send(wakeup);
    raise(SIGUSR1);
    loop_watch_set(watch, LOOP_WRITE);

    loop_timer_destroy(timer);
    loop_timer_destroy(due);
    loop_wakeup_destroy(wakeup);
    loop_signal_destroy(signal);
    loop_resolve_cancel(lookup);
    loop_watch_destroy(watch);
    close(ends[0]);
    close(ends[1]);
    loop_destroy(loop);
    loop_task_cancel(&task.task); /* harmless: the loop has let go of it */
    assert_string_equal(story, "");
    loop_destroy(NULL);
}

struct reading {
    struct loop_task task;
    struct loop *loop;
    int64_t us;
};

static void read_twice(struct loop_task *task)
{
    struct reading *reading = container_of(task, struct reading, task);
    reading->us = loop_now_us(reading->loop);
    while (clock_steady_us() < reading->us + 2000)
        ; /* time passes within the turn */
    assert_int_equal(loop_now_us(reading->loop), reading->us);
}

static void microseconds_stand_still_for_a_turn(void **state)
{
    struct loop *loop = *state;
    struct reading reading = {.loop = loop};
    loop_task_init(&reading.task, read_twice);
    for (int64_t before = 0, i = 0; i < 3; i++) {
        loop_defer(loop, &reading.task);
        loop_turn(loop, 0);
        assert_true(reading.us >= before + (i > 0 ? 2000 : 0));
        before = reading.us;
    }
    const int64_t now = loop_now_us(loop);
    assert_in_range(clock_steady_us() - now, 0, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(tasks_run_once_in_order_and_those_they_defer),
        loop_test(a_task_may_defer_itself_and_stop_the_loop),
        loop_test(what_the_stopping_turn_deferred_still_runs),
        loop_test(a_stop_before_the_run_counts_once),
        loop_test(a_turn_waits_no_longer_than_told),
        loop_test(microseconds_stand_still_for_a_turn),
        loop_test(a_loop_ends_with_things_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
