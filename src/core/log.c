#include "proctrack/log.h"

#include "proctrack/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static enum log_level lowest = LOG_INFO; /* set before threads start, read by all after */

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

void log_line(enum log_level level, const char *format, ...)
{
    if (level < lowest)
        return;
    const int caller_errno = errno;
    char time[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(), time);
    char line[LINE_SIZE];
    const int head = snprintf(line, sizeof(line), "%s level=%s ", time, level_name(level));
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
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line, len);
    } while (written < 0 && errno == EINTR);
    errno = caller_errno;
}
