#include "support/test.h"

#include "proctrack/process.h"

#include <jansson.h>

static json_t *render(const struct process *process, const struct process_view *view)
{
    struct text_buffer out;
    text_buffer_init(&out, 1 << 20);
    process_json_append(&out, process, view);
    assert_false(out.failed);
    json_t *root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    text_buffer_finish(&out);
    return root;
}

static struct process example(void)
{
    struct process process = {
        .type = SPAN("text-stats"), .version = 7, .created_at = 1762596000000};
    assert_true(process_id_parse(SPAN("6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55"), &process.id));
    return process;
}

static void absent_is_null_never_missing(void **state)
{
    (void)state;
    static const char *const members[] = {"reason",       "progress",   "result",    "error",
                                          "usage",        "metadata",   "group",     "worker",
                                          "completed_at", "expires_at", "started_at"};
    struct process process = example();
    struct process_view view = {.base_path = ""};
    json_t *root = render(&process, &view);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_true(json_is_null(json_object_get(root, members[i])));
    assert_null(json_object_get(root, "input"));
    assert_null(json_object_get(root, "lease_token"));
    json_decref(root);
}

static void attributes_and_links(void **state)
{
    (void)state;
    struct process process = example();
    const char *self;
    struct process_view view = {.base_path = "/api", .reason = "no_worker", .with_input = true};
    process.input = SPAN("[1]");
    json_t *root = render(&process, &view);
    assert_string_equal(json_string_value(json_object_get(root, "created_at")),
                        "2025-11-08T10:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(root, "reason")), "no_worker");
    assert_true(json_is_array(json_object_get(root, "input")));
    assert_int_equal(json_unpack(root, "{s:{s:s}}", "links", "self", &self), 0);
    assert_string_equal(self, "/api/status/6f1c1d7e-6c0b-4d8e-9f0e-3b3c1f6f3a55");
    json_decref(root);
}

static void the_clients_json_is_embedded_byte_for_byte(void **state)
{
    (void)state;
    struct process process = example();
    struct process_view view = {.base_path = ""};
    struct text_buffer out;
    process.result = SPAN("{ \"a\" : 0.10,\t\"b\":18446744073709551616 }");
    text_buffer_init(&out, 1 << 20);
    process_json_append(&out, &process, &view);
    assert_non_null(memmem(out.data, out.len, process.result.data, process.result.len));
    text_buffer_finish(&out);
}

static void an_error_escapes_its_texts(void **state)
{
    (void)state;
    struct text_buffer out;
    text_buffer_init(&out, 1 << 20);
    process_error_append(&out, "exit_status", SPAN("a \"b\"\n"), true, 2, SPAN("\x01\\"));
    json_t *root = json_loadb(out.data, out.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "message")), "a \"b\"\n");
    assert_string_equal(json_string_value(json_object_get(root, "log")), "\x01\\");
    json_decref(root);
    text_buffer_finish(&out);
}

static void lapse_errors_are_json(void **state)
{
    (void)state;
    const char *const formats[] = {process_timeout_error, process_lease_lost_error};
    for (size_t i = 0; i < 2; i++) {
        json_t *root = json_loads(formats[i], 0, NULL);
        assert_null(root); /* the attempt is still missing */
        const char *hole = strstr(formats[i], "%d");
        assert_non_null(hole);
        char text[PROCESS_LAPSE_ERROR_SIZE];
        int before = (int)(hole - formats[i]);
        snprintf(text, sizeof(text), "%.*s%d%s", before, formats[i], 12, hole + 2);
        root = json_loads(text, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(root, "attempt")), 12);
        json_decref(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_null_never_missing),
        cmocka_unit_test(attributes_and_links),
        cmocka_unit_test(the_clients_json_is_embedded_byte_for_byte),
        cmocka_unit_test(an_error_escapes_its_texts),
        cmocka_unit_test(lapse_errors_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
