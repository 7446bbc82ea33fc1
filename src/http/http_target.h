/* The request target, cut and decoded: path segments and query parameters. Pure, any thread. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "proctrack/text.h"

#define HTTP_SEGMENTS_MAX 3  /* no route is deeper */
#define HTTP_PARAMS_MAX   16 /* more than any endpoint knows */

struct http_param {
    struct span name, value; /* an absent value (`?name`) is empty */
};

struct http_target {
    bool asterisk;    /* `OPTIONS *` */
    const char *base; /* the base path that the client used, or "" */
    struct span path; /* below the base, still percent-encoded */
    struct span segments[HTTP_SEGMENTS_MAX];
    int segment_count; /* HTTP_SEGMENTS_MAX + 1 when there are more */
    struct http_param params[HTTP_PARAMS_MAX];
    int param_count;
};

/* Whether every byte may stand in a request target (RFC 9112): no blank, control or non-ASCII. */
bool http_target_is_clean(const char *raw, size_t len);

/* Cuts an origin-form, absolute-form or asterisk-form target. Everything is percent-decoded in
 * place, part by part, so that an encoded separator stays inside its part; a `+` is a plus.
 * The spans point into raw. NULL, or a constant sentence that says what is wrong. */
const char *http_target_parse(char *raw, size_t len, const char *base_path,
                              struct http_target *ret_target);

/* The parameter's value, or absent. */
struct span http_target_param(const struct http_target *target, const char *name);

#endif
