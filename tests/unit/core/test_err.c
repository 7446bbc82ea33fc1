#include "support/test.h"

#include "proctrack/err.h"

static void every_error_has_its_own_text(void **state)
{
    (void)state;
    for (int i = ERR_OK; i <= ERR_INTERNAL; i++) {
        assert_true(strlen(err_text((enum err)i)) > 0);
        for (int j = ERR_OK; j < i; j++)
            assert_string_not_equal(err_text((enum err)i), err_text((enum err)j));
    }
    assert_string_equal(err_text(ERR_GONE), "the process was removed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
