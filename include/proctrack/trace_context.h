/* W3C Trace Context: the `traceparent` that ties a request to the trace of whoever sent it. Pure,
 * any thread. */
#ifndef PROCTRACK_TRACE_CONTEXT_H
#define PROCTRACK_TRACE_CONTEXT_H

#include "proctrack/text.h"

#define TRACEPARENT_SIZE 56 /* with the zero at its end */

/* Reads the value of a traceparent field and writes what it says as version 00 does:
 * 00-<trace id>-<parent id>-<flags>, without flags that are not known. Of a later version it takes
 * what version 00 defines, as the recommendation asks for. False, with nothing written, when it is
 * not valid. */
bool traceparent_read(struct span value, char ret_text[TRACEPARENT_SIZE]);
/* Whether the text is as traceparent_read() writes it. */
bool traceparent_is_valid(struct span text);
/* The trace id of one that is valid, 32 digits; absent when that is. */
struct span traceparent_trace_id(struct span traceparent);

#endif
