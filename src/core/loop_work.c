#include "core/loop_private.h"

#include <stdlib.h>

/* What libuv needs for one run. */
struct work_request {
    uv_work_t uv;
    struct loop_work *work;
};

static void on_thread(uv_work_t *request)
{
    struct loop_work *work = container_of(request, struct work_request, uv)->work;
    work->run(work);
}

/* `done` runs even while the loop is being destroyed: the work belongs to somebody, who can only
 * then let go of it. */
static void on_ran(uv_work_t *request, int status)
{
    struct loop_work *work = container_of(request, struct work_request, uv)->work;
    (void)status; /* it is never canceled */
    loop_note_work(work->loop);
    free(work->native);
    work->native = NULL;
    work->done(work); /* the work may be gone after this line */
}

bool loop_work_start(struct loop *loop, struct loop_work *work)
{
    struct work_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return false;
    request->work = work;
    work->loop = loop;
    work->native = request;
    if (uv_queue_work(&loop->uv, &request->uv, on_thread, on_ran) == 0)
        return true;
    free(request);
    work->native = NULL;
    return false;
}
