/* Cutting and decoding of request targets. */
#include "support/test.h"

#include "http/http_target.h"

static char text[4096];

static const char *parse_in(const char *raw, const char *base, struct http_target *ret_target)
{
    strcpy(text, raw);
    return http_target_parse(text, strlen(text), base, ret_target);
}

static struct http_target parsed(const char *raw)
{
    struct http_target target;
    assert_null(parse_in(raw, "/api", &target));
    return target;
}

static void refused(const char *raw)
{
    struct http_target target;
    if (parse_in(raw, "", &target) == NULL)
        fail_msg("accepted: %s", raw);
}

static void cuts_the_path(void **state)
{
    (void)state;
    struct http_target target = parsed("/status/6f1c");
    assert_int_equal(target.segment_count, 2);
    assert_span(target.segments[0], SPAN("status"));
    assert_span(target.segments[1], SPAN("6f1c"));
    assert_int_equal(target.param_count, 0);
    assert_int_equal(parsed("/").segment_count, 1);
    assert_span(parsed("/").segments[0], SPAN(""));
    assert_int_equal(parsed("/stats/").segment_count, 2);
    assert_int_equal(parsed("//stats").segment_count, 2);
    assert_true(parsed("/a/b/c/d/e").segment_count > HTTP_SEGMENTS_MAX);
}

static void decodes_part_by_part(void **state)
{
    (void)state;
    struct http_target target = parsed("/sta%74us/..%2f..%2Fx");
    assert_span(target.segments[0], SPAN("status"));
    assert_span(target.segments[1], SPAN("../../x"));
    target = parsed("/status/a%00b");
    assert_span(target.segments[1], SPAN("a\0b"));
    target = parsed("/x%3Fy?a%26b=c%3Dd%00&e");
    assert_span(target.segments[0], SPAN("x?y"));
    assert_span(target.params[0].name, SPAN("a&b"));
    assert_span(target.params[0].value, SPAN("c=d\0"));
    assert_span(target.params[1].name, SPAN("e"));
    assert_span(target.params[1].value, SPAN(""));
}

static void reads_the_query(void **state)
{
    (void)state;
    struct http_target target = parsed("/processes?type=a&&status=b=c&fields=+input&x=?");
    assert_int_equal(target.param_count, 4);
    assert_span(http_target_param(&target, "type"), SPAN("a"));
    assert_span(http_target_param(&target, "status"), SPAN("b=c"));
    assert_span(http_target_param(&target, "fields"), SPAN("+input"));
    assert_span(http_target_param(&target, "x"), SPAN("?"));
    assert_null(http_target_param(&target, "limit").data);
    assert_int_equal(parsed("/processes?").param_count, 0);
    target = parsed("/processes?=v");
    assert_span(target.params[0].name, SPAN(""));
}

static void knows_absolute_form_and_asterisk(void **state)
{
    (void)state;
    struct http_target target = parsed("http://host:80/stats?a=b");
    assert_span(target.segments[0], SPAN("stats"));
    assert_int_equal(target.param_count, 1);
    target = parsed("HTTPS://host/api/stats");
    assert_span(target.segments[0], SPAN("stats"));
    assert_string_equal(target.base, "/api");
    assert_int_equal(parsed("http://host").segment_count, 1);
    assert_int_equal(parsed("http://host?a=b").param_count, 1);
    assert_true(parsed("*").asterisk);
    assert_false(parsed("/*").asterisk);
}

static void takes_the_base_path_off(void **state)
{
    (void)state;
    struct http_target target = parsed("/api/status/x");
    assert_string_equal(target.base, "/api");
    assert_int_equal(target.segment_count, 2);
    assert_span(target.path, SPAN("/status/x"));
    target = parsed("/apistatus/x");
    assert_string_equal(target.base, "");
    assert_span(target.segments[0], SPAN("apistatus"));
    assert_string_equal(parsed("/api").base, "/api");
    assert_string_equal(parsed("/status/x").base, "");
}

static void refuses(void **state)
{
    (void)state;
    refused("");
    refused("status");
    refused("ftp://host/");
    refused("http://");
    refused("http:///status");
    refused("host:443");
    refused("/%");
    refused("/%z0");
    refused("/%0");
    refused("/a?b=%zz");
    refused("/a?%2=b");
    refused("/a?b=%ff");
    char many[256] = "/a?";
    for (int i = 0; i < HTTP_PARAMS_MAX; i++)
        strcat(many, "a&");
    struct http_target target;
    assert_null(parse_in(many, "", &target));
    assert_int_equal(target.param_count, HTTP_PARAMS_MAX);
    strcat(many, "a&");
    refused(many);
}

static void clean_means_printable_ascii(void **state)
{
    (void)state;
    assert_true(http_target_is_clean("/a?b=%20~", 9));
    assert_false(http_target_is_clean("/a b", 4));
    assert_false(http_target_is_clean("/a\tb", 4));
    assert_false(http_target_is_clean("/a\0b", 4));
    assert_false(http_target_is_clean("/a\x7f", 3));
    assert_false(http_target_is_clean("/\xc3\xa4", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_path),
        cmocka_unit_test(decodes_part_by_part),
        cmocka_unit_test(reads_the_query),
        cmocka_unit_test(knows_absolute_form_and_asterisk),
        cmocka_unit_test(takes_the_base_path_off),
        cmocka_unit_test(refuses),
        cmocka_unit_test(clean_means_printable_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
