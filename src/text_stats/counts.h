/* What is counted in a text, in one pass over it. */
#ifndef TEXT_STATS_COUNTS_H
#define TEXT_STATS_COUNTS_H

#include "text_stats/vocabulary.h"

struct counts {
    int64_t characters, letters, words, sentences, paragraphs, lines;
    int64_t long_words; /* of more than six letters */
    struct vocabulary vocabulary;
    struct pairs pairs; /* of words that follow each other in a sentence */
};

/* Zero a struct counts to initialise it. Calls `passed` (may be NULL) every now and then with the
 * bytes that it has gone through since the last call. False if no memory. */
bool counts_add_text(struct counts *counts, const char *text, size_t len,
                     void (*passed)(void *arg, size_t bytes), void *arg);
bool counts_add(struct counts *total, const struct counts *part);
void counts_finish(struct counts *counts);

#endif
