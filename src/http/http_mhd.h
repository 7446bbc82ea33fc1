/* What differs between the versions of libmicrohttpd that we build with. */
#ifndef HTTP_MHD_H
#define HTTP_MHD_H

#include "proctrack/text.h"

#include <microhttpd.h>

/* A flag of the daemon: one thread does it all. Before 1.0 that needs no saying. */
#if MHD_VERSION >= 0x01000000
#define HTTP_MHD_ONE_THREAD MHD_USE_NO_THREAD_SAFETY
#else
#define HTTP_MHD_ONE_THREAD 0
#endif

/* Before 1.0 the library loses parts of a message and says nothing: it ends a target or a value at
 * a NUL byte, glues a folded line to the name of its field, and takes a line without a name for the
 * end of the header; 1.0 refuses such messages itself. What it passes on lies in its buffer as it
 * came, each line end turned into NUL bytes: so a gap between the parts shows that one is lost. */
struct http_mhd_layout {
    const char *end; /* of the part before */
    int line_end;    /* bytes: 2 for CRLF, 1 for LF, 0: not known yet */
    bool broken;
};

/* The request line, as the library passed it. */
void http_mhd_layout_begin(struct http_mhd_layout *layout, struct span target, const char *version);
/* Each field, in order. */
void http_mhd_layout_field(struct http_mhd_layout *layout, struct span name, struct span value);
/* Whether nothing is missing; header_size counts from the method to behind the empty line. */
bool http_mhd_layout_judge(struct http_mhd_layout *layout, const char *method, size_t header_size);

/* The version of the library that runs, such as "0.9.75". */
const char *http_mhd_version(void);

#endif
