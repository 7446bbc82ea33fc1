/* Members of a body by a table. */
#include "support/test.h"

#include "http/body_reader.h"

#include <stdio.h>

static struct json_fault fault;
static struct http_faults faults;

struct values {
    int64_t number, time, ms;
    bool boolean;
    struct span any;
    struct span name;
    char text[8];
    int reads;
};
static struct values values;

static void read_number(void *into, struct span value, const char *pointer,
                        struct http_faults *into_faults)
{
    struct values *to = into;
    to->reads++;
    body_integer(value, pointer, -5, 5, &to->number, into_faults);
}

static void read_seconds(void *into, struct span value, const char *pointer,
                         struct http_faults *into_faults)
{
    struct values *to = into;
    body_seconds(value, pointer, 1, 10, &to->ms, into_faults);
}

static void read_boolean(void *into, struct span value, const char *pointer,
                         struct http_faults *into_faults)
{
    struct values *to = into;
    body_boolean(value, pointer, &to->boolean, into_faults);
}

static void read_time(void *into, struct span value, const char *pointer,
                      struct http_faults *into_faults)
{
    struct values *to = into;
    body_time(value, pointer, &to->time, into_faults);
}

static bool is_short(struct span name)
{
    return name.len <= 4;
}

static void read_name(void *into, struct span value, const char *pointer,
                      struct http_faults *into_faults)
{
    struct values *to = into;
    body_name(value, pointer, to->text, sizeof(to->text), is_short, "must be short", &to->name,
              into_faults);
}

static void read_any(void *into, struct span value, const char *pointer,
                     struct http_faults *into_faults)
{
    struct values *to = into;
    (void)pointer, (void)into_faults;
    to->any = value;
}

static const struct body_field fields[] = {
    {"any", read_any, false, true},    {"number", read_number, true, false},
    {"ms", read_seconds, true, false}, {"boolean", read_boolean, true, false},
    {"time", read_time, true, false},  {"name", read_name, true, false},
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

static enum body_verdict read_text(const char *text, bool may_be_empty)
{
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    values = (struct values){.number = 99};
    return body_read(span_of(text), may_be_empty, fields, FIELDS, &values, &fault, &faults);
}

static void reads_members(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(" {\"number\":-5,\"ms\":10,\"boolean\":true,\"n\\u0061me\":\"\\u0062\","
                  "\"time\":\"1970-01-01T00:00:01Z\",\"any\":[ ]} ",
                  false),
        BODY_OK);
    assert_int_equal(values.number, -5);
    assert_int_equal(values.ms, 10000);
    assert_true(values.boolean);
    assert_int_equal(values.time, 1000);
    assert_span(values.name, SPAN("b"));
    assert_span(values.any, SPAN("[ ]"));
}

static void null_is_a_value_only_where_it_is_said(void **state)
{
    (void)state;
    assert_int_equal(read_text("{\"any\":null,\"number\":null}", false), BODY_OK);
    assert_span(values.any, SPAN("null"));
    assert_int_equal(values.reads, 0);
    assert_int_equal(values.number, 99);
}

static void an_empty_body_may_be_an_empty_object(void **state)
{
    (void)state;
    assert_int_equal(read_text("", false), BODY_NOT_JSON);
    assert_int_equal(read_text("", true), BODY_INVALID); /* lacks what is required */
    assert_string_equal(faults.first, "/any");
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    assert_int_equal(body_read(SPAN(""), true, fields + 1, FIELDS - 1, &values, &fault, &faults),
                     BODY_OK);
    assert_int_equal(read_text("{\"any\":1", true), BODY_NOT_JSON);
    assert_int_equal(fault.offset, 8);
}

static void says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *body, *pointer, *detail;
    } table[] = {
        {"[]", "", "must be an object"},
        {"{}", "/any", "is required"},
        {"{\"any\":1,\"number\":6}", "/number", "must be an integer from -5 to 5"},
        {"{\"any\":1,\"number\":1.0}", "/number", "must be an integer from -5 to 5"},
        {"{\"any\":1,\"number\":\"1\"}", "/number", "must be an integer from -5 to 5"},
        {"{\"any\":1,\"ms\":0}", "/ms", "must be an integer from 1 to 10"},
        {"{\"any\":1,\"boolean\":\"true\"}", "/boolean", "must be true or false"},
        {"{\"any\":1,\"boolean\":0}", "/boolean", "must be true or false"},
        {"{\"any\":1,\"time\":\"tomorrow\"}", "/time",
         "must be an RFC 3339 time such as 2025-11-08T10:00:00Z"},
        {"{\"any\":1,\"name\":\"abcde\"}", "/name", "must be short"},
        {"{\"any\":1,\"name\":\"much too long\"}", "/name", "must be short"},
        {"{\"any\":1,\"name\":1}", "/name", "must be short"},
        {"{\"any\":1,\"a/b~\":1}", "/a~1b~0",
         "unknown field; known are any, number, ms, boolean, time, name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char expected[256];
        if (read_text(table[i].body, false) != BODY_INVALID || faults.count != 1)
            fail_msg("%s: %u faults", table[i].body, faults.count);
        snprintf(expected, sizeof(expected), "{\"pointer\":\"%s\",\"detail\":\"%s\"}",
                 table[i].pointer, table[i].detail);
        assert_span(text_buffer_span(&faults.items), span_of(expected));
    }
}

static void objects_within_have_longer_pointers(void **state)
{
    (void)state;
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    body_read_object(SPAN("{\"number\":9,\"x\":1}"), "/inner/3", fields, FIELDS, &values, &faults);
    assert_int_equal(faults.count, 3);
    assert_string_equal(faults.first, "/inner/3/number");
    static const char *const pointers[] = {"\"/inner/3/x\"", "\"/inner/3/any\""};
    text_append_char(&faults.items, '\0');
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(faults.items.data, pointers[i]));
    http_faults_finish(&faults);
    http_faults_init(&faults, "pointer");
    body_read_object(SPAN("7"), "/inner", fields, FIELDS, &values, &faults);
    assert_string_equal(faults.first, "/inner");
}

static int finish(void **state)
{
    (void)state;
    http_faults_finish(&faults);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members),
        cmocka_unit_test(null_is_a_value_only_where_it_is_said),
        cmocka_unit_test(an_empty_body_may_be_an_empty_object),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(objects_within_have_longer_pointers),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
