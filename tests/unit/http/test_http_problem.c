/* Problem details: every error has one, and each is valid JSON with the members of RFC 9457. */
#include "support/test.h"

#include "http/http_problem.h"

#include <jansson.h>
#include <stdio.h>

static json_t *closed(struct text_buffer *take_text)
{
    http_problem_close(take_text, NULL);
    assert_false(take_text->failed);
    json_t *root = json_loadb(take_text->data, take_text->len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    text_buffer_finish(take_text);
    return root;
}

static const char *string_of(const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    assert_non_null(text);
    return text;
}

static void all_are_complete(void **state)
{
    static const enum http_problem problems[] = {
#define X(name, status, slug, title, advice) PROBLEM_##name,
        HTTP_PROBLEM_MAP(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++) {
        struct text_buffer text;
        text_buffer_init(&text, 4096);
        http_problem_open(&text, problems[i], NULL);
        json_t *root = closed(&text);
        assert_int_equal(json_integer_value(json_object_get(root, "status")),
                         http_problem_status(problems[i]));
        assert_memory_equal(string_of(root, "type"), "/problems/", 10);
        assert_true(strlen(string_of(root, "title")) > 0);
        assert_true(strlen(string_of(root, "detail")) > 0);
        json_decref(root);
    }
}

static void the_last_member_names_the_request(void **state)
{
    struct text_buffer text;
    (void)state;
    text_buffer_init(&text, 4096);
    http_problem_open(&text, PROBLEM_NOT_FOUND, NULL);
    http_problem_close(&text, "a-1");
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(string_of(root, "request_id"), "a-1");
    json_decref(root);
    text_buffer_finish(&text);
}

static void errors_have_their_status(void **state)
{
    static const struct {
        enum err err;
        unsigned status;
        bool passing;
    } table[] = {
        {ERR_NOT_FOUND, 404, false},    {ERR_GONE, 410, false},
        {ERR_CONFLICT, 409, false},     {ERR_STALE, 412, false},
        {ERR_LEASE_LOST, 409, false},   {ERR_IN_PROGRESS, 409, true},
        {ERR_KEY_REUSED, 422, false},   {ERR_INVALID, 400, false},
        {ERR_UNKNOWN_TYPE, 422, false}, {ERR_TOO_LARGE, 413, false},
        {ERR_UNAVAILABLE, 503, true},   {ERR_TIMEOUT, 503, true},
        {ERR_FULL, 507, true},          {ERR_TOO_MANY_TYPES, 507, false},
        {ERR_CORRUPT, 503, true},       {ERR_CANCELED, 503, true},
        {ERR_NO_MEMORY, 500, false},    {ERR_INTERNAL, 500, false},
        {ERR_UNSUPPORTED, 501, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        enum http_problem problem = http_problem_of(table[i].err);
        assert_int_equal(http_problem_status(problem), table[i].status);
        assert_int_equal(http_problem_is_passing(problem), table[i].passing);
    }
}

static void faults_are_listed(void **state)
{
    struct http_faults faults;
    struct text_buffer text;
    (void)state;
    http_faults_init(&faults, "pointer");
    http_faults_add(&faults, SPAN("/a\"b"), "must be 7");
    http_faults_add(&faults, SPAN("/c"), "unknown");
    text_buffer_init(&text, 1 << 20);
    http_problem_open(&text, PROBLEM_INVALID, "here \"quoted\"");
    http_problem_faults(&text, &faults);
    json_t *root = closed(&text);
    assert_string_equal(string_of(root, "detail"), "here \"quoted\"");
    assert_string_equal(string_of(root, "pointer"), "/a\"b");
    const json_t *errors = json_object_get(root, "errors");
    assert_int_equal(json_array_size(errors), 2);
    assert_string_equal(string_of(json_array_get(errors, 0), "detail"), "must be 7");
    assert_string_equal(string_of(json_array_get(errors, 1), "pointer"), "/c");
    assert_null(json_object_get(root, "more_errors"));
    json_decref(root);
    http_faults_finish(&faults);
}

static void faults_are_bounded(void **state)
{
    struct http_faults faults;
    struct text_buffer text;
    (void)state;
    http_faults_init(&faults, "parameter");
    for (int i = 0; i < HTTP_FAULTS_MAX + 5; i++)
        http_faults_add(&faults, SPAN("x"), "unknown");
    text_buffer_init(&text, 1 << 20);
    http_problem_open(&text, PROBLEM_BAD_QUERY, NULL);
    http_problem_faults(&text, &faults);
    json_t *root = closed(&text);
    assert_string_equal(string_of(root, "parameter"), "x");
    assert_int_equal(json_array_size(json_object_get(root, "errors")), HTTP_FAULTS_MAX);
    assert_int_equal(json_integer_value(json_object_get(root, "more_errors")), 5);
    json_decref(root);
    http_faults_finish(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_complete),
        cmocka_unit_test(the_last_member_names_the_request),
        cmocka_unit_test(errors_have_their_status),
        cmocka_unit_test(faults_are_listed),
        cmocka_unit_test(faults_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
