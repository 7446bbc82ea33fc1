/* The directory of the file system, and the fake disk where both must behave alike. */
#include "support/fake_disk.h"
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char above[64], path[80];
    struct fake_disk *fake;
    struct disk *disks[2];
};

static void remove_found(void *arg, const char *name)
{
    struct disk *disk = arg;
    assert_int_equal(disk->ops->remove(disk, name), 0);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    int error = 0;
    assert_non_null(place);
    const char *temporary = getenv("TMPDIR");
    snprintf(place->above, sizeof(place->above), "%.40s/test-disk-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(place->above));
    snprintf(place->path, sizeof(place->path), "%s/data", place->above);
    place->fake = fake_disk_create();
    place->disks[0] = disk_open_directory(place->path, &error);
    place->disks[1] = fake_disk_open(place->fake);
    assert_non_null(place->disks[0]);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    place->disks[0]->ops->list(place->disks[0], remove_found, place->disks[0]);
    disk_destroy(place->disks[0]);
    disk_destroy(place->disks[1]);
    fake_disk_destroy(place->fake);
    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(rmdir(place->above), 0);
    free(place);
    return 0;
}

static void note_name(void *arg, const char *name)
{
    char *names = arg;
    assert_true(strlen(names) + strlen(name) + 2 < 100);
    strcat(strcat(names, name), " ");
}

static void names_are(struct disk *disk, const char *expected)
{
    char names[100] = "";
    assert_int_equal(disk->ops->list(disk, note_name, names), 0);
    assert_string_equal(names, expected);
}

static void write_text(struct disk *disk, int file, const char *text)
{
    assert_int_equal(disk->ops->write(disk, file, text, strlen(text)), strlen(text));
}

static void text_is(struct disk *disk, int file, const char *expected)
{
    char text[100];
    const int64_t len = disk->ops->read(disk, file, text, sizeof(text), 0);
    assert_span(((struct span){text, (size_t)len}), span_of(expected));
    assert_int_equal(disk->ops->size(disk, file), len);
}

static void check_files(struct disk *disk)
{
    const struct disk_ops *ops = disk->ops;
    assert_int_equal(ops->open(disk, "a", DISK_READ), -ENOENT);
    assert_int_equal(ops->open(disk, "a", DISK_APPEND), -ENOENT);
    int file = ops->open(disk, "a", DISK_CREATE);
    assert_true(file >= 0);
    assert_int_equal(ops->open(disk, "a", DISK_CREATE), -EEXIST);
    write_text(disk, file, "hello");
    text_is(disk, file, "hello");
    assert_int_equal(ops->truncate(disk, file, 2), 0);
    write_text(disk, file, "LO"); /* at the end, wherever that is */
    text_is(disk, file, "heLO");
    char two[2];
    assert_int_equal(ops->read(disk, file, two, 2, 2), 2);
    assert_memory_equal(two, "LO", 2);
    assert_int_equal(ops->read(disk, file, two, 2, 4), 0);
    assert_int_equal(ops->sync(disk, file), 0);
    ops->close(disk, file);
    file = ops->open(disk, "a", DISK_APPEND);
    write_text(disk, file, "!");
    text_is(disk, file, "heLO!");
    ops->close(disk, file);
    file = ops->open(disk, "a", DISK_READ);
    text_is(disk, file, "heLO!");
    ops->close(disk, file);
}

static void check_names(struct disk *disk)
{
    const struct disk_ops *ops = disk->ops;
    const int file = ops->open(disk, "b", DISK_CREATE);
    assert_true(file >= 0);
    assert_int_equal(ops->rename(disk, "nothing", "c"), -ENOENT);
    assert_int_equal(ops->rename(disk, "b", "a"), 0);
    text_is(disk, file, "");
    ops->close(disk, file);
    names_are(disk, "a ");
    assert_int_equal(ops->sync_directory(disk), 0);
    assert_int_equal(ops->remove(disk, "a"), 0);
    assert_int_equal(ops->remove(disk, "a"), -ENOENT);
    names_are(disk, "");
}

static void both_disks_behave_alike(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < 2; i++) {
        check_files(place->disks[i]);
        check_names(place->disks[i]);
    }
}

static void nobody_else_may_look(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    struct stat found;
    char path[100];
    assert_int_equal(stat(place->path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    int64_t pid;
    disk->ops->close(disk, disk->ops->open(disk, "a", DISK_CREATE));
    assert_int_equal(disk->ops->lock(disk, "lock", &pid), 0);
    const char *const names[] = {"a", "lock"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", place->path, names[i]);
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 07777, 0600);
    }
}

static void a_directory_is_held_by_one(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    int64_t pid = 0;
    int error = 0;
    char text[32];
    assert_int_equal(disk->ops->lock(disk, "lock", &pid), 0);
    struct disk *other = disk_open_directory(place->path, &error);
    assert_non_null(other);
    assert_int_equal(other->ops->lock(other, "lock", &pid), -EBUSY);
    assert_int_equal(pid, getpid());
    const int file = other->ops->open(other, "lock", DISK_READ);
    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    text_is(other, file, text);
    other->ops->close(other, file);
    disk_destroy(place->disks[0]); /* lets go of it */
    place->disks[0] = other;
    assert_int_equal(other->ops->lock(other, "lock", &pid), 0);
}

static void who_holds_it_may_be_unknown(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    int64_t pid = 0;
    int error = 0;
    assert_int_equal(disk->ops->lock(disk, "lock", &pid), 0);
    const int file = disk->ops->open(disk, "lock", DISK_APPEND);
    const char *const texts[] = {"", "x\n", "12x", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(disk->ops->truncate(disk, file, 0), 0);
        write_text(disk, file, texts[i]);
        struct disk *other = disk_open_directory(place->path, &error);
        pid = -1;
        assert_int_equal(other->ops->lock(other, "lock", &pid), -EBUSY);
        assert_int_equal(pid, 0);
        disk_destroy(other);
    }
    disk->ops->close(disk, file);
}

static void links_are_not_followed(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    char path[100];
    int64_t pid;
    snprintf(path, sizeof(path), "%s/lock", place->path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(disk->ops->open(disk, "lock", DISK_APPEND), -ELOOP);
    assert_int_equal(disk->ops->lock(disk, "lock", &pid), -ELOOP);
}

static void a_place_that_cannot_be_used_is_told(void **state)
{
    struct place *place = *state;
    char path[120];
    int error = 0;
    snprintf(path, sizeof(path), "%s/no/data", place->path);
    assert_null(disk_open_directory(path, &error));
    assert_int_equal(error, ENOENT);
    struct disk *disk = place->disks[0];
    disk->ops->close(disk, disk->ops->open(disk, "file", DISK_CREATE));
    snprintf(path, sizeof(path), "%s/file", place->path);
    assert_null(disk_open_directory(path, &error));
    assert_int_equal(error, ENOTDIR);
    disk_destroy(NULL);
}

/* What the system refuses is told as it says it. */
static void a_file_that_is_not_open_is_told(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    char byte = 'x';
    assert_int_equal(disk->ops->size(disk, -1), -EBADF);
    assert_int_equal(disk->ops->read(disk, -1, &byte, 1, 0), -EBADF);
    assert_int_equal(disk->ops->write(disk, -1, &byte, 1), -EBADF);
    assert_int_equal(disk->ops->truncate(disk, -1, 0), -EBADF);
    assert_int_equal(disk->ops->sync(disk, -1), -EBADF);
}

static void too_many_open_files_are_told(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[0];
    struct rlimit limit, none;
    int64_t pid;
    int error = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int listed = disk->ops->list(disk, note_name, NULL);
    const int locked = disk->ops->lock(disk, "lock", &pid);
    const struct disk *again = disk_open_directory(place->path, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(listed, -EMFILE);
    assert_int_equal(locked, -EMFILE);
    assert_null(again);
    assert_int_equal(error, EMFILE);
}

/* --- what the fake disk loses ------------------------------------------------------------------
 */

static void what_was_not_synced_is_lost(void **state)
{
    struct place *place = *state;
    struct disk *disk = place->disks[1];
    int file = disk->ops->open(disk, "a", DISK_CREATE);
    write_text(disk, file, "one");
    assert_int_equal(disk->ops->sync(disk, file), 0);
    assert_int_equal(disk->ops->sync_directory(disk), 0);
    write_text(disk, file, "two");
    disk->ops->close(disk, disk->ops->open(disk, "b", DISK_CREATE));
    disk->ops->close(disk, file);
    fake_disk_crash(place->fake, KEEP_SYNCED, 0);
    assert_span(fake_disk_text(place->fake, "a"), SPAN("one"));
    assert_false(fake_disk_has(place->fake, "b"));
}

static void a_part_of_it_may_be_kept(void **state)
{
    struct place *place = *state;
    bool lens[7] = {false}, zeros = false, named[2] = {false, false};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct disk *disk = place->disks[1];
        fake_disk_put(place->fake, "a", SPAN("one"));
        fake_disk_drop(place->fake, "b");
        const int file = disk->ops->open(disk, "a", DISK_APPEND);
        write_text(disk, file, "two");
        disk->ops->close(disk, file);
        disk->ops->close(disk, disk->ops->open(disk, "b", DISK_CREATE));
        fake_disk_crash(place->fake, KEEP_PART, seed);
        const struct span text = fake_disk_text(place->fake, "a");
        assert_true(text.len >= 3 && text.len <= 6);
        lens[text.len] = true;
        zeros |= memchr(text.data, '\0', text.len) != NULL;
        named[fake_disk_has(place->fake, "b")] = true;
    }
    assert_true(lens[3] && lens[4] && lens[5] && lens[6] && zeros && named[0] && named[1]);
}

#define disk_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        disk_test(both_disks_behave_alike),         disk_test(nobody_else_may_look),
        disk_test(a_directory_is_held_by_one),      disk_test(who_holds_it_may_be_unknown),
        disk_test(links_are_not_followed),          disk_test(a_place_that_cannot_be_used_is_told),
        disk_test(a_file_that_is_not_open_is_told), disk_test(too_many_open_files_are_told),
        disk_test(what_was_not_synced_is_lost),     disk_test(a_part_of_it_may_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
