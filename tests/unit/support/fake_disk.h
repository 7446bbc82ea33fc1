/* A disk in memory that can lose what was not synced, fail, be full, and stop at any call. What
 * belongs to a directory (a name made, changed, removed) is lost like data until the directory is
 * synced, in the order in which it was done. Calls may come from any thread. */
#ifndef SUPPORT_FAKE_DISK_H
#define SUPPORT_FAKE_DISK_H

#include "proctrack/disk.h"

struct fake_disk;

struct fake_disk *fake_disk_create(void); /* never NULL */
/* The disk to be used; destroyed by disk_destroy() or not at all: the fake disk stays, with all its
 * files, and gives another one after that. */
struct disk *fake_disk_open(struct fake_disk *fake);
void fake_disk_destroy(struct fake_disk *fake); /* NULL is fine */

/* --- what goes wrong ---------------------------------------------------------------------------
 */

enum fake_call {
    FAKE_OPEN,
    FAKE_READ,
    FAKE_WRITE,
    FAKE_TRUNCATE,
    FAKE_SYNC,
    FAKE_RENAME,
    FAKE_REMOVE,
    FAKE_SYNC_DIRECTORY,
    FAKE_LIST,
    FAKE_LOCK
};
#define FAKE_CALLS 10

/* Calls so far, of all kinds above, or of one kind. */
int64_t fake_disk_calls(struct fake_disk *fake);
int64_t fake_disk_calls_of(struct fake_disk *fake, enum fake_call call);

/* From the n-th call of the kind on (1: the next) `times` calls of it fail with the error, a number
 * of errno.h; times < 0: until healed. A failed write writes nothing. One plan for each kind. */
void fake_disk_fail(struct fake_disk *fake, enum fake_call call, int64_t nth, int64_t times,
                    int error);
/* The power goes at the n-th call of any kind (1: the next), of which a write still writes a part;
 * every later call fails with EIO, until fake_disk_crash(). */
void fake_disk_stop_at(struct fake_disk *fake, int64_t nth, uint64_t seed);
bool fake_disk_stopped(struct fake_disk *fake);
/* Room for so many bytes in all files; < 0: without limit. ENOSPC beyond, after a part. */
void fake_disk_room(struct fake_disk *fake, int64_t bytes);
/* What it says of its room, whatever is in the files; size < 0: it fails. At first: 0, 0. */
void fake_disk_space(struct fake_disk *fake, int64_t size, int64_t free);
/* Writes take at most so many bytes (0: without limit), reads give at most so many. */
void fake_disk_short(struct fake_disk *fake, size_t bytes);
/* Holds all calls of the kind on other threads until it is called with held == false. */
void fake_disk_hold(struct fake_disk *fake, enum fake_call call, bool held);
bool fake_disk_holds(struct fake_disk *fake, enum fake_call call); /* one is held just now */
void fake_disk_heal(struct fake_disk *fake); /* nothing of the above holds any longer */

/* --- crashes ------------------------------------------------------------------------------------
 */

enum fake_keep {
    KEEP_SYNCED, /* nothing that was not synced */
    KEEP_ALL,    /* as when only the program is killed */
    KEEP_PART,   /* of each file as much as the seed says, of the rest zeros or nothing */
};
/* What holds the disk open must have been destroyed, or be never used again. Heals, too. */
void fake_disk_crash(struct fake_disk *fake, enum fake_keep keep, uint64_t seed);

/* --- the files, past all that goes wrong --------------------------------------------------------
 */

bool fake_disk_has(struct fake_disk *fake, const char *name);
struct span fake_disk_text(struct fake_disk *fake, const char *name); /* until it is written */
void fake_disk_put(struct fake_disk *fake, const char *name, struct span text); /* synced */
void fake_disk_drop(struct fake_disk *fake, const char *name);                  /* synced */
void fake_disk_names(struct fake_disk *fake, void (*found)(void *arg, const char *name), void *arg);
/* Another process holds the lock: lock says so. 0: nobody. */
void fake_disk_lock_by(struct fake_disk *fake, int64_t pid);

/* A number that follows from the seed alone; moves it on. */
uint64_t fake_random(uint64_t *seed);

#endif
