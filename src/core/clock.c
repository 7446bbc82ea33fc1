#include "proctrack/clock.h"

#include "core/clock_private.h"
#include "proctrack/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, MS_PER_MINUTE = 60000, MS_PER_HOUR = 3600000, MS_PER_DAY = 86400000 };

/* The system's wall clock can be set: by hand, by a time service that found it wrong, by a host
 * that let a machine sleep. Leases, retention and delays are stored as wall times, so a step of a
 * day would end them all. Therefore the wall clock here is the system's at the first look, carried
 * on by a clock that is never set (CLOCK_BOOTTIME: it counts sleep, too). It follows the system's
 * clock in small corrections and stays with its own time beyond that, until the other comes back.
 */
int64_t clock_follow(struct clock_follower *follower, int64_t wall_ms, int64_t boot_ms)
{
    int64_t offset = atomic_load_explicit(&follower->offset, memory_order_relaxed);
    if (offset == CLOCK_UNSET) {
        int64_t first = wall_ms - boot_ms; /* who comes first sets it for all threads */
        if (atomic_compare_exchange_strong(&follower->offset, &offset, first))
            offset = first;
    }
    int64_t ahead = wall_ms - boot_ms - offset;
    if (ahead != 0 && llabs(ahead) <= CLOCK_FOLLOW_MAX_MS) {
        offset += ahead;
        atomic_store_explicit(&follower->offset, offset, memory_order_relaxed);
    }
    return boot_ms + offset;
}

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

/* Once when it steps away, and once when it is back. */
static void tell_of_step(int64_t ahead)
{
    static _Atomic bool told;
    bool stepped = llabs(ahead) > CLOCK_FOLLOW_MAX_MS;
    if (atomic_load_explicit(&told, memory_order_relaxed) == stepped ||
        atomic_exchange(&told, stepped) == stepped)
        return;
    if (stepped)
        log_warn("the system's wall clock was set: times go on as before, so that no lease and no "
                 "retention ends by it; restart to take the new time over",
                 log_int("ms", ahead));
    else
        log_info("the system's wall clock is back");
}

int64_t clock_wall_ms(void)
{
    static struct clock_follower follower = {CLOCK_UNSET};
    int64_t wall = read_clock_ms(CLOCK_REALTIME);
    int64_t kept = clock_follow(&follower, wall, read_clock_ms(CLOCK_BOOTTIME));
    tell_of_step(wall - kept);
    return kept;
}

int64_t clock_steady_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_steady_ms(void)
{
    return clock_steady_us() / 1000;
}

/* Civil dates are counted in years that begin on 1 March, so that the leap day comes last; within
 * such a year the months' lengths follow (153 * month + 2) / 5. Day 0 is 1970-01-01, which is
 * 719468 days after 0000-03-01. Eras are 400 years of 146097 days. */
enum { DAYS_TO_1970 = 719468, DAYS_PER_ERA = 146097 };

struct civil_date {
    int year, month, day; /* 1-based month and day */
};

static struct civil_date civil_from_days(int64_t days_since_1970)
{
    const int days = (int)days_since_1970 + DAYS_TO_1970;
    const int era = days / DAYS_PER_ERA;
    const int day_of_era = days % DAYS_PER_ERA;
    const int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int shifted = (5 * day_of_year + 2) / 153; /* 0 is March */
    const int month = shifted < 10 ? shifted + 3 : shifted - 9;
    return (struct civil_date){
        .year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = day_of_year - (153 * shifted + 2) / 5 + 1,
    };
}

static int64_t days_from_civil(struct civil_date date)
{
    /* 400 more years keep year 0 above zero; they are whole eras and go again at the end. */
    const int year = date.year + 400 - (date.month <= 2 ? 1 : 0);
    const int era = year / 400;
    const int year_of_era = year % 400;
    const int shifted = date.month > 2 ? date.month - 3 : date.month + 9;
    const int day_of_year = (153 * shifted + 2) / 5 + date.day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)(era - 1) * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void put_digits(char *at, int width, int value)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void time_format(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE])
{
    static const char shape[TIME_TEXT_SIZE] = "0000-00-00T00:00:00.000Z";
    const struct civil_date date = civil_from_days(wall_ms / MS_PER_DAY);
    const int in_day = (int)(wall_ms % MS_PER_DAY);
    for (int i = 0; i < TIME_TEXT_SIZE; i++)
        ret_text[i] = shape[i];
    put_digits(ret_text, 4, date.year);
    put_digits(ret_text + 5, 2, date.month);
    put_digits(ret_text + 8, 2, date.day);
    put_digits(ret_text + 11, 2, in_day / MS_PER_HOUR);
    put_digits(ret_text + 14, 2, in_day / MS_PER_MINUTE % 60);
    put_digits(ret_text + 17, 2, in_day / MS_PER_SECOND % 60);
    put_digits(ret_text + 20, 3, in_day % MS_PER_SECOND);
}

/* What is left to read. The take_ functions cut from the front, and only what they accept. */
static bool take_char(struct span *rest, const char *allowed, char *ret_char)
{
    if (rest->len == 0)
        return false;
    for (const char *c = allowed; *c != '\0'; c++) {
        if (rest->data[0] != *c)
            continue;
        *ret_char = *c;
        rest->data++;
        rest->len--;
        return true;
    }
    return false;
}

static bool take_number(struct span *rest, size_t width, int min, int max, int *ret_value)
{
    int64_t value;
    if (rest->len < width || !span_to_int((struct span){rest->data, width}, 0, max, &value) ||
        value < min)
        return false;
    rest->data += width;
    rest->len -= width;
    *ret_value = (int)value;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_date(struct span *rest, int64_t *ret_days)
{
    struct civil_date date;
    char mark;
    if (!take_number(rest, 4, 0, 9999, &date.year) || !take_char(rest, "-", &mark) ||
        !take_number(rest, 2, 1, 12, &date.month) || !take_char(rest, "-", &mark) ||
        !take_number(rest, 2, 1, days_in_month(date.year, date.month), &date.day))
        return false;
    *ret_days = days_from_civil(date);
    return true;
}

/* The fraction is optional; what lies below a millisecond is cut. */
static bool take_fraction(struct span *rest, int *ret_ms)
{
    char mark;
    *ret_ms = 0;
    if (!take_char(rest, ".", &mark))
        return true;
    char digit;
    int scale = 100;
    int count = 0;
    for (; count <= 9 && take_char(rest, "0123456789", &digit); count++) {
        *ret_ms += (digit - '0') * scale;
        scale /= 10;
    }
    return count >= 1 && count <= 9;
}

static bool take_clock(struct span *rest, int64_t *ret_ms, bool *ret_leap)
{
    int hour, minute, second, ms;
    char mark;
    if (!take_number(rest, 2, 0, 23, &hour) || !take_char(rest, ":", &mark) ||
        !take_number(rest, 2, 0, 59, &minute) || !take_char(rest, ":", &mark) ||
        !take_number(rest, 2, 0, 60, &second) || !take_fraction(rest, &ms))
        return false;
    *ret_ms = (int64_t)hour * MS_PER_HOUR + (int64_t)minute * MS_PER_MINUTE +
              (int64_t)second * MS_PER_SECOND + ms;
    *ret_leap = second == 60;
    return true;
}

static bool take_offset(struct span *rest, int64_t *ret_ms)
{
    char sign;
    char mark;
    int hour, minute;
    if (take_char(rest, "Zz", &mark)) {
        *ret_ms = 0;
        return true;
    }
    if (!take_char(rest, "+-", &sign) || !take_number(rest, 2, 0, 23, &hour) ||
        !take_char(rest, ":", &mark) || !take_number(rest, 2, 0, 59, &minute))
        return false;
    const int64_t ahead = (int64_t)hour * MS_PER_HOUR + (int64_t)minute * MS_PER_MINUTE;
    *ret_ms = sign == '-' ? -ahead : ahead;
    return true;
}

bool time_parse(struct span text, int64_t *ret_ms)
{
    int64_t days, in_day, offset;
    bool leap;
    char mark;
    if (!take_date(&text, &days) || !take_char(&text, "Tt", &mark) ||
        !take_clock(&text, &in_day, &leap) || !take_offset(&text, &offset) || text.len != 0)
        return false;
    const int64_t ms = days * MS_PER_DAY + in_day - offset;
    if (ms < 0 || ms > TIME_MAX)
        return false;
    /* A leap second ends a UTC day (RFC 3339, 5.7); as in POSIX time it is the next day's first. */
    if (leap && ms % MS_PER_DAY >= MS_PER_SECOND)
        return false;
    *ret_ms = ms;
    return true;
}
