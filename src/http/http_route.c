#include "http/http_route.h"

#include "http/endpoints.h"

#include <string.h>

/* The most used ones first; of two that fit a path, the one without an id. */
static const struct http_route routes[] = {
    {METHOD_GET, {"status", ":id"}, false, ROUTE_USUAL, ep_status},
    {METHOD_POST, {"analyze"}, true, ROUTE_USUAL, ep_analyze},
    {METHOD_GET, {"status"}, false, ROUTE_USUAL, ep_status_many},
    {METHOD_GET, {"result", ":id"}, false, ROUTE_USUAL, ep_result},
    {METHOD_POST, {"claim"}, true, ROUTE_USUAL, ep_claim},
    {METHOD_POST, {"processes", ":id", "complete"}, true, ROUTE_REPORT, ep_complete},
    {METHOD_POST, {"processes", ":id", "progress"}, true, ROUTE_REPORT, ep_progress},
    {METHOD_POST, {"processes", ":id", "heartbeat"}, true, ROUTE_REPORT, ep_heartbeat},
    {METHOD_POST, {"processes", ":id", "fail"}, true, ROUTE_REPORT, ep_fail},
    {METHOD_POST, {"processes", ":id", "release"}, true, ROUTE_REPORT, ep_release},
    {METHOD_GET, {"processes"}, false, ROUTE_USUAL, ep_process_list},
    {METHOD_POST, {"processes", "cancel"}, true, ROUTE_USUAL, ep_bulk_cancel},
    {METHOD_POST, {"processes", "retry"}, true, ROUTE_USUAL, ep_bulk_retry},
    {METHOD_DELETE, {"processes", ":id"}, false, ROUTE_USUAL, ep_process_remove},
    {METHOD_POST, {"processes", ":id", "cancel"}, true, ROUTE_USUAL, ep_process_cancel},
    {METHOD_POST, {"processes", ":id", "retry"}, true, ROUTE_USUAL, ep_process_retry},
    {METHOD_GET, {"processes", ":id", "events"}, false, ROUTE_USUAL, ep_process_events},
    {METHOD_POST, {"analyze", "batch"}, true, ROUTE_USUAL, ep_batch},
    {METHOD_GET, {"groups", ":id"}, false, ROUTE_USUAL, ep_group},
    {METHOD_POST, {"groups", ":id", "cancel"}, true, ROUTE_USUAL, ep_group_cancel},
    {METHOD_POST, {"groups", ":id", "retry"}, true, ROUTE_USUAL, ep_group_retry},
    {METHOD_GET, {"events"}, false, ROUTE_USUAL, ep_feed},
    {METHOD_GET, {"types"}, false, ROUTE_USUAL, ep_types},
    {METHOD_POST, {"types", ":id", "pause"}, true, ROUTE_USUAL, ep_type_pause},
    {METHOD_POST, {"types", ":id", "resume"}, true, ROUTE_USUAL, ep_type_resume},
    {METHOD_GET, {"workers"}, false, ROUTE_USUAL, ep_workers},
    {METHOD_DELETE, {"cleanup"}, false, ROUTE_USUAL, ep_cleanup},
    {METHOD_GET, {"stats"}, false, ROUTE_OPERATIONS, ep_stats},
    {METHOD_GET, {"metrics"}, false, ROUTE_OPERATIONS, ep_metrics},
    {METHOD_GET, {"healthz"}, false, ROUTE_HEALTH, ep_healthz},
    {METHOD_GET, {"readyz"}, false, ROUTE_OPERATIONS, ep_readyz},
    {METHOD_GET, {"version"}, false, ROUTE_OPERATIONS, ep_version},
    {METHOD_GET, {"openapi.json"}, false, ROUTE_OPERATIONS, ep_openapi},
    {METHOD_POST, {"admin", "snapshot"}, true, ROUTE_ADMIN, ep_admin_snapshot},
    {METHOD_POST, {"admin", "audit"}, true, ROUTE_ADMIN, ep_admin_audit},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(*routes))

static const char *const method_names[METHOD_COUNT] = {
    [METHOD_GET] = "GET",       [METHOD_HEAD] = "HEAD",       [METHOD_POST] = "POST",
    [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "other",
};

enum http_method http_method_of(const char *name)
{
    for (int i = METHOD_GET; i < METHOD_OTHER; i++) {
        if (strcmp(name, method_names[i]) == 0)
            return (enum http_method)i;
    }
    return METHOD_OTHER;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

size_t http_route_count(void)
{
    return ROUTE_COUNT;
}

size_t http_route_number(const struct http_route *route)
{
    return route != NULL ? (size_t)(route - routes) : ROUTE_COUNT;
}

void http_route_template(size_t number, char ret_text[HTTP_TEMPLATE_SIZE])
{
    ret_text[0] = '\0';
    if (number >= ROUTE_COUNT)
        strcpy(ret_text, "none");
    else /* three segments fit */
        for (int i = 0; i < HTTP_SEGMENTS_MAX && routes[number].segments[i] != NULL; i++)
            strcat(strcat(ret_text, "/"), routes[number].segments[i]);
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
        if (expected[0] != ':' && !span_is(target->segments[i], expected))
            return false;
    }
    return true;
}

static bool has_id(const struct http_route *route)
{
    return route->segments[1] != NULL && strcmp(route->segments[1], ":id") == 0;
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
    bool has_get = false, has_post = false, has_delete = false, literal = false;
    if (method == METHOD_HEAD)
        method = METHOD_GET;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!path_matches(&routes[i], target) || (literal && has_id(&routes[i])))
            continue;
        literal = !has_id(&routes[i]);
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
