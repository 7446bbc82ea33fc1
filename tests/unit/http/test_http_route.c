/* Methods and paths to endpoints. */
#include "support/test.h"

#include "http/endpoints.h"
#include "http/http_route.h"

static const struct http_route *find(const char *method, const char *path,
                                     char allow[HTTP_ALLOW_SIZE])
{
    static char text[256];
    struct http_target target;
    strcpy(text, path);
    assert_null(http_target_parse(text, strlen(text), "", &target));
    return http_route_find(http_method_of(method), &target, allow);
}

static void finds(void **state)
{
    static const struct {
        const char *method, *path;
        void (*start)(struct http_call *call);
    } table[] = {
        {"POST", "/analyze", ep_analyze},
        {"GET", "/status/x", ep_status},
        {"HEAD", "/status/x", ep_status},
        {"GET", "/status/", ep_status}, /* an id, though not one that is a UUID */
        {"GET", "/status", ep_status_many},
        {"GET", "/events", ep_feed},
        {"GET", "/result/x", ep_result},
        {"DELETE", "/cleanup", ep_cleanup},
        {"GET", "/processes", ep_process_list},
        {"DELETE", "/processes/x", ep_process_remove},
        {"POST", "/processes/x/cancel", ep_process_cancel},
        {"POST", "/processes/x/retry", ep_process_retry},
        {"GET", "/processes/x/events", ep_process_events},
        {"POST", "/processes/cancel", ep_bulk_cancel},
        {"POST", "/processes/retry", ep_bulk_retry},
        {"POST", "/analyze/batch", ep_batch},
        {"GET", "/groups/g", ep_group},
        {"POST", "/groups/g/cancel", ep_group_cancel},
        {"POST", "/groups/g/retry", ep_group_retry},
        {"GET", "/types", ep_types},
        {"POST", "/types/t/pause", ep_type_pause},
        {"POST", "/types/t/resume", ep_type_resume},
        {"GET", "/workers", ep_workers},
        {"GET", "/stats", ep_stats},
        {"GET", "/metrics", ep_metrics},
        {"POST", "/admin/snapshot", ep_admin_snapshot},
        {"GET", "/healthz", ep_healthz},
        {"GET", "/readyz", ep_readyz},
        {"GET", "/version", ep_version},
        {"GET", "/openapi.json", ep_openapi},
        {"HEAD", "/openapi.json", ep_openapi},
        {"GET", "/st%61ts", ep_stats},
    };
    char allow[HTTP_ALLOW_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct http_route *route = find(table[i].method, table[i].path, allow);
        assert_non_null(route);
        assert_ptr_equal(route->start, table[i].start);
    }
}

static void tells_the_methods_of_a_path(void **state)
{
    static const struct {
        const char *method, *path, *allow;
    } table[] = {
        {"GET", "/analyze", "POST, OPTIONS"},
        {"HEAD", "/analyze", "POST, OPTIONS"},
        {"PUT", "/status/x", "GET, HEAD, OPTIONS"},
        {"get", "/status/x", "GET, HEAD, OPTIONS"},
        {"OPTIONS", "/processes/x", "DELETE, OPTIONS"},
        {"POST", "/processes", "GET, HEAD, OPTIONS"},
        {"GET", "/processes/x/cancel", "POST, OPTIONS"},
        {"GET", "/processes/cancel", "POST, OPTIONS"},
        {"POST", "/groups/g", "GET, HEAD, OPTIONS"},
        {"DELETE", "/types/t/pause", "POST, OPTIONS"},
        {"GET", "/types/t", ""},
        {"GET", "/", ""},
        {"POST", "/status", "GET, HEAD, OPTIONS"},
        {"POST", "/events", "GET, HEAD, OPTIONS"},
        {"GET", "/status/x/y", ""},
        {"GET", "/stats/", ""},
        {"GET", "/Stats", ""},
        {"POST", "/processes/x/explode", ""},
        {"GET", "/a/b/c/d", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char allow[HTTP_ALLOW_SIZE];
        assert_null(find(table[i].method, table[i].path, allow));
        assert_string_equal(allow, table[i].allow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(tells_the_methods_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
