#include "proctrack/disk.h"

#include "proctrack/list.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct disk_directory {
    struct disk base;
    int directory;
    int lock; /* -1: none is held */
    char path[];
};

static const struct disk_ops directory_ops;

static struct disk_directory *disk_directory(struct disk *base)
{
    assert(base->ops == &directory_ops);
    return container_of(base, struct disk_directory, base);
}

static int directory_open(struct disk *base, const char *name, enum disk_mode mode)
{
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    switch (mode) {
    case DISK_READ:
        flags |= O_RDONLY;
        break;
    case DISK_APPEND:
        flags |= O_RDWR | O_APPEND;
        break;
    case DISK_CREATE:
        flags |= O_RDWR | O_APPEND | O_CREAT | O_EXCL;
        break;
    }
    const int file = openat(disk_directory(base)->directory, name, flags, S_IRUSR | S_IWUSR);
    return file >= 0 ? file : -errno;
}

static void directory_close(struct disk *base, int file)
{
    (void)base;
    close(file);
}

static int64_t directory_size(struct disk *base, int file)
{
    (void)base;
    struct stat stat;
    return fstat(file, &stat) == 0 ? (int64_t)stat.st_size : -errno;
}

static int64_t directory_read(struct disk *base, int file, void *buffer, size_t len, int64_t offset)
{
    (void)base;
    ssize_t count;
    do
        count = pread(file, buffer, len, (off_t)offset);
    while (count < 0 && errno == EINTR);
    return count >= 0 ? count : -errno;
}

static int64_t directory_write(struct disk *base, int file, const void *data, size_t len)
{
    (void)base;
    ssize_t count;
    do
        count = write(file, data, len);
    while (count < 0 && errno == EINTR);
    return count >= 0 ? count : -errno;
}

static int directory_truncate(struct disk *base, int file, int64_t size)
{
    (void)base;
    return ftruncate(file, (off_t)size) == 0 ? 0 : -errno;
}

/* The times of a file are of no use to anybody here. */
static int directory_sync(struct disk *base, int file)
{
    (void)base;
    return fdatasync(file) == 0 ? 0 : -errno;
}

static int directory_rename(struct disk *base, const char *from, const char *to)
{
    const int directory = disk_directory(base)->directory;
    return renameat(directory, from, directory, to) == 0 ? 0 : -errno;
}

static int directory_remove(struct disk *base, const char *name)
{
    return unlinkat(disk_directory(base)->directory, name, 0) == 0 ? 0 : -errno;
}

static int directory_sync_directory(struct disk *base)
{
    return fsync(disk_directory(base)->directory) == 0 ? 0 : -errno;
}

static int directory_list(struct disk *base, void (*found)(void *arg, const char *name), void *arg)
{
    /* An own description: reading moves its offset. */
    const int own =
        openat(disk_directory(base)->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own >= 0 ? fdopendir(own) : NULL;
    if (stream == NULL) {
        const int error = errno;
        if (own >= 0)
            close(own);
        return -error;
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found(arg, entry->d_name);
    }
    const int error = errno;
    closedir(stream);
    return -error;
}

static int64_t read_holder(int file)
{
    char text[24];
    int64_t pid = 0;
    const ssize_t len = pread(file, text, sizeof(text), 0);
    if (len <= 0)
        return 0;
    const char *end = memchr(text, '\n', (size_t)len);
    const struct span digits = {text, end != NULL ? (size_t)(end - text) : (size_t)len};
    return span_to_int(digits, 1, INT32_MAX, &pid) ? pid : 0;
}

static int write_holder(int file)
{
    char text[24];
    const int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(file, 0) != 0)
        return -errno;
    const ssize_t written = pwrite(file, text, (size_t)len, 0);
    if (written == len)
        return 0;
    /* On a full disk the lock holds all the same; only its text is missing. */
    return written >= 0 || errno == ENOSPC || errno == EDQUOT ? 0 : -errno;
}

static int directory_lock(struct disk *base, const char *name, int64_t *ret_pid)
{
    struct disk_directory *disk = disk_directory(base);
    const int file =
        openat(disk->directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (file < 0)
        return -errno;
    int error = 0;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        error = errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (error == -EBUSY)
            *ret_pid = read_holder(file);
    } else {
        error = write_holder(file);
    }
    if (error != 0) {
        close(file);
        return error;
    }
    disk->lock = file;
    return 0;
}

static int directory_space(struct disk *base, int64_t *ret_size, int64_t *ret_free)
{
    struct statvfs stat;
    if (fstatvfs(disk_directory(base)->directory, &stat) != 0)
        return -errno;
    *ret_size = (int64_t)(stat.f_blocks * stat.f_frsize);
    *ret_free = (int64_t)(stat.f_bavail * stat.f_frsize);
    return 0;
}

/* The lock's file stays: who removes it could take it away under the next holder. */
static void directory_destroy(struct disk *base)
{
    struct disk_directory *disk = disk_directory(base);
    if (disk->lock >= 0)
        close(disk->lock);
    if (disk->directory >= 0)
        close(disk->directory);
    free(disk);
}

static const struct disk_ops directory_ops = {
    .open = directory_open,
    .close = directory_close,
    .size = directory_size,
    .read = directory_read,
    .write = directory_write,
    .truncate = directory_truncate,
    .sync = directory_sync,
    .rename = directory_rename,
    .remove = directory_remove,
    .sync_directory = directory_sync_directory,
    .list = directory_list,
    .lock = directory_lock,
    .space = directory_space,
    .destroy = directory_destroy,
};

/* A new name is sure to be there only once the directory that it is in has been synced. One that
 * may not be read is passed by. 0 or an error of errno.h. */
static int sync_parent(int directory)
{
    const int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return errno == EACCES ? 0 : errno;
    const int error = fsync(parent) == 0 ? 0 : errno;
    close(parent);
    return error;
}

/* What could not be stored is not left for the next start to take for a directory of old. */
static int make_directory(const char *path)
{
    if (mkdir(path, S_IRWXU) != 0)
        return errno == EEXIST ? 0 : errno;
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int error = directory >= 0 ? sync_parent(directory) : errno;
    if (directory >= 0)
        close(directory);
    if (error != 0)
        rmdir(path);
    return error;
}

struct disk *disk_open_directory(const char *path, int *ret_errno)
{
    const size_t size = strlen(path) + 1;
    struct disk_directory *disk = malloc(sizeof(*disk) + size);
    if (disk == NULL) {
        *ret_errno = ENOMEM;
        return NULL;
    }
    memcpy(disk->path, path, size);
    disk->base = (struct disk){.ops = &directory_ops, .path = disk->path};
    disk->lock = -1;
    disk->directory = -1;
    *ret_errno = make_directory(path);
    if (*ret_errno == 0) {
        disk->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *ret_errno = disk->directory >= 0 ? 0 : errno;
    }
    if (disk->directory >= 0)
        return &disk->base;
    disk_destroy(&disk->base);
    return NULL;
}

void disk_destroy(struct disk *disk)
{
    if (disk != NULL)
        disk->ops->destroy(disk);
}
