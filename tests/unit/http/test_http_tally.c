/* Answers by route, method and code: what is not in these lists, and that there is a bound. */
#include "http/http_problem.h"
#include "http/http_tally.h"
#include "support/test.h"

static struct http_tally tally;

static int setup(void **state)
{
    (void)state;
    assert_true(http_tally_init(&tally));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_tally_finish(&tally);
    return 0;
}

static const struct http_route *route_of(const char *path)
{
    static char text[128];
    char allow[HTTP_ALLOW_SIZE];
    struct http_target target;
    strcpy(text, path);
    assert_null(http_target_parse(text, strlen(text), "", &target));
    return http_route_find(METHOD_GET, &target, allow);
}

static const struct http_series *series_of(const struct http_tally *of, const char *route,
                                           const char *method, const char *code)
{
    struct http_series_labels labels;
    for (size_t i = 0; i < of->count; i++) {
        http_series_labels(&of->series[i], &labels);
        if (strcmp(labels.route, route) == 0 && strcmp(labels.method, method) == 0 &&
            strcmp(labels.code, code) == 0)
            return &of->series[i];
    }
    return NULL;
}

static uint64_t answers_of(const struct http_tally *of, const char *route, const char *method,
                           const char *code)
{
    const struct http_series *series = series_of(of, route, method, code);
    return series != NULL ? series->answers : 0;
}

static void answers_are_counted(void **state)
{
    (void)state;
    http_tally_add(&tally, route_of("/status/any"), METHOD_GET, 200, 90);
    http_tally_add(&tally, route_of("/status/other"), METHOD_GET, 200, 300);
    http_tally_add(&tally, route_of("/status/any"), METHOD_HEAD, 200, 90);
    http_tally_add(&tally, route_of("/status/any"), METHOD_GET, 404, 90);
    http_tally_add(&tally, NULL, METHOD_OTHER, 405, 90);
    assert_int_equal(tally.count, 4);
    assert_int_equal(answers_of(&tally, "/status/:id", "GET", "200"), 2);
    assert_int_equal(answers_of(&tally, "/status/:id", "HEAD", "200"), 1);
    assert_int_equal(answers_of(&tally, "/status/:id", "GET", "404"), 1);
    assert_int_equal(answers_of(&tally, "none", "other", "405"), 1);
    const struct metric_histogram *took = &series_of(&tally, "/status/:id", "GET", "200")->took;
    assert_int_equal(took->sum_us, 390);
    assert_int_equal(took->counts[0], 1); /* at most 100 us */
    assert_int_equal(took->counts[2], 1); /* at most 500 us */
}

static void those_that_waited_have_no_time(void **state)
{
    (void)state;
    http_tally_add(&tally, NULL, METHOD_GET, 200, -1);
    http_tally_add(&tally, NULL, METHOD_GET, 200, 0);
    const struct http_series *series = series_of(&tally, "none", "GET", "200");
    assert_int_equal(series->answers, 2);
    assert_int_equal(metric_observed(&series->took), 1);
}

static void unknown_codes_are_one(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 2000; status++)
        http_tally_add(&tally, NULL, METHOD_GET, status, 1);
    size_t count = tally.count;
    for (unsigned status = 0; status < 2000; status++)
        http_tally_add(&tally, NULL, METHOD_GET, status, 1);
    assert_int_equal(tally.count, count);
    assert_true(count < 32);
    assert_true(answers_of(&tally, "none", "GET", "other") > 3000);
}

static void every_problem_has_its_code(void **state)
{
    static const enum http_problem problems[] = {
#define X(name, status, slug, title, advice) PROBLEM_##name,
        HTTP_PROBLEM_MAP(X)
#undef X
    };
    (void)state;
    for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
        http_tally_add(&tally, NULL, METHOD_GET, http_problem_status(problems[i]), 1);
    assert_null(series_of(&tally, "none", "GET", "other"));
}

static void the_bound_is_met(void **state)
{
    char text[HTTP_TEMPLATE_SIZE], before[HTTP_TEMPLATE_SIZE] = "";
    (void)state;
    for (size_t route = 0; route <= http_route_count(); route++) {
        http_route_template(route, text);
        assert_true(strlen(text) > 1 && strcmp(text, before) != 0);
        strcpy(before, text);
    }
    assert_string_equal(text, "none");
    assert_true(http_tally_bound() < 10000);
}

static void tallies_are_added_up(void **state)
{
    struct http_tally sum;
    (void)state;
    assert_true(http_tally_init(&sum));
    http_tally_add(&tally, route_of("/stats"), METHOD_GET, 200, 50);
    for (unsigned status = 200; status < 600; status++) /* so many that it must grow */
        http_tally_add(&tally, route_of("/version"), METHOD_GET, status, 50);
    http_tally_add(&sum, route_of("/stats"), METHOD_GET, 200, 70);
    assert_true(http_tally_merge(&sum, &tally));
    assert_true(http_tally_merge(&sum, &tally));
    assert_int_equal(answers_of(&sum, "/stats", "GET", "200"), 3);
    assert_int_equal(series_of(&sum, "/stats", "GET", "200")->took.sum_us, 170);
    assert_int_equal(answers_of(&sum, "/version", "GET", "304"), 2);
    http_tally_clear(&sum);
    assert_int_equal(sum.count, 0);
    assert_true(http_tally_merge(&sum, &tally));
    assert_int_equal(answers_of(&sum, "/stats", "GET", "200"), 1);
    http_tally_finish(&sum);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_are_counted),   TEST(those_that_waited_have_no_time),
        TEST(unknown_codes_are_one), TEST(every_problem_has_its_code),
        TEST(the_bound_is_met),      TEST(tallies_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
