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
    static const char *const members[] = {
        "reason",         "progress",       "result",       "error",      "usage",      "metadata",
        "group",          "worker",         "completed_at", "expires_at", "started_at", "deadline",
        "queue_position", "retry_after_ms", "eta",          "traceparent"};
    struct process process = example();
    struct process_view view = {.base_path = ""};
    json_t *root = render(&process, &view);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_true(json_is_null(json_object_get(root, members[i])));
    assert_null(json_object_get(root, "input"));
    assert_null(json_object_get(root, "lease_token"));
    assert_null(json_object_get(root, "lease_until"));
    assert_null(json_object_get(root, "timeout_seconds"));
    json_decref(root);
}

static void attributes_and_links(void **state)
{
    (void)state;
    struct process process = example();
    const char *self;
    struct process_view view = {.base_path = "/api", .reason = "no_worker", .with_input = true};
    process.input = SPAN("[1]");
    process.traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    json_t *root = render(&process, &view);
    assert_string_equal(json_string_value(json_object_get(root, "traceparent")),
                        process.traceparent.data);
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

/* Where reason and queue_position can be put in later: for every status and length of a type. */
static void assert_reason_is_at_its_offset(const struct process *process, const char *reason,
                                           int64_t position, const char *expected)
{
    struct process_view view = {.reason = reason, .queue_position = position, .base_path = ""};
    struct text_buffer out;
    text_buffer_init(&out, 1 << 20);
    process_json_append(&out, process, &view);
    size_t offset = process_json_reason_offset(process);
    assert_true(offset + strlen(expected) < out.len);
    assert_memory_equal(out.data + offset, expected, strlen(expected));
    assert_memory_equal(out.data + offset - strlen("\"reason\":"),
                        "\"reason\":", strlen("\"reason\":"));
    text_buffer_finish(&out);
}

static void the_reasons_offset_is_exact(void **state)
{
    (void)state;
    char type[PROCESS_TYPE_MAX];
    memset(type, 'a', sizeof(type));
    for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
        for (size_t len = 1; len <= sizeof(type); len++) {
            struct process process = example();
            process.status = (enum process_status)status;
            process.type = (struct span){type, len};
            assert_reason_is_at_its_offset(&process, NULL, 0,
                                           "null,\"queue_position\":null,\"retry_after_ms\":");
            assert_reason_is_at_its_offset(&process, "behind", 17,
                                           "\"behind\",\"queue_position\":17,\"retry_after_ms\":");
        }
    }
}

static void a_deadline_and_a_place_in_the_queue_are_shown(void **state)
{
    (void)state;
    struct process process = example();
    struct process_view view = {.base_path = "", .queue_position = 3};
    process.deadline = 1762596000000;
    json_t *root = render(&process, &view);
    assert_string_equal(json_string_value(json_object_get(root, "deadline")),
                        "2025-11-08T10:00:00.000Z");
    assert_int_equal(json_integer_value(json_object_get(root, "queue_position")), 3);
    json_decref(root);
}

static void the_pace_and_the_expected_end_are_shown(void **state)
{
    (void)state;
    struct process process = example();
    const char *p50, *p90;
    struct process_view view = {.base_path = "",
                                .retry_after_ms = 1250,
                                .eta_p50 = 1762596000000,
                                .eta_p90 = 1762596001500};
    json_t *root = render(&process, &view);
    assert_int_equal(json_integer_value(json_object_get(root, "retry_after_ms")), 1250);
    assert_int_equal(json_unpack(root, "{s:{s:s,s:s}}", "eta", "p50", &p50, "p90", &p90), 0);
    assert_string_equal(p50, "2025-11-08T10:00:00.000Z");
    assert_string_equal(p90, "2025-11-08T10:00:01.500Z");
    json_decref(root);
}

static void only_its_worker_sees_the_lease(void **state)
{
    (void)state;
    struct process process = example();
    struct process_view view = {.base_path = "", .for_worker = true};
    process.lease_token = SPAN("0123456789abcdef0123456789abcdef");
    process.lease_until = 1762596000000;
    process.timeout_ms = 90000;
    json_t *root = render(&process, &view);
    assert_string_equal(json_string_value(json_object_get(root, "lease_token")),
                        "0123456789abcdef0123456789abcdef");
    assert_string_equal(json_string_value(json_object_get(root, "lease_until")),
                        "2025-11-08T10:00:00.000Z");
    assert_int_equal(json_integer_value(json_object_get(root, "timeout_seconds")), 90);
    json_decref(root);
    view.for_worker = false;
    root = render(&process, &view);
    assert_null(json_object_get(root, "lease_token"));
    json_decref(root);
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

static void the_clocks_errors_are_as_any_other(void **state)
{
    (void)state;
    const struct {
        const char *format, *code;
        bool retryable;
    } errors[] = {{process_timeout_error, "timeout", true},
                  {process_lease_lost_error, "lease_lost", true},
                  {process_queue_timeout_error, "queue_timeout", true},
                  {process_deadline_error, "deadline_exceeded", false}};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        const char *hole = strstr(errors[i].format, "%d"), *code;
        int before = (int)(hole - errors[i].format), retryable, attempt;
        char text[PROCESS_LAPSE_ERROR_SIZE];
        int len =
            snprintf(text, sizeof(text), "%.*s%d%s", before, errors[i].format, INT32_MAX, hole + 2);
        assert_in_range(len, 1, PROCESS_LAPSE_ERROR_SIZE - 1);
        json_t *root = json_loads(text, 0, NULL);
        assert_int_equal(json_unpack(root, "{s:s,s:b,s:i,s:n}", "code", &code, "retryable",
                                     &retryable, "attempt", &attempt, "log"),
                         0);
        assert_int_equal(json_object_size(root), 5); /* and the message */
        assert_string_equal(code, errors[i].code);
        assert_int_equal(retryable, errors[i].retryable);
        assert_int_equal(attempt, INT32_MAX);
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
        cmocka_unit_test(the_reasons_offset_is_exact),
        cmocka_unit_test(a_deadline_and_a_place_in_the_queue_are_shown),
        cmocka_unit_test(the_pace_and_the_expected_end_are_shown),
        cmocka_unit_test(only_its_worker_sees_the_lease),
        cmocka_unit_test(the_clocks_errors_are_as_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
