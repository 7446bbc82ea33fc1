#include "http/many_query.h"

#include "support/test.h"

#include <stdio.h>

#define A "6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"
#define B "00000000-0000-4000-8000-000000000000"
#define C "FFFFFFFF-0000-4000-8000-000000000001"

static struct many_query query;

static const char *read_ids(const char *text)
{
    return many_query_read_ids(span_of(text), &query);
}

static const char *read_versions(const char *text)
{
    return many_query_read_versions(span_of(text), &query);
}

/* So many ids with commas between. */
static const char *ids_of(unsigned count)
{
    static char text[(MANY_IDS_MAX + 1) * PROCESS_ID_TEXT_SIZE + 1];
    char *end = text;
    for (unsigned i = 0; i < count; i++)
        end += sprintf(end, "%s%08x-0000-4000-8000-000000000000", i > 0 ? "," : "", i);
    return text;
}

static void reads_ids_in_order(void **state)
{
    (void)state;
    char text[PROCESS_ID_TEXT_SIZE];
    assert_null(read_ids(A "," B "," C));
    assert_int_equal(query.count, 3);
    process_id_format(&query.ids[0], text);
    assert_string_equal(text, A);
    process_id_format(&query.ids[1], text);
    assert_string_equal(text, B);
    process_id_format(&query.ids[2], text);
    assert_string_equal(text, "ffffffff-0000-4000-8000-000000000001");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(query.versions[i], 0);
}

static void refuses_what_is_no_list_of_ids(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      ",",      A ",", "," A,   A ",,",
                                        A ";" B, A " ," B, "x",   A "," A, A "," B "," A};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_non_null(read_ids(wrong[i]));
    /* the same one in another case */
    assert_non_null(read_ids(C ",ffffffff-0000-4000-8000-000000000001"));
}

static void takes_200_ids_and_no_more(void **state)
{
    (void)state;
    assert_null(read_ids(ids_of(MANY_IDS_MAX)));
    assert_int_equal(query.count, MANY_IDS_MAX);
    const char *why = read_ids(ids_of(MANY_IDS_MAX + 1));
    assert_non_null(why);
    assert_non_null(strstr(why, "200"));
}

static void reads_versions_of_all(void **state)
{
    (void)state;
    assert_null(read_ids(A "," B "," C));
    assert_null(read_versions("3,-,9223372036854775807"));
    assert_int_equal(query.versions[0], 3);
    assert_int_equal(query.versions[1], MANY_REMOVED);
    assert_int_equal(query.versions[2], INT64_MAX);
    assert_null(read_versions("0,0,1"));
    assert_int_equal(query.versions[2], 1);
}

static void leaves_the_versions_alone_when_they_are_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",       "1",      "1,2",    "1,2,3,4",
                                        "1,2,x",  "1,,3",   "1,-1,3", "1,2,9223372036854775808",
                                        "1,2,+3", "1, 2,3", "1,--,3"};
    assert_null(read_ids(A "," B "," C));
    assert_null(read_versions("4,5,6"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_non_null(read_versions(wrong[i]));
        assert_int_equal(query.versions[0], 4);
        assert_int_equal(query.versions[1], 5);
        assert_int_equal(query.versions[2], 6);
    }
    assert_null(read_ids(ids_of(MANY_IDS_MAX)));
    char many[3 * MANY_IDS_MAX] = "1";
    for (int i = 0; i < MANY_IDS_MAX; i++)
        strcat(many, ",1");
    assert_non_null(read_versions(many));
}

static void writes_versions_as_it_reads_them(void **state)
{
    (void)state;
    struct text_buffer out;
    text_buffer_init(&out, 100);
    many_version_append(&out, 12);
    text_append_char(&out, ',');
    many_version_append(&out, MANY_REMOVED);
    text_append_char(&out, ',');
    many_version_append(&out, 0);
    text_append_char(&out, '\0');
    assert_string_equal(out.data, "12,-,0");
    assert_null(read_ids(A "," B "," C));
    assert_null(read_versions(out.data));
    text_buffer_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ids_in_order),
        cmocka_unit_test(refuses_what_is_no_list_of_ids),
        cmocka_unit_test(takes_200_ids_and_no_more),
        cmocka_unit_test(reads_versions_of_all),
        cmocka_unit_test(leaves_the_versions_alone_when_they_are_wrong),
        cmocka_unit_test(writes_versions_as_it_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
