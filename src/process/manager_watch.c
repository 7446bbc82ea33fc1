/* Who is told of changes. Of one that a call through this manager has made, before the caller:
 *
 *   1. the other loops of this instance, by its stamp
 *   2. those that await the process here
 *   3. the one above
 *
 * so that whatever any of them shows after the caller's answer is not older than that. Of what
 * others change, and of what no call is about, the repository tells 2 and 3. */
#include "process/manager_private.h"

#include <assert.h>

static void tell(void *arg, const struct process_id *id)
{
    struct process_manager *manager = arg;
    manager_await_wake(manager, id);
    if (manager->on_changed != NULL)
        manager->on_changed(manager->on_changed_arg, id);
}

static void on_changed_elsewhere(void *arg, const struct process_id *id)
{
    if (id == NULL)
        manager_claims_check_told(arg);
    tell(arg, id);
}

void manager_shown(struct process_manager *manager, const struct process_id *id)
{
    change_stamps_renew(manager->options->stamps, process_id_key(id));
}

void manager_changed(struct process_manager *manager, const struct process_id *id)
{
    if (id != NULL)
        manager_shown(manager, id);
    else
        change_stamps_renew_all(manager->options->stamps);
    tell(manager, id);
}

void manager_type_changed(struct process_manager *manager, struct span type)
{
    change_stamps_renew(manager->options->stamps, type);
}

void manager_types_changed(struct process_manager *manager)
{
    change_stamps_renew_all(manager->options->stamps);
}

/* For all others it is not known, or known to be changed. */
bool manager_is_unchanged(enum err result)
{
    return result == ERR_NOT_FOUND || result == ERR_GONE || result == ERR_CONFLICT ||
           result == ERR_STALE || result == ERR_LEASE_LOST;
}

void manager_watch_start(struct process_manager *manager)
{
    assert(manager->options->stamps != NULL);
    manager->repository->on_changed_arg = manager;
    manager->repository->on_changed = on_changed_elsewhere;
}

void manager_watch_stop(struct process_manager *manager)
{
    manager->repository->on_changed = NULL;
    manager->repository->on_missed = NULL;
}

void process_manager_on_changed(struct process_manager *manager,
                                void (*on_changed)(void *arg, const struct process_id *id),
                                void *arg)
{
    manager->on_changed = on_changed;
    manager->on_changed_arg = arg;
}

void process_manager_follow(struct process_manager *manager, void (*on_missed)(void *arg),
                            void *arg)
{
    manager->repository->on_missed = on_missed;
    manager->repository->on_missed_arg = arg;
    repository_follow(manager->repository, on_missed != NULL);
}

struct change_stamps *process_manager_stamps(const struct process_manager *manager)
{
    return manager->options->stamps;
}
