/* What differs between the versions of libmicrohttpd that we build with. */
#ifndef HTTP_MHD_H
#define HTTP_MHD_H

#include "proctrack/text.h"

/* Before 1.0 the library ends a target or a header value at a NUL byte and says nothing; 1.0
 * refuses such a message itself. These look behind the end, within the message as it lies in the
 * library's buffer. */

/* target and version as the library passed them. */
bool http_mhd_target_was_cut(const char *target, size_t len, const char *version);

/* Called for the fields in order, with a cursor that starts as NULL; name.data == NULL after the
 * last one. True when the value before this field was cut. */
bool http_mhd_value_was_cut(const char **cursor, struct span name, struct span value);

/* The version of the library that runs, such as "0.9.75". */
const char *http_mhd_version(void);

#endif
