/* One line per event on standard error, each in one write(2): a constant message and typed fields.
 *
 *     log_warn("redis lost", log_text("host", where), log_int("retry_ms", wait_ms));
 *
 * As JSON one object a line, {"time", "level", "message", fields...}; as text, for people,
 * `<time> level=warn redis lost host=... retry_ms=250`. Whatever a value holds, its line stays one
 * line, valid and shorter than PIPE_BUF: what is too long is cut, ends in "..." and sets "cut".
 *
 * Any thread. It never waits: what a full pipe does not take is lost, and the next line that is
 * taken says how many were. What comes faster than the rate allows is dropped, and told of by a
 * line of its own, at most once a second. */
#ifndef PROCTRACK_LOG_H
#define PROCTRACK_LOG_H

#include "proctrack/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_format {
    LOG_FORMAT_AUTO, /* text on a terminal, else JSON */
    LOG_FORMAT_JSON,
    LOG_FORMAT_TEXT,
};

void log_set_level(enum log_level level);    /* at any time */
void log_set_format(enum log_format format); /* before threads start; text until then */
/* Lines a second below LOG_WARN, and twice as many from there on; 0: no limit. At any time. */
void log_set_rate(int64_t lines_per_second);

/* Lines that were wanted, and not written: lost or dropped. */
uint64_t log_lines_dropped(void);

/* --- fields -------------------------------------------------------------------------------------
 * Names are constant, of letters, digits and '_'. A field without a value (text that is NULL or
 * absent, TIME_NONE, a number that is none) is left out. */

enum log_kind { LOG_END_OF_FIELDS, LOG_TEXT, LOG_INTEGER, LOG_FLOAT, LOG_BOOLEAN, LOG_TIME };

struct log_field {
    const char *name;
    enum log_kind kind;
    union {
        struct span text; /* any bytes; borrowed */
        int64_t integer;  /* or a wall time in ms */
        double real;
        bool boolean;
    } value;
};

static inline struct log_field log_span(const char *name, struct span value)
{
    return (struct log_field){.name = name, .kind = LOG_TEXT, .value.text = value};
}

static inline struct log_field log_text(const char *name, const char *value)
{
    return log_span(name, span_of(value));
}

static inline struct log_field log_int(const char *name, int64_t value)
{
    return (struct log_field){.name = name, .kind = LOG_INTEGER, .value.integer = value};
}

static inline struct log_field log_float(const char *name, double value)
{
    return (struct log_field){.name = name, .kind = LOG_FLOAT, .value.real = value};
}

static inline struct log_field log_bool(const char *name, bool value)
{
    return (struct log_field){.name = name, .kind = LOG_BOOLEAN, .value.boolean = value};
}

static inline struct log_field log_time(const char *name, int64_t wall_ms)
{
    return (struct log_field){.name = name, .kind = LOG_TIME, .value.integer = wall_ms};
}

/* --- lines ------------------------------------------------------------------------------------ */

#define LOG_END ((struct log_field){.kind = LOG_END_OF_FIELDS})
#define LOG_LINE(write, level, message, ...) \
    write((level), (message), (const struct log_field[]){__VA_ARGS__})

/* log_at(level, message, fields...) for a level that is computed. */
#define log_at(...)    LOG_LINE(log_write, __VA_ARGS__, LOG_END)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* For lines that come with every request: the question first, so that one that is not written costs
 * next to nothing. They leave room to those that come seldom. True: it is written by
 * log_in_turn(level, message, fields...), now. */
bool log_turn(enum log_level level);
#define log_in_turn(...) LOG_LINE(log_write_in_turn, __VA_ARGS__, LOG_END)
void log_write_in_turn(enum log_level level, const char *message, const struct log_field *fields);

#endif
