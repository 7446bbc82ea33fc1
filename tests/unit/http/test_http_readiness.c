/* Readiness: with patience once it has worked, and none before. */
#include "support/test.h"

#include "http/http_readiness.h"

static void waits_for_the_first_success(void **state)
{
    struct http_readiness readiness;
    (void)state;
    http_readiness_init(&readiness);
    assert_false(http_readiness_judge(&readiness, 1000));
    http_readiness_note(&readiness, ERR_UNAVAILABLE, true, 1000);
    assert_false(http_readiness_judge(&readiness, 1000));
    http_readiness_note(&readiness, ERR_OK, true, 1001);
    assert_true(http_readiness_judge(&readiness, 1001));
}

static void is_patient(void **state)
{
    struct http_readiness readiness;
    (void)state;
    http_readiness_init(&readiness);
    http_readiness_note(&readiness, ERR_OK, true, 0);
    http_readiness_note(&readiness, ERR_TIMEOUT, false, 1000);
    http_readiness_note(&readiness, ERR_UNAVAILABLE, true, 2000);
    assert_true(http_readiness_judge(&readiness, 1000 + READY_PATIENCE_MS - 1));
    assert_false(http_readiness_judge(&readiness, 1000 + READY_PATIENCE_MS));
    http_readiness_note(&readiness, ERR_OK, false, 9000);
    assert_true(http_readiness_judge(&readiness, 9000));
}

static void only_the_storage_counts(void **state)
{
    struct http_readiness readiness;
    (void)state;
    http_readiness_init(&readiness);
    http_readiness_note(&readiness, ERR_OK, true, 0);
    http_readiness_note(&readiness, ERR_NOT_FOUND, false, 1);
    http_readiness_note(&readiness, ERR_CORRUPT, false, 2);
    assert_true(http_readiness_judge(&readiness, 100000));
    http_readiness_note(&readiness, ERR_INTERNAL, true, 200000); /* of a ping */
    assert_false(http_readiness_judge(&readiness, 300000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_first_success),
        cmocka_unit_test(is_patient),
        cmocka_unit_test(only_the_storage_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
