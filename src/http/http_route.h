/* Which endpoint answers which method and path. Pure, any thread. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/http_target.h"

struct http_call;

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};
#define METHOD_COUNT (METHOD_OTHER + 1)

enum http_route_kind {
    ROUTE_USUAL,
    ROUTE_REPORT,     /* a worker's, of a process that is under way: not shed */
    ROUTE_OPERATIONS, /* also on ADMIN_PORT, and not shed but when there are too many connections */
    ROUTE_HEALTH,     /* also on ADMIN_PORT, and never shed */
    ROUTE_ADMIN,      /* likewise, and for operators only: see http_admin.h */
};

struct http_route {
    enum http_method method;
    const char *segments[HTTP_SEGMENTS_MAX]; /* ":id" stands for any text */
    bool takes_body;                         /* else a body that comes is read and dropped */
    enum http_route_kind kind;
    void (*start)(struct http_call *call); /* answers, or submits what will */
};

enum http_method http_method_of(const char *name);
const char *http_method_name(enum http_method method); /* METHOD_OTHER: "other" */

/* Routes by number, for what is counted by them: 0 to http_route_count() - 1; that of NULL, which
 * stands for no route, follows. */
size_t http_route_count(void);
size_t http_route_number(const struct http_route *route);
#define HTTP_TEMPLATE_SIZE 64
/* "/status/:id", without the base path; "none". */
void http_route_template(size_t number, char ret_text[HTTP_TEMPLATE_SIZE]);

/* The route, or NULL; then *ret_allow lists the methods that the path has ("" when there is no
 * such path). HEAD finds the route of GET. */
#define HTTP_ALLOW_SIZE 48
const struct http_route *http_route_find(enum http_method method, const struct http_target *target,
                                         char ret_allow[HTTP_ALLOW_SIZE]);

#endif
