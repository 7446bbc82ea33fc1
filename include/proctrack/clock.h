/* Wall clock and monotonic clock, and RFC 3339 times. Any thread. */
#ifndef PROCTRACK_CLOCK_H
#define PROCTRACK_CLOCK_H

#include "proctrack/text.h"

#include <stdbool.h>
#include <stdint.h>

#define TIME_NONE      INT64_C(0)               /* a time that is not set */
#define TIME_TEXT_SIZE 25                       /* "2025-11-08T10:00:00.000Z" and its end */
#define TIME_MAX       INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Milliseconds since 1970-01-01 UTC. It follows small corrections of the system's clock; when that
 * is set by more than a second while the program runs, this goes on as before (and logs so). */
int64_t clock_wall_ms(void);
int64_t clock_steady_ms(void); /* milliseconds that only go forward */
int64_t clock_steady_us(void); /* the same in microseconds */

/* RFC 3339 in UTC with milliseconds; the time must lie in 0..TIME_MAX. */
void time_format(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE]);

/* Parses RFC 3339 with any offset and 0 to 9 digits of fraction (cut to milliseconds).
 * False, with *ret_ms untouched, when the text is anything else or lies outside 0..TIME_MAX. */
bool time_parse(struct span text, int64_t *ret_ms);

#endif
