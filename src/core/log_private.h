/* What log.c is made of: how a line is written, and how many may be. */
#ifndef CORE_LOG_PRIVATE_H
#define CORE_LOG_PRIVATE_H

#include "proctrack/log.h"

#include <stdatomic.h>

/* With its end. Less than PIPE_BUF: a pipe takes it whole. */
#define LOG_LINE_SIZE 4000

struct log_event {
    int64_t wall_ms;
    enum log_level level;
    unsigned lost;                  /* lines before it */
    const char *message;            /* constant, of printable ASCII */
    const struct log_field *fields; /* up to LOG_END */
};

/* The line with its end; its length. `format` is not AUTO. Pure. */
size_t log_format_line(enum log_format format, const struct log_event *event,
                       char ret_line[LOG_LINE_SIZE]);

/* A bucket of tokens, which any thread may take from: kept as the time at which it will be full
 * again. All zero: it is full. */
struct log_rate {
    _Atomic int64_t full_at_ns;
};

/* Takes one of up to `size` tokens, of which `per_second` come back. False: there is none. A size
 * of less than others use leaves the rest to them. */
bool log_rate_take(struct log_rate *rate, int64_t now_ns, int64_t per_second, int64_t size);

#endif
