/* What the memory repository says of its disk. */
#include "repository/memory_journal_fixture.h"

static const struct repository_fullness *fullness(const struct fixture *f)
{
    return &f->sync.repository->durability.fullness;
}

static void the_part_of_the_disk_that_is_taken(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fullness(f)->disk_size, 0);
    assert_true(fullness(f)->used_ratio == 0.0);
    shut(f);
    fake_disk_space(f->fake, 1000, 250);
    assert_int_equal(open_again(f), ERR_OK);
    assert_int_equal(fullness(f)->disk_size, 1000);
    assert_int_equal(fullness(f)->disk_free, 250);
    assert_true(fullness(f)->used_ratio == 0.75);
    assert_int_equal(fullness(f)->memory_used, 0);
}

static void it_follows_the_disk(void **state)
{
    struct fixture *f = *state;
    fake_disk_space(f->fake, 1000, 10);
    for (int turns = 0; fullness(f)->used_ratio != 0.99; turns++) {
        assert_true(turns < 2000);
        loop_turn(f->sync.loop, 20);
    }
    fake_disk_space(f->fake, -1, 0); /* it cannot be asked any more */
    for (int turns = 0; fullness(f)->used_ratio != 0.0; turns++) {
        assert_true(turns < 2000);
        loop_turn(f->sync.loop, 20);
    }
    assert_int_equal(fullness(f)->disk_size, 0);
}

static void without_a_directory_nothing_is_known(void **state)
{
    struct fixture *f = *state;
    struct process_repository *repository = memory_repository_create(&f->policy);
    assert_non_null(repository);
    assert_true(repository->durability.fullness.used_ratio == 0.0);
    assert_int_equal(repository->durability.fullness.disk_size, 0);
    repository_destroy(repository);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_part_of_the_disk_that_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(it_follows_the_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_directory_nothing_is_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
