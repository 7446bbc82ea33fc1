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

static void assert_standing(struct http_standing standing, bool ready, const char *reasons)
{
    struct text_buffer out;
    text_buffer_init(&out, 256);
    http_standing_reasons(&standing, &out);
    assert_true(span_is(text_buffer_span(&out), reasons));
    assert_int_equal(http_standing_is_ready(&standing), ready);
    text_buffer_finish(&out);
}

static void each_reason_has_its_word(void **state)
{
    const struct http_standing well = {.storage_judged_ready = true};
    struct http_standing now = well;
    (void)state;
    assert_standing(now, true, "[]");
    now.ping = ERR_UNAVAILABLE; /* and patience is not over yet */
    assert_standing(now, true, "[\"repository_unavailable\"]");
    now.storage_judged_ready = false;
    assert_standing(now, false, "[\"repository_unavailable\"]");
    now.ping = ERR_TIMEOUT;
    assert_standing(now, false, "[\"repository_timeout\"]");
    now = well;
    now.writes = ERR_FULL;
    assert_standing(now, true, "[\"storage_full\"]");
    now.writes = ERR_UNAVAILABLE;
    assert_standing(now, true, "[\"storage_unavailable\"]");
    now.fell_back = true;
    assert_standing(now, true, "[\"storage_unavailable\",\"fallback\"]");
    now = well;
    now.loop_silent = true;
    assert_standing(now, false, "[\"loop_silent\"]");
    now.stopping = true;
    assert_standing(now, false, "[\"stopping\",\"loop_silent\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_the_first_success),
        cmocka_unit_test(is_patient),
        cmocka_unit_test(only_the_storage_counts),
        cmocka_unit_test(each_reason_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
