/* The files of one directory, behind a table so that tests can make it fail. Every call blocks:
 * before the loops run, or off them (loop_work). Files are 0600, the directory 0700. Names hold no
 * '/'. Failures are errors of errno.h as negative numbers. */
#ifndef PROCTRACK_DISK_H
#define PROCTRACK_DISK_H

#include "proctrack/text.h"

struct disk;

enum disk_mode {
    DISK_READ,   /* it must exist */
    DISK_APPEND, /* it must exist; writes go to its end */
    DISK_CREATE, /* it must not exist; writes go to its end */
};

/* All slots are mandatory. */
struct disk_ops {
    int (*open)(struct disk *disk, const char *name, enum disk_mode mode); /* a handle */
    void (*close)(struct disk *disk, int file);
    int64_t (*size)(struct disk *disk, int file);
    /* How many bytes were read (0: at the end) or written; may be fewer than asked for. */
    int64_t (*read)(struct disk *disk, int file, void *buffer, size_t len, int64_t offset);
    int64_t (*write)(struct disk *disk, int file, const void *data, size_t len);
    int (*truncate)(struct disk *disk, int file, int64_t size);
    int (*sync)(struct disk *disk, int file);
    int (*rename)(struct disk *disk, const char *from, const char *to); /* replaces `to` */
    int (*remove)(struct disk *disk, const char *name);
    int (*sync_directory)(struct disk *disk);
    /* Calls `found` with each name, in any order. */
    int (*list)(struct disk *disk, void (*found)(void *arg, const char *name), void *arg);
    /* One holder at a time, until the disk is destroyed or the program ends. -EBUSY: another has
     * it, and *ret_pid says who (0: unknown). */
    int (*lock)(struct disk *disk, const char *name, int64_t *ret_pid);
    /* Bytes of the whole file system, and those of them that this program may still use. */
    int (*space)(struct disk *disk, int64_t *ret_size, int64_t *ret_free);
    void (*destroy)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    const char *path; /* for people */
};

/* The directory at `path`, which is made where it is not there (not its parents). NULL with
 * *ret_errno. */
struct disk *disk_open_directory(const char *path, int *ret_errno);
void disk_destroy(struct disk *disk); /* NULL is fine */

#endif
