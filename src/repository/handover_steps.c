/* How everything is moved. One step follows another by a timer, so that none of them runs within a
 * repository's done(): PROBE again and again; OPEN and PING the other one; COPY; BEGIN, from where
 * on calls are held; MOVE; REMOVE; END; SWITCH. Up to BEGIN whatever goes wrong leads back to
 * PROBE. After that the step is taken again.
 *
 * COPY moves what has ended: nobody claims it, so that it may stand in both. What others do to it
 * there counts by its version. */
#include "repository/handover_private.h"

#include "proctrack/log.h"

#define LONG_PAUSE_MS INT64_C(30000)
#define AGAIN_MS      200
#define PINGS_MAX     50
#define PING_PAUSE_MS 20

static void next_step(struct handover_repository *handover, enum handover_step step,
                      int64_t delay_ms)
{
    if (handover->base.closed)
        return;
    handover->step = step;
    loop_timer_start(handover->timer, delay_ms);
}

/* --- work on another thread ------------------------------------------------------------------ */

static void on_thread(struct loop_work *work)
{
    struct handover_repository *handover = container_of(work, struct handover_repository, work);
    const struct handover_options *options = &handover->options;
    if (handover->step == STEP_PROBE)
        handover->work_went = options->probe(options->arg);
    else if (handover->step == STEP_BEGIN)
        handover->work_went = options->begin(options->arg);
    else
        options->end(options->arg);
}

static void on_worked(struct loop_work *work);

static void start_work(struct handover_repository *handover)
{
    handover->work_went = false;
    handover->work = (struct loop_work){.run = on_thread, .done = on_worked};
    handover->works = true;
    loop_work_start(handover->loop, &handover->work);
}

/* --- probing --------------------------------------------------------------------------------- */

static void probe_later(struct handover_repository *handover)
{
    next_step(handover, STEP_PROBE, handover->pause_ms);
    handover->pause_ms *= 2;
    if (handover->pause_ms > LONG_PAUSE_MS)
        handover->pause_ms = LONG_PAUSE_MS;
}

static void on_available(struct handover_repository *handover)
{
    if (handover->options.moves) {
        next_step(handover, STEP_OPEN, 0);
        return;
    }
    handover->step = STEP_REST;
    handover->base.handover = "available";
    log_warn("Redis can be used again; this instance stays with memory until it is restarted "
             "(REDIS_ON_RECOVERY=handover would move everything there)");
}

static void give_up(struct handover_repository *handover, const char *what, enum err err)
{
    log_warn("handover: trying again later", log_text("what", what),
             log_text("error", err_text(err)));
    repository_destroy(handover->next);
    handover->next = NULL;
    handover->collects = false;
    handover_changes_finish(&handover->changes);
    repository_follow(handover->first, handover->followed);
    handover->base.handover = "waiting";
    probe_later(handover);
}

/* --- the other one --------------------------------------------------------------------------- */

static void on_pinged(struct process_op *op)
{
    struct handover_repository *handover = container_of(op, struct handover_repository, ping.op);
    handover->last_err = op->result;
    if (op->result == ERR_OK)
        next_step(handover, STEP_COPY, 0);
    else
        next_step(handover, STEP_PING, PING_PAUSE_MS);
}

static void ping(struct handover_repository *handover)
{
    if (handover->pings++ == PINGS_MAX) {
        give_up(handover, "the other repository does not answer", handover->last_err);
        return;
    }
    process_op_init(&handover->ping.op, on_pinged);
    repository_ping(handover->next, &handover->ping);
}

static void open_next(struct handover_repository *handover)
{
    handover->began = clock_steady_ms();
    handover->moved = handover->damaged = 0;
    handover->left = 0;
    handover->pings = 0;
    handover->next = handover->options.open(handover->options.arg, handover->loop);
    if (handover->next != NULL && handover_changes_init(&handover->changes)) {
        handover->collects = true;
        repository_follow(handover->first, true);
        next_step(handover, STEP_PING, 0);
    } else {
        give_up(handover, "cannot begin", ERR_NO_MEMORY);
    }
}

/* --- moving ---------------------------------------------------------------------------------- */

static bool has_ended(struct repo_move *move, const struct repo_item *item)
{
    (void)move;
    return item->kind == ITEM_PROCESS && process_status_is_final(item->process.status);
}

/* What has not been moved yet, or has changed since. */
static bool is_left(struct repo_move *move, const struct repo_item *item)
{
    struct handover_repository *handover = container_of(move, struct handover_repository, move);
    if (item->kind != ITEM_PROCESS)
        return true;
    return handover_changes_see(&handover->changes, &item->process.id) ||
           !process_status_is_final(item->process.status);
}

static void on_copied(struct repo_move *move, enum err err)
{
    struct handover_repository *handover = container_of(move, struct handover_repository, move);
    handover->last_err = err;
    handover->moved += move->moved;
    handover->damaged += move->damaged;
    if (err == ERR_OK && handover->left < handover->options.left_count) {
        handover->left++;
        next_step(handover, STEP_COPY, 0);
    } else {
        next_step(handover, STEP_BEGIN, 0);
    }
}

static void copy(struct handover_repository *handover)
{
    const struct handover_options *options = &handover->options;
    bool is_live = handover->left == options->left_count;
    handover->base.handover = "moving";
    if (handover->left == 0)
        log_info("handover: Redis can be used again: everything is being moved there");
    repo_move_finish(&handover->move);
    handover->move = (struct repo_move){
        .from = is_live ? handover->first : options->left[handover->left],
        .to = handover->next,
        .wants = is_live ? has_ended : NULL,
        .done = on_copied,
        .now = clock_wall_ms(),
    };
    repo_move_start(&handover->move);
}

static void begin(struct handover_repository *handover)
{
    repo_move_finish(&handover->move);
    if (handover->last_err != ERR_OK || handover->changes.lost) {
        give_up(handover, "moving",
                handover->last_err != ERR_OK ? handover->last_err : ERR_NO_MEMORY);
        return;
    }
    handover_hold(handover);
    start_work(handover);
}

static void try_again(struct handover_repository *handover, enum err err)
{
    if (handover->last_err != err && err != ERR_CANCELED)
        log_warn("handover: trying again until it succeeds", log_text("error", err_text(err)));
    handover->last_err = err;
    next_step(handover, handover->step, AGAIN_MS);
}

static void on_moved(struct repo_move *move, enum err err)
{
    struct handover_repository *handover = container_of(move, struct handover_repository, move);
    handover->resumes = err != ERR_OK;
    if (err == ERR_OK) {
        handover->moved += move->moved;
        handover->damaged += move->damaged;
        next_step(handover, STEP_REMOVE, 0);
    } else {
        try_again(handover, err);
    }
}

static void move(struct handover_repository *handover)
{
    if (handover->resumes) {
        repo_move_resume(&handover->move);
        return;
    }
    handover->move = (struct repo_move){
        .from = handover->first,
        .to = handover->next,
        .wants = is_left,
        .done = on_moved,
        .now = clock_wall_ms(),
    };
    repo_move_start(&handover->move);
}

/* --- what was moved too early ---------------------------------------------------------------- */

/* It may never have been moved, and somebody may have retried it there. */
static bool is_settled(enum err err)
{
    return err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_GONE || err == ERR_CONFLICT ||
           err == ERR_CORRUPT;
}

static void on_removed(struct process_op *op)
{
    struct handover_repository *handover = container_of(op, struct handover_repository, remove.op);
    if (is_settled(op->result)) {
        handover_changes_drop_unseen(&handover->changes);
        next_step(handover, STEP_REMOVE, 0);
    } else {
        try_again(handover, op->result);
    }
}

static void close_first(struct handover_repository *handover)
{
    repo_move_finish(&handover->move);
    handover_changes_finish(&handover->changes);
    handover->collects = false;
    handover->base.serving = handover->behind = handover->next;
    repository_destroy(handover->first);
    handover->first = NULL;
    for (size_t i = 0; i < handover->options.left_count; i++)
        repository_destroy(handover->options.left[i]);
    handover->options.left_count = 0;
}

static void remove_next(struct handover_repository *handover)
{
    const struct process_id *id = handover_changes_unseen(&handover->changes);
    if (id == NULL) {
        close_first(handover);
        next_step(handover, STEP_END, 0);
        return;
    }
    process_op_init(&handover->remove.op, on_removed);
    handover->remove.id = *id;
    handover->remove.now = clock_wall_ms();
    handover->remove.if_version = 0;
    repository_remove(handover->next, &handover->remove);
}

/* --------------------------------------------------------------------------------------------- */

static void switch_over(struct handover_repository *handover)
{
    handover->step = STEP_REST;
    handover->base.fallback_reason = handover->base.handover = NULL;
    log_info("handover done", log_text("repository", "redis"),
             log_int("moved", (int64_t)handover->moved),
             log_int("damaged", (int64_t)handover->damaged),
             log_int("took_ms", clock_steady_ms() - handover->began));
    if (handover->damaged > 0)
        log_error("handover: damaged records in Redis were in the way of some; what was to be "
                  "moved stays in the files that were handed over");
    handover_pass_to(handover, handover->next);
    handover_release(handover);
}

static void on_worked(struct loop_work *work)
{
    struct handover_repository *handover = container_of(work, struct handover_repository, work);
    handover->works = false;
    if (handover->base.closed)
        return;
    if (handover->step == STEP_PROBE) {
        if (handover->work_went)
            on_available(handover);
        else
            probe_later(handover);
    } else if (handover->step == STEP_END) {
        next_step(handover, STEP_SWITCH, 0);
    } else if (handover->work_went) {
        handover->resumes = false;
        next_step(handover, STEP_MOVE, 0);
    } else {
        handover_release(handover);
        give_up(handover, "cannot begin", ERR_UNAVAILABLE);
    }
}

static void on_step(void *arg)
{
    struct handover_repository *handover = arg;
    switch (handover->step) {
    case STEP_PROBE:
        start_work(handover);
        break;
    case STEP_REST:
        break;
    case STEP_OPEN:
        open_next(handover);
        break;
    case STEP_PING:
        ping(handover);
        break;
    case STEP_COPY:
        copy(handover);
        break;
    case STEP_BEGIN:
        begin(handover);
        break;
    case STEP_MOVE:
        move(handover);
        break;
    case STEP_REMOVE:
        remove_next(handover);
        break;
    case STEP_END:
        start_work(handover);
        break;
    case STEP_SWITCH:
        switch_over(handover);
        break;
    }
}

bool handover_steps_start(struct handover_repository *handover)
{
    handover->pause_ms = handover->options.pause_ms;
    handover->timer = loop_timer_create(handover->loop, on_step, handover);
    if (handover->timer == NULL)
        return false;
    probe_later(handover);
    return true;
}

void handover_steps_stop(struct handover_repository *handover)
{
    if (handover->timer != NULL)
        loop_timer_stop(handover->timer);
}

void handover_steps_finish(struct handover_repository *handover)
{
    while (handover->works)
        loop_turn(handover->loop, 10);
    loop_timer_destroy(handover->timer);
    repo_move_finish(&handover->move);
    handover_changes_finish(&handover->changes);
}
