/* What is under way belongs to the loop until that gives it back. An owner who cannot wait for
 * that, as he blocks the loop, waits for the other thread only, and leaves the rest to be freed
 * when it comes back. */
#include "storage/offload.h"

#include <pthread.h>
#include <stdlib.h>

enum stage { STAGE_IDLE, STAGE_WAITING, STAGE_RUNNING, STAGE_RAN, STAGE_SETTLED };

struct offload {
    struct loop_work work;
    struct loop *loop;
    pthread_mutex_t mutex; /* over stage */
    pthread_cond_t ran;
    enum stage stage;
    bool out;       /* the loop has it */
    bool abandoned; /* nobody else has it */
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static enum stage change_stage(struct offload *offload, enum stage from, enum stage to)
{
    pthread_mutex_lock(&offload->mutex);
    const enum stage found = offload->stage;
    if (found == from)
        offload->stage = to;
    pthread_cond_signal(&offload->ran);
    pthread_mutex_unlock(&offload->mutex);
    return found;
}

static void release(struct offload *offload)
{
    pthread_cond_destroy(&offload->ran);
    pthread_mutex_destroy(&offload->mutex);
    free(offload);
}

static void on_thread(struct loop_work *work)
{
    struct offload *offload = container_of(work, struct offload, work);
    if (change_stage(offload, STAGE_WAITING, STAGE_RUNNING) != STAGE_WAITING)
        return;
    offload->run(offload->arg);
    change_stage(offload, STAGE_RUNNING, STAGE_RAN);
}

static void on_back(struct loop_work *work)
{
    struct offload *offload = container_of(work, struct offload, work);
    offload->out = false;
    if (offload->abandoned)
        release(offload);
    else if (change_stage(offload, STAGE_RAN, STAGE_IDLE) == STAGE_RAN)
        offload->done(offload->arg);
}

struct offload *offload_create(struct loop *loop, void (*run)(void *arg), void (*done)(void *arg),
                               void *arg)
{
    struct offload *offload = calloc(1, sizeof(*offload));
    if (offload == NULL)
        return NULL;
    if (pthread_mutex_init(&offload->mutex, NULL) != 0) {
        free(offload);
        return NULL;
    }
    if (pthread_cond_init(&offload->ran, NULL) != 0) {
        pthread_mutex_destroy(&offload->mutex);
        free(offload);
        return NULL;
    }
    offload->work.run = on_thread;
    offload->work.done = on_back;
    offload->loop = loop;
    offload->run = run;
    offload->done = done;
    offload->arg = arg;
    return offload;
}

void offload_start(struct offload *offload)
{
    offload->stage = STAGE_WAITING;
    offload->out = true;
    loop_work_start(offload->loop, &offload->work);
}

bool offload_settle(struct offload *offload)
{
    pthread_mutex_lock(&offload->mutex);
    const enum stage found = offload->stage;
    while (offload->stage == STAGE_RUNNING)
        pthread_cond_wait(&offload->ran, &offload->mutex);
    offload->stage = STAGE_SETTLED;
    pthread_mutex_unlock(&offload->mutex);
    if (found == STAGE_WAITING)
        offload->run(offload->arg);
    return found == STAGE_WAITING || found == STAGE_RUNNING || found == STAGE_RAN;
}

void offload_destroy(struct offload *offload)
{
    if (offload == NULL)
        return;
    offload_settle(offload);
    if (offload->out)
        offload->abandoned = true;
    else
        release(offload);
}
