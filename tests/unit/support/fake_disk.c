#include "support/fake_disk.h"

#include "proctrack/list.h"
#include "support/test.h"

#include <errno.h>
#include <pthread.h>

enum { NAME_SIZE = 96, HANDLES = 64, NAMES = 64 };

/* One file's bytes, which outlive its name. */
struct inode {
    char *data, *kept; /* kept: what is on the disk for sure */
    size_t len, room, kept_len, kept_room;
    size_t dirty; /* from here on they may differ */
    int names, handles;
};

struct entry {
    char name[NAME_SIZE];
    struct inode *inode; /* NULL: a free place */
};

/* A change of the directory that is not on the disk for sure. */
struct change {
    char name[NAME_SIZE];
    struct inode *inode;  /* what the name leads to then; NULL: the name goes */
    char gone[NAME_SIZE]; /* the name that it had before, or "" */
};

struct plan {
    int64_t nth, times; /* counted down; times 0: none */
    int error;
    bool held;
    int waiting;
    int64_t calls;
};

struct fake_disk {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct entry now[NAMES], kept[NAMES];
    struct change changes[NAMES];
    size_t change_count;
    struct inode *handles[HANDLES];
    struct plan plans[FAKE_CALLS];
    int64_t calls, stop_at; /* stop_at 0: never */
    bool stopped;
    uint64_t stop_seed;
    int64_t room, size, free;
    size_t shortest;
    int64_t locked_by;
    struct fake_handle *holder;
};

/* What is given out. */
struct fake_handle {
    struct disk base;
    struct fake_disk *fake;
};

static const struct disk_ops fake_ops;

static struct fake_handle *fake_handle(struct disk *base)
{
    assert_ptr_equal(base->ops, &fake_ops);
    return container_of(base, struct fake_handle, base);
}

static void *must(void *memory)
{
    assert_non_null(memory);
    return memory;
}

/* SplitMix64. */
uint64_t fake_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* --- bytes and names ---------------------------------------------------------------------------
 */

static void set_bytes(char **data, size_t *len, size_t *room, size_t at, const void *more,
                      size_t count)
{
    if (at + count > *room) {
        *room = (at + count) * 2;
        *data = must(realloc(*data, *room));
    }
    if (count > 0)
        memcpy(*data + at, more, count);
    *len = at + count;
}

static void append_bytes(struct inode *inode, const void *more, size_t count)
{
    set_bytes(&inode->data, &inode->len, &inode->room, inode->len, more, count);
}

static void sync_inode(struct inode *inode)
{
    if (inode->dirty > inode->len)
        inode->dirty = inode->len;
    const size_t from = inode->dirty < inode->kept_len ? inode->dirty : inode->kept_len;
    set_bytes(&inode->kept, &inode->kept_len, &inode->kept_room, from, inode->data + from,
              inode->len - from);
    inode->dirty = inode->len;
}

static void cut_inode(struct inode *inode, size_t len)
{
    const size_t before = inode->len;
    if (len > before) {
        char *zeros = must(calloc(1, len - before));
        append_bytes(inode, zeros, len - before);
        free(zeros);
    }
    inode->len = len;
    if (inode->dirty > len)
        inode->dirty = len;
}

static void release(struct inode *inode)
{
    if (inode->names > 0 || inode->handles > 0)
        return;
    free(inode->data);
    free(inode->kept);
    free(inode);
}

static struct entry *find(struct entry *entries, const char *name)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (entries[i].inode != NULL && strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    return NULL;
}

static void set_entry(struct entry *entries, const char *name, struct inode *inode)
{
    struct entry *entry = find(entries, name);
    struct inode *before = entry != NULL ? entry->inode : NULL;
    for (size_t i = 0; entry == NULL && inode != NULL; i++) {
        assert_true(i < NAMES);
        if (entries[i].inode == NULL)
            entry = &entries[i];
    }
    if (inode != NULL) {
        inode->names++;
        assert_true(text_copy(entry->name, NAME_SIZE, span_of(name)));
        entry->inode = inode;
    } else if (entry != NULL) {
        entry->inode = NULL;
    }
    if (before != NULL) {
        before->names--;
        release(before);
    }
}

/* The inode stays with the change until that is on the disk. */
static void change_directory(struct fake_disk *fake, const char *name, struct inode *inode,
                             const char *gone)
{
    assert_true(fake->change_count < NAMES);
    struct change *change = &fake->changes[fake->change_count++];
    assert_true(text_copy(change->name, NAME_SIZE, span_of(name)));
    assert_true(text_copy(change->gone, NAME_SIZE, span_of(gone)));
    change->inode = inode;
    if (inode != NULL)
        inode->names++;
    set_entry(fake->now, name, inode);
    if (change->gone[0] != '\0')
        set_entry(fake->now, change->gone, NULL);
}

static void keep_changes(struct fake_disk *fake, size_t count)
{
    for (size_t i = 0; i < fake->change_count; i++) {
        struct change *change = &fake->changes[i];
        if (i < count) {
            set_entry(fake->kept, change->name, change->inode);
            if (change->gone[0] != '\0')
                set_entry(fake->kept, change->gone, NULL);
        }
        if (change->inode != NULL) {
            change->inode->names--;
            release(change->inode);
        }
    }
    fake->change_count = 0;
}

/* --- what goes wrong ---------------------------------------------------------------------------
 */

static int planned(struct fake_disk *fake, enum fake_call call)
{
    struct plan *plan = &fake->plans[call];
    while (plan->held) {
        plan->waiting++;
        pthread_cond_wait(&fake->changed, &fake->mutex);
        plan->waiting--;
    }
    if (fake->stopped)
        return -EIO;
    plan->calls++;
    fake->calls++;
    if (fake->stop_at > 0 && fake->calls >= fake->stop_at) {
        fake->stopped = true;
        return -EIO;
    }
    if (plan->times == 0 || --plan->nth > 0)
        return 0;
    if (plan->times > 0)
        plan->times--;
    return -plan->error;
}

/* Locks; the error that the call has to fail with. */
static int enter(struct fake_disk *fake, enum fake_call call)
{
    pthread_mutex_lock(&fake->mutex);
    return planned(fake, call);
}

static void leave(struct fake_disk *fake)
{
    pthread_mutex_unlock(&fake->mutex);
}

static int64_t used(const struct fake_disk *fake)
{
    int64_t sum = 0;
    for (size_t i = 0; i < NAMES; i++) {
        if (fake->now[i].inode != NULL)
            sum += (int64_t)fake->now[i].inode->len;
    }
    return sum;
}

/* --- the calls ---------------------------------------------------------------------------------
 */

static int new_handle(struct fake_disk *fake, struct inode *inode)
{
    for (int i = 0; i < HANDLES; i++) {
        if (fake->handles[i] == NULL) {
            fake->handles[i] = inode;
            inode->handles++;
            return i;
        }
    }
    return -EMFILE;
}

static int fake_open(struct disk *base, const char *name, enum disk_mode mode)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    int result = enter(fake, FAKE_OPEN);
    struct entry *entry = find(fake->now, name);
    if (result == 0 && mode == DISK_CREATE && entry != NULL)
        result = -EEXIST;
    else if (result == 0 && mode != DISK_CREATE && entry == NULL)
        result = -ENOENT;
    if (result == 0 && mode == DISK_CREATE) {
        struct inode *inode = must(calloc(1, sizeof(*inode)));
        change_directory(fake, name, inode, "");
        result = new_handle(fake, inode);
    } else if (result == 0) {
        result = new_handle(fake, entry->inode);
    }
    leave(fake);
    return result;
}

static void fake_close(struct disk *base, int file)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    pthread_mutex_lock(&fake->mutex);
    struct inode *inode = fake->handles[file];
    assert_non_null(inode);
    fake->handles[file] = NULL;
    inode->handles--;
    release(inode);
    leave(fake);
}

static int64_t fake_size(struct disk *base, int file)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    pthread_mutex_lock(&fake->mutex);
    const int64_t size = (int64_t)fake->handles[file]->len;
    leave(fake);
    return size;
}

static int64_t fake_read(struct disk *base, int file, void *buffer, size_t len, int64_t offset)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    int64_t result = enter(fake, FAKE_READ);
    const struct inode *inode = fake->handles[file];
    if (result == 0 && offset < (int64_t)inode->len) {
        size_t count = inode->len - (size_t)offset;
        count = count < len ? count : len;
        if (fake->shortest > 0 && count > fake->shortest)
            count = fake->shortest;
        memcpy(buffer, inode->data + offset, count);
        result = (int64_t)count;
    }
    leave(fake);
    return result;
}

static size_t writable(struct fake_disk *fake, size_t len)
{
    if (fake->shortest > 0 && len > fake->shortest)
        len = fake->shortest;
    const int64_t left = fake->room >= 0 ? fake->room - used(fake) : INT64_MAX;
    return left < (int64_t)len ? (size_t)(left > 0 ? left : 0) : len;
}

static int64_t fake_write(struct disk *base, int file, const void *data, size_t len)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    pthread_mutex_lock(&fake->mutex);
    const bool stopped = fake->stopped;
    int64_t result = planned(fake, FAKE_WRITE);
    struct inode *inode = fake->handles[file];
    if (result == 0) {
        const size_t count = writable(fake, len);
        append_bytes(inode, data, count);
        result = count > 0 || len == 0 ? (int64_t)count : -ENOSPC;
    } else if (fake->stopped && !stopped) {
        append_bytes(inode, data, fake_random(&fake->stop_seed) % (len + 1));
    }
    leave(fake);
    return result;
}

static int fake_truncate(struct disk *base, int file, int64_t size)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    const int result = enter(fake, FAKE_TRUNCATE);
    if (result == 0)
        cut_inode(fake->handles[file], (size_t)size);
    leave(fake);
    return result;
}

static int fake_sync(struct disk *base, int file)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    const int result = enter(fake, FAKE_SYNC);
    if (result == 0)
        sync_inode(fake->handles[file]);
    leave(fake);
    return result;
}

static int fake_rename(struct disk *base, const char *from, const char *to)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    int result = enter(fake, FAKE_RENAME);
    struct entry *entry = find(fake->now, from);
    if (result == 0 && entry == NULL)
        result = -ENOENT;
    if (result == 0)
        change_directory(fake, to, entry->inode, from);
    leave(fake);
    return result;
}

static int fake_remove(struct disk *base, const char *name)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    int result = enter(fake, FAKE_REMOVE);
    if (result == 0 && find(fake->now, name) == NULL)
        result = -ENOENT;
    if (result == 0)
        change_directory(fake, name, NULL, "");
    leave(fake);
    return result;
}

static int fake_sync_directory(struct disk *base)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    const int result = enter(fake, FAKE_SYNC_DIRECTORY);
    if (result == 0)
        keep_changes(fake, fake->change_count);
    leave(fake);
    return result;
}

static int fake_list(struct disk *base, void (*found)(void *arg, const char *name), void *arg)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    const int result = enter(fake, FAKE_LIST);
    for (size_t i = 0; result == 0 && i < NAMES; i++) {
        if (fake->now[i].inode != NULL)
            found(arg, fake->now[i].name);
    }
    leave(fake);
    return result;
}

static int fake_lock(struct disk *base, const char *name, int64_t *ret_pid)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    int result = enter(fake, FAKE_LOCK);
    if (result == 0 && (fake->locked_by != 0 || fake->holder != NULL)) {
        *ret_pid = fake->locked_by;
        result = -EBUSY;
    }
    if (result == 0)
        fake->holder = fake_handle(base);
    (void)name;
    leave(fake);
    return result;
}

static int fake_space(struct disk *base, int64_t *ret_size, int64_t *ret_free)
{
    struct fake_disk *fake = fake_handle(base)->fake;
    pthread_mutex_lock(&fake->mutex);
    *ret_size = fake->size;
    *ret_free = fake->free;
    const int result = fake->size < 0 ? -EIO : 0;
    pthread_mutex_unlock(&fake->mutex);
    return result;
}

static void fake_destroy(struct disk *base)
{
    struct fake_handle *handle = fake_handle(base);
    if (handle->fake->holder == handle)
        handle->fake->holder = NULL;
    free(handle);
}

static const struct disk_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .size = fake_size,
    .read = fake_read,
    .write = fake_write,
    .truncate = fake_truncate,
    .sync = fake_sync,
    .rename = fake_rename,
    .remove = fake_remove,
    .sync_directory = fake_sync_directory,
    .list = fake_list,
    .lock = fake_lock,
    .space = fake_space,
    .destroy = fake_destroy,
};

/* --- for the tests -----------------------------------------------------------------------------
 */

struct fake_disk *fake_disk_create(void)
{
    struct fake_disk *fake = must(calloc(1, sizeof(*fake)));
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->changed, NULL);
    fake->room = -1;
    return fake;
}

struct disk *fake_disk_open(struct fake_disk *fake)
{
    struct fake_handle *handle = must(calloc(1, sizeof(*handle)));
    handle->base = (struct disk){.ops = &fake_ops, .path = "/fake"};
    handle->fake = fake;
    return &handle->base;
}

static void forget_handles(struct fake_disk *fake)
{
    for (int i = 0; i < HANDLES; i++) {
        struct inode *inode = fake->handles[i];
        fake->handles[i] = NULL;
        if (inode != NULL) {
            inode->handles--;
            release(inode);
        }
    }
}

void fake_disk_destroy(struct fake_disk *fake)
{
    if (fake == NULL)
        return;
    forget_handles(fake);
    keep_changes(fake, 0);
    for (size_t i = 0; i < NAMES; i++) {
        if (fake->now[i].inode != NULL)
            set_entry(fake->now, fake->now[i].name, NULL);
        if (fake->kept[i].inode != NULL)
            set_entry(fake->kept, fake->kept[i].name, NULL);
    }
    pthread_cond_destroy(&fake->changed);
    pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

int64_t fake_disk_calls(struct fake_disk *fake)
{
    pthread_mutex_lock(&fake->mutex);
    const int64_t calls = fake->calls;
    leave(fake);
    return calls;
}

int64_t fake_disk_calls_of(struct fake_disk *fake, enum fake_call call)
{
    pthread_mutex_lock(&fake->mutex);
    const int64_t calls = fake->plans[call].calls;
    leave(fake);
    return calls;
}

void fake_disk_fail(struct fake_disk *fake, enum fake_call call, int64_t nth, int64_t times,
                    int error)
{
    pthread_mutex_lock(&fake->mutex);
    struct plan *plan = &fake->plans[call];
    plan->nth = nth;
    plan->times = times;
    plan->error = error;
    leave(fake);
}

void fake_disk_stop_at(struct fake_disk *fake, int64_t nth, uint64_t seed)
{
    pthread_mutex_lock(&fake->mutex);
    fake->stop_at = fake->calls + nth;
    fake->stop_seed = seed;
    leave(fake);
}

bool fake_disk_stopped(struct fake_disk *fake)
{
    pthread_mutex_lock(&fake->mutex);
    const bool stopped = fake->stopped;
    leave(fake);
    return stopped;
}

void fake_disk_room(struct fake_disk *fake, int64_t bytes)
{
    pthread_mutex_lock(&fake->mutex);
    fake->room = bytes;
    leave(fake);
}

void fake_disk_space(struct fake_disk *fake, int64_t size, int64_t free)
{
    pthread_mutex_lock(&fake->mutex);
    fake->size = size;
    fake->free = free;
    leave(fake);
}

void fake_disk_short(struct fake_disk *fake, size_t bytes)
{
    pthread_mutex_lock(&fake->mutex);
    fake->shortest = bytes;
    leave(fake);
}

void fake_disk_hold(struct fake_disk *fake, enum fake_call call, bool held)
{
    pthread_mutex_lock(&fake->mutex);
    fake->plans[call].held = held;
    pthread_cond_broadcast(&fake->changed);
    leave(fake);
}

bool fake_disk_holds(struct fake_disk *fake, enum fake_call call)
{
    pthread_mutex_lock(&fake->mutex);
    const bool holds = fake->plans[call].waiting > 0;
    leave(fake);
    return holds;
}

void fake_disk_heal(struct fake_disk *fake)
{
    pthread_mutex_lock(&fake->mutex);
    for (int call = 0; call < FAKE_CALLS; call++) {
        fake->plans[call].times = 0;
        fake->plans[call].held = false;
    }
    fake->stop_at = 0;
    fake->stopped = false;
    fake->room = -1;
    fake->shortest = 0;
    pthread_cond_broadcast(&fake->changed);
    leave(fake);
}

/* --- crashes -----------------------------------------------------------------------------------
 */

/* What was written since the last sync may be there up to anywhere, and the file may be longer than
 * what was written of it: the rest reads as zeros. A file that was cut may be as before. */
static void tear(struct inode *inode, uint64_t *seed)
{
    const size_t from = inode->dirty < inode->kept_len ? inode->dirty : inode->kept_len;
    const size_t most = inode->len;
    if (from < inode->kept_len && fake_random(seed) % 2 == 0)
        return;
    const size_t more = most - from;
    const size_t len = from + (size_t)(fake_random(seed) % (more + 1));
    set_bytes(&inode->kept, &inode->kept_len, &inode->kept_room, from, inode->data + from,
              len - from);
    const uint64_t choice = fake_random(seed) % 3;
    const size_t zeros = choice == 0 ? (size_t)(fake_random(seed) % (most - len + 1)) : 0;
    if (zeros == 0)
        return;
    char *none = must(calloc(1, zeros));
    set_bytes(&inode->kept, &inode->kept_len, &inode->kept_room, len, none, zeros);
    free(none);
}

static void crash_inode(struct inode *inode, enum fake_keep keep, uint64_t *seed)
{
    if (keep == KEEP_ALL)
        sync_inode(inode);
    else if (keep == KEEP_PART)
        tear(inode, seed);
    set_bytes(&inode->data, &inode->len, &inode->room, 0, inode->kept, inode->kept_len);
    inode->dirty = inode->len;
}

void fake_disk_crash(struct fake_disk *fake, enum fake_keep keep, uint64_t seed)
{
    fake_disk_heal(fake);
    pthread_mutex_lock(&fake->mutex);
    forget_handles(fake);
    size_t changes = keep == KEEP_ALL ? fake->change_count : 0;
    if (keep == KEEP_PART)
        changes = (size_t)(fake_random(&seed) % (fake->change_count + 1));
    keep_changes(fake, changes);
    for (size_t i = 0; i < NAMES; i++) {
        if (fake->now[i].inode != NULL)
            set_entry(fake->now, fake->now[i].name, NULL);
    }
    for (size_t i = 0; i < NAMES; i++) {
        if (fake->kept[i].inode == NULL)
            continue;
        crash_inode(fake->kept[i].inode, keep, &seed);
        set_entry(fake->now, fake->kept[i].name, fake->kept[i].inode);
    }
    fake->holder = NULL;
    leave(fake);
}

/* --- files -------------------------------------------------------------------------------------
 */

bool fake_disk_has(struct fake_disk *fake, const char *name)
{
    pthread_mutex_lock(&fake->mutex);
    const bool has = find(fake->now, name) != NULL;
    leave(fake);
    return has;
}

struct span fake_disk_text(struct fake_disk *fake, const char *name)
{
    pthread_mutex_lock(&fake->mutex);
    const struct entry *entry = find(fake->now, name);
    assert_non_null(entry);
    const struct span text = {entry->inode->data != NULL ? entry->inode->data : "",
                              entry->inode->len};
    leave(fake);
    return text;
}

void fake_disk_put(struct fake_disk *fake, const char *name, struct span text)
{
    pthread_mutex_lock(&fake->mutex);
    struct inode *inode = must(calloc(1, sizeof(*inode)));
    append_bytes(inode, text.data, text.len);
    sync_inode(inode);
    change_directory(fake, name, inode, "");
    keep_changes(fake, fake->change_count);
    leave(fake);
}

void fake_disk_drop(struct fake_disk *fake, const char *name)
{
    pthread_mutex_lock(&fake->mutex);
    change_directory(fake, name, NULL, "");
    keep_changes(fake, fake->change_count);
    leave(fake);
}

/* What is called may use the disk. */
void fake_disk_names(struct fake_disk *fake, void (*found)(void *arg, const char *name), void *arg)
{
    for (size_t i = 0; i < NAMES; i++) {
        char name[NAME_SIZE];
        pthread_mutex_lock(&fake->mutex);
        const bool used_entry = fake->now[i].inode != NULL;
        memcpy(name, fake->now[i].name, NAME_SIZE);
        leave(fake);
        if (used_entry)
            found(arg, name);
    }
}

void fake_disk_lock_by(struct fake_disk *fake, int64_t pid)
{
    pthread_mutex_lock(&fake->mutex);
    fake->locked_by = pid;
    leave(fake);
}
