/* The line with which proctrack-run reports. */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include "proctrack/process.h"

/* True with *ret_usage and *ret_errno 0 for `exited …`, true with *ret_errno for `failed …`. */
bool report_parse(struct span line, struct process_usage *ret_usage, int *ret_errno);

#endif
