#include "core/loop_story.h"

#include <pthread.h>
#include <stdatomic.h>

struct job {
    struct loop_work work;
    pthread_t thread;
    atomic_int runs;
    int dones;
    struct loop *again; /* started once more from done */
};

static void run_job(struct loop_work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->thread = pthread_self();
    atomic_fetch_add(&job->runs, 1);
}

static void job_done(struct loop_work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->dones++;
    if (job->again != NULL) {
        struct loop *loop = job->again;
        job->again = NULL;
        loop_work_start(loop, work);
    }
}

static struct job new_job(void)
{
    return (struct job){.work = {.run = run_job, .done = job_done}};
}

static void wait_for_dones(struct loop *loop, const struct job *job, int dones)
{
    const int64_t end = clock_steady_ms() + PATIENCE_MS;
    while (job->dones < dones && clock_steady_ms() < end)
        loop_turn(loop, PATIENCE_MS);
    assert_int_equal(job->dones, dones);
    assert_int_equal(atomic_load(&job->runs), dones);
}

static void work_runs_on_another_thread_and_comes_back(void **state)
{
    struct loop *loop = *state;
    struct job job = new_job();
    loop_work_start(loop, &job.work);
    assert_int_equal(job.dones, 0);
    wait_for_dones(loop, &job, 1);
    assert_false(pthread_equal(job.thread, pthread_self()));
    loop_work_start(loop, &job.work); /* again */
    wait_for_dones(loop, &job, 2);
}

static void done_may_start_it_again(void **state)
{
    struct loop *loop = *state;
    struct job job = new_job();
    job.again = loop;
    loop_work_start(loop, &job.work);
    wait_for_dones(loop, &job, 2);
}

static void many_are_under_way_at_once(void **state)
{
    struct loop *loop = *state;
    struct job jobs[50];
    for (int i = 0; i < 50; i++) {
        jobs[i] = new_job();
        loop_work_start(loop, &jobs[i].work);
    }
    for (int i = 0; i < 50; i++)
        wait_for_dones(loop, &jobs[i], 1);
}

static void a_loop_that_ends_gives_work_back(void **state)
{
    (void)state;
    struct loop *loop = loop_create();
    struct job job = new_job();
    loop_work_start(loop, &job.work);
    loop_destroy(loop);
    assert_int_equal(job.dones, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(work_runs_on_another_thread_and_comes_back),
        loop_test(done_may_start_it_again),
        loop_test(many_are_under_way_at_once),
        loop_test(a_loop_that_ends_gives_work_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
