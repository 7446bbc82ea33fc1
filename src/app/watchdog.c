#include "app/watchdog.h"

#include "app/notify.h"

#include <stdlib.h>

struct watchdog {
    const struct heartbeat_listener *listener;
    int64_t interval_ms, limit_ms;
    struct loop_timer *timer;
};

static void on_due(void *arg)
{
    struct watchdog *watchdog = arg;
    if (heartbeat_silent_loops(watchdog->listener, watchdog->limit_ms) == 0)
        notify_alive();
    loop_timer_start(watchdog->timer, watchdog->interval_ms);
}

struct watchdog *watchdog_create(struct loop *loop, const struct heartbeat_listener *listener,
                                 int64_t patience_ms, int64_t limit_ms)
{
    struct watchdog *watchdog = calloc(1, sizeof(*watchdog));
    if (watchdog == NULL)
        return NULL;
    watchdog->listener = listener;
    watchdog->interval_ms = patience_ms > 1 ? patience_ms / 2 : 1;
    watchdog->limit_ms = limit_ms;
    watchdog->timer = loop_timer_create(loop, on_due, watchdog);
    if (watchdog->timer == NULL) {
        free(watchdog);
        return NULL;
    }
    loop_timer_start(watchdog->timer, 0);
    return watchdog;
}

void watchdog_destroy(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    loop_timer_destroy(watchdog->timer);
    free(watchdog);
}
