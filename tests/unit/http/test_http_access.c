#include "support/test.h"

#include "http/http_access.h"

static void only_the_path_is_shown(void **state)
{
    static const struct {
        const char *target, *path;
    } cases[] = {
        {"/status/1", "/status/1"},
        {"/status/1?token=secret", "/status/1"},
        {"/status/1#token=secret", "/status/1"},
        {"/status/1#a?b", "/status/1"},
        {"/?a", "/"},
        {"*", "*"},
        {"*?a", "*"},
        {"http://user:secret@host/status/1?a", "/status/1"},
        {"HTTPS://user:secret@host:80/", "/"},
        {"http://user:secret@host", ""},
        {"http://user:secret@host?a/b", ""},
        {"http:secret/x", ""},
        {"user:secret@host", ""},
        {"secret", ""},
        {"://secret/x", "/x"},
        {"", ""},
        {"//a//b", "//a//b"},
        {"/%0a\x1b\xff", "/%0a\x1b\xff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_span(http_access_path(span_of(cases[i].target)), span_of(cases[i].path));
}

static void a_long_path_is_cut(void **state)
{
    char target[1000];
    (void)state;
    memset(target, '/', sizeof(target));
    const struct span path = http_access_path((struct span){target, sizeof(target)});
    assert_int_equal(path.len, HTTP_ACCESS_PATH_MAX);
    assert_ptr_equal(path.data, target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_path_is_shown),
        cmocka_unit_test(a_long_path_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
