#include "support/test.h"

#include "proctrack/process.h"

static void ids_are_random_uuids(void **state)
{
    (void)state;
    struct process_id before = {{0}};
    for (int i = 0; i < 2000; i++) {
        struct process_id id, parsed;
        char text[PROCESS_ID_TEXT_SIZE];
        assert_true(process_id_new(&id));
        process_id_format(&id, text);
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        assert_true(process_id_parse(span_of(text), &parsed));
        assert_int_equal(process_id_compare(&id, &parsed), 0);
        assert_int_not_equal(process_id_compare(&id, &before), 0);
        before = id;
    }
}

static void what_is_no_uuid_is_refused(void **state)
{
    (void)state;
    struct process_id id;
    const char *const bad[] = {"",
                               "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a5",
                               "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a555",
                               "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a5g",
                               "6f1c1d7e06c0b-4d8e-9f0e-3b3c1f6f3a55",
                               "{6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(process_id_parse(span_of(bad[i]), &id));
    assert_false(
        process_id_parse((struct span){"6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a\0005", 36}, &id));
    assert_true(process_id_parse(SPAN("6F1C1D7E-6C0B-4D8E-9F0E-3B3C1F6F3A55"), &id));
}

static void names_are_checked(void **state)
{
    (void)state;
    char longest[PROCESS_TYPE_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    assert_true(process_type_is_valid((struct span){longest, PROCESS_TYPE_MAX}));
    assert_false(process_type_is_valid((struct span){longest, PROCESS_TYPE_MAX + 1}));
    assert_true(process_type_is_valid(SPAN("Text-stats_2.0")));
    assert_false(process_type_is_valid(SPAN("")));
    assert_false(process_type_is_valid(SPAN("a b")));
    assert_false(process_type_is_valid(SPAN("a:b")));
    assert_false(process_type_is_valid((struct span){"a\0b", 3}));
    assert_true(process_group_is_valid(SPAN("a:b")));
    assert_false(process_group_is_valid(SPAN("a/b")));
}

static void statuses_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        enum process_status parsed;
        const char *name = process_status_name((enum process_status)i);
        assert_true(process_status_parse(span_of(name), &parsed));
        assert_int_equal(parsed, i);
        assert_int_equal(process_status_is_final(parsed), i >= PROCESS_COMPLETED);
    }
    enum process_status unused;
    assert_false(process_status_parse(SPAN("done"), &unused));
    assert_false(process_status_parse(SPAN("Pending"), &unused));
}

static void tokens_differ(void **state)
{
    (void)state;
    char a[LEASE_TOKEN_TEXT_SIZE], b[LEASE_TOKEN_TEXT_SIZE];
    assert_true(lease_token_new(a) && lease_token_new(b));
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_random_uuids), cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(names_are_checked),    cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(tokens_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
