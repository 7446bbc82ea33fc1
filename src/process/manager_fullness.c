/* Whether the store has room for new processes. It is asked to keep some for what goes on: reports
 * on processes that are there, the journal's next snapshot, or Redis' own needs. */
#include "process/manager_private.h"

#include "proctrack/log.h"

#define LITTLE_PERCENT 80

/* Once it is full, or nearly, it is so until this much of that is free again: else every process
 * that is removed would let one in. */
#define OVER_PART 0.98

static double used_percent(const struct process_manager *manager)
{
    return 100.0 * repository_serving(manager->repository)->durability.fullness.used_ratio;
}

static bool is_beyond(double percent, double limit, bool was_beyond)
{
    return was_beyond ? percent > OVER_PART * limit : percent >= limit;
}

bool manager_is_full(struct process_manager *manager)
{
    int limit = manager->options->full_percent;
    struct manager_fullness *fullness = &manager->fullness;
    fullness->full = limit > 0 && is_beyond(used_percent(manager), limit, fullness->full);
    return fullness->full;
}

enum err process_manager_writes(struct process_manager *manager)
{
    enum err writes = repository_serving(manager->repository)->durability.writes;
    return writes == ERR_OK && manager_is_full(manager) ? ERR_FULL : writes;
}

static enum manager_room room_of(struct process_manager *manager)
{
    bool was_little = manager->fullness.told != ROOM_ENOUGH;
    if (manager_is_full(manager))
        return ROOM_NONE;
    return is_beyond(used_percent(manager), LITTLE_PERCENT, was_little) ? ROOM_LITTLE : ROOM_ENOUGH;
}

void manager_fullness_tell(struct process_manager *manager)
{
    enum manager_room room = room_of(manager), told = manager->fullness.told;
    int percent = (int)used_percent(manager), limit = manager->options->full_percent;
    if (room == told)
        return;
    manager->fullness.told = room;
    switch (room) {
    case ROOM_NONE:
        log_error("storage full: new processes are refused", log_int("used_percent", percent),
                  log_int("limit_percent", limit));
        break;
    case ROOM_LITTLE:
        log_warn(told == ROOM_NONE ? "storage nearly full: new processes are accepted again"
                                   : "storage nearly full",
                 log_int("used_percent", percent), log_int("limit_percent", limit));
        break;
    case ROOM_ENOUGH:
        log_info("storage has room again", log_int("used_percent", percent));
        break;
    }
}
