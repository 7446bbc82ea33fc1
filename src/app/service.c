/* The main thread makes all loops, runs the first itself and one thread runs each of the others.
 * It runs the first because analyzers are started there, and the kernel ends their commands when
 * the thread that started them is gone. Threads share nothing but constants; what they tell each
 * other goes through loop wakeups. When all have stopped, the main thread destroys everything. */
#include "app/service.h"

#include "app/build_info.h"
#include "app/config_table.h"
#include "app/descriptors.h"
#include "app/io_loop.h"
#include "app/runner.h"
#include "proctrack/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOPS_MAX         64
#define ADMIN_CONNECTIONS 128

struct io_thread {
    struct io_loop *io;
    int listen_fd; /* -1: none, or taken */
    pthread_t thread;
    bool finished; /* all that was under way */
};

struct service {
    const struct config *config;
    struct repository_choice repository;
    struct io_loop_options options;
    struct change_stamps *stamps;
    struct process_audits audits;
    char runner[PATH_MAX];
    int count; /* of loops */
    struct io_thread threads[LOOPS_MAX];
    int admin_fd; /* -1: none, or taken */
    struct loop_signal *term, *interrupt;
    bool stopping;
};

/* --- what the loops get ----------------------------------------------------------------------- */

static struct process_manager_options manager_options(struct service *service)
{
    const struct config *config = service->config;
    return (struct process_manager_options){
        .stamps = service->stamps,
        .audit_interval_ms = config->audit_interval_ms,
        .audits = &service->audits,
        .policy = &config->policy,
        .type_defaults = config->types.items,
        .type_default_count = config->types.count,
        .known_types = config->known_types,
        .known_type_count = config->analyzers.count,
        .default_type = config->type_of_none,
        .known_types_only = config->accept_types == ACCEPT_KNOWN,
        .default_max_attempts = (int)config->default_max_attempts,
        .default_timeout_ms = config->default_timeout_s * 1000,
    };
}

static struct analyzer_pool_options pool_options(const struct service *service)
{
    const struct config *config = service->config;
    return (struct analyzer_pool_options){
        .set = &config->analyzers,
        .instance = config->instance,
        .runner = service->runner,
        .cancel_grace_ms = config->cancel_grace_s * 1000,
        .lease_ms = config->analyzer_lease_s * 1000,
        .poll_ms = config->analyzer_poll_ms,
    };
}

/* Beside the connections: pipes of each analyzer slot, and a handful per loop. */
static long other_descriptors(const struct service *service)
{
    long others = 64 + (16L + HTTP_LINGERING_MAX) * service->count;
    if (service->config->admin_port != NO_ADMIN_PORT)
        others += ADMIN_CONNECTIONS;
    for (size_t i = 0; i < service->config->analyzers.count; i++)
        others += 8L * service->config->analyzers.analyzers[i].concurrency;
    return others;
}

static unsigned connections_per_loop(const struct service *service)
{
    long asked = (long)service->config->max_connections;
    long allowed = descriptors_allow(asked, other_descriptors(service));
    if (allowed < asked)
        log_warn("max_connections=%ld: the limit on open files allows no more (asked for %ld)",
                 allowed, asked);
    return (unsigned)((allowed + service->count - 1) / service->count);
}

static unsigned waiters_per_loop(const struct service *service)
{
    return (unsigned)((service->config->max_waiters + service->count - 1) / service->count);
}

static struct http_options http_options(const struct service *service)
{
    static const char *const no_origins[] = {NULL};
    const struct config *config = service->config;
    const struct config_list *origins = &config->cors_allow_origins;
    return (struct http_options){
        .base_path = config->base_path,
        .cors_origins = origins->count > 0 ? (const char *const *)origins->items : no_origins,
        .max_body_bytes = (size_t)config->max_body_bytes,
        .max_connections = connections_per_loop(service),
        .max_waiters = waiters_per_loop(service),
        .status_cache_bytes = (size_t)(config->status_cache_bytes / service->count),
        .header_timeout_s = (unsigned)config->header_timeout_s,
        .body_timeout_s = (unsigned)config->body_timeout_s,
        .write_timeout_s = (unsigned)config->write_timeout_s,
        .shed_wait_ms = (unsigned)config->shed_wait_ms,
        .idle_timeout_s = (unsigned)config->idle_timeout_s,
        .version = PROCTRACK_VERSION,
        .instance = config->instance,
        .has_admin = config->admin_port != NO_ADMIN_PORT,
        .known_types = config->known_types,
        .known_type_slots = config->known_type_slots,
        .known_type_count = config->analyzers.count,
    };
}

/* Few and short connections, whatever the other listener is flooded with. */
static struct http_options admin_options(struct http_options options)
{
    options.max_connections = ADMIN_CONNECTIONS;
    options.max_waiters = 0;
    options.status_cache_bytes = 0;
    return options;
}

/* --- start ------------------------------------------------------------------------------------ */

static enum exit_code prepare(struct service *service)
{
    const struct config *config = service->config;
    log_info("proctrackd version=" PROCTRACK_VERSION " instance=%s pid=%d", config->instance,
             (int)getpid());
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
        log_warn("io_threads=%d: the memory repository runs on one loop", service->count);
    service->stamps = change_stamps_create();
    if (service->stamps == NULL) {
        log_error("cannot start: no memory");
        return EXIT_SYSTEM;
    }
    service->options = (struct io_loop_options){
        .repository = &service->repository,
        .manager = manager_options(service),
        .http = http_options(service),
        .pool = pool_options(service),
        .shutdown_timeout_ms = config->shutdown_timeout_s * 1000,
        .shutdown_delay_ms = config->shutdown_delay_s * 1000,
    };
    service->options.admin = admin_options(service->options.http);
    return EXIT_OK;
}

/* -1, having said why, when it cannot. */
static int listen_once(const struct config *config, bool shared, int *port)
{
    const char *why = "unknown";
    int fd = http_listen(config->host, *port, shared, port, &why);
    if (fd < 0)
        log_error("cannot listen on host=%s port=%d: %s", config->host, *port, why);
    return fd;
}

/* A shared port can be joined by any program of the same user, unnoticed: a second service started
 * by mistake would take half of the connections. So it must be had alone once before. */
static bool port_is_ours(const struct config *config, int port)
{
    int fd = listen_once(config, false, &port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A socket for each loop, all on one port: the kernel spreads connections over them. */
static enum exit_code listen_all(struct service *service, int *ret_port)
{
    const struct config *config = service->config;
    bool shared = service->count > 1;
    int port = (int)config->port;
    if (shared && port != 0 && !port_is_ours(config, port))
        return EXIT_ADDRESS;
    for (int i = 0; i < service->count; i++) {
        service->threads[i].listen_fd = listen_once(config, shared, &port);
        if (service->threads[i].listen_fd < 0)
            return EXIT_ADDRESS;
    }
    *ret_port = port;
    return EXIT_OK;
}

/* For operators; nothing where none is asked for. */
static enum exit_code listen_for_operators(struct service *service, int *ret_port)
{
    if (service->config->admin_port == NO_ADMIN_PORT)
        return EXIT_OK;
    *ret_port = (int)service->config->admin_port;
    service->admin_fd = listen_once(service->config, false, ret_port);
    return service->admin_fd >= 0 ? EXIT_OK : EXIT_ADDRESS;
}

static enum exit_code make_loops(struct service *service)
{
    int64_t patience_ms = service->config->redis_connect_timeout_ms;
    enum exit_code code = EXIT_SYSTEM;
    for (int i = 0; i < service->count; i++) {
        struct io_thread *thread = &service->threads[i];
        thread->io =
            io_loop_create(&service->options, i > 0 ? service->threads[0].io : NULL, &code);
        if (thread->io == NULL)
            return code;
        if (!io_loop_warm_up(thread->io, patience_ms)) {
            log_warn("the repository does not answer yet: requests get 503 until it does");
            patience_ms = 0; /* waited for once is enough */
        }
        int fd = thread->listen_fd, admin_fd = i == 0 ? service->admin_fd : -1;
        thread->listen_fd = -1;
        if (i == 0)
            service->admin_fd = -1;
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

static void stop(struct service *service, int signo, const char *signal_name)
{
    if (service->stopping) /* both had come before the loop looked */
        end_at_once(signo);
    service->stopping = true;
    struct sigaction second = {.sa_handler = end_at_once};
    sigaction(SIGTERM, &second, NULL);
    sigaction(SIGINT, &second, NULL);
    log_info("stopping signal=%s timeout_seconds=%lld delay_seconds=%lld", signal_name,
             (long long)service->config->shutdown_timeout_s,
             (long long)service->config->shutdown_delay_s);
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

/* A port that was picked must be seen, whatever the log level. */
static enum log_level level_of_port(const struct config *config, int64_t asked)
{
    return (enum log_level)config->log_level > LOG_INFO && asked == 0 ? LOG_ERROR : LOG_INFO;
}

static void tell_ports(const struct service *service, int port, int admin_port)
{
    const struct config *config = service->config;
    if (config->admin_port != NO_ADMIN_PORT)
        log_line(level_of_port(config, config->admin_port), "for operators: host=%s port=%d",
                 config->host, admin_port);
    log_line(level_of_port(config, config->port), "listening host=%s port=%d threads=%d",
             config->host, port, service->count);
}

static enum exit_code serve(struct service *service)
{
    int port = 0, admin_port = 0;
    enum exit_code code = listen_all(service, &port);
    if (code == EXIT_OK)
        code = listen_for_operators(service, &admin_port);
    if (code == EXIT_OK)
        code = make_loops(service);
    if (code != EXIT_OK)
        return code;
    struct loop *first = io_loop_native(service->threads[0].io);
    service->term = loop_signal_create(first, SIGTERM, on_term, service);
    service->interrupt = loop_signal_create(first, SIGINT, on_interrupt, service);
    if (service->term == NULL || service->interrupt == NULL) {
        log_error("cannot start: no memory or no descriptors left");
        return EXIT_SYSTEM;
    }
    tell_ports(service, port, admin_port);
    code = run_loops(service);
    if (code == EXIT_OK)
        log_info("stopped");
    return code;
}

static void destroy(struct service *service)
{
    loop_signal_destroy(service->term);
    loop_signal_destroy(service->interrupt);
    /* The first last: the others send it wakeups. */
    for (int i = service->count - 1; i >= 0; i--) {
        if (service->threads[i].listen_fd >= 0)
            close(service->threads[i].listen_fd);
        io_loop_destroy(service->threads[i].io);
    }
    if (service->admin_fd >= 0)
        close(service->admin_fd);
    repository_choice_finish(&service->repository);
    change_stamps_destroy(service->stamps);
}

enum exit_code service_run(const struct config *config)
{
    struct service service = {.config = config, .admin_fd = -1};
    for (int i = 0; i < LOOPS_MAX; i++)
        service.threads[i].listen_fd = -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a full disk */
    enum exit_code code = prepare(&service);
    if (code == EXIT_OK)
        code = serve(&service);
    if (code == EXIT_UNFINISHED) /* what is still under way holds on to the loops */
        log_error("stopped with work still under way");
    else
        destroy(&service);
    return code;
}
