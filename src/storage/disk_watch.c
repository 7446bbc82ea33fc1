#include "proctrack/disk_watch.h"

#include "storage/offload.h"

#include <stdlib.h>

struct disk_watch {
    struct disk *disk;
    struct offload *offload;
    struct loop_timer *timer;
    void (*seen)(void *arg, int64_t size, int64_t free);
    void *arg;
    int64_t size, free; /* the offload's while it is under way */
};

static void look(void *arg)
{
    struct disk_watch *watch = arg;
    if (watch->disk->ops->space(watch->disk, &watch->size, &watch->free) != 0)
        watch->size = watch->free = 0;
}

static void on_looked(void *arg)
{
    struct disk_watch *watch = arg;
    loop_timer_start(watch->timer, DISK_WATCH_EVERY_MS);
    watch->seen(watch->arg, watch->size, watch->free);
}

static void on_time(void *arg)
{
    struct disk_watch *watch = arg;
    offload_start(watch->offload);
}

struct disk_watch *disk_watch_create(struct loop *loop, struct disk *disk,
                                     void (*seen)(void *arg, int64_t size, int64_t free), void *arg)
{
    struct disk_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->disk = disk;
    watch->seen = seen;
    watch->arg = arg;
    watch->offload = offload_create(loop, look, on_looked, watch);
    watch->timer = loop_timer_create(loop, on_time, watch);
    if (watch->offload == NULL || watch->timer == NULL) {
        disk_watch_destroy(watch);
        return NULL;
    }
    look(watch);
    on_looked(watch);
    return watch;
}

void disk_watch_destroy(struct disk_watch *watch)
{
    if (watch == NULL)
        return;
    offload_destroy(watch->offload);
    loop_timer_destroy(watch->timer);
    free(watch);
}
