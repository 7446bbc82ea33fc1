#include "http/http_accept.h"

#include "support/test.h"

static struct http_accept accept_of(const char *first, const char *second)
{
    struct http_accept accept;
    http_accept_init(&accept);
    if (first != NULL)
        http_accept_add(&accept, span_of(first));
    if (second != NULL)
        http_accept_add(&accept, span_of(second));
    return accept;
}

static void events_must_be_named(void **state)
{
    static const struct {
        const char *value;
        bool prefers, allows;
    } cases[] = {
        {NULL, false, true},
        {"*/*", false, true},
        {"text/*", false, true},
        {"application/json, text/plain, */*", false, true},
        {"application/json", false, false},
        {"text/html", false, false},
        {"", false, false},
        {"text/event-stream", true, true},
        {" Text/Event-Stream ;charset=utf-8", true, true},
        {"text/event-streams", false, false},
        {"text/event-stream;q=0", false, false},
        {"text/event-stream;q=0, */*", false, false},
        {"text/event-stream; q=0.001", true, true},
        {"text/event-stream; Q=1.000", true, true},
        {"text/event-stream; q=1.001", false, false},
        {"text/event-stream; q=", false, false},
        {"text/event-stream; q=.5", false, false},
        {"text/event-stream; q=0x5", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_accept accept = accept_of(cases[i].value, NULL);
        assert_int_equal(http_accept_prefers_events(&accept), cases[i].prefers);
        assert_int_equal(http_accept_allows_events(&accept), cases[i].allows);
    }
}

static void json_may_be_liked_better(void **state)
{
    static const struct {
        const char *first, *second;
        bool prefers;
    } cases[] = {
        {"application/json, text/event-stream", NULL, true},
        {"application/json;q=0.9, text/event-stream;q=0.8", NULL, false},
        {"application/json;q=0.8, text/event-stream;q=0.9", NULL, true},
        {"text/event-stream;q=0.9, */*", NULL, false},
        {"text/event-stream;q=0.9, */*;q=0.1", NULL, true},
        {"text/event-stream;q=0.5, application/*;q=0.4, */*", NULL, true},
        {"text/event-stream;q=0.5, application/*;q=0.4, application/json;q=0.6", NULL, false},
        {"application/json", "text/event-stream;q=0.5", false},
        {"application/json;q=0.5", "text/event-stream", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_accept accept = accept_of(cases[i].first, cases[i].second);
        assert_int_equal(http_accept_prefers_events(&accept), cases[i].prefers);
    }
}

static void openmetrics_must_be_named(void **state)
{
    static const struct {
        const char *first, *second;
        bool prefers;
    } cases[] = {
        {NULL, NULL, false},
        {"*/*", NULL, false},
        {"application/*", NULL, false},
        {"text/plain;version=0.0.4", NULL, false},
        {"application/openmetrics-text", NULL, true},
        {"Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", NULL, true},
        {"application/openmetrics-text;q=0", NULL, false},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         NULL, true}, /* Prometheus */
        {"application/openmetrics-text;q=0.4,text/plain;q=0.5", NULL, false},
        {"application/openmetrics-text;q=0.5", "text/plain;version=0.0.4;q=0.5", true},
        {"application/openmetrics-text;q=0.5", "text/*;q=0.6", false},
        {"application/openmetrics-text;q=0.5, */*", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct http_accept accept = accept_of(cases[i].first, cases[i].second);
        assert_int_equal(http_accept_prefers_openmetrics(&accept), cases[i].prefers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_must_be_named),
        cmocka_unit_test(json_may_be_liked_better),
        cmocka_unit_test(openmetrics_must_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
