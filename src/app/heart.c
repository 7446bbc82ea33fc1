#include "app/heart.h"

#include "proctrack/log.h"

static void tell(struct heart *heart)
{
    int silent = heartbeat_silent_loops(&heart->listener, heart->limit_ms);
    if (silent == heart->silent)
        return;
    heart->silent = silent;
    if (silent == 0)
        log_info("all I/O loops turn again");
    for (int i = 0; silent > 0 && i < heartbeat_loops(&heart->listener); i++) {
        int64_t ms = heartbeat_silent_ms(&heart->listener, i);
        if (ms >= heart->limit_ms)
            log_error("an I/O loop does not turn", log_int("loop", i), log_int("silent_ms", ms));
    }
}

static void on_due(void *arg)
{
    struct heart *heart = arg;
    heartbeats_beat(heart->beats, heart->index);
    heartbeat_listen(&heart->listener, loop_now_ms(heart->loop));
    if (heart->index == 0)
        tell(heart);
    loop_timer_start(heart->timer, HEARTBEAT_MS);
}

bool heart_init(struct heart *ret_heart, struct loop *loop, struct heartbeats *beats, int index,
                int64_t limit_ms)
{
    *ret_heart = (struct heart){.beats = beats, .index = index, .loop = loop, .limit_ms = limit_ms};
    heartbeat_listener_init(&ret_heart->listener, beats);
    ret_heart->timer = loop_timer_create(loop, on_due, ret_heart);
    if (ret_heart->timer == NULL)
        return false;
    loop_timer_start(ret_heart->timer, 0);
    return true;
}

void heart_stop(struct heart *heart)
{
    loop_timer_stop(heart->timer);
    heartbeats_end(heart->beats, heart->index);
}

void heart_finish(struct heart *heart)
{
    loop_timer_destroy(heart->timer);
    heart->timer = NULL;
}
