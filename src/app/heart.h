/* One loop's heartbeat, and its ear for those of the others. On the loop's thread. */
#ifndef APP_HEART_H
#define APP_HEART_H

#include "proctrack/heartbeats.h"
#include "proctrack/loop.h"

#include <stdbool.h>

struct heart {
    struct heartbeats *beats;
    int index;
    struct loop *loop;
    struct loop_timer *timer;
    int64_t limit_ms;
    int silent; /* loops, as last told in the log */
    struct heartbeat_listener listener;
};

/* Beats as loop number `index` from when the loop runs. The first loop (0) logs who falls silent
 * for limit_ms, and who is back. False if no memory; finish it all the same. */
bool heart_init(struct heart *ret_heart, struct loop *loop, struct heartbeats *beats, int index,
                int64_t limit_ms);
/* The loop has ended: nobody is to miss it. Once; before heart_finish(). */
void heart_stop(struct heart *heart);
void heart_finish(struct heart *heart); /* zeroed is fine */

#endif
