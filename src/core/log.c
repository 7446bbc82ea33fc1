#include "proctrack/log.h"

#include "proctrack/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static enum log_level lowest = LOG_INFO; /* set before threads start, read by all after */
static atomic_uint lost;                 /* lines since the last one that was written */

void log_set_level(enum log_level level)
{
    lowest = level;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        break;
    }
    return "error";
}

/* Control bytes in a value could forge a line or steer a terminal. */
static void blank_controls(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            text[i] = '?';
    }
}

/* False when it was not taken. A pipe that nobody empties would hold up whoever writes to it; when
 * poll() says that it is ready it takes a line whole, as lines are shorter than PIPE_BUF, and the
 * lock keeps the room for this line. */
static bool write_line(const char *line, size_t len)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t written = -1;
    pthread_mutex_lock(&turn);
    if (poll(&out, 1, 0) == 1) {
        do {
            written = write(STDERR_FILENO, line, len);
        } while (written < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&turn);
    return written >= 0;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level < lowest)
        return;
    const int caller_errno = errno;
    char time[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(), time);
    char line[LINE_SIZE];
    const unsigned missing = atomic_exchange(&lost, 0);
    int head = snprintf(line, sizeof(line), "%s level=%s ", time, level_name(level));
    if (missing > 0)
        head += snprintf(line + head, sizeof(line) - (size_t)head, "lines_lost=%u ", missing);
    va_list args;
    va_start(args, format);
    const int text = vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
    va_end(args);
    size_t len = (size_t)head + (text > 0 ? (size_t)text : 0);
    if (len > sizeof(line) - 1) { /* a line over the limit is cut, and shows it */
        len = sizeof(line) - 1;
        memcpy(line + len - 3, "...", 3);
    }
    blank_controls(line, len);
    line[len++] = '\n';
    if (!write_line(line, len))
        atomic_fetch_add(&lost, missing + 1);
    errno = caller_errno;
}
