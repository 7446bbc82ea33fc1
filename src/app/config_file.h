/* The file of CONFIG_FILE: a setting a line, as systemd's environment files have them.
 *
 *   # A comment; blank lines are fine as well.
 *   LOG_LEVEL=debug
 *   ANALYZER="count=/usr/bin/wc -w"
 *
 * The value goes to the end of its line, less blanks around it. One that begins with a double quote
 * ends with one: inside, \" and \\ stand for a quote and a backslash. Nothing else is special: a #
 * further on is part of the value, nothing is expanded. What such formats take in different ways
 * (single quotes, a backslash at the end of the line, `export`) is refused. Pure, any thread. */
#ifndef APP_CONFIG_FILE_H
#define APP_CONFIG_FILE_H

#include "proctrack/text.h"

struct config_file_reader {
    struct span rest;
    unsigned line; /* that was read last, from 1 */
};

struct config_file_entry {
    unsigned line;
    struct span name, value; /* borrowed from the text; the value without its quotes */
    bool quoted;             /* the value may have escapes in it */
    const char *fault;       /* what is wrong with the line, or NULL; then the rest is not set */
};

/* The next line that says something; false at the end of the text. */
bool config_file_next(struct config_file_reader *reader, struct config_file_entry *ret_entry);

/* The value as it is meant, with a zero at its end: at most value.len + 1 bytes. */
void config_file_value(const struct config_file_entry *entry, char *ret_text);

#endif
