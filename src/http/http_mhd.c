#include "http/http_mhd.h"

#include <microhttpd.h>

#define CUTS_AT_NUL (MHD_VERSION < 0x01000000)

bool http_mhd_target_was_cut(const char *target, size_t len, const char *version)
{
    /* Where the blank stood between them there is now one NUL. */
    return CUTS_AT_NUL && target + len + 1 != version;
}

bool http_mhd_value_was_cut(const char **cursor, struct span name, struct span value)
{
    /* The line's own end leaves one NUL (a bare LF), then the next line's name, or two (CRLF);
     * what follows the last line is an empty one, which leaves NULs too. */
    const char *end = *cursor;
    *cursor = value.data != NULL ? value.data + value.len : NULL;
    return CUTS_AT_NUL && end != NULL && end[1] != '\0' && end + 1 != name.data;
}

const char *http_mhd_version(void)
{
    return MHD_get_version();
}
