#include "core/log_private.h"

#include "proctrack/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define RATE_UNSET     1000
#define SELDOM_RESERVE 100 /* lines that those which come with every request leave to others */
#define WARN_FACTOR    2
#define TELL_PAUSE_NS  INT64_C(1000000000)

static _Atomic int lowest = LOG_INFO;
static enum log_format format_in_use = LOG_FORMAT_TEXT; /* set before threads start */
static _Atomic int64_t rate = RATE_UNSET;

static struct log_rate usual, serious;
static atomic_uint lost; /* by a full pipe, since the last line that was written */
static _Atomic uint64_t lost_total, dropped, dropped_told;
static _Atomic int64_t told_at_ns = -TELL_PAUSE_NS;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&lowest, (int)level, memory_order_relaxed);
}

void log_set_format(enum log_format format)
{
    if (format == LOG_FORMAT_AUTO)
        format = isatty(STDERR_FILENO) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    format_in_use = format;
}

void log_set_rate(int64_t lines_per_second)
{
    atomic_store_explicit(&rate, lines_per_second, memory_order_relaxed);
}

uint64_t log_lines_dropped(void)
{
    return atomic_load(&dropped) + atomic_load(&lost_total);
}

/* --- how many --------------------------------------------------------------------------------- */

/* Some milliseconds do not matter here, and the coarse clock costs next to nothing. */
static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool is_wanted(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&lowest, memory_order_relaxed);
}

/* False: counted as dropped. */
static bool take(enum log_level level, int reserve)
{
    const int64_t limit = atomic_load_explicit(&rate, memory_order_relaxed);
    const bool is_serious = level >= LOG_WARN;
    const int64_t per_second = is_serious ? WARN_FACTOR * limit : limit;
    if (limit == 0 || log_rate_take(is_serious ? &serious : &usual, now_ns(), per_second,
                                    per_second + SELDOM_RESERVE - reserve))
        return true;
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

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

static bool write_event(enum log_level level, const char *message, const struct log_field *fields)
{
    char line[LOG_LINE_SIZE];
    const struct log_event event = {
        .wall_ms = clock_wall_ms(),
        .level = level,
        .lost = atomic_exchange(&lost, 0),
        .message = message,
        .fields = fields,
    };
    if (write_line(line, log_format_line(format_in_use, &event, line)))
        return true;
    atomic_fetch_add(&lost, event.lost + 1);
    atomic_fetch_add(&lost_total, 1);
    return false;
}

/* Whatever the level: these lines would have been shown. */
static void tell_dropped(void)
{
    const uint64_t now_dropped = atomic_load_explicit(&dropped, memory_order_relaxed);
    const uint64_t told = atomic_load_explicit(&dropped_told, memory_order_relaxed);
    int64_t told_at = atomic_load_explicit(&told_at_ns, memory_order_relaxed);
    if (now_dropped == told || now_ns() - told_at < TELL_PAUSE_NS ||
        !atomic_compare_exchange_strong(&told_at_ns, &told_at, now_ns()))
        return; /* or another thread tells of it */
    const struct log_field fields[] = {log_int("count", (int64_t)(now_dropped - told)), LOG_END};
    if (write_event(LOG_WARN, "log lines dropped", fields))
        atomic_store_explicit(&dropped_told, now_dropped, memory_order_relaxed);
}

/* --- lines ------------------------------------------------------------------------------------ */

void log_write_in_turn(enum log_level level, const char *message, const struct log_field *fields)
{
    const int caller_errno = errno;
    tell_dropped();
    write_event(level, message, fields);
    errno = caller_errno;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    if (is_wanted(level) && take(level, 0))
        log_write_in_turn(level, message, fields);
}

bool log_turn(enum log_level level)
{
    return is_wanted(level) && take(level, SELDOM_RESERVE);
}
