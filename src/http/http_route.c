#include "http/http_route.h"

#include "http/endpoints.h"

#include <string.h>

/* The most used ones first. */
static const struct http_route routes[] = {
    {METHOD_GET, {"status", ":id"}, false, false, ep_status},
    {METHOD_POST, {"analyze"}, true, false, ep_analyze},
    {METHOD_GET, {"result", ":id"}, false, false, ep_result},
    {METHOD_GET, {"processes"}, false, false, ep_process_list},
    {METHOD_DELETE, {"processes", ":id"}, false, false, ep_process_remove},
    {METHOD_POST, {"processes", ":id", "cancel"}, true, false, ep_process_cancel},
    {METHOD_POST, {"processes", ":id", "retry"}, true, false, ep_process_retry},
    {METHOD_DELETE, {"cleanup"}, false, false, ep_cleanup},
    {METHOD_GET, {"stats"}, false, false, ep_stats},
    {METHOD_GET, {"healthz"}, false, true, ep_healthz},
    {METHOD_GET, {"readyz"}, false, false, ep_readyz},
    {METHOD_GET, {"version"}, false, false, ep_version},
    {METHOD_GET, {"openapi.json"}, false, false, ep_openapi},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(*routes))

enum http_method http_method_of(const char *name)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",       [METHOD_HEAD] = "HEAD",       [METHOD_POST] = "POST",
        [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS",
    };
    for (int i = METHOD_GET; i < METHOD_OTHER; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum http_method)i;
    }
    return METHOD_OTHER;
}

static bool path_matches(const struct http_route *route, const struct http_target *target)
{
    if (target->segment_count > HTTP_SEGMENTS_MAX)
        return false;
    for (int i = 0; i < HTTP_SEGMENTS_MAX; i++) {
        const char *expected = route->segments[i];
        if ((expected == NULL) != (i >= target->segment_count))
            return false;
        if (expected == NULL)
            return true;
        if (strcmp(expected, ":id") != 0 && !span_is(target->segments[i], expected))
            return false;
    }
    return true;
}

static void allow_add(char allow[HTTP_ALLOW_SIZE], const char *method)
{
    if (allow[0] != '\0')
        strcat(allow, ", "); /* all methods together fit */
    strcat(allow, method);
}

const struct http_route *http_route_find(enum http_method method, const struct http_target *target,
                                         char ret_allow[HTTP_ALLOW_SIZE])
{
    bool has_get = false, has_post = false, has_delete = false;
    if (method == METHOD_HEAD)
        method = METHOD_GET;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!path_matches(&routes[i], target))
            continue;
        if (routes[i].method == method)
            return &routes[i];
        has_get = has_get || routes[i].method == METHOD_GET;
        has_post = has_post || routes[i].method == METHOD_POST;
        has_delete = has_delete || routes[i].method == METHOD_DELETE;
    }
    ret_allow[0] = '\0';
    if (has_get)
        allow_add(ret_allow, "GET, HEAD");
    if (has_post)
        allow_add(ret_allow, "POST");
    if (has_delete)
        allow_add(ret_allow, "DELETE");
    if (ret_allow[0] != '\0')
        allow_add(ret_allow, "OPTIONS");
    return NULL;
}
