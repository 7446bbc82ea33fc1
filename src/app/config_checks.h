/* What texts must look like, for the table of settings. */
#ifndef APP_CONFIG_CHECKS_H
#define APP_CONFIG_CHECKS_H

#include <stdbool.h>

bool check_not_empty(const char *text);
bool check_base_path(const char *text); /* "" or "/a/b": plain segments, no '/' at the end */
bool check_origin(const char *text);    /* "*" or scheme://host[:port] */
bool check_instance(const char *text);
bool check_type(const char *text); /* a type's name, or empty */
bool check_key_prefix(const char *text);

#endif
