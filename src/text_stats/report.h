/* The report on counted texts as JSON. */
#ifndef TEXT_STATS_REPORT_H
#define TEXT_STATS_REPORT_H

#include "text_stats/counts.h"

#include <jansson.h>

/* New reference, NULL if no memory. */
json_t *report_make(const struct counts *counts);

#endif
