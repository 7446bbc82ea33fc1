#include "core/loop_private.h"

/* What libuv needs for one run lies in the work itself. */
_Static_assert(sizeof(uv_work_t) <= LOOP_WORK_NATIVE, "LOOP_WORK_NATIVE is too small");
_Static_assert(_Alignof(uv_work_t) <= 8, "native is not aligned for it");

static struct loop_work *work_of(uv_work_t *request)
{
    return container_of(request, struct loop_work, native);
}

static void on_thread(uv_work_t *request)
{
    struct loop_work *work = work_of(request);
    work->run(work);
}

/* `done` runs even while the loop is being destroyed: the work belongs to somebody, who can only
 * then let go of it. */
static void on_ran(uv_work_t *request, int status)
{
    struct loop_work *work = work_of(request);
    (void)status; /* it is never canceled */
    loop_note_work(work->loop);
    work->done(work); /* the work may be gone after this line */
}

void loop_work_start(struct loop *loop, struct loop_work *work)
{
    work->loop = loop;
    uv_queue_work(&loop->uv, (uv_work_t *)(void *)work->native, on_thread, on_ran);
}
