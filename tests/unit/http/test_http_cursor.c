/* The cursor's text: there and back, and nothing else. */
#include "support/test.h"

#include "http/http_cursor.h"

static struct http_cursor cursor(void)
{
    struct http_cursor made = {.status = PROCESS_FAILED, .position.score = 1762596000123};
    for (int i = 0; i < 16; i++)
        made.position.id.bytes[i] = (unsigned char)(i * 17);
    return made;
}

static void comes_back(void **state)
{
    static const int64_t scores[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1762596000123};
    (void)state;
    for (size_t i = 0; i < sizeof(scores) / sizeof(*scores); i++) {
        struct http_cursor in = cursor(), out;
        char text[HTTP_CURSOR_TEXT_SIZE];
        in.status = (int)i - 1;
        in.position.score = scores[i];
        http_cursor_format(&in, text);
        assert_int_equal(strlen(text), HTTP_CURSOR_TEXT_SIZE - 1);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
                         strlen(text));
        assert_true(http_cursor_parse(span_of(text), &out));
        assert_int_equal(out.status, in.status);
        assert_true(out.position.score == in.position.score);
        assert_memory_equal(&out.position.id, &in.position.id, sizeof(in.position.id));
    }
}

static void refuses_others(void **state)
{
    struct http_cursor in = cursor(), out;
    char text[HTTP_CURSOR_TEXT_SIZE];
    (void)state;
    http_cursor_format(&in, text);
    assert_false(http_cursor_parse(SPAN(""), &out));
    assert_false(http_cursor_parse(SPAN("abc"), &out));
    assert_false(http_cursor_parse((struct span){text, strlen(text) - 1}, &out));
    assert_false(http_cursor_parse((struct span){text, strlen(text) + 1}, &out));
    char broken[HTTP_CURSOR_TEXT_SIZE];
    strcpy(broken, text);
    broken[5] = '+';
    assert_false(http_cursor_parse(span_of(broken), &out));
    strcpy(broken, text);
    broken[0] = 'Z'; /* another layout */
    assert_false(http_cursor_parse(span_of(broken), &out));
    strcpy(broken, text);
    broken[34]++; /* the bits that must be zero */
    assert_false(http_cursor_parse(span_of(broken), &out));
    memset(broken, '_', sizeof(broken) - 1);
    broken[0] = 'A', broken[1] = 'f'; /* the layout is right, the status is none */
    assert_false(http_cursor_parse(span_of(broken), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(refuses_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
