/* The whole suite on a memory repository that is kept in a journal, in a directory of its own each
 * time. */
#include "support/conformance.h"
#include "support/test.h"

#include "proctrack/memory_repository.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* The suite opens many, one after the other: what the one before used is put away then. */
static struct {
    char path[64];
    struct disk *disk;
} used;

static void remove_directory(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

static void put_away(void)
{
    if (used.disk == NULL)
        return;
    disk_destroy(used.disk);
    remove_directory(used.path);
    used.disk = NULL;
}

static struct process_repository *open_journalled(struct loop *loop,
                                                  const struct process_policy *policy)
{
    struct memory_journal_options options = {.fsync = JOURNAL_FSYNC_NO, .now = clock_wall_ms()};
    struct journal_report report;
    enum err err;
    int error;
    put_away();
    strcpy(used.path, "/tmp/memory-journal-XXXXXX");
    assert_non_null(mkdtemp(used.path));
    used.disk = disk_open_directory(used.path, &error);
    assert_non_null(used.disk);
    return memory_repository_open(loop, policy, used.disk, &options, &report, &err);
}

int main(void)
{
    const struct conformance_subject journalled = {.name = "journalled", .open = open_journalled};
    int failed = conformance_run(&journalled);
    put_away();
    return failed == 0 ? 0 : 1;
}
