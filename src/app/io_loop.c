/* How a loop ends. io_loop_stop() wakes it, and it is LEAVING for shutdown_delay_ms: no longer
 * ready, but serving. Then it DRAINS: the server accepts no more, long waits end with the present
 * state, the pool ends its commands and hands their processes back through the manager and the
 * repository, which therefore stay open. Once no request is open and the pool is empty, or at the
 * deadline, it CLOSES: the repository ends whatever call is still open, those requests are answered
 * 503, and when these are out too, or CLOSE_PATIENCE_MS later, the loop stops. Neither the server
 * nor the pool tells when it becomes idle, so a timer looks. It lets ARRIVE_MS pass first: requests
 * that clients had sent by the stop may not have been read yet, and an open connection learns only
 * from its next answer that there will be no other. The operators' server answers all the while. */
#include "app/io_loop.h"

#include "app/heart.h"
#include "proctrack/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS           10
#define ARRIVE_MS         100
#define CLOSE_PATIENCE_MS 1000

enum io_state { IO_SERVING, IO_LEAVING, IO_DRAINING, IO_CLOSING };

struct io_loop {
    struct service_settings *settings;
    _Atomic(struct service_settings *) next; /* to be taken up; NULL: none */
    struct process_manager_options manager_options;
    enum io_state state;
    int64_t deadline; /* when stopping: of draining, then of closing */
    int64_t arrived;  /* when draining: what clients had sent has been read */
    bool pool_drained;
    bool cut_off;          /* requests were still under way at the deadline */
    struct io_loop *first; /* which works through what comes in: perhaps this one */
    struct loop *loop;
    struct process_repository *repository;
    struct process_manager *manager;
    struct analyzer_pool *pool; /* on the first loop, once there are analyzers */
    _Atomic bool has_pool;
    struct http_server *http, *admin; /* admin: on the first loop, or none */
    struct loop_wakeup *stop, *work, *adopt;
    struct loop_timer *look;
    int index;
    struct heart heart;
};

static bool is_idle(const struct io_loop *io)
{
    return io->pool_drained && http_server_open_calls(io->http) == 0 &&
           (io->admin == NULL || http_server_running_calls(io->admin) == 0);
}

static void on_pool_drained(void *arg)
{
    struct io_loop *io = arg;
    io->pool_drained = true;
}

static void drain(struct io_loop *io)
{
    io->state = IO_DRAINING;
    io->arrived = loop_now_ms(io->loop) + ARRIVE_MS;
    http_server_quiesce(io->http);
    process_manager_stop(io->manager);
    if (io->pool != NULL)
        analyzer_pool_stop(io->pool, on_pool_drained, io);
}

static void look_after_the_end(void *arg)
{
    struct io_loop *io = arg;
    int64_t now = loop_now_ms(io->loop);
    if (io->state == IO_LEAVING)
        drain(io);
    bool late = now >= io->deadline;
    if (io->state == IO_DRAINING && ((now >= io->arrived && is_idle(io)) || late)) {
        io->cut_off = http_server_open_calls(io->http) > 0;
        if (late && !is_idle(io))
            log_warn("stopping: work is still under way at the deadline",
                     log_int("requests", http_server_open_calls(io->http)),
                     log_bool("analyzers", !io->pool_drained));
        io->state = IO_CLOSING;
        io->deadline = now + CLOSE_PATIENCE_MS;
        repository_close(io->repository);
        late = false;
    }
    if (io->state == IO_CLOSING && (is_idle(io) || late))
        loop_stop(io->loop);
    else
        loop_timer_start(io->look, LOOK_MS);
}

static void on_stop(void *arg)
{
    struct io_loop *io = arg;
    if (io->state != IO_SERVING)
        return;
    io->state = IO_LEAVING;
    io->deadline = loop_now_ms(io->loop) + io->settings->shutdown_timeout_ms;
    http_server_leave(io->http);
    loop_timer_start(io->look, io->settings->shutdown_delay_ms);
}

static void on_work(void *arg)
{
    struct io_loop *io = arg;
    if (io->state <= IO_LEAVING && io->pool != NULL)
        analyzer_pool_kick(io->pool);
}

/* By the manager of any loop, on that loop's thread. */
static void announce_work(void *arg)
{
    struct io_loop *first = arg;
    if (first->has_pool)
        loop_wakeup_send(first->work);
}

/* --- settings --------------------------------------------------------------------------------- */

static bool wants_pool(const struct io_loop *io)
{
    return io->first == io && io->settings->pool.set->count > 0;
}

static bool make_pool(struct io_loop *io)
{
    io->pool = analyzer_pool_create(io->loop, io->manager, &io->settings->pool);
    io->pool_drained = io->pool == NULL;
    io->has_pool = io->pool != NULL;
    return io->pool != NULL;
}

/* The manager reads its options whenever it needs them. */
static void set_manager_options(struct io_loop *io)
{
    io->manager_options = io->settings->manager;
    io->manager_options.sweeps = io->first == io;
}

static void adopt_analyzers(struct io_loop *io)
{
    bool fine = io->pool != NULL ? analyzer_pool_configure(io->pool, &io->settings->pool)
                : wants_pool(io) ? make_pool(io)
                                 : true;
    if (!fine)
        log_error("analyzers are as they were: no memory for others");
}

static void on_adopt(void *arg)
{
    struct io_loop *io = arg;
    struct service_settings *former = io->settings;
    struct service_settings *next = atomic_exchange(&io->next, NULL);
    if (next == NULL || io->state > IO_LEAVING) {
        service_settings_release(next);
        return;
    }
    io->settings = next;
    set_manager_options(io);
    http_server_configure(io->http, &next->http);
    if (io->admin != NULL)
        http_server_configure(io->admin, &next->admin);
    adopt_analyzers(io);
    service_settings_adopted(next);
    service_settings_release(former);
}

void io_loop_adopt(struct io_loop *io, struct service_settings *settings)
{
    service_settings_release(atomic_exchange(&io->next, service_settings_share(settings)));
    loop_wakeup_send(io->adopt);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool make(struct io_loop *io, enum exit_code *ret_code)
{
    io->loop = loop_create();
    if (io->loop == NULL)
        return false;
    io->stop = loop_wakeup_create(io->loop, on_stop, io);
    io->work = loop_wakeup_create(io->loop, on_work, io);
    io->adopt = loop_wakeup_create(io->loop, on_adopt, io);
    io->look = loop_timer_create(io->loop, look_after_the_end, io);
    if (io->stop == NULL || io->work == NULL || io->adopt == NULL || io->look == NULL ||
        !heart_init(&io->heart, io->loop, io->settings->heartbeats, io->index,
                    io->settings->health_timeout_ms))
        return false;
    io->repository = repository_open(io->settings->repository, io->loop, ret_code);
    if (io->repository == NULL)
        return false;
    set_manager_options(io);
    io->manager = process_manager_create(io->loop, io->repository, &io->manager_options,
                                         announce_work, io->first);
    return io->manager != NULL;
}

struct io_loop *io_loop_create(struct service_settings *settings, int index, struct io_loop *first,
                               enum exit_code *ret_code)
{
    struct io_loop *io = calloc(1, sizeof(*io));
    *ret_code = EXIT_SYSTEM;
    if (io == NULL)
        return NULL;
    io->settings = service_settings_share(settings);
    io->index = index;
    io->first = first != NULL ? first : io;
    io->pool_drained = true;
    if (!make(io, ret_code)) {
        io_loop_destroy(io);
        return NULL;
    }
    return io;
}

bool io_loop_equip(struct io_loop *io, int listen_fd, int admin_fd)
{
    io->http = http_server_create(io->loop, io->manager, &io->settings->http, listen_fd);
    if (admin_fd >= 0 && io->http == NULL)
        close(admin_fd);
    else if (admin_fd >= 0)
        io->admin = http_admin_create(io->http, &io->settings->admin, admin_fd);
    if (io->http == NULL || (admin_fd >= 0 && io->admin == NULL))
        return false;
    http_server_set_heartbeats(io->http, &io->heart.listener, io->settings->health_timeout_ms);
    return !wants_pool(io) || make_pool(io);
}

struct warm_up {
    struct repo_ping ping;
    bool open;
};

static void on_ping(struct process_op *op)
{
    container_of(op, struct warm_up, ping.op)->open = false;
}

bool io_loop_warm_up(struct io_loop *io, int64_t patience_ms)
{
    struct warm_up warm_up;
    int64_t deadline = clock_steady_ms() + patience_ms;
    do {
        warm_up.open = true;
        process_op_init(&warm_up.ping.op, on_ping);
        process_manager_ping(io->manager, &warm_up.ping);
        while (warm_up.open) /* the repository's own deadline ends it */
            loop_turn(io->loop, LOOK_MS);
        if (warm_up.ping.op.result == ERR_OK)
            return true;
        loop_turn(io->loop, LOOK_MS);
    } while (clock_steady_ms() < deadline);
    return false;
}

bool io_loop_run(struct io_loop *io)
{
    loop_run(io->loop);
    heart_stop(&io->heart);
    return io->pool_drained && !io->cut_off;
}

void io_loop_stop(struct io_loop *io)
{
    loop_wakeup_send(io->stop);
}

struct loop *io_loop_native(struct io_loop *io)
{
    return io->loop;
}

const struct heartbeat_listener *io_loop_heartbeats(const struct io_loop *io)
{
    return &io->heart.listener;
}

void io_loop_destroy(struct io_loop *io)
{
    if (io == NULL)
        return;
    if (io->repository != NULL)
        repository_close(io->repository);
    http_server_destroy(io->admin);
    http_server_destroy(io->http);
    analyzer_pool_destroy(io->pool);
    process_manager_destroy(io->manager);
    repository_destroy(io->repository);
    loop_timer_destroy(io->look);
    heart_finish(&io->heart);
    loop_wakeup_destroy(io->adopt);
    loop_wakeup_destroy(io->work);
    loop_wakeup_destroy(io->stop);
    loop_destroy(io->loop);
    service_settings_release(io->next);
    service_settings_release(io->settings);
    free(io);
}
