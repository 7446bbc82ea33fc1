/* Tells the service manager, where it watches over us, that we are alive: twice as often as it asks
 * for, while all loops beat. Once one is silent it hears nothing more, and starts us anew. On the
 * first loop's thread. */
#ifndef APP_WATCHDOG_H
#define APP_WATCHDOG_H

#include "proctrack/heartbeats.h"
#include "proctrack/loop.h"

struct watchdog;

/* patience_ms: as notify_watchdog_ms(), not 0. Loops are silent after limit_ms; 0: none is, so that
 * only this loop counts. NULL if no memory. */
struct watchdog *watchdog_create(struct loop *loop, const struct heartbeat_listener *listener,
                                 int64_t patience_ms, int64_t limit_ms);
void watchdog_destroy(struct watchdog *watchdog); /* NULL is fine */

#endif
