#include "app/reload.h"

#include "app/config_diff.h"
#include "app/notify.h"
#include "app/runner.h"
#include "proctrack/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NAMES_MAX 2048

struct reload {
    struct loop *loop;
    struct service_base *base;
    struct service_settings *settings; /* in force, or about to be */
    struct service_settings *former;   /* until all loops have taken up the other, else NULL */
    void (*adopt)(void *arg, struct service_settings *settings);
    void *arg;
    struct loop_watch *watch;
    int fd; /* which the signal is read from */

    struct loop_work work;
    bool working, again; /* again: the signal came meanwhile */
    bool abandoned;      /* nobody else has it */
    struct config *next; /* that is being read */
    bool is_fine;
    char runner[PATH_MAX]; /* found for `next`, or empty */
    const char *const *argv, *const *environment;
};

/* --- the signal ---------------------------------------------------------------------------------
 */

static sigset_t hang_up(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    return set;
}

void reload_hold_signal(void)
{
    sigset_t set = hang_up();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void reload_release_signal(void)
{
    sigset_t set = hang_up();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool needs_runner(const struct reload *reload)
{
    return reload->next->analyzers.count > 0 && *reload->base->runner == '\0';
}

static void read_config(struct loop_work *work)
{
    struct reload *reload = container_of(work, struct reload, work);
    reload->is_fine = config_load(reload->next, reload->argv, reload->environment);
    if (reload->next->analyzers.count > 0)
        runner_find(getenv("PATH"), reload->runner);
}

static void on_read(struct loop_work *work);

static void begin(struct reload *reload)
{
    reload->again = false;
    reload->next = calloc(1, sizeof(*reload->next));
    if (reload->next == NULL) {
        log_error("configuration not read again: no memory");
        reload->base->reloads->refused++;
        return;
    }
    notify_reloading();
    reload->working = true;
    *reload->runner = '\0';
    reload->work.run = read_config;
    reload->work.done = on_read;
    loop_work_start(reload->loop, &reload->work);
}

/* --- what becomes of it -------------------------------------------------------------------------
 */

static void forget_next(struct reload *reload)
{
    if (reload->next != NULL)
        config_finish(reload->next);
    free(reload->next);
    reload->next = NULL;
}

static void refuse(struct reload *reload)
{
    struct span lines = text_buffer_span(&reload->next->faults), line;
    while (span_split(&lines, '\n', &line))
        if (line.len > 0)
            log_error("configuration refused", log_span("fault", line));
    if (reload->is_fine)
        log_error("configuration refused",
                  log_text("fault", "analyzers are configured, but proctrack-run is neither beside "
                                    "proctrackd nor on PATH: install it there"));
    reload->base->reloads->refused++;
    log_error("the configuration in force stays",
              log_int("generation", (int64_t)reload->settings->http.config_generation));
    forget_next(reload);
}

static void tell(const struct reload *reload, const struct config *former,
                 const struct config *next, uint64_t generation)
{
    struct span lines = text_buffer_span(&next->warnings), line;
    struct text_buffer changed, kept;
    text_buffer_init(&changed, NAMES_MAX);
    text_buffer_init(&kept, NAMES_MAX);
    config_append_changes(&changed, former, next, true);
    config_append_changes(&kept, reload->base->config, next, false);
    while (span_split(&lines, '\n', &line))
        if (line.len > 0)
            log_warn("hardly meant so", log_span("setting", line));
    if (kept.len > 0)
        log_warn("changed, but needs a restart", log_span("settings", text_buffer_span(&kept)));
    log_info("configuration reloaded", log_int("generation", (int64_t)generation),
             log_span("changed", text_buffer_span(&changed)),
             log_int("analyzers", (int64_t)next->analyzers.count));
    text_buffer_finish(&changed);
    text_buffer_finish(&kept);
}

/* False: it stays as it was, which is told. */
static bool put_in_force(struct reload *reload)
{
    struct config *next = reload->next;
    uint64_t generation = reload->settings->http.config_generation + 1;
    struct service_settings *settings =
        service_settings_create(reload->base, next, next, generation);
    if (settings == NULL) {
        log_error("configuration refused", log_text("fault", "out of memory"));
        reload->base->reloads->refused++;
        forget_next(reload);
        return false;
    }
    reload->next = NULL;
    reload->former = reload->settings;
    reload->settings = settings;
    log_set_level((enum log_level)next->log_level); /* at once: the loops have no part in it */
    log_set_rate(next->log_rate);
    reload->adopt(reload->arg, settings);
    return true;
}

static void end(struct reload *reload)
{
    notify_ready();
    if (reload->again)
        begin(reload);
}

void reload_adopted(struct reload *reload)
{
    const struct service_settings *settings = reload->settings;
    if (reload->watch == NULL)
        return;
    reload->base->reloads->accepted++;
    tell(reload, reload->former->config, settings->config, settings->http.config_generation);
    service_settings_release(reload->former);
    reload->former = NULL;
    end(reload);
}

static void on_read(struct loop_work *work)
{
    struct reload *reload = container_of(work, struct reload, work);
    reload->working = false;
    if (reload->watch == NULL) { /* it stops */
        forget_next(reload);
        if (reload->abandoned)
            reload_destroy(reload);
        return;
    }
    if (*reload->runner != '\0' && *reload->base->runner == '\0')
        strcpy(reload->base->runner, reload->runner); /* nobody has read it while it was empty */
    if (reload->is_fine && !needs_runner(reload)) {
        if (put_in_force(reload))
            return;
    } else {
        refuse(reload);
    }
    end(reload);
}

static void on_signal(void *arg, int events)
{
    struct reload *reload = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(reload->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        reload->again = true;
    if (!reload->again || reload->working)
        return;
    if (reload->former != NULL)
        log_warn("configuration is read again when all threads have taken up the last one");
    else
        begin(reload);
}

/* --- life ---------------------------------------------------------------------------------------
 */

struct reload *reload_create(struct loop *loop, struct service_base *base,
                             struct service_settings *first,
                             void (*adopt)(void *arg, struct service_settings *settings), void *arg)
{
    sigset_t set = hang_up();
    struct reload *reload = calloc(1, sizeof(*reload));
    if (reload == NULL)
        return NULL;
    reload->loop = loop;
    reload->base = base;
    reload->argv = base->config->argv;
    reload->environment = base->config->environment;
    reload->settings = service_settings_share(first);
    reload->adopt = adopt;
    reload->arg = arg;
    reload->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (reload->fd >= 0)
        reload->watch = loop_watch_create(loop, reload->fd, on_signal, reload);
    if (reload->watch == NULL) {
        reload_stop(reload);
        reload_destroy(reload);
        return NULL;
    }
    loop_watch_set(reload->watch, LOOP_READ);
    return reload;
}

void reload_stop(struct reload *reload)
{
    if (reload == NULL)
        return;
    loop_watch_destroy(reload->watch);
    reload->watch = NULL;
    if (reload->fd >= 0)
        close(reload->fd);
    reload->fd = -1;
}

void reload_destroy(struct reload *reload)
{
    if (reload == NULL)
        return;
    reload->abandoned = true;
    if (reload->working)
        return;
    service_settings_release(reload->former);
    service_settings_release(reload->settings);
    free(reload);
}
