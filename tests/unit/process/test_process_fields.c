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

static void workers_are_printable_ascii(void **state)
{
    (void)state;
    char longest[PROCESS_WORKER_MAX + 1];
    memset(longest, '~', sizeof(longest));
    assert_true(process_worker_is_valid((struct span){longest, PROCESS_WORKER_MAX}));
    assert_false(process_worker_is_valid((struct span){longest, PROCESS_WORKER_MAX + 1}));
    assert_false(process_worker_is_valid(SPAN("")));
    assert_false(process_worker_is_valid(SPAN_NONE));
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        assert_int_equal(process_worker_is_valid((struct span){text, 3}), c >= 32 && c < 127);
    }
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

static void a_token_is_32_small_hexadecimal_digits(void **state)
{
    (void)state;
    char made[LEASE_TOKEN_TEXT_SIZE], text[LEASE_TOKEN_TEXT_SIZE];
    assert_true(lease_token_new(made));
    assert_true(lease_token_is_valid(span_of(made)));
    assert_false(lease_token_is_valid((struct span){made, 31}));
    assert_false(lease_token_is_valid(SPAN("0123456789abcdef0123456789abcdef0")));
    assert_false(lease_token_is_valid(SPAN("")));
    assert_false(lease_token_is_valid(SPAN_NONE));
    for (int c = 1; c < 256; c++) {
        for (size_t at = 0; at < 32; at += 31) {
            memcpy(text, made, sizeof(text));
            text[at] = (char)c;
            assert_int_equal(lease_token_is_valid((struct span){text, 32}),
                             strchr("0123456789abcdef", c) != NULL);
        }
    }
}

/* --- the ids of a batch ----------------------------------------------------------------------- */

static void a_batch_has_as_many_ids_as_processes(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct process_id ids[COUNT];
    struct process_id base, again;
    assert_true(process_id_new(&base));
    for (unsigned n = 0; n < COUNT; n++) {
        process_id_nth(&base, n, &ids[n]);
        process_id_nth(&base, n, &again);
        assert_int_equal(process_id_compare(&ids[n], &again), 0);
        assert_int_equal(ids[n].bytes[6] >> 4, 4);
        assert_int_equal(ids[n].bytes[8] >> 6, 2);
        if (n > 0) /* queued in this order when created in the same millisecond */
            assert_true(process_id_compare(&ids[n - 1], &ids[n]) < 0);
        for (unsigned other = 0; other < n; other++)
            assert_memory_not_equal(&ids[n].bytes[4], &ids[other].bytes[4], 12);
    }
    process_id_nth(&ids[0], 7, &again);
    assert_int_equal(process_id_compare(&ids[7], &again), 0);
}

/* Stored batches are found again by these. */
static void the_ids_of_a_batch_stay_the_same_for_ever(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        const char *id;
    } golden[] = {{0, "6f1c1c00-6c0b-4d8e-9f0e-3b3c1f6f3a55"},
                  {1, "6f1c1c01-709c-4b40-8205-2fd8c46eb5b8"},
                  {2, "6f1c1c02-8e38-4744-bc0d-0030bce6f90f"},
                  {999, "6f1c1fe7-b902-4363-b2e7-f2e7ceff86e2"}};
    struct process_id base, id;
    char text[PROCESS_ID_TEXT_SIZE];
    assert_true(process_id_parse(SPAN("6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"), &base));
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        process_id_nth(&base, golden[i].n, &id);
        process_id_format(&id, text);
        assert_string_equal(text, golden[i].id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_random_uuids),
        cmocka_unit_test(what_is_no_uuid_is_refused),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(workers_are_printable_ascii),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(tokens_differ),
        cmocka_unit_test(a_token_is_32_small_hexadecimal_digits),
        cmocka_unit_test(a_batch_has_as_many_ids_as_processes),
        cmocka_unit_test(the_ids_of_a_batch_stay_the_same_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
