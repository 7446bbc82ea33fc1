/* Lists of words for argv and environment: NULL-ended, each word and the list from malloc. */
#ifndef ANALYZER_WORDS_H
#define ANALYZER_WORDS_H

#include "proctrack/text.h"

struct words {
    char **items; /* NULL-ended; NULL while empty */
    size_t count;
};

/* Appends a copy; false if no memory. The text must have no zero byte in it. */
bool words_add(struct words *words, struct span text);
void words_finish(struct words *words); /* frees; empty afterwards */

/* Splits as a shell does: blanks separate; '…' keeps all, "…" keeps all but \" \\ \$ \`, a
 * backslash keeps the next character. Nothing is expanded. Adds to *words; on false *ret_why says
 * why (constant text). */
bool words_split(struct words *words, const char *text, const char **ret_why);

/* Frees a NULL-ended list that was taken out of a struct words; NULL is fine. */
void words_free(char **items);

#endif
