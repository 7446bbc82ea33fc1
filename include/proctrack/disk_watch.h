/* How much room a disk has, looked at every few seconds. On the loop's thread; the look itself is
 * off it. */
#ifndef PROCTRACK_DISK_WATCH_H
#define PROCTRACK_DISK_WATCH_H

#include "proctrack/disk.h"
#include "proctrack/loop.h"

#define DISK_WATCH_EVERY_MS 2000

struct disk_watch;

/* Looks once before it returns, which blocks. `seen` gets what was found, then and after each later
 * look: bytes of the file system, and those that may still be used; both 0: it could not be found
 * out. NULL if no memory: then `seen` is not called. The disk must outlive the watch. */
struct disk_watch *disk_watch_create(struct loop *loop, struct disk *disk,
                                     void (*seen)(void *arg, int64_t size, int64_t free),
                                     void *arg);
/* Waits for a look that is under way. NULL is fine. */
void disk_watch_destroy(struct disk_watch *watch);

#endif
