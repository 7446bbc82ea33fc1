#include "proctrack/repository_item.h"

#include "proctrack/json_scan.h"
#include "proctrack/process_record.h"
#include "support/test.h"

#include <stdio.h>

static struct process_id id_of(int n)
{
    struct process_id id = {.bytes = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x47, 0x77, 0x88, 0x99}};
    id.bytes[15] = (unsigned char)n;
    return id;
}

#define TOKEN "0123456789abcdef0123456789abcdef"

/* Every member has a value of its own, and none the usual one. */
static struct process full_process(void)
{
    struct process process = {
        .id = id_of(1),
        .status = PROCESS_RUNNING,
        .priority = -100,
        .attempt = 2,
        .max_attempts = 7,
        .failures = 3,
        .stalls = 4,
        .events = 5,
        .backoff = BACKOFF_EXPONENTIAL,
        .version = INT64_C(1) << 53,
        .type = SPAN("a.type_-1"),
        .group = SPAN("g:1"),
        .worker = SPAN("w \"1\" \\ ~"),
        .input = SPAN("{\"big\": 18446744073709551616, \"x\":[1e999,\"\\u00e9\"]}"),
        .metadata = SPAN("{\"tenth\":0.10,\"text\":\"gr\xc3\xbc\xc3\x9f\"}"),
        .progress = SPAN("{\"percent\":50}"),
        .result = SPAN("null"),
        .error = SPAN("{\"code\":\"x\"}"),
        .usage = SPAN("{\"wall_ms\":1}"),
        .traceparent = SPAN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        .lease_token = SPAN(TOKEN),
        .retention_ms = 0,
    };
    int64_t at = INT64_C(1762596000012), length = 1000;
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[i];
        int64_t *place = (int64_t *)(void *)((char *)&process + field->offset);
        if (field->kind == FIELD_TIME)
            *place = at++;
        else if (field->kind == FIELD_LONG && *place == 0 &&
                 field->offset != offsetof(struct process, retention_ms))
            *place = length++;
    }
    return process;
}

static struct process least_process(void)
{
    return (struct process){.id = id_of(2),
                            .max_attempts = 1,
                            .version = 1,
                            .type = SPAN("t"),
                            .created_at = 1,
                            .retention_ms = -1};
}

static void assert_same_process(const struct process *a, const struct process *b)
{
    assert_memory_equal(&a->id, &b->id, sizeof(a->id));
    assert_int_equal(a->status, b->status);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        const struct process_field *field = &process_fields[i];
        if (process_field_is_text(field))
            assert_span(process_field_text(field, a), process_field_text(field, b));
        else if (process_field_is_number(field))
            assert_true(process_field_number(field, a) == process_field_number(field, b));
        else if (field->kind == FIELD_TIME)
            assert_true(process_field_time(field, a) == process_field_time(field, b));
    }
}

static void assert_same_item(const struct repo_item *a, const struct repo_item *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->event_count, b->event_count);
    for (size_t i = 0; i < a->event_count; i++)
        assert_span(a->events[i], b->events[i]);
    if (a->kind == ITEM_PROCESS)
        assert_same_process(&a->process, &b->process);
    assert_memory_equal(&a->id, &b->id, sizeof(a->id));
    assert_span(a->key, b->key);
    assert_span(a->type, b->type);
    assert_true(a->fingerprint == b->fingerprint);
    assert_true(a->until == b->until);
}

static void append_object(struct text_buffer *out, const struct repo_item *item)
{
    text_append_char(out, '{');
    repo_item_append(out, item);
    text_append_char(out, '}');
}

/* What is written is one line, and is read as what it was. */
static void assert_comes_back(const struct repo_item *item)
{
    struct repo_item_storage storage = {0};
    struct text_buffer out, again;
    struct repo_item read;
    const char *why;
    text_buffer_init(&out, SIZE_MAX);
    text_buffer_init(&again, SIZE_MAX);
    append_object(&out, item);
    assert_false(out.failed);
    assert_null(memchr(out.data, '\n', out.len));
    assert_null(memchr(out.data, '\r', out.len));
    if (!repo_item_parse(text_buffer_span(&out), &storage, &read, &why))
        fail_msg("%s: " SPAN_FMT, why, SPAN_ARG(text_buffer_span(&out)));
    assert_same_item(&read, item);
    append_object(&again, &read);
    assert_span(text_buffer_span(&again), text_buffer_span(&out));
    repo_item_storage_finish(&storage);
    text_buffer_finish(&out);
    text_buffer_finish(&again);
}

static void assert_written(const struct repo_item *item, const char *text)
{
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    append_object(&out, item);
    assert_span(text_buffer_span(&out), span_of(text));
    text_buffer_finish(&out);
}

/* Why the text is no item; NULL: it is one. */
static const char *why_not(const char *text)
{
    struct repo_item_storage storage = {0};
    struct repo_item item;
    const char *why = NULL;
    bool read = repo_item_parse(span_of(text), &storage, &item, &why);
    repo_item_storage_finish(&storage);
    if (!read)
        assert_non_null(why);
    return read ? NULL : why;
}

/* --- what is written -------------------------------------------------------------------------- */

static void every_member_comes_back(void **state)
{
    (void)state;
    static const struct span events[] = {{"{\"event\":\"claimed\"}", 19}, {"{ }", 3}};
    assert_comes_back(&(struct repo_item){
        .kind = ITEM_PROCESS, .process = full_process(), .events = events, .event_count = 2});
    assert_comes_back(&(struct repo_item){.kind = ITEM_PROCESS, .process = least_process()});
}

static void each_status_comes_back(void **state)
{
    (void)state;
    struct process process = least_process();
    for (int i = 0; i < PROCESS_STATUS_COUNT; i++) {
        process.status = (enum process_status)i;
        assert_comes_back(&(struct repo_item){.kind = ITEM_PROCESS, .process = process});
    }
}

static void other_items_come_back(void **state)
{
    (void)state;
    assert_comes_back(&(struct repo_item){.kind = ITEM_TOMBSTONE, .id = id_of(3), .until = 1});
    assert_comes_back(&(struct repo_item){.kind = ITEM_KEY,
                                          .id = id_of(4),
                                          .key = SPAN("a \"key\" \\~"),
                                          .fingerprint = UINT64_C(0xfedcba9876543210),
                                          .until = TIME_MAX});
    assert_comes_back(&(struct repo_item){
        .kind = ITEM_KEY, .id = id_of(4), .key = SPAN("k"), .fingerprint = 0, .until = 5});
    assert_comes_back(&(struct repo_item){.kind = ITEM_PAUSED_TYPE, .type = SPAN("t")});
}

static void items_are_written_so(void **state)
{
    (void)state;
    const char *const id = "11223344-5566-4777-8899-0000000000";
    char text[512];
    snprintf(text, sizeof(text),
             "{\"process\":{\"process_id\":\"%s02\",\"type\":\"t\",\"status\":\"pending\","
             "\"version\":1,\"created_at\":\"1970-01-01T00:00:00.001Z\"}}",
             id);
    assert_written(&(struct repo_item){.kind = ITEM_PROCESS, .process = least_process()}, text);
    snprintf(text, sizeof(text),
             "{\"removed\":{\"process_id\":\"%s03\",\"until\":\"1970-01-01T00:00:01.000Z\"}}", id);
    assert_written(&(struct repo_item){.kind = ITEM_TOMBSTONE, .id = id_of(3), .until = 1000},
                   text);
    snprintf(text, sizeof(text),
             "{\"key\":{\"key\":\"k\",\"process_id\":\"%s04\",\"fingerprint\":\"00000000000000ff\","
             "\"until\":\"1970-01-01T00:00:01.000Z\"}}",
             id);
    assert_written(
        &(struct repo_item){
            .kind = ITEM_KEY, .id = id_of(4), .key = SPAN("k"), .fingerprint = 255, .until = 1000},
        text);
    assert_written(&(struct repo_item){.kind = ITEM_PAUSED_TYPE, .type = SPAN("t")},
                   "{\"paused\":{\"type\":\"t\"}}");
}

static void json_keeps_its_line_breaks_and_blanks(void **state)
{
    (void)state;
    static const struct span texts[] = {
        {"{\n\t\"a\" : \"\\n\\\"\"\r\n}", 18}, {" {} ", 4}, {"{}\n", 3}, {"\t{\"a\":1}", 8}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct process process = least_process();
        process.input = process.metadata = process.progress = process.result = process.error =
            process.usage = texts[i];
        const struct span events[] = {{"{\"a\":1}", 7}, texts[i], {"{}", 2}};
        assert_comes_back(&(struct repo_item){
            .kind = ITEM_PROCESS, .process = process, .events = events, .event_count = 3});
    }
}

static void deep_json_comes_back(void **state)
{
    (void)state;
    char deep[2 * JSON_MAX_DEPTH + 3];
    memset(deep, '[', JSON_MAX_DEPTH);
    memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    struct process process = least_process();
    process.input = process.result = (struct span){deep, (size_t)2 * JSON_MAX_DEPTH};
    assert_comes_back(&(struct repo_item){.kind = ITEM_PROCESS, .process = process});
    deep[JSON_MAX_DEPTH] = '\n';
    memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH);
    process.input.len++;
    process.result.len++;
    assert_comes_back(&(struct repo_item){.kind = ITEM_PROCESS, .process = process});
}

static void many_escapes_do_not_move_each_other(void **state)
{
    (void)state;
    enum { EVENTS = 500 };
    static struct span events[EVENTS];
    static char texts[EVENTS][32];
    for (int i = 0; i < EVENTS; i++) {
        int len = snprintf(texts[i], sizeof(texts[i]), "{\"n\":%d,\n\"s\":\"\\\"\"}", i);
        events[i] = (struct span){texts[i], (size_t)len};
    }
    struct process process = full_process();
    process.input = SPAN("[\n\"\\\\\"\n]");
    process.result = SPAN("\"\\\"\\\"\"\n");
    assert_comes_back(&(struct repo_item){
        .kind = ITEM_PROCESS, .process = process, .events = events, .event_count = EVENTS});
}

/* --- changes ---------------------------------------------------------------------------------- */

static bool parse_change(const struct text_buffer *text, struct process *process)
{
    static struct repo_item_storage storage; /* the process borrows from it until the next one */
    const char *why;
    return process_change_parse(text_buffer_span(text), &storage, process, &why);
}

static void a_change_says_all_that_can_change(void **state)
{
    (void)state;
    struct process before = full_process(), after = full_process();
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_fields[i].changes)
            process_field_clear(&process_fields[i], &before);
    }
    before.status = PROCESS_PENDING;
    process_change_append(&out, &after);
    assert_true(parse_change(&out, &before));
    assert_same_process(&before, &after);
    text_buffer_finish(&out);
}

static void what_a_change_does_not_name_is_gone(void **state)
{
    (void)state;
    struct process before = full_process(), after = full_process();
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        if (process_fields[i].changes)
            process_field_clear(&process_fields[i], &after);
    }
    after.status = PROCESS_PENDING;
    after.version = 9;
    process_change_append(&out, &after);
    assert_true(parse_change(&out, &before));
    assert_same_process(&before, &after);
    text_buffer_finish(&out);
}

/* The table is right about what no rule ever changes. */
static void no_rule_changes_what_is_given(void **state)
{
    (void)state;
    struct process_policy policy;
    process_policy_defaults(&policy);
    for (int event = 0; event < PROCESS_EVENT_COUNT; event++) {
        for (int status = 0; status < PROCESS_STATUS_COUNT; status++) {
            struct process before = full_process(), after, read;
            char error[PROCESS_LAPSE_ERROR_SIZE];
            bool changed;
            struct text_buffer out;
            before.status = (enum process_status)status;
            before.version = 5;
            struct process_change change = {.event = (enum process_event)event,
                                            .now = before.lease_until + 1000000,
                                            .token = SPAN(TOKEN),
                                            .retry_after_ms = 5,
                                            .retryable = true,
                                            .result = SPAN("1"),
                                            .error = SPAN("{}")};
            after = read = before;
            process_apply(&after, &change, &policy, error, &changed);
            text_buffer_init(&out, SIZE_MAX);
            process_change_append(&out, &after);
            assert_true(parse_change(&out, &read));
            assert_same_process(&read, &after);
            text_buffer_finish(&out);
        }
    }
}

static void a_change_tells_whose_it_is(void **state)
{
    (void)state;
    struct process process = full_process();
    struct process_id id;
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    process_change_append(&out, &process);
    assert_true(process_change_id(text_buffer_span(&out), &id));
    assert_memory_equal(&id, &process.id, sizeof(id));
    text_buffer_finish(&out);
    assert_false(process_change_id(SPAN("{\"status\":\"pending\"}"), &id));
    assert_false(process_change_id(SPAN("{\"process_id\":1}"), &id));
    assert_false(process_change_id(SPAN("{\"process_id\":\"1\"}"), &id));
}

#define ID "11223344-5566-4777-8899-000000000001"

static void changes_name_only_what_changes(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"process_id\":\"" ID "\"}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\"}",
        "{\"process_id\":\"" ID "\",\"version\":2}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":0}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":9007199254740993}",
        "{\"status\":\"running\",\"version\":2}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":2,\"type\":\"t\"}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":2,\"input\":1}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":2,\"lease\":1}",
        "{\"process_id\":\"" ID "\",\"status\":\"running\",\"version\":2}}",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct repo_item_storage storage = {0};
        struct process process = full_process();
        const char *why = NULL;
        assert_false(process_change_parse(span_of(refused[i]), &storage, &process, &why));
        assert_non_null(why);
        repo_item_storage_finish(&storage);
    }
}

/* --- what is read ----------------------------------------------------------------------------- */

#define AT "\"2025-11-08T10:00:00.012Z\""
#define LEAST              \
    "\"process_id\":\"" ID \
    "\",\"type\":\"t\",\"status\":\"pending\",\"version\":1,\"created_at\":" AT

static void members_come_in_any_order_and_shape(void **state)
{
    (void)state;
    assert_null(why_not("{\"process\":{" LEAST "}}"));
    assert_null(why_not(" {\"crc\":\"x\",\"seq\":7,\"process\":{" LEAST "},\"mine\":[{}]} "));
    assert_null(why_not("{\"process\":{\"created_at\":\"2025-11-08T11:00:00+01:00\",\"version\":1,"
                        "\"status\":\"p\\u0065nding\",\"input\":null,\"type\":\"\\u0074\","
                        "\"process_id\":\"" ID "\",\"attempt\":0,\"max_attempts\":1}}"));
    assert_null(why_not("{\"events\":[{}],\"process\":{" LEAST "}}"));
    assert_null(why_not("{\"paused\":{\"type\":\"t\"},\"seq\":1}"));
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"seq\":1}",
        "{\"process\":null}",
        "{\"process\":{}}",
        "{\"process\":{" LEAST "}",
        "{\"process\":{" LEAST "}} x",
        "{\"process\":{" LEAST "},\"process\":{" LEAST "}}",
        "{\"process\":{" LEAST "},\"paused\":{\"type\":\"t\"}}",
        "{\"process\":{" LEAST ",\"status\":\"running\"}}",
        "{\"process\":{" LEAST ",\"color\":1}}",
        "{\"process\":{" LEAST ",\"version_text\":\"1\"}}",
        "{\"process\":{" LEAST ",\"group_text\":\"g\"}}",
        "{\"process\":{" LEAST ",\"priority\":101}}",
        "{\"process\":{" LEAST ",\"priority\":-101}}",
        "{\"process\":{" LEAST ",\"priority\":1.0}}",
        "{\"process\":{" LEAST ",\"priority\":\"1\"}}",
        "{\"process\":{" LEAST ",\"priority\":null}}",
        "{\"process\":{" LEAST ",\"attempt\":-1}}",
        "{\"process\":{" LEAST ",\"attempt\":2147483648}}",
        "{\"process\":{" LEAST ",\"max_attempts\":0}}",
        "{\"process\":{" LEAST ",\"backoff\":3}}",
        "{\"process\":{" LEAST ",\"retention_ms\":-2}}",
        "{\"process\":{" LEAST ",\"attempt\":1000000001}}",
        "{\"process\":{" LEAST ",\"failures\":1000000001}}",
        "{\"process\":{" LEAST ",\"stalls\":1000000001}}",
        "{\"process\":{" LEAST ",\"events\":1000000001}}",
        "{\"process\":{" LEAST ",\"max_attempts\":1001}}",
        "{\"process\":{" LEAST ",\"timeout_ms\":2592000001}}",
        "{\"process\":{" LEAST ",\"queue_timeout_ms\":2592000001}}",
        "{\"process\":{" LEAST ",\"retention_ms\":316224000001}}",
        "{\"process\":{" LEAST ",\"retry_base_ms\":2592000001}}",
        "{\"process\":{" LEAST ",\"retry_cap_ms\":2592000001}}",
        "{\"process\":{" LEAST ",\"group\":\"\"}}",
        "{\"process\":{" LEAST ",\"group\":\"a b\"}}",
        "{\"process\":{" LEAST ",\"worker\":\"a\\nb\"}}",
        "{\"process\":{" LEAST ",\"worker\":7}}",
        "{\"process\":{" LEAST ",\"lease_token\":\"secret\"}}",
        "{\"process\":{" LEAST ",\"traceparent\":\"00-" TOKEN "-b7ad6b7169203331-04\"}}",
        "{\"process\":{" LEAST ",\"traceparent\":\"01-" TOKEN "-b7ad6b7169203331-01\"}}",
        "{\"process\":{" LEAST ",\"traceparent\":null}}",
        "{\"process\":{" LEAST ",\"run_at\":1762596000012}}",
        "{\"process\":{" LEAST ",\"run_at\":\"yesterday\"}}",
        "{\"process\":{" LEAST ",\"run_at\":\"1970-01-01T00:00:00Z\"}}",
        "{\"process\":{" LEAST ",\"run_at\":null}}",
        "{\"process\":{" LEAST ",\"metadata\":[]}}",
        "{\"process\":{" LEAST ",\"progress\":1}}",
        "{\"process\":{" LEAST ",\"error\":null}}",
        "{\"process\":{" LEAST ",\"usage\":\"{}\"}}",
        "{\"process\":{" LEAST ",\"input\":01}}",
        "{\"process\":{" LEAST ",\"input_text\":{}}}",
        "{\"process\":{" LEAST ",\"input_text\":\"{\"}}",
        "{\"process\":{" LEAST ",\"input_text\":\"\"}}",
        "{\"process\":{" LEAST ",\"input_text\":\"1 2\"}}",
        "{\"process\":{" LEAST ",\"metadata_text\":\"[]\"}}",
        "{\"process\":{" LEAST ",\"input\":1,\"input_text\":\"1\"}}",
        "{\"process\":{" LEAST ",\"input_text\":\"1\",\"input\":1}}",
        "{\"process\":{" LEAST ",\"input\":\"\x80\"}}",
        "{\"process\":{\"type\":\"t\",\"status\":\"pending\",\"version\":1,\"created_at\":" AT "}}",
        "{\"process\":{\"process_id\":\"7\",\"type\":\"t\",\"status\":\"pending\",\"version\":1,"
        "\"created_at\":" AT "}}",
        "{\"process\":{\"process_id\":\"" ID "\",\"status\":\"pending\",\"version\":1,"
        "\"created_at\":" AT "}}",
        "{\"process\":{\"process_id\":\"" ID "\",\"type\":\"t\",\"version\":1,\"created_at\":" AT
        "}}",
        "{\"process\":{\"process_id\":\"" ID "\",\"type\":\"t\",\"status\":\"waiting\","
        "\"version\":1,\"created_at\":" AT "}}",
        "{\"process\":{\"process_id\":\"" ID "\",\"type\":\"t\",\"status\":\"pending\","
        "\"created_at\":" AT "}}",
        "{\"process\":{\"process_id\":\"" ID "\",\"type\":\"t\",\"status\":\"pending\","
        "\"version\":1}}",
        "{\"process\":{" LEAST "},\"events\":[]}",
        "{\"process\":{" LEAST "},\"events\":{}}",
        "{\"process\":{" LEAST "},\"events\":[1]}",
        "{\"process\":{" LEAST "},\"events\":[\"{}\"]}",
        "{\"process\":{" LEAST "},\"events_text\":[{}]}",
        "{\"process\":{" LEAST "},\"events_text\":[\"1\"]}",
        "{\"process\":{" LEAST "},\"events\":[{}],\"events_text\":[\"{}\"]}",
        "{\"events\":[{}]}",
        "{\"events\":[{}],\"paused\":{\"type\":\"t\"}}",
        "{\"removed\":{}}",
        "{\"removed\":{\"process_id\":\"" ID "\"}}",
        "{\"removed\":{\"until\":" AT "}}",
        "{\"removed\":{\"process_id\":\"" ID "\",\"until\":" AT ",\"type\":\"t\"}}",
        "{\"removed\":{\"process_id\":\"" ID "\",\"until\":5}}",
        "{\"key\":{\"process_id\":\"" ID "\",\"fingerprint\":\"0123456789abcdef\",\"until\":" AT
        "}}",
        "{\"key\":{\"key\":\"\",\"process_id\":\"" ID
        "\",\"fingerprint\":\"0123456789abcdef\",\"until\":" AT "}}",
        "{\"key\":{\"key\":\"\\u00e9\",\"process_id\":\"" ID
        "\",\"fingerprint\":\"0123456789abcdef\",\"until\":" AT "}}",
        "{\"key\":{\"key\":\"k\",\"process_id\":\"" ID
        "\",\"fingerprint\":\"0123456789abcde\",\"until\":" AT "}}",
        "{\"key\":{\"key\":\"k\",\"process_id\":\"" ID
        "\",\"fingerprint\":\"0123456789abcdeg\",\"until\":" AT "}}",
        "{\"key\":{\"key\":\"k\",\"process_id\":\"" ID "\",\"fingerprint\":5,\"until\":" AT "}}",
        "{\"paused\":{}}",
        "{\"paused\":{\"type\":\"a b\"}}",
        "{\"paused\":\"t\"}",
        "{\"paused\":{\"type\":\"t\",\"until\":" AT "}}",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (why_not(refused[i]) == NULL)
            fail_msg("not refused: %s", refused[i]);
    }
}

static void a_fault_names_the_member(void **state)
{
    (void)state;
    assert_string_equal(why_not("{\"process\":{" LEAST ",\"priority\":101}}"),
                        "the member priority is not what it can be");
    assert_string_equal(why_not("{\"process\":{" LEAST ",\"color\":1}}"),
                        "it has a member that is not known");
}

static void too_deep_json_is_refused(void **state)
{
    (void)state;
    char text[1024], deep[2 * JSON_MAX_DEPTH + 3];
    memset(deep, '[', JSON_MAX_DEPTH + 1);
    memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    deep[2 * JSON_MAX_DEPTH + 2] = '\0';
    snprintf(text, sizeof(text), "{\"process\":{" LEAST ",\"input\":%s}}", deep);
    assert_non_null(why_not(text));
    snprintf(text, sizeof(text), "{\"process\":{" LEAST ",\"input_text\":\"%s\"}}", deep);
    assert_non_null(why_not(text));
}

/* Whatever byte is another: the text is refused, or is an item that is written and read again. */
static void every_byte_may_be_damaged(void **state)
{
    (void)state;
    static const struct span events[] = {{"{\"event\":\"claimed\"}", 19}, {"{\n}", 3}};
    const struct repo_item item = {
        .kind = ITEM_PROCESS, .process = full_process(), .events = events, .event_count = 2};
    struct repo_item_storage storage = {0};
    struct text_buffer out;
    text_buffer_init(&out, SIZE_MAX);
    append_object(&out, &item);
    const struct span text = text_buffer_span(&out);
    for (size_t i = 0; i < text.len * 8; i++) {
        struct repo_item read;
        const char *why = NULL;
        out.data[i / 8] ^= (char)(1 << i % 8);
        if (repo_item_parse(text, &storage, &read, &why))
            assert_comes_back(&read);
        else
            assert_non_null(why);
        out.data[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t len = 0; len < text.len; len++) {
        struct repo_item read;
        const char *why = NULL;
        char *cut = malloc(len + 1); /* so that a read beyond the end is seen */
        memcpy(cut, text.data, len);
        assert_false(repo_item_parse((struct span){cut, len}, &storage, &read, &why));
        assert_non_null(why);
        free(cut);
    }
    repo_item_storage_finish(&storage);
    text_buffer_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_comes_back),
        cmocka_unit_test(each_status_comes_back),
        cmocka_unit_test(other_items_come_back),
        cmocka_unit_test(items_are_written_so),
        cmocka_unit_test(json_keeps_its_line_breaks_and_blanks),
        cmocka_unit_test(deep_json_comes_back),
        cmocka_unit_test(many_escapes_do_not_move_each_other),
        cmocka_unit_test(a_change_says_all_that_can_change),
        cmocka_unit_test(what_a_change_does_not_name_is_gone),
        cmocka_unit_test(no_rule_changes_what_is_given),
        cmocka_unit_test(a_change_tells_whose_it_is),
        cmocka_unit_test(changes_name_only_what_changes),
        cmocka_unit_test(members_come_in_any_order_and_shape),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_fault_names_the_member),
        cmocka_unit_test(too_deep_json_is_refused),
        cmocka_unit_test(every_byte_may_be_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
