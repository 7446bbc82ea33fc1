/* Takes the place of the loop, of the clock and of the kernel's randomness. Work off the loop runs
 * in one go, but not before some turn, and comes back in another one. */
#include "sim.h"

#include "proctrack/clock.h"
#include "proctrack/log.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

#define START_MS INT64_C(1762596000000)

enum { WORKS_MAX = 64 };

struct loop {
    struct list_link tasks, timers;
    struct {
        struct loop_work *work;
        bool ran;
    } works[WORKS_MAX];
    size_t work_count;
    uint64_t started; /* timers so far */
};

struct loop_timer {
    struct list_link link;
    struct loop *loop;
    void (*fire)(void *arg);
    void *arg;
    bool runs;
    int64_t due;
    uint64_t number; /* of its start */
};

static int64_t steady = 1000000, wall_ahead = START_MS, wall_latest;

/* --- randomness and time ---------------------------------------------------------------------- */

uint64_t sim_random(void)
{
    return fake_random(&sim.random);
}

uint64_t sim_below(uint64_t n)
{
    return sim_random() % n;
}

bool sim_chance(unsigned percent)
{
    return sim_below(100) < percent;
}

void sim_pass(int64_t ms)
{
    steady += ms;
    sim_jump_wall(0);
}

void sim_jump_wall(int64_t ms)
{
    wall_ahead += ms;
    if (steady + wall_ahead > wall_latest)
        wall_latest = steady + wall_ahead;
}

int64_t sim_wall_latest(void)
{
    return wall_latest;
}

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void)
{
    return steady + wall_ahead;
}

int64_t __wrap_clock_steady_ms(void);
int64_t __wrap_clock_steady_ms(void)
{
    return steady;
}

int64_t __wrap_clock_steady_us(void);
int64_t __wrap_clock_steady_us(void)
{
    return steady * 1000;
}

ssize_t __wrap_getrandom(void *buffer, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)sim_random();
    return (ssize_t)len;
}

/* --- the loop --------------------------------------------------------------------------------- */

struct loop *loop_create(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    assert(loop != NULL);
    list_init(&loop->tasks);
    list_init(&loop->timers);
    return loop;
}

int64_t loop_now_ms(const struct loop *loop)
{
    (void)loop;
    return steady;
}

int64_t loop_now_us(struct loop *loop)
{
    (void)loop;
    return steady * 1000;
}

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
    list_init(&task->link);
    task->run = run;
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->link))
        list_append(&loop->tasks, &task->link);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    assert(timer != NULL);
    timer->loop = loop;
    timer->fire = fire;
    timer->arg = arg;
    list_init(&timer->link);
    list_append(&loop->timers, &timer->link);
    return timer;
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer != NULL)
        list_remove(&timer->link);
    free(timer);
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms)
{
    timer->runs = true;
    timer->due = steady + delay_ms;
    timer->number = ++timer->loop->started;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->runs = false;
}

void loop_work_start(struct loop *loop, struct loop_work *work)
{
    assert(loop->work_count < WORKS_MAX);
    loop->works[loop->work_count].work = work;
    loop->works[loop->work_count++].ran = false;
}

/* --- turns ------------------------------------------------------------------------------------ */

static struct loop_timer *next_timer(struct loop *loop, uint64_t until)
{
    struct loop_timer *next = NULL;
    list_for_each (link, &loop->timers) {
        struct loop_timer *timer = container_of(link, struct loop_timer, link);
        if (timer->runs && timer->due <= steady && timer->number <= until &&
            (next == NULL || timer->due < next->due ||
             (timer->due == next->due && timer->number < next->number)))
            next = timer;
    }
    return next;
}

static void fire_timers(struct loop *loop)
{
    const uint64_t until = loop->started;
    struct loop_timer *timer;
    while ((timer = next_timer(loop, until)) != NULL) {
        timer->runs = false;
        timer->fire(timer->arg);
    }
}

static void run_tasks(struct loop *loop)
{
    struct list_link *link;
    while ((link = list_pop(&loop->tasks)) != NULL) {
        struct loop_task *task = container_of(link, struct loop_task, link);
        task->run(task);
    }
}

static void move_work(struct loop *loop, size_t i)
{
    struct loop_work *work = loop->works[i].work;
    if (!loop->works[i].ran) {
        loop->works[i].ran = true;
        work->run(work);
        return;
    }
    loop->works[i] = loop->works[--loop->work_count];
    work->done(work);
}

static void turn(struct loop *loop, unsigned percent)
{
    fire_timers(loop);
    for (size_t left = loop->work_count; left > 0 && loop->work_count > 0; left--) {
        if (sim_chance(percent))
            move_work(loop, sim_below(loop->work_count));
    }
    run_tasks(loop);
}

void sim_turn(void)
{
    turn(sim.loop, 50);
}

void sim_turn_until(bool (*done)(void))
{
    for (int turns = 0; !done(); turns++) {
        if (turns == 100000)
            sim_fail("it does not come to an end");
        sim_pass(10);
        turn(sim.loop, 100);
    }
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->work_count > 0)
        move_work(loop, 0);
    assert(list_is_empty(&loop->timers));
    free(loop);
}

/* --- the log: nobody reads it ------------------------------------------------------------------
 */

void __wrap_log_write(enum log_level level, const char *message, const struct log_field *fields);
void __wrap_log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    (void)level, (void)message, (void)fields;
}
