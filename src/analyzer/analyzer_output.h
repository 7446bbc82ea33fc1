/* What a command wrote, turned into what is stored: always valid UTF-8. */
#ifndef ANALYZER_OUTPUT_H
#define ANALYZER_OUTPUT_H

#include "proctrack/text.h"

/* Appends the text with U+FFFD for what is no UTF-8 and for zero bytes (which JSON readers refuse
 * or cut at). */
void output_append_repaired(struct text_buffer *out, struct span bytes);

/* Appends the result: the output itself when it is one JSON value, else {"text": "…"}. */
void output_append_result(struct text_buffer *out, struct span output);

#define LOG_TAIL_MAX 4096

/* The last LOG_TAIL_MAX bytes of a stream. */
struct log_tail {
    size_t len;
    bool cut; /* there was more before */
    char bytes[2 * LOG_TAIL_MAX];
};

void log_tail_feed(struct log_tail *tail, struct span bytes);
/* Appends it as valid UTF-8, without a character that was cut at its start. */
void log_tail_append(struct text_buffer *out, const struct log_tail *tail);

#endif
