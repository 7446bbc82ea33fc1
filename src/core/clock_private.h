/* The wall clock that is not set, without the system's clocks: for its tests. */
#ifndef CORE_CLOCK_PRIVATE_H
#define CORE_CLOCK_PRIVATE_H

#include <stdatomic.h>
#include <stdint.h>

#define CLOCK_UNSET         INT64_MIN
#define CLOCK_FOLLOW_MAX_MS 1000

struct clock_follower {
    _Atomic int64_t offset; /* of the wall clock kept here from the boot clock; CLOCK_UNSET first */
};

/* The wall time now, from what the two clocks say. Any thread. */
int64_t clock_follow(struct clock_follower *follower, int64_t wall_ms, int64_t boot_ms);

#endif
