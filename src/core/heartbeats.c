#include "proctrack/heartbeats.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CACHE_LINE 64
#define ENDED      0u

/* On a cache line of its own, so that no loop's beat slows another. */
struct pulse {
    _Alignas(CACHE_LINE) atomic_uint count; /* from 1; ENDED once it has ended */
};

struct heartbeats {
    int loops;
    struct pulse pulses[];
};

struct heartbeats *heartbeats_create(int loops)
{
    assert(loops >= 1 && loops <= HEARTBEATS_MAX);
    size_t size = sizeof(struct heartbeats) + (size_t)loops * sizeof(struct pulse);
    struct heartbeats *beats = aligned_alloc(CACHE_LINE, size);
    if (beats == NULL)
        return NULL;
    beats->loops = loops;
    for (int i = 0; i < loops; i++)
        atomic_init(&beats->pulses[i].count, 1u);
    return beats;
}

void heartbeats_destroy(struct heartbeats *beats)
{
    free(beats);
}

void heartbeats_beat(struct heartbeats *beats, int loop)
{
    atomic_uint *count = &beats->pulses[loop].count;
    unsigned next = atomic_load_explicit(count, memory_order_relaxed) + 1;
    atomic_store_explicit(count, next != ENDED ? next : 1u, memory_order_relaxed);
}

void heartbeats_end(struct heartbeats *beats, int loop)
{
    atomic_store_explicit(&beats->pulses[loop].count, ENDED, memory_order_relaxed);
}

void heartbeat_listener_init(struct heartbeat_listener *ret_listener,
                             const struct heartbeats *beats)
{
    *ret_listener = (struct heartbeat_listener){.beats = beats, .listened_ms = -1};
}

/* Time between two beats of the listener's own, as far as it can have been awake in it. */
static int64_t time_awake(const struct heartbeat_listener *listener, int64_t now_ms)
{
    const int64_t longest = INT64_C(2) * HEARTBEAT_MS;
    if (listener->listened_ms < 0)
        return 0;
    int64_t passed = now_ms - listener->listened_ms;
    return passed < longest ? passed : longest;
}

void heartbeat_listen(struct heartbeat_listener *listener, int64_t now_ms)
{
    int64_t awake_ms = time_awake(listener, now_ms);
    for (int i = 0; i < listener->beats->loops; i++) {
        unsigned count =
            atomic_load_explicit(&listener->beats->pulses[i].count, memory_order_relaxed);
        if (count == ENDED || count != listener->heard[i])
            listener->silent_ms[i] = 0;
        else
            listener->silent_ms[i] += awake_ms;
        listener->heard[i] = count;
    }
    listener->listened_ms = now_ms;
}

int heartbeat_loops(const struct heartbeat_listener *listener)
{
    return listener->beats->loops;
}

int64_t heartbeat_silent_ms(const struct heartbeat_listener *listener, int loop)
{
    return listener->silent_ms[loop];
}

int heartbeat_silent_loops(const struct heartbeat_listener *listener, int64_t limit_ms)
{
    int silent = 0;
    for (int i = 0; limit_ms > 0 && i < listener->beats->loops; i++)
        silent += listener->silent_ms[i] >= limit_ms;
    return silent;
}
