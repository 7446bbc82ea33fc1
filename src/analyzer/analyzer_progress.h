/* Progress as commands write it on descriptor 3: one JSON object a line, as in
 * {"percent": 40, "message": "counting", "step": 2, "steps": 5}, every member optional. */
#ifndef ANALYZER_PROGRESS_H
#define ANALYZER_PROGRESS_H

#include "proctrack/text.h"

#define PROGRESS_LINE_MAX    8192 /* bytes, without the line's end */
#define PROGRESS_MESSAGE_MAX 500  /* characters */
#define PROGRESS_TEXT_MAX    4096 /* bytes of the canonical object */

/* Appends the canonical object (all four members, null where the line has none; the percentage
 * rounded to hundredths). False, with nothing appended, when the line is no such object, a member
 * has the wrong type, or lies out of range. Members of other names are ignored. */
bool progress_parse(struct span line, struct text_buffer *out);

struct progress_lines {
    struct text_buffer line;   /* the last one, while its end has not come */
    struct text_buffer latest; /* canonical object of the last good line */
    bool line_too_long;
    uint64_t ignored; /* lines that were none */
};

void progress_lines_init(struct progress_lines *lines);
void progress_lines_finish(struct progress_lines *lines);
/* Takes in what was read; true when a good line was among it: `latest` is new. */
bool progress_lines_feed(struct progress_lines *lines, struct span bytes);
/* The stream has ended: its last line counts without a line's end too. */
bool progress_lines_end(struct progress_lines *lines);

#endif
