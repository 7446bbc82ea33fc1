#include "support/test.h"

#include "app/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct places {
    char directory[64], plain[96], program[96];
};

static void put(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    close(fd);
}

static int make_places(void **state)
{
    static struct places places;
    char path[PATH_MAX];
    strcpy(places.directory, "/tmp/proctrack-runner-XXXXXX");
    assert_non_null(mkdtemp(places.directory));
    snprintf(places.plain, sizeof(places.plain), "%s/plain", places.directory);
    snprintf(places.program, sizeof(places.program), "%s/program", places.directory);
    assert_int_equal(mkdir(places.plain, 0700), 0);
    assert_int_equal(mkdir(places.program, 0700), 0);
    snprintf(path, sizeof(path), "%s/proctrack-run", places.program);
    put(path, 0700);
    snprintf(path, sizeof(path), "%s/proctrack-run", places.plain);
    assert_int_equal(mkdir(path, 0700), 0); /* a directory of that name is no program */
    *state = &places;
    return 0;
}

static int remove_places(void **state)
{
    struct places *places = *state;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/proctrack-run", places->program);
    unlink(path);
    snprintf(path, sizeof(path), "%s/proctrack-run", places->plain);
    rmdir(path);
    rmdir(places->program);
    rmdir(places->plain);
    return rmdir(places->directory);
}

static void it_is_found_on_path(void **state)
{
    const struct places *places = *state;
    char found[PATH_MAX], expected[PATH_MAX], search[512];
    snprintf(expected, sizeof(expected), "%s/proctrack-run", places->program);
    snprintf(search, sizeof(search), "/nonexistent::%s:%s", places->plain, places->program);
    assert_true(runner_find(search, found));
    assert_string_equal(found, expected);
}

static void it_is_not_found_where_it_is_not(void **state)
{
    const struct places *places = *state;
    char found[PATH_MAX];
    assert_false(runner_find(NULL, found));
    assert_false(runner_find("", found));
    assert_false(runner_find(places->plain, found));
}

static void relative_places_are_not_searched(void **state)
{
    const struct places *places = *state;
    char found[PATH_MAX];
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(places->directory), 0);
    assert_false(runner_find("program:./program", found));
    assert_int_equal(fchdir(before), 0);
    close(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_on_path),
        cmocka_unit_test(it_is_not_found_where_it_is_not),
        cmocka_unit_test(relative_places_are_not_searched),
    };
    return cmocka_run_group_tests(tests, make_places, remove_places);
}
