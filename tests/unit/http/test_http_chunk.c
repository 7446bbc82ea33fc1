#include "http/http_chunk.h"

#include "support/test.h"

static void data_becomes_lines(void **state)
{
    static const struct {
        const char *data, *event;
    } cases[] = {
        {"{\"a\":1}", "data: {\"a\":1}\n"},
        {"", "data: \n"},
        {"one\ntwo", "data: one\ndata: two\n"},
        {"one\rtwo", "data: one\ndata: two\n"},
        {"one\r\ntwo", "data: one\ndata: two\n"},
        {"one\n\rtwo", "data: one\ndata: \ndata: two\n"},
        {"one\r\n\r\ntwo", "data: one\ndata: \ndata: two\n"},
        {"\none", "data: \ndata: one\n"},
        {"one\n", "data: one\ndata: \n"},
        {"one\r", "data: one\ndata: \n"},
        {"one\r\n", "data: one\ndata: \n"},
        {" one\nid: 7\n\nevent: x", "data:  one\ndata: id: 7\ndata: \ndata: event: x\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text_buffer out;
        text_buffer_init(&out, 1000);
        http_event_append_data(&out, span_of(cases[i].data));
        text_append_char(&out, '\0');
        assert_false(out.failed);
        assert_string_equal(out.data, cases[i].event);
        text_buffer_finish(&out);
    }
}

static void a_chunk_is_counted(void **state)
{
    (void)state;
    struct http_chunk *chunk = http_chunk_create(3);
    assert_non_null(chunk);
    assert_int_equal(chunk->len, 3);
    assert_int_equal(chunk->count, 1);
    assert_ptr_equal(http_chunk_share(chunk), chunk);
    http_chunk_release(chunk);
    assert_int_equal(chunk->count, 1);
    http_chunk_release(chunk);
    http_chunk_release(NULL);
    assert_null(http_chunk_create(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_becomes_lines),
        cmocka_unit_test(a_chunk_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
