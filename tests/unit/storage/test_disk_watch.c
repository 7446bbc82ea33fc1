#include "support/test.h"

#include "proctrack/clock.h"
#include "proctrack/disk_watch.h"
#include "support/fake_disk.h"

#include <sys/statvfs.h>
#include <unistd.h>

struct bench {
    struct loop *loop;
    struct fake_disk *fake;
    struct disk *disk;
    int64_t begun;
    int times;
    int64_t size, room;
};

static int setup(void **state)
{
    static struct bench bench;
    bench = (struct bench){.begun = clock_steady_ms()};
    bench.loop = loop_create();
    bench.fake = fake_disk_create();
    bench.disk = fake_disk_open(bench.fake);
    *state = &bench;
    return bench.loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    disk_destroy(bench->disk);
    loop_destroy(bench->loop);
    fake_disk_destroy(bench->fake);
    return 0;
}

static void on_seen(void *arg, int64_t size, int64_t room)
{
    struct bench *bench = arg;
    bench->times++;
    bench->size = size;
    bench->room = room;
}

static void wait_until_seen(struct bench *bench, int times)
{
    const int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    while (bench->times < times && clock_steady_ms() < deadline)
        loop_turn(bench->loop, 20);
    assert_int_equal(bench->times, times);
}

static void it_is_looked_at_once_and_again(void **state)
{
    struct bench *bench = *state;
    fake_disk_space(bench->fake, 1000, 400);
    struct disk_watch *watch = disk_watch_create(bench->loop, bench->disk, on_seen, bench);
    assert_non_null(watch);
    assert_int_equal(bench->times, 1);
    assert_int_equal(bench->size, 1000);
    assert_int_equal(bench->room, 400);
    fake_disk_space(bench->fake, 1000, 3);
    wait_until_seen(bench, 2);
    assert_int_equal(bench->room, 3);
    assert_true(clock_steady_ms() - bench->begun >= DISK_WATCH_EVERY_MS - 1);
    disk_watch_destroy(watch);
}

static void what_cannot_be_found_out_is_not_known(void **state)
{
    struct bench *bench = *state;
    fake_disk_space(bench->fake, -1, 0);
    bench->size = bench->room = 7;
    struct disk_watch *watch = disk_watch_create(bench->loop, bench->disk, on_seen, bench);
    assert_non_null(watch);
    assert_int_equal(bench->size, 0);
    assert_int_equal(bench->room, 0);
    disk_watch_destroy(watch);
    disk_watch_destroy(NULL);
}

static void a_directory_tells_of_its_file_system(void **state)
{
    struct bench *bench = *state;
    char path[] = "/tmp/proctrack-disk-XXXXXX";
    assert_non_null(mkdtemp(path));
    int error = 0;
    struct disk *disk = disk_open_directory(path, &error);
    assert_non_null(disk);
    struct statvfs stat;
    assert_int_equal(statvfs(path, &stat), 0);
    assert_int_equal(disk->ops->space(disk, &bench->size, &bench->room), 0);
    assert_int_equal(bench->size, (int64_t)(stat.f_blocks * stat.f_frsize));
    assert_true(bench->room > 0 && bench->room <= bench->size); /* others write there, too */
    disk_destroy(disk);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_looked_at_once_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_found_out_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_tells_of_its_file_system, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
