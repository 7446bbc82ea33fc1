/* The main thread makes all loops, runs the first itself and one thread runs each of the others.
 * It runs the first because analyzers are started there, and the kernel ends their commands when
 * the thread that started them is gone. Threads share nothing but constants; what they tell each
 * other goes through loop wakeups. When all have stopped, the main thread destroys everything. */
#include "app/service.h"

#include "app/build_info.h"
#include "app/config_table.h"
#include "app/data_directory.h"
#include "app/descriptors.h"
#include "app/io_loop.h"
#include "app/listening.h"
#include "app/notify.h"
#include "app/reload.h"
#include "app/runner.h"
#include "app/watchdog.h"
#include "proctrack/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define END_PATIENCE_S 8 /* beyond the time that a stop may take; the manager waits longer */

struct io_thread {
    struct io_loop *io;
    pthread_t thread;
    bool finished; /* all that was under way */
};

struct service {
    const struct config *config;
    struct repository_choice repository;
    struct service_base base;
    struct service_settings *settings; /* those of the start */
    struct reload *reload;
    struct config_reloads reloads;
    struct change_stamps *stamps;
    struct http_peers *peers;
    struct process_audits audits;
    struct process_type_names type_names;
    char runner[PATH_MAX];
    int count; /* of loops */
    struct io_thread threads[LOOPS_MAX];
    struct listening listening;
    struct heartbeats *heartbeats;
    struct watchdog *watchdog; /* NULL: nobody waits for it */
    struct loop_signal *term, *interrupt;
    bool stopping;
};

/* --- what the loops get ----------------------------------------------------------------------- */

/* Beside the connections: pipes of each analyzer slot, and a handful per loop. */
static long other_descriptors(const struct service *service)
{
    long others = 64 + (16L + HTTP_LINGERING_MAX) * service->count;
    if (listening_has_admin(&service->listening, service->config))
        others += SERVICE_ADMIN_CONNECTIONS;
    for (size_t i = 0; i < service->config->analyzers.count; i++)
        others += 8L * service->config->analyzers.analyzers[i].concurrency;
    return others;
}

static unsigned connections_per_loop(const struct service *service)
{
    long asked = (long)service->config->max_connections;
    long allowed = descriptors_allow(asked, other_descriptors(service));
    if (allowed < asked)
        log_warn("max_connections: the limit on open files allows no more",
                 log_int("allowed", allowed), log_int("asked", asked));
    return (unsigned)((allowed + service->count - 1) / service->count);
}

/* --- start ------------------------------------------------------------------------------------ */

static enum exit_code prepare(struct service *service)
{
    const struct config *config = service->config;
    log_info("proctrackd", log_text("version", PROCTRACK_VERSION),
             log_text("instance", config->instance), log_int("pid", getpid()));
    if (config->analyzers.count > 0 && !runner_find(getenv("PATH"), service->runner)) {
        log_error("analyzers are configured, but proctrack-run is neither beside proctrackd nor on "
                  "PATH: install it there");
        return EXIT_RUNNER;
    }
    enum exit_code code = repository_choose(config, &service->repository);
    if (code != EXIT_OK)
        return code;
    service->count = repository_loops(&service->repository);
    if (config->io_threads > service->count &&
        config->sources[SETTING_INDEX(io_threads)] != SOURCE_DEFAULT)
        log_warn("the memory repository runs on one loop", log_int("io_threads", service->count));
    service->stamps = change_stamps_create();
    service->heartbeats = heartbeats_create(service->count);
    service->peers = http_peers_create();
    if (service->stamps == NULL || service->heartbeats == NULL || service->peers == NULL) {
        log_error("cannot start: no memory");
        return EXIT_SYSTEM;
    }
    service->base = (struct service_base){
        .config = config,
        .repository = &service->repository,
        .stamps = service->stamps,
        .audits = &service->audits,
        .type_names = &service->type_names,
        .reloads = &service->reloads,
        .peers = service->peers,
        .heartbeats = service->heartbeats,
        .runner = service->runner,
        .loops = service->count,
        .has_admin = listening_has_admin(&service->listening, config),
        .max_connections = connections_per_loop(service),
    };
    service->settings = service_settings_create(&service->base, config, NULL, 1);
    if (service->settings == NULL) {
        log_error("cannot start: no memory");
        return EXIT_SYSTEM;
    }
    return EXIT_OK;
}

static enum exit_code make_loops(struct service *service)
{
    int64_t patience_ms = service->config->redis_connect_timeout_ms;
    enum exit_code code = EXIT_SYSTEM;
    for (int i = 0; i < service->count; i++) {
        struct io_thread *thread = &service->threads[i];
        thread->io =
            io_loop_create(service->settings, i, i > 0 ? service->threads[0].io : NULL, &code);
        if (thread->io == NULL)
            return code;
        if (!io_loop_warm_up(thread->io, patience_ms)) {
            log_warn("the repository does not answer yet: requests get 503 until it does");
            patience_ms = 0; /* waited for once is enough */
        }
        int fd = listening_take(&service->listening.fds[i]);
        int admin_fd = i == 0 ? listening_take(&service->listening.admin_fd) : -1;
        if (!io_loop_equip(thread->io, fd, admin_fd)) {
            log_error("cannot start: no memory or no descriptors left");
            return EXIT_SYSTEM;
        }
    }
    return EXIT_OK;
}

static void *run_thread(void *arg)
{
    struct io_thread *thread = arg;
    thread->finished = io_loop_run(thread->io);
    return NULL;
}

/* How many run. Signals are the main thread's alone. */
static int start_threads(struct service *service)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int started = 1;
    while (started < service->count && pthread_create(&service->threads[started].thread, NULL,
                                                      run_thread, &service->threads[started]) == 0)
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* --- stop ------------------------------------------------------------------------------------- */

/* What _exit() is, less the hooks by which a sanitizer would object to threads being left. Not the
 * signal's default action, which the first process of a container does not have. */
static void end_at_once(int signo)
{
    syscall(SYS_exit_group, 128 + signo);
}

/* A thread that waits for a disk which does not answer is waited for: when the journal is closed,
 * when its loop is destroyed, and by libuv when the program ends. What clients were told is written
 * has been written before. */
static void *end_late(void *arg)
{
    struct timespec left = {.tv_sec = (intptr_t)arg};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
    log_error("stopping: something does not come to its end, such as a disk that does not answer");
    syscall(SYS_exit_group, EXIT_UNFINISHED);
    return NULL;
}

static void limit_stop(const struct config *config)
{
    const intptr_t seconds = config->shutdown_timeout_s + END_PATIENCE_S;
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_late, (void *)seconds) == 0)
        pthread_detach(thread);
}

static void stop(struct service *service, int signo, const char *signal_name)
{
    if (service->stopping) /* both had come before the loop looked */
        end_at_once(signo);
    service->stopping = true;
    reload_stop(service->reload);
    struct sigaction second = {.sa_handler = end_at_once};
    sigaction(SIGTERM, &second, NULL);
    sigaction(SIGINT, &second, NULL);
    log_info("stopping", log_text("signal", signal_name),
             log_int("timeout_seconds", service->config->shutdown_timeout_s),
             log_int("delay_seconds", service->config->shutdown_delay_s));
    notify_stopping(service->config->shutdown_timeout_s * 1000);
    limit_stop(service->config);
    for (int i = 0; i < service->count; i++)
        io_loop_stop(service->threads[i].io);
}

static void on_term(void *arg)
{
    stop(arg, SIGTERM, "TERM");
}

static void on_interrupt(void *arg)
{
    stop(arg, SIGINT, "INT");
}

static void join_threads(struct service *service, int started)
{
    for (int i = 1; i < started; i++)
        pthread_join(service->threads[i].thread, NULL);
}

static enum exit_code run_loops(struct service *service)
{
    int started = start_threads(service);
    if (started < service->count) {
        log_error("cannot start: no more threads");
        for (int i = 1; i < started; i++)
            io_loop_stop(service->threads[i].io);
        join_threads(service, started);
        return EXIT_SYSTEM;
    }
    run_thread(&service->threads[0]);
    join_threads(service, started);
    for (int i = 0; i < service->count; i++)
        if (!service->threads[i].finished)
            return EXIT_UNFINISHED;
    return EXIT_OK;
}

static void adopt_settings(void *arg, struct service_settings *settings)
{
    struct service *service = arg;
    for (int i = 0; i < service->count; i++)
        io_loop_adopt(service->threads[i].io, settings);
}

static void on_adopted(void *arg)
{
    const struct service *service = arg;
    reload_adopted(service->reload);
}

/* For people, in `systemctl status`. */
static void tell_manager(const struct service *service)
{
    const struct listening *listening = &service->listening;
    notify_status("Listening on %s port %d, keeps processes in %s", listening->http.host,
                  listening->http.port, service->repository.redis ? "Redis" : "memory");
    notify_ready();
}

/* On the first loop, when the service manager waits for signs of life. */
static bool watch_over_loops(struct service *service)
{
    int64_t patience_ms = notify_watchdog_ms();
    struct io_loop *first = service->threads[0].io;
    if (patience_ms == 0)
        return true;
    service->watchdog = watchdog_create(io_loop_native(first), io_loop_heartbeats(first),
                                        patience_ms, service->config->health_timeout_s * 1000);
    return service->watchdog != NULL;
}

static enum exit_code serve(struct service *service)
{
    enum exit_code code = listening_open(&service->listening, service->config, service->count);
    if (code == EXIT_OK)
        code = make_loops(service);
    if (code != EXIT_OK)
        return code;
    struct loop *first = io_loop_native(service->threads[0].io);
    service->term = loop_signal_create(first, SIGTERM, on_term, service);
    service->interrupt = loop_signal_create(first, SIGINT, on_interrupt, service);
    service->base.adopted = loop_wakeup_create(first, on_adopted, service);
    service->reload =
        reload_create(first, &service->base, service->settings, adopt_settings, service);
    if (service->term == NULL || service->interrupt == NULL || service->base.adopted == NULL ||
        service->reload == NULL || !watch_over_loops(service)) {
        log_error("cannot start: no memory or no descriptors left");
        return EXIT_SYSTEM;
    }
    listening_tell(&service->listening, service->config, service->count);
    tell_manager(service);
    code = run_loops(service);
    if (code == EXIT_OK)
        log_info("stopped");
    return code;
}

static void destroy(struct service *service)
{
    reload_stop(service->reload);
    loop_signal_destroy(service->term);
    loop_signal_destroy(service->interrupt);
    watchdog_destroy(service->watchdog);
    loop_wakeup_destroy(service->base.adopted);
    /* The first last: the others send it wakeups. */
    for (int i = service->count - 1; i >= 0; i--)
        io_loop_destroy(service->threads[i].io);
    reload_destroy(service->reload);
    listening_close(&service->listening);
    repository_choice_finish(&service->repository);
    service_settings_release(service->settings);
    http_peers_destroy(service->peers);
    change_stamps_destroy(service->stamps);
    heartbeats_destroy(service->heartbeats);
}

enum exit_code service_run(const struct config *config)
{
    struct service service = {.config = config, .type_names = PROCESS_TYPE_NAMES_INIT};
    listening_init(&service.listening);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a full disk */
    notify_starting(data_directory_size(config->data_dir));
    enum exit_code code = listening_inherit(&service.listening);
    if (code == EXIT_OK)
        code = prepare(&service);
    if (code == EXIT_OK)
        code = serve(&service);
    if (code == EXIT_UNFINISHED) { /* what is still under way holds on to the loops */
        log_error("stopped with work still under way");
        reload_destroy(service.reload);
    } else {
        destroy(&service);
    }
    return code;
}
